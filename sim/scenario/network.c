/* The `network` section: where hosts are, how far apart, what their access links carry. */
#include "sim/scenario/latency.h"
#include "sim/scenario/sections.h"
#include "sim/scenario/units.h"
#include "stack/base/check.h"

#include <string.h>

#define CLASSES_MAX 100u
#define LOOPBACK_LATENCY_NS (25 * NS_PER_US)
#define QUEUE_DEFAULT_NS (100 * NS_PER_MS)
#define BUFFER_MAX (UINT64_C(1) << 30)
#define BPS_MAX UINT64_C(1000000000000)

static const char *const encryption_names[] = {"default", "modelled", "noise", NULL};

/* One region without limits. */
static void single_region(struct reader *r, struct scenario_network *n, const char *name,
                          uint64_t latency_ns)
{
    n->region_count = 1;
    n->regions = arena_alloc(r->arena, 1, sizeof *n->regions);
    n->regions->name = arena_text(r->arena, name, strlen(name));
    n->regions->weight = 1;
    n->latency_ns = arena_alloc(r->arena, 1, sizeof *n->latency_ns);
    n->latency_ns[0] = latency_ns;
}

static void read_jitter(struct reader *r, const struct tree *t, struct scenario_network *n)
{
    static const struct field duration = {"jitter", FIELD_DURATION, false, 0,
                                          0,        LATENCY_NS_MAX, NULL};
    uint64_t parts = 0;
    const char *wrong;

    if (!reader_is(r, t, TREE_SCALAR, 0))
        return;
    if (!strchr(t->text, '%')) {
        reader_value(r, t, &duration, &n->jitter_ns);
        return;
    }
    wrong = units_percent(t->text, 1000000, &parts);
    if (wrong)
        reader_fail(r, t, "\"%.60s\" %s", t->text, wrong);
    else if (parts > 1000000)
        reader_fail(r, t, "\"%.60s\" is out of range (0%% to 100%%)", t->text);
    n->jitter_ppm = (uint32_t)parts;
}

static void read_queue(struct reader *r, const struct tree *t, struct scenario_network *n)
{
    static const struct field duration = {"queue",   FIELD_DURATION,  false, 0,
                                          NS_PER_US, 3600 * NS_PER_S, NULL};
    static const struct field size = {"queue", FIELD_SIZE, false, 0, 1500, UINT64_C(1) << 40, NULL};

    if (!reader_is(r, t, TREE_SCALAR, 0))
        return;
    n->queue_ns = 0;
    if (strchr(t->text, 'B'))
        reader_value(r, t, &size, &n->queue_size);
    else
        reader_value(r, t, &duration, &n->queue_ns);
}

static void read_class(struct reader *r, const struct tree *t, struct scenario_network *n)
{
    static const struct field fields[] = {
        {"name", FIELD_NAME, true, FIELD(scenario_class, name), 0, 0, NULL},
        {"share", FIELD_U64, false, FIELD(scenario_class, weight), 0, UINT32_MAX, NULL},
        {"up", FIELD_BANDWIDTH, true, FIELD(scenario_class, up_bps), 1000, BPS_MAX, NULL},
        {"down", FIELD_BANDWIDTH, true, FIELD(scenario_class, down_bps), 1000, BPS_MAX, NULL},
        {"cores", FIELD_U32, false, FIELD(scenario_class, cores), 1, WORK_CORES_MAX, NULL},
        {"speed", FIELD_PPM, false, FIELD(scenario_class, speed_ppm), CPU_SPEED_MIN_PPM, CPU_SPEED_MAX_PPM, NULL},
    };
    struct scenario_class *c = &n->classes[n->class_count];

    c->weight = 1;
    reader_fields(r, t, FIELDS(fields), c);
    if (r->failed)
        return;
    reader_unique(r, t, c->name, NAMES("name", n->classes, n->class_count));
    n->class_count++;
}

