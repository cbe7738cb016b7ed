/* The sections of a scenario, each read by a file of its own, in this order: later ones name what
 * earlier ones define. `t` is the value of the section's key, NULL when it is not there. */
#ifndef SIM_SCENARIO_SECTIONS_H
#define SIM_SCENARIO_SECTIONS_H

#include "sim/scenario/placement.h"
#include "sim/scenario/reader.h"
#include "sim/scenario/scenario.h"

#define FIELD(type, member) offsetof(struct type, member)
#define FIELDS(table) table, sizeof table / sizeof *table

#define LIST_ITEMS_MAX 10000u /* of a list of names */

void network_read(struct reader *r, const struct tree *t, struct scenario *s);
/* `tcp` of the network, after the rest of it; NULL: the defaults, which are there already. */
void tcp_settings_read(struct reader *r, const struct tree *t, struct scenario_network *n);
#define CPU_SPEED_MIN_PPM 1000u /* a thousandth of the machine that the table was measured on */
#define CPU_SPEED_MAX_PPM 1000000000u

void cpu_read(struct reader *r, const struct tree *t, const struct tree *network, struct scenario *s);
/* Scores that a preset brings; false when it has none. */
bool preset_score(enum scenario_preset preset, struct arena *a, struct score_params *out);
void preset_apply(struct scenario_group *g, enum scenario_preset preset, uint32_t fanout);
void groups_read(struct reader *r, const struct tree *t, struct scenario *s);
void topology_settings_read(struct reader *r, const struct tree *t, struct scenario *s);
void traffic_read(struct reader *r, const struct tree *t, struct scenario *s);
void events_read(struct reader *r, const struct tree *t, struct scenario *s);
void expectations_read(struct reader *r, const struct tree *t, struct scenario *s);

/* `gossipsub` of a group: a mapping or `off`; NULL: on, with the defaults. */
void gossipsub_settings_read(struct reader *r, const struct tree *t, struct scenario_group *g);
/* The other way round: keys with texts that are read as the same values, where they are not preset go's; but for score, gater and
 * subscription_filter. */
void gossipsub_settings_tell(const struct scenario_group *g, void (*each)(void *ctx, const char *key, const char *value), void *ctx);
/* `score` and `gater` of gossipsub: `on`, `off` or a mapping, on top of what the preset has. */
void score_settings_read(struct reader *r, const struct tree *t, enum scenario_preset preset, struct scenario_group *g);
void gater_settings_read(struct reader *r, const struct tree *t, struct scenario_group *g);
/* The groups that `app` of a score names. After groups_read. */
void score_settings_resolve(struct reader *r, const struct tree *nodes, struct scenario *s);
/* Subscriptions that a group does not list: every topic of the traffic. After traffic_read. */
void groups_subscribe(struct reader *r, const struct tree *nodes, struct scenario *s);

/* `behaviour` of each group that has one. After groups_subscribe. */
void behaviours_read(struct reader *r, const struct tree *nodes, const struct tree *traffic, struct scenario *s);

/* What a distribution is of. */
struct quantity {
    enum field_kind kind;       /* FIELD_SIZE or FIELD_DURATION */
    uint64_t min, max;          /* of every value */
    bool bounded;               /* curves must say their max */
    const char *plural, *range; /* for errors: "sizes", "[1 KiB, 2 KiB]" */
};

/* One value, or {uniform: ...}, {normal: ...}, {exponential: ...}, {choice: ...}, {weibull: ...}. */
void distribution_read(struct reader *r, const struct tree *t, const struct quantity *q, struct sample *out);

/* The index of a topic, added when new. */
uint32_t scenario_topic(struct reader *r, struct scenario *s, const struct tree *t);
/* A node's index by its name, "peers-17"; SCENARIO_NONE and an error when there is none. */
uint32_t scenario_node_lookup(struct reader *r, const struct scenario *s, const struct tree *t);
/* The rows of a churn's CSV file, as turns of the event. */
void churn_trace_read(struct reader *r, const struct tree *t, const struct scenario *s, struct scenario_event *e);
/* A list of names, or a single one, of groups, regions, classes or nodes, as indexes without repeats. */
uint32_t *group_list_read(struct reader *r, const struct scenario *s, const struct tree *t,
                          uint32_t *count);
uint32_t *node_list_read(struct reader *r, const struct scenario *s, const struct tree *t,
                         uint32_t *count);
uint32_t *region_list_read(struct reader *r, const struct scenario *s, const struct tree *t,
                           uint32_t *count);
uint32_t *class_list_read(struct reader *r, const struct scenario *s, const struct tree *t,
                          uint32_t *count);

/* Events that act on the network (changes.c): the value of `latency`, `loss` or `bandwidth`. */
void change_read(struct reader *r, const struct tree *t, const struct scenario *s, struct scenario_event *e);
/* The lists of a selector, whose other keys are read. */
void selector_finish(struct reader *r, const struct tree *t, const struct scenario *s,
                     struct scenario_selector *who);

#endif
