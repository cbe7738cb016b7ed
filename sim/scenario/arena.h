/* Memory that is given back all at once: what a scenario and the trees it is read from are made of.
 *
 * Allocations never fail and are zeroed. The readers bound what a file can make them allocate
 * (tree.h). */
#ifndef SIM_SCENARIO_ARENA_H
#define SIM_SCENARIO_ARENA_H

#include <stddef.h>

struct arena_chunk;

struct arena { /* all zero is empty */
    struct arena_chunk *chunks;
    size_t left; /* bytes free in the first chunk */
};

void *arena_alloc(struct arena *a, size_t count, size_t item_size); /* an array of zeros */
char *arena_text(struct arena *a, const char *text, size_t size);   /* a copy that ends in NUL */
void arena_free(struct arena *a);

#endif
