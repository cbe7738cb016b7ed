/* How links behave: values of scenario files that several keys share. */
#ifndef SIM_SCENARIO_LINKS_H
#define SIM_SCENARIO_LINKS_H

#include "sim/scenario/reader.h"
#include "sim/scenario/scenario.h"

/* Each reads one value, or fails. */
void jitter_read(struct reader *r, const struct tree *t, struct scenario_network *n);
void loss_read(struct reader *r, const struct tree *t, struct gilbert *out);
void queue_read(struct reader *r, const struct tree *t, uint64_t *size, uint64_t *ns);
void aqm_read(struct reader *r, const struct tree *t, struct queue_config *out);

/* `from`, `to` (regions; all where absent) and `both_ways` of a mapping, as pairs. */
struct scenario_pair *pairs_read(struct reader *r, const struct tree *t, const struct scenario *s, uint32_t *count);

/* Per pair of regions, made when first asked for: with what holds for all of them. */
struct gilbert *links_losses(struct reader *r, struct scenario_network *n);
uint64_t *links_jitters(struct reader *r, struct scenario_network *n);

/* Forgets what comes to nothing: zeros of GML edges, say. */
void links_prune(struct scenario_network *n);

void losses_between_read(struct reader *r, const struct tree *t, struct scenario *s);
void bottlenecks_read(struct reader *r, const struct tree *t, struct scenario *s);

#endif
