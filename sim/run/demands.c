/* Looks for the first key that makes a demand. */
#include "sim/run/demands.h"

#include "stack/base/check.h"

#include <stdio.h>

static const char *in_network(const struct scenario_network *n, enum demand demand)
{
    switch (demand) {
    case DEMAND_JITTER_DISTRIBUTION:
        return n->jitter.kind != JITTER_UNIFORM ? "network.jitter.distribution" : NULL;
    case DEMAND_PATH_LOSS:
        return n->loss ? "network.loss" : NULL;
    case DEMAND_AQM:
        return n->aqm.kind != QUEUE_DROP_TAIL ? "network.aqm" : NULL;
    case DEMAND_BOTTLENECKS:
        return n->bottleneck_count ? "network.bottlenecks" : NULL;
    case DEMAND_CHANGES_OF_LATENCY:
        return n->latency_row_count ? "network.latency_over_time" : NULL;
    case DEMAND_LINK_LOSS:
    case DEMAND_CHANGES_OF_LOSS:
    case DEMAND_CHANGES_OF_BANDWIDTH:
    case DEMAND_UNREACHABLE_NODES:
        return NULL;
    case DEMAND_COUNT:
        break;
    }
    UNREACHABLE();
}

static const char *in_class(const struct scenario_class *c, enum demand demand)
{
    if (demand == DEMAND_LINK_LOSS && (!gilbert_loses_nothing(&c->loss_up) || !gilbert_loses_nothing(&c->loss_down)))
        return "loss";
    return demand == DEMAND_AQM && c->aqm.kind != QUEUE_DROP_TAIL ? "aqm" : NULL;
}

static bool in_event(enum scenario_event_kind kind, enum demand demand)
{
    return (kind == SCENARIO_LATENCY && demand == DEMAND_CHANGES_OF_LATENCY) ||
           (kind == SCENARIO_LOSS && demand == DEMAND_CHANGES_OF_LOSS) ||
           (kind == SCENARIO_BANDWIDTH && demand == DEMAND_CHANGES_OF_BANDWIDTH);
}

const char *demand_of(const struct scenario *s, enum demand demand, char out[static DEMAND_NAME_SIZE])
{
    const char *name = in_network(&s->network, demand);

    if (name)
        return name;
    for (uint32_t i = 0; i < s->network.class_count; i++)
        if ((name = in_class(&s->network.classes[i], demand)) != NULL) {
            snprintf(out, DEMAND_NAME_SIZE, "network.classes.%u.%s", i, name);
            return out;
        }
    for (uint32_t i = 0; demand == DEMAND_UNREACHABLE_NODES && i < s->group_count; i++)
        if (s->groups[i].reach == SCENARIO_UNREACHABLE) {
            snprintf(out, DEMAND_NAME_SIZE, "nodes.%u.reachable", i);
            return out;
        }
    for (uint32_t i = 0; i < s->event_count; i++)
        if (in_event(s->events[i].kind, demand)) { /* sorted by time: the index would not be the file's */
            snprintf(out, DEMAND_NAME_SIZE, "events: %s", scenario_event_text(s->events[i].kind));
            return out;
        }
    return NULL;
}

const char *demand_beyond(const struct scenario *s, uint32_t honoured, char out[static DEMAND_NAME_SIZE])
{
    for (enum demand d = 0; d < DEMAND_COUNT; d++) {
        const char *name = honoured >> d & 1 ? NULL : demand_of(s, d, out);

        if (name)
            return name;
    }
    return NULL;
}
