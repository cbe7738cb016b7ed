/* The files that a scenario names: latency tables, pairs and changes (CSV, GML), topologies (GML), traces of churn (CSV), costs of
 * the CPU (JSON). */
#include "tests/fuzz/fuzz.h"

#include "sim/scenario/scenario.h"
#include "stack/base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HEAD "scenario: f\nquestion: q?\nduration: 10s\nnodes: [{group: a, count: 3}]\n"
#define LINE HEAD "topology: {kind: line}\n"

static const struct {
    const char *suffix, *head, *tail;
} kinds[] = {
    {".csv", LINE "network: {regions: ", "}\n"},
    {".gml", LINE "network: {regions: ", "}\n"},
    {".gml", HEAD "topology: {kind: gml, file: ", "}\n"},
    {".csv", LINE "network: {latency: 10ms, latency_pairs: ", "}\n"},
    {".csv", LINE "network: {regions: algorand5, latency_over_time: ", "}\n"},
    {".csv", LINE "events: [{at: 1s, churn: {trace: ", "}}]\n"},
    {".json", LINE "cpu: {table: ", "}\n"},
};

static char folder[] = "/tmp/hearsay-fuzz-XXXXXX";

static void remove_folder(void)
{
    rmdir(folder);
}

static bool write_file(const char *path, struct slice bytes)
{
    FILE *f = fopen(path, "wb");
    bool good = f && fwrite(bytes.data, 1, bytes.size, f) == bytes.size;

    if (f)
        fclose(f);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool made;
    struct slice input = slice_of(data, size);
    uint32_t kind = fuzz_choice(&input) % (sizeof kinds / sizeof *kinds);
    struct scenario_error error = {""};
    char path[64], text[512];
    struct scenario s;
    int err;

    if (!made) {
        CHECK(mkdtemp(folder));
        atexit(remove_folder);
        made = true;
    }
    snprintf(path, sizeof path, "%s/table%s", folder, kinds[kind].suffix);
    if (input.size == 0 || !write_file(path, input))
        return 0;
    snprintf(text, sizeof text, "%s%s%s", kinds[kind].head, path, kinds[kind].tail);
    err = scenario_load_text("fuzz.yaml", slice_text(text), NULL, 0, &s, &error);
    unlink(path);
    CHECK(err == ERR_OK || (err == ERR_INVALID && error.text[0] != '\0'));
    if (err != ERR_OK)
        return 0;
    for (uint32_t i = 0; i < s.network.region_count * s.network.region_count; i++)
        CHECK(s.network.latency_ns[i] > 0);
    scenario_free(&s);
    return 0;
}
