#ifndef SIM_RUN_PROGRESS_H
#define SIM_RUN_PROGRESS_H
#include <stdint.h>
enum progress_mode { PROGRESS_AUTO, PROGRESS_OFF };
struct progress;
struct progress *progress_new(enum progress_mode mode, const char *name, uint64_t total_ns);
void progress_update(struct progress *p, uint64_t sim_ns, double wall_s, uint64_t deliveries);
void progress_end(struct progress *p);
#endif
