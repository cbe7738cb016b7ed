/* Small blocks of memory by size class, dense and on huge pages.
 *
 * The working set of a large run is many small objects that are touched in no order at all, so the
 * time of an event is the time of its cache and TLB misses. Blocks of one class lie side by side
 * in slabs, slabs side by side in one range of addresses that asks for huge pages, and what was
 * freed last is handed out first. A block may be freed by another thread than the one that took
 * it. Memory is kept for later blocks, never given back to the system.
 *
 * Builds with sanitizers have no pool: each block is malloc's, so that it is watched. */
#ifndef STACK_BASE_POOL_H
#define STACK_BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>

#define POOL_SIZE_MAX 16384 /* larger blocks are not for the pool */

/* Uninitialised, aligned to 16 bytes; NULL when there is no pool, or no address space left in it.
 */
void *pool_take(size_t size); /* size <= POOL_SIZE_MAX */
bool pool_owns(const void *p);
void pool_give(void *p);               /* of the pool */
size_t pool_block_size(const void *p); /* usable bytes of a block of the pool */

#endif