static void read_classes(struct reader *r, const struct tree *t, struct scenario_network *n)
{
    uint64_t sum = 0;

    if (!reader_is(r, t, TREE_LIST, CLASSES_MAX))
        return;
    n->classes = arena_alloc(r->arena, t->count, sizeof *n->classes);
    n->class_count = 0;
    for (const struct tree *c = t->first; c && !r->failed; c = c->next) {
        read_class(r, c, n);
        sum += r->failed ? 0 : n->classes[n->class_count - 1].weight;
    }
    if (sum == 0)
        reader_fail(r, t, "all shares are 0");
}

static void measure_latencies(struct reader *r, const struct tree *t, struct scenario_network *n)
{
    uint64_t sum = 0;

    n->latency_min_ns = UINT64_MAX;
    for (size_t i = 0; i < (size_t)n->region_count * n->region_count; i++) {
        uint64_t ns = n->latency_ns[i];

        CHECK(ns > 0);
        n->latency_min_ns = ns < n->latency_min_ns ? ns : n->latency_min_ns;
        n->latency_max_ns = ns > n->latency_max_ns ? ns : n->latency_max_ns;
    }
    for (uint32_t i = 0; i < n->region_count; i++)
        sum += n->regions[i].weight;
    if (sum == 0)
        reader_fail(r, t, "all weights of its regions are 0");
}

static void read_regions(struct reader *r, const struct tree *t, struct scenario_network *n)
{
    static const struct field latency = {"latency", FIELD_DURATION, false, 0,
                                         1,         LATENCY_NS_MAX, NULL};
    const struct tree *table = tree_find(t, "regions"), *single = tree_find(t, "latency");
    uint64_t ns = 1;

    if (!table == !single) {
        reader_fail(r, t,
                    table ? "regions and latency exclude each other"
                          : "regions is missing (or latency)");
    } else if (table) {
        latency_read(r, table, n);
    } else {
        reader_value(r, single, &latency, &ns);
        single_region(r, n, "everywhere", ns);
    }
    if (!r->failed)
        measure_latencies(r, table ? table : single, n);
}

static void read_given(struct reader *r, const struct tree *t, struct scenario_network *n)
{
    const struct tree *at;

    tcp_settings_read(r, tree_find(t, "tcp"), n);
    read_regions(r, t, n);
    if ((at = tree_find(t, "jitter")))
        read_jitter(r, at, n);
    if ((at = tree_find(t, "queue")))
        read_queue(r, at, n);
    if ((at = tree_find(t, "classes")))
        read_classes(r, at, n);
    if ((at = tree_find(t, "class_default")))
        n->class_default = reader_lookup(r, at, NAMES("class", n->classes, n->class_count));
}

void network_read(struct reader *r, const struct tree *t, struct scenario *s)
{
    static const struct field fields[] = {
        {"regions", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"latency", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"jitter", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"classes", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"class_default", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"tcp", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"encryption", FIELD_CHOICE, false, FIELD(scenario_network, encryption), 0, 0,
         encryption_names},
        {"send_buffer", FIELD_SIZE, false, FIELD(scenario_network, send_buffer_size), 4096,
         BUFFER_MAX, NULL},
        {"receive_buffer", FIELD_SIZE, false, FIELD(scenario_network, receive_buffer_size), 4096,
         BUFFER_MAX, NULL},
        {"queue", FIELD_OTHER, false, 0, 0, 0, NULL},
    };
    struct scenario_network *n = &s->network;

    n->class_default = SCENARIO_NONE;
    n->tcp = SCENARIO_TCP_FLIGHT;
    n->tcp_settings = tcp_config_default();
    n->queue_ns = QUEUE_DEFAULT_NS;
    if (!t) {
        single_region(r, n, "loopback", LOOPBACK_LATENCY_NS);
        n->latency_min_ns = n->latency_max_ns = LOOPBACK_LATENCY_NS;
        return;
    }
    n->present = true;
    reader_fields(r, t, FIELDS(fields), n);
    if (!r->failed)
        read_given(r, t, n);
}
