/* A cell of the grid: some hosts, their links, and transfers between them, done three times over the same connections. */
#ifndef TESTS_FIDELITY_CELL_H
#define TESTS_FIDELITY_CELL_H

#include <stdbool.h>
#include <stdint.h>

#define CELL_HOSTS_MAX 8
#define CELL_FLOWS_MAX 7

enum pattern { PATTERN_PAIR, PATTERN_INCAST /* 7 to 1 */, PATTERN_FANOUT /* 1 to 7 */ };
/* On a new connection, right after that, and after a pause. */
enum phase { PHASE_COLD, PHASE_WARM, PHASE_IDLE, PHASE_COUNT };

struct cell {
    enum pattern pattern;
    uint64_t size;     /* bytes of each flow */
    uint64_t rtt_ns;   /* without links */
    uint64_t rate_bps; /* of every access link, each way */
    uint64_t queue_ns; /* what an access link may hold, each way */
    uint32_t loss_ppm; /* of every path, each way */
    uint64_t seed;     /* of the losses */
};

/* Of one phase, from the write of a flow to bytes at its receiver. A pair: the first and the last byte. Several flows: the
 * last byte of the flow that was done first, and of the one that was done last. */
struct phase_times {
    uint64_t first_ns, last_ns;
    uint64_t late_ns; /* kernel: how late the carrier wrote a packet of this phase or an earlier one, at most */
};

struct cell_result {
    struct phase_times phases[PHASE_COUNT];
    uint32_t done; /* so many phases ended; less than PHASE_COUNT: a connection failed, or patience did */
};

uint32_t cell_host_count(const struct cell *c);
uint32_t cell_flow_count(const struct cell *c);
void cell_flow(const struct cell *c, uint32_t flow, uint32_t *from, uint32_t *to); /* hosts of the cell */
const char *phase_text(enum phase phase);
/* "5 MB, 10 ms, 100 Mbit/s, loss 0.1%, cold"; phase PHASE_COUNT: none. */
void cell_text(const struct cell *c, enum phase phase, char *out, uint32_t out_size);
uint64_t cell_queue_size(const struct cell *c);
/* A guess at how long one flow takes, for planning: with losses by the formula of Mathis et al. */
uint64_t cell_duration_ns(const struct cell *c);

#endif
