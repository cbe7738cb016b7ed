/* The `cpu` section: how fast nodes compute, and what work costs them. */
#include "sim/scenario/cpu_table.h"
#include "sim/scenario/sections.h"
#include "sim/scenario/units.h"
#include "sim/scenario/yaml.h"

#include <string.h>

#define COST_MAX_NS (60 * NS_PER_S)

static const char *const work_names[] = CPU_WORK_NAMES;

static void read_costs(struct reader *r, const struct tree *t, struct work_cost costs[static WORK_KINDS])
{
    static const struct field cost[] = {
        {"base", FIELD_DURATION, false, FIELD(work_cost, base_ns), 0, COST_MAX_NS, NULL},
        {"per_kib", FIELD_DURATION, false, FIELD(work_cost, per_kib_ns), 0, NS_PER_S, NULL},
    };
    struct field kinds[WORK_KINDS];

    for (int i = 0; i < WORK_KINDS; i++)
        kinds[i] = (struct field){work_names[i], FIELD_OTHER, false, 0, 0, 0, NULL};
    reader_fields(r, t, FIELDS(kinds), costs);
    for (int i = 0; i < WORK_KINDS && !r->failed; i++) {
        const struct tree *at = tree_find(t, work_names[i]);

        if (at)
            reader_fields(r, at, FIELDS(cost), &costs[i]);
    }
}

/* A file as `hearsay calibrate` writes it: {measured: ..., costs: {...}}. */
static void read_file(struct reader *r, const struct tree *t, struct scenario_cpu *c)
{
    static const struct field fields[] = {
        {"measured", FIELD_TEXT, false, FIELD(scenario_cpu, measured), 0, 0, NULL},
        {"costs", FIELD_OTHER, true, 0, 0, 0, NULL},
    };
    struct tree_doc doc = {0};
    const char *text, *path;
    struct tree *root;
    size_t size = 0;

    path = reader_file(r, t, &text, &size);
    if (!path)
        return;
    root = yaml_parse(&doc, path, true, slice_of(text, size), r->err);
    if (!root)
        r->failed = true;
    else
        reader_fields(r, root, FIELDS(fields), c);
    if (!r->failed)
        read_costs(r, tree_find(root, "costs"), c->costs);
    tree_free(&doc);
}

static void read_table(struct reader *r, const struct tree *t, struct scenario_cpu *c)
{
    if (!reader_is(r, t, TREE_SCALAR, 0))
        return;
    c->table = arena_text(r->arena, t->text, strlen(t->text));
    for (const struct cpu_table *table = cpu_tables; table->name; table++)
        if (strcmp(table->name, t->text) == 0) {
            memcpy(c->costs, table->costs, sizeof c->costs);
            return;
        }
    if (strchr(t->text, '.'))
        read_file(r, t, c);
    else
        reader_fail(r, t, "\"%.60s\" is not a table (%s, or a file of hearsay calibrate)", t->text, cpu_tables[0].name);
}

/* Cores and speeds of classes mean something only where work takes time. */
static void refuse_in_classes(struct reader *r, const struct tree *network)
{
    static const char *const keys[] = {"cores", "speed"};
    const struct tree *classes = network ? tree_find(network, "classes") : NULL;

    for (const struct tree *c = classes ? classes->first : NULL; c; c = c->next)
        for (int i = 0; i < 2; i++)
            if (tree_find(c, keys[i]))
                reader_fail_key(r, tree_find(c, keys[i]), "needs a cpu section");
}

void cpu_read(struct reader *r, const struct tree *t, const struct tree *network, struct scenario *s)
{
    static const struct field fields[] = {
        {"cores", FIELD_U32, false, FIELD(scenario_cpu, cores), 1, WORK_CORES_MAX, NULL},
        {"speed", FIELD_PPM, false, FIELD(scenario_cpu, speed_ppm), CPU_SPEED_MIN_PPM, CPU_SPEED_MAX_PPM, NULL},
        {"table", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"costs", FIELD_OTHER, false, 0, 0, 0, NULL},
    };
    const struct tree *table, *costs;

    if (!t) {
        refuse_in_classes(r, network);
        return;
    }
    s->cpu = (struct scenario_cpu){.present = true, .cores = 1, .speed_ppm = 1000000};
    reader_fields(r, t, FIELDS(fields), &s->cpu);
    if (r->failed)
        return;
    table = tree_find(t, "table");
    costs = tree_find(t, "costs");
    if (!table && !costs)
        reader_fail(r, t, "table or costs is missing");
    if (table)
        read_table(r, table, &s->cpu);
    if (costs && !r->failed)
        read_costs(r, costs, s->cpu.costs);
}
