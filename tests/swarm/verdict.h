/* The first rule that was broken in a trial, and by what. Any thread may tell. */
#ifndef TESTS_SWARM_VERDICT_H
#define TESTS_SWARM_VERDICT_H

#include <pthread.h>
#include <stdbool.h>

struct verdict {
    pthread_mutex_t lock;
    const char *rule; /* NULL: none so far */
    char text[400];
};

void verdict_init(struct verdict *v);
void verdict_deinit(struct verdict *v);
/* `rule` lives for ever. What comes after the first is dropped: it is most often a consequence. */
__attribute__((format(printf, 3, 4))) void verdict_broken(struct verdict *v, const char *rule, const char *format, ...);
bool verdict_holds(struct verdict *v);

#endif
