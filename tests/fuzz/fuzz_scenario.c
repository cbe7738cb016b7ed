/* Scenario files: read or refused with a text, and all memory given back. */
#include "tests/fuzz/fuzz.h"

#include "sim/scenario/scenario.h"
#include "stack/base/err.h"

/* libfyaml 0.7.12 itself keeps 2 KiB when it gives up on some files (corpus: quotes-in-plain-text). Ours is not excused. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml.so";
}

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
