/* The `network` section: where hosts are, how far apart, what their access links carry. */
#include "sim/scenario/latency.h"
#include "sim/scenario/links.h"
#include "sim/scenario/sections.h"
#include "sim/scenario/units.h"
#include "stack/base/check.h"

#include <string.h>

#define CLASSES_MAX 100u
#define LOOPBACK_LATENCY_NS (25 * NS_PER_US)
#define QUEUE_DEFAULT_NS (100 * NS_PER_MS)
#define BUFFER_MAX (UINT64_C(1) << 30)

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

/* The same both ways, or {up: ..., down: ...}. */
static void read_class_loss(struct reader *r, const struct tree *t, struct scenario_class *c)
{
    static const struct field fields[] = {
        {"up", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"down", FIELD_OTHER, false, 0, 0, 0, NULL},
    };
    bool map = t->kind == TREE_MAP;
    const struct tree *up = map ? tree_find(t, "up") : NULL, *down = map ? tree_find(t, "down") : NULL;

    if (!up && !down) {
        loss_read(r, t, &c->loss_up);
        c->loss_down = c->loss_up;
        return;
    }
    reader_fields(r, t, FIELDS(fields), c);
    if (up && !r->failed)
        loss_read(r, up, &c->loss_up);
    if (down && !r->failed)
        loss_read(r, down, &c->loss_down);
}

static void read_class(struct reader *r, const struct tree *t, struct scenario_network *n)
{
    static const struct field fields[] = {
        {"name", FIELD_NAME, true, FIELD(scenario_class, name), 0, 0, NULL},
        {"share", FIELD_U64, false, FIELD(scenario_class, weight), 0, UINT32_MAX, NULL},
        {"up", FIELD_BANDWIDTH, true, FIELD(scenario_class, up_bps), 1000, SCENARIO_BPS_MAX, NULL},
        {"down", FIELD_BANDWIDTH, true, FIELD(scenario_class, down_bps), 1000, SCENARIO_BPS_MAX, NULL},
        {"queue", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"aqm", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"loss", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"cores", FIELD_U32, false, FIELD(scenario_class, cores), 1, WORK_CORES_MAX, NULL},
        {"speed", FIELD_PPM, false, FIELD(scenario_class, speed_ppm), CPU_SPEED_MIN_PPM, CPU_SPEED_MAX_PPM, NULL},
    };
    struct scenario_class *c = &n->classes[n->class_count];
    const struct tree *at;

    c->weight = 1;
    c->aqm = n->aqm;
    reader_fields(r, t, FIELDS(fields), c);
    if (r->failed)
        return;
    if ((at = tree_find(t, "queue")))
        queue_read(r, at, &c->queue_size, &c->queue_ns);
    if ((at = tree_find(t, "aqm")))
        aqm_read(r, at, &c->aqm);
    if ((at = tree_find(t, "loss")))
        read_class_loss(r, at, c);
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

static void read_links(struct reader *r, const struct tree *t, struct scenario_network *n)
{
    const struct tree *at;

    if ((at = tree_find(t, "jitter")))
        jitter_read(r, at, n);
    if ((at = tree_find(t, "queue")))
        queue_read(r, at, &n->queue_size, &n->queue_ns);
    if ((at = tree_find(t, "aqm")))
        aqm_read(r, at, &n->aqm);
    for (uint32_t i = 0; i < n->class_count; i++)
        n->classes[i].aqm = n->aqm;
    if ((at = tree_find(t, "classes")))
        read_classes(r, at, n);
    if ((at = tree_find(t, "class_default")))
        n->class_default = reader_lookup(r, at, NAMES("class", n->classes, n->class_count));
}

static void read_given(struct reader *r, const struct tree *t, struct scenario *s)
{
    struct scenario_network *n = &s->network;
    const struct tree *at;

    tcp_settings_read(r, tree_find(t, "tcp"), n);
    if (!r->failed && (at = tree_find(t, "loss"))) /* before the regions: a table may differ from it */
        loss_read(r, at, &n->loss_common);
    if (!r->failed)
        read_regions(r, t, n);
    if (!r->failed)
        read_links(r, t, n);
    if (!r->failed && !gilbert_loses_nothing(&n->loss_common))
        links_losses(r, n);
    if (!r->failed && (at = tree_find(t, "loss_between")))
        losses_between_read(r, at, s);
    links_prune(n);
    if (!r->failed && (at = tree_find(t, "bottlenecks")))
        bottlenecks_read(r, at, s);
    if (!r->failed && (at = tree_find(t, "latency_over_time")))
        latency_rows_read(r, at, s);
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
        {"aqm", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"loss", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"loss_between", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"bottlenecks", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"latency_pairs", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"latency_over_time", FIELD_OTHER, false, 0, 0, 0, NULL},
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
        read_given(r, t, s);
}
