/* Two states, a chance in each. */
#include "sim/tcp/gilbert.h"

bool gilbert_loses(const struct gilbert *g, bool *bad, struct rng *r)
{
    uint32_t change = *bad ? g->bad_to_good_ppm : g->good_to_bad_ppm, loss;

    if (change && rng_chance(r, change, GILBERT_PPM))
        *bad = !*bad;
    loss = *bad ? g->bad_loss_ppm : g->good_loss_ppm;
    return loss && rng_chance(r, loss, GILBERT_PPM);
}
