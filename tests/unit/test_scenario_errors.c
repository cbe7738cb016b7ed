/* sim/scenario: mistakes are reported with their place, and nothing a file holds does harm. */
#include "tests/lib/test.h"

#include "sim/scenario/placement.h"
#include "sim/scenario/topology.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BROKEN "tests/scenarios/broken/"
#define MUTATIONS 600
#define MUTATION_SEED 1
#define VALID                                                                                      \
    "scenario: v\nduration: 10s\nnodes:\n  - {group: a, count: 3}\ntopology: {kind: line}\n"

static void assert_error(const char *path, const char *wanted)
{
    struct scenario s;
    struct scenario_error err;

    assert_int_equal(scenario_load(path, NULL, 0, &s, &err), ERR_INVALID);
    assert_string_equal(err.text, wanted);
}

/* Copies with each '@' replaced by the folder. */
static void expand(const char *from, char *to, size_t room)
{
    size_t used = 0;

    for (; *from; from++)
        used += *from == '@' ? (size_t)snprintf(to + used, room - used, "%s", BROKEN)
                             : (size_t)snprintf(to + used, room - used, "%c", *from);
}

/* expected.txt: file, tab, the error with '@' for the folder. */
static void every_broken_scenario_is_refused_with_its_own_text(void **state)
{
    struct scenario_error err;
    size_t size;
    char *table = tree_file_read(BROKEN "expected.txt", &size, &err), *rest = table, *line;
    int count = 0;

    (void)state;
    assert_non_null(table);
    while ((line = strsep(&rest, "\n")) != NULL && *line) {
        char path[300], wanted[1200];
        const char *name = strsep(&line, "\t");

        assert_non_null(line);
        snprintf(path, sizeof path, BROKEN "%s", name);
        expand(line, wanted, sizeof wanted);
        assert_error(path, wanted);
        count++;
    }
    assert_true(count >= 150);
    mem_free(table);
}

static void every_broken_scenario_is_in_the_table(void **state)
{
    struct scenario_error err;
    size_t size;
    char *table = tree_file_read(BROKEN "expected.txt", &size, &err);
    DIR *dir = opendir(BROKEN);
    struct dirent *entry;

    (void)state;
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        char wanted[300];

        snprintf(wanted, sizeof wanted, "%s\t", entry->d_name);
        if (strstr(entry->d_name, ".yaml") && !strstr(table, wanted))
            fail_msg("%s is not in expected.txt", entry->d_name);
    }
    closedir(dir);
    mem_free(table);
}

static void files_that_cannot_be_scenarios_are_refused_unread(void **state)
{
    char folder[] = "/tmp/hearsay-test-XXXXXX", path[80], wanted[200];
    FILE *f;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(wanted, sizeof wanted, "%s: is a directory", folder);
    assert_error(folder, wanted);
    assert_error("/nowhere/s.yaml", "/nowhere/s.yaml: No such file or directory");
    assert_error("/dev/zero", "/dev/zero: is not a regular file");
    snprintf(path, sizeof path, "%s/pipe", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(wanted, sizeof wanted, "%s: is not a regular file", path);
    assert_error(path, wanted);
    unlink(path);
    snprintf(path, sizeof path, "%s/empty.yaml", folder);
    f = fopen(path, "w");
    assert_non_null(f);
    snprintf(wanted, sizeof wanted, "%s: is empty", path);
    assert_error(path, wanted);
    fwrite("a\0b", 1, 3, f);
    fflush(f);
    snprintf(wanted, sizeof wanted, "%s: is not text (it has NUL bytes)", path);
    assert_error(path, wanted);
    assert_int_equal(ftruncate(fileno(f), 100 << 20), 0);
    snprintf(wanted, sizeof wanted, "%s: is larger than 8 MiB", path);
    assert_error(path, wanted);
    fclose(f);
    unlink(path);
    rmdir(folder);
}

static void an_override_is_the_place_of_its_mistakes(void **state)
{
    static const struct {
        const char *set, *wanted;
    } cases[] = {
        {"seed=x", "--set seed=x: seed: \"x\" is not a number"},
        {"sede=3", "--set sede=3: sede: is not a key here (did you mean seed?)"},
        {"seed", "--set seed: is not a change (write path=value, as in network.tcp=ideal)"},
        {"=3", "--set =3: is not a change (write path=value, as in network.tcp=ideal)"},
        {"a..b=3", "--set a..b=3: a: the path has an empty or too deep step"},
        {"nodes.1.count=3", "--set nodes.1.count=3: nodes: has no item \"1\" (it has 1)"},
        {"nodes.b.count=3", "--set nodes.b.count=3: nodes: has no item \"b\" (it has 1)"},
        {"nodes.0.count=3 apples",
         "--set nodes.0.count=3 apples: nodes.0.count: \"3 apples\" is not a whole number"},
        {"nodes.0.count.x=3",
         "--set nodes.0.count.x=3: nodes.0.count: is a mapping (it must be a single value)"},
        {"duration=", "--set duration=: duration: \"\" is not a number"},
        {"topology={kind: [}",
         "--set topology={kind: [}: is not YAML: mismatched flow mapping end"},
        {"network.tcp=ideal", "--set network.tcp=ideal: network: regions is missing (or latency)"},
    };
    struct scenario s;
    struct scenario_error err;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(
            scenario_load_text("v.yaml", slice_text(VALID), &cases[i].set, 1, &s, &err),
            ERR_INVALID);
        assert_string_equal(err.text, cases[i].wanted);
    }
}

