/* What programs in the place of nodes may ask of a run. */
#include "sim/run/internal.h"

#include "stack/base/check.h"

#include <stdio.h>

const struct scenario *run_scenario_of(const struct run *run)
{
    return run->scenario;
}

const struct scenario_node *run_placement(const struct run *run, uint32_t node)
{
    CHECK(node < run->scenario->node_count);
    return &run->nodes[node];
}

const struct scenario_edge *run_dials(const struct run *run, uint32_t node, uint32_t *count)
{
    const struct topology *t = &run->topology;

    CHECK(node < run->scenario->node_count);
    *count = t->first[node + 1] - t->first[node];
    return t->dials + t->first[node];
}

const struct peerid *run_peer(const struct run *run, uint32_t node)
{
    CHECK(node < run->scenario->node_count);
    return &run->peers[node];
}

void run_identity(const struct run *run, uint32_t node, uint8_t seed[static 32])
{
    resident_identity(run, node, seed);
}

const struct backend_ops *run_backend(const struct run *run)
{
    return run->ops->backend;
}

void *run_host(const struct run *run, uint32_t node)
{
    return run->ops->host(run->world, node);
}

void run_place(struct run *run, uint32_t node, const struct backend_app *app, void *ctx)
{
    run->ops->place(run->world, node, app, ctx);
}

void run_report(struct run *run, uint32_t node, uint64_t now_ns, const struct trace_event *event)
{
    report_trace(run, node, now_ns, event);
}

void run_report_event(struct run *run, uint32_t node, uint64_t now_ns, const char *kind, const char *what)
{
    char name[SCENARIO_NODE_NAME_SIZE], detail[400];

    snprintf(detail, sizeof detail, "%s: %s", scenario_node_name(run->scenario, node, name), what);
    report_node_event(run, node, now_ns, kind, detail);
}

bool run_over_limit(const struct run *run)
{
    uint64_t limit_ns = run->scenario->wall_limit_ns;

    return run_interrupted() || (limit_ns && run_clock_s() - run->start_s > (double)limit_ns / 1e9);
}
