/* Memory of a program. */
#ifndef SIM_POSIX_MEMORY_H
#define SIM_POSIX_MEMORY_H

#include "sim/posix/internal.h"

void *memory_take(struct program *p, size_t size, bool zeroed); /* NULL: there is none */
void *memory_take_aligned(struct program *p, size_t align, size_t size);
void *memory_resize(struct program *p, void *block, size_t size);
void memory_give(struct program *p, void *block);
void *memory_map(struct program *p, void *wish, size_t size, int protection, int flags, int fd, off_t offset); /* MAP_FAILED, errno */
int memory_unmap(struct program *p, void *at, size_t size);
bool memory_maps(const struct program *p, const void *at, size_t size); /* whether it took all of that */

#endif