static void deep_paths_of_overrides_are_bounded(void **state)
{
    char set[400] = "x";
    const char *sets[] = {set};
    struct scenario s;
    struct scenario_error err;

    (void)state;
    for (int i = 0; i < 100; i++)
        strcat(set, ".x");
    strcat(set, "=1");
    assert_int_equal(scenario_load_text("v.yaml", slice_text(VALID), sets, 1, &s, &err),
                     ERR_INVALID);
    assert_non_null(strstr(err.text, "too deep step"));
}

/* Loads, and builds what loads, unless it grew large. */
static int try_text(const uint8_t *text, size_t size)
{
    struct scenario s;
    struct scenario_error err;
    struct topology t;
    int result = scenario_load_text("tests/scenarios/valid/fuzz.yaml", slice_of(text, size), NULL,
                                    0, &s, &err);

    if (result != 0) {
        assert_true(strlen(err.text) > 10);
        return 0;
    }
    if (s.node_count <= 2000) {
        struct scenario_node *nodes = scenario_expand(&s);

        for (uint32_t i = 0; i < s.event_count; i++) {
            uint32_t *who;

            scenario_select(&s, nodes, i, &who);
            mem_free(who);
        }
        mem_free(nodes);
        if (topology_build(&s, &t, &err) == 0)
            topology_free(&t);
    }
    scenario_free(&s);
    return 1;
}

static size_t mutate(struct rng *r, uint8_t *text, size_t size, size_t room)
{
    static const char marks[] = "{}[]:,-#&*!|>'\"%@`0123456789. \n\t\xff\xc3";
    size_t at = (size_t)rng_below(r, size), length = (size_t)rng_below(r, 20) + 1, from;

    switch (rng_below(r, 4)) {
    case 0: /* another character */
        text[at] = (uint8_t)marks[rng_below(r, sizeof marks - 1)];
        return size;
    case 1: /* a piece is missing */
        length = length < size - at ? length : size - at;
        memmove(text + at, text + at + length, size - at - length);
        return size - length > 0 ? size - length : 1;
    case 2: /* a piece of elsewhere overwrites */
        from = (size_t)rng_below(r, size);
        length = length < size - at ? length : size - at;
        length = length < size - from ? length : size - from;
        memmove(text + at, text + from, length);
        return size;
    default: /* a piece twice */
        length = length < size - at ? length : size - at;
        length = length < room - size ? length : room - size;
        memmove(text + at + length, text + at, size - at);
        return size + length;
    }
}

static void mutated_scenarios_do_no_harm(void **state)
{
    struct scenario_error err;
    struct rng r;
    size_t size;
    char *text = tree_file_read("tests/scenarios/valid/full.yaml", &size, &err);
    uint8_t *copy = mem_alloc(size + 200);
    int loaded = 0;

    (void)state;
    assert_non_null(text);
    rng_init(&r, MUTATION_SEED, "mutations");
    for (int i = 0; i < MUTATIONS; i++) {
        size_t used = size;

        memcpy(copy, text, size);
        for (uint64_t n = 1 + rng_below(&r, 3); n > 0; n--)
            used = mutate(&r, copy, used, size + 200);
        loaded += try_text(copy, used);
    }
    assert_true(loaded > 0 && loaded < MUTATIONS);
    mem_free(copy);
    mem_free(text);
}

static void garbage_is_refused(void **state)
{
    struct rng r;
    uint8_t bytes[400];

    (void)state;
    rng_init(&r, 2, "garbage");
    for (int i = 0; i < 500; i++) {
        size_t size = 1 + (size_t)rng_below(&r, sizeof bytes);

        rng_fill(&r, bytes, size);
        for (size_t k = 0; k < size && i % 2; k++)
            bytes[k] = (uint8_t) " \n-:[]{}ab\"'#&*0"[bytes[k] % 16];
        assert_int_equal(try_text(bytes, size), 0);
    }
}

static void mutated_graph_files_do_no_harm(void **state)
{
    static const char yaml[] = "scenario: g\nduration: 10s\nnetwork: {regions: mutant.gml}\nnodes: "
                               "[{group: a, count: 2}]\n"
                               "topology: {kind: line}\n";
    char folder[] = "/tmp/hearsay-test-XXXXXX", path[80], name[80];
    struct scenario_error err;
    struct rng r;
    size_t size;
    char *text = tree_file_read("tests/scenarios/valid/regions.gml", &size, &err);
    uint8_t *copy = mem_alloc(size + 200);

    (void)state;
    assert_non_null(text);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/mutant.gml", folder);
    snprintf(name, sizeof name, "%s/s.yaml", folder);
    rng_init(&r, 4, "graphs");
    for (int i = 0; i < 300; i++) {
        struct scenario s;
        size_t used = size;
        FILE *f = fopen(path, "w");

        memcpy(copy, text, size);
        for (uint64_t n = 1 + rng_below(&r, 3); n > 0; n--)
            used = mutate(&r, copy, used, size + 200);
        assert_int_equal(fwrite(copy, 1, used, f), used);
        fclose(f);
        if (scenario_load_text(name, slice_text(yaml), NULL, 0, &s, &err) == 0)
            scenario_free(&s);
        else
            assert_true(strlen(err.text) > 10);
    }
    unlink(path);
    rmdir(folder);
    mem_free(copy);
    mem_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_broken_scenario_is_refused_with_its_own_text),
        cmocka_unit_test(every_broken_scenario_is_in_the_table),
        cmocka_unit_test(files_that_cannot_be_scenarios_are_refused_unread),
        cmocka_unit_test(an_override_is_the_place_of_its_mistakes),
        cmocka_unit_test(deep_paths_of_overrides_are_bounded),
        cmocka_unit_test(mutated_scenarios_do_no_harm),
        cmocka_unit_test(garbage_is_refused),
        cmocka_unit_test(mutated_graph_files_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
