/* The transfers of a cell as a program behind the seam: the same on the kernel and in the simulator.
 *
 * The owner advances its world in small steps and calls exchange_step after each. A phase begins when all flows of the one
 * before were answered; an answer is one byte. */
#ifndef TESTS_FIDELITY_EXCHANGE_H
#define TESTS_FIDELITY_EXCHANGE_H

#include "stack/backend/backend.h"
#include "tests/fidelity/cell.h"

#define EXCHANGE_STEP_NS 1000000u
#define EXCHANGE_PAUSE_NS 1500000000ull
#define EXCHANGE_PATIENCE_NS 300000000000ull /* of a phase */
#define EXCHANGE_PORT 4001

/* The world, as far as an exchange needs it; `host` numbers are the cell's. */
struct exchange_world {
    void *ctx;
    const struct backend_ops *ops;
    void *(*host)(void *ctx, uint32_t host);
    struct endpoint (*address)(void *ctx, uint32_t host);
    void (*place)(void *ctx, uint32_t host, const struct backend_app *app, void *app_ctx); /* app NULL: off */
    void (*schedule)(void *ctx, uint32_t host, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg);
};

struct exchange;

struct exchange *exchange_new(const struct cell *cell, const struct exchange_world *world); /* both copied */
void exchange_free(struct exchange *x); /* takes its programs off their hosts */
/* False when it is over; then exchange_result. */
bool exchange_step(struct exchange *x, uint64_t now_ns);
struct cell_result exchange_result(const struct exchange *x); /* also while it runs */

#endif
