/* Losing packets, by chance or in bursts: the chain of Gilbert and Elliott. Each packet first may change the state of the path,
 * good or bad, then is lost with the chance of that state. A chain that stays good loses independently. */
#ifndef SIM_TCP_GILBERT_H
#define SIM_TCP_GILBERT_H

#include "stack/base/rng.h"

#define GILBERT_PPM 1000000u

struct gilbert { /* all in parts of a million, per packet */
    uint32_t good_to_bad_ppm, bad_to_good_ppm;
    uint32_t good_loss_ppm, bad_loss_ppm;
};

static inline bool gilbert_loses_nothing(const struct gilbert *g)
{
    return g->good_loss_ppm == 0 && (g->good_to_bad_ppm == 0 || g->bad_loss_ppm == 0);
}

/* Whether the next packet is lost. *bad is the state of the chain; what cannot happen draws nothing. */
bool gilbert_loses(const struct gilbert *g, bool *bad, struct rng *r);

#endif
