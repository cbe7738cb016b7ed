/* Scenario files: read or refused with a text, and all memory given back. */
#include "tests/fuzz/fuzz.h"

#include "sim/scenario/scenario.h"
#include "stack/base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    struct scenario_error error = {""};
    struct scenario s;
    int err = scenario_load_text("fuzz.yaml", input, NULL, 0, &s, &error);

    CHECK(err == ERR_OK || err == ERR_INVALID);
    if (err == ERR_OK) {
        CHECK(s.node_count <= SCENARIO_NODES_MAX && s.network.region_count > 0);
        scenario_free(&s);
    } else {
        CHECK(error.text[0] != '\0');
    }
    return 0;
}
