/* The built-in latency tables, as data: one-way latencies between regions, weights of regions,
 * classes of hosts.
 *
 * interop8       libp2p test-plans, gossipsub-interop: 8 regions, two host classes. Its figures
 * look like round trips interop8-half  the same, halved simblock2019   SimBlock's averages of 2019:
 * 6 regions with the shares and bandwidths of Bitcoin nodes algorand5      go-algorand's
 * legacy-mainnet-model: 5 regions of equal weight */
#ifndef SIM_SCENARIO_TABLES_H
#define SIM_SCENARIO_TABLES_H

#include <stdint.h>

struct table_region {
    const char *name;
    uint32_t weight, up_kbit, down_kbit; /* 0: no limit */
};

struct table_class {
    const char *name;
    uint32_t weight, up_kbit, down_kbit;
};

struct table {
    const char *name;
    const struct table_region *regions;
    const struct table_class *classes;
    const uint32_t *latency_us; /* [from * region_count + to], times `divisor` */
    uint32_t region_count, class_count, divisor;
};

#define TABLE_COUNT 4u
extern const struct table tables[TABLE_COUNT];

#endif
