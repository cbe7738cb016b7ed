/* Numbers only. Rows are the sender's region, columns *the receiver's. */
#include "sim/scenario/tables.h"

#include <stddef.h>

/* clang-format off */
static const struct table_region interop8_regions[] = {
    {"australia", 290, 0, 0},
    {"east_asia", 1059, 0, 0},
    {"europe", 5599, 0, 0},
    {"na_west", 1240, 0, 0},
    {"na_east", 2894, 0, 0},
    {"south_america", 36, 0, 0},
    {"south_africa", 47, 0, 0},
    {"west_asia", 161, 0, 0},
};
static const uint32_t interop8_latency_us[] = {
      2000, 110000, 165000, 110000, 150000, 190000, 220000, 180000,
    110000,   4000, 125000, 100000, 140000, 175000, 175000, 110000,
    165000, 125000,   2000, 110000,  70000, 140000,  95000,  60000,
    110000, 100000, 110000,   2000,  60000, 100000, 160000, 150000,
    150000, 140000,  70000,  60000,   2000, 100000, 130000, 110000,
    190000, 175000, 140000, 100000, 100000,   7000, 195000, 145000,
    220000, 175000,  95000, 160000, 130000, 190000,   7000, 110000,
    180000, 110000,  60000, 150000, 110000, 145000, 110000,   5000,
};
static const struct table_region simblock2019_regions[] = {
    {"north_america", 3316, 19200, 52000},
    {"europe", 4998, 20700, 40000},
    {"south_america", 90, 5800, 18000},
    {"asia_pacific", 1177, 15700, 22800},
    {"japan", 224, 10200, 22800},
    {"australia", 195, 11300, 29900},
};
static const uint32_t simblock2019_latency_us[] = {
     32000, 124000, 184000, 198000, 151000, 189000,
    124000,  11000, 227000, 237000, 252000, 294000,
    184000, 227000,  88000, 325000, 301000, 322000,
    198000, 237000, 325000,  85000,  58000, 198000,
    151000, 252000, 301000,  58000,  12000, 126000,
    189000, 294000, 322000, 198000, 126000,  16000,
};
static const struct table_region algorand5_regions[] = {
    {"europe", 1, 0, 0},
    {"north_america", 1, 0, 0},
    {"australia", 1, 0, 0},
    {"africa", 1, 0, 0},
    {"asia_pacific", 1, 0, 0},
};
static const uint32_t algorand5_latency_us[] = {
     16000,  39700, 135000,  84500,  75300,
     39700,  22000, 101500, 124000, 120000,
    135000, 101500,  23000, 216500,  47000,
     84500, 118000, 216500,  70000, 202000,
     75300, 120000,  47000, 202000,  32000,
};
static const struct table_class interop8_classes[] = {
    {"supernode", 20, 1024000, 1024000},
    {"fullnode", 80, 50000, 50000},
};

const struct table tables[TABLE_COUNT] = {
    {"interop8", interop8_regions, interop8_classes, interop8_latency_us, 8, 2, 1},
    {"interop8-half", interop8_regions, interop8_classes, interop8_latency_us, 8, 2, 2},
    {"simblock2019", simblock2019_regions, NULL, simblock2019_latency_us, 6, 0, 1},
    {"algorand5", algorand5_regions, NULL, algorand5_latency_us, 5, 0, 1},
};
/* clang-format on */
