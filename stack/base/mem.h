/* Allocation that does not fail halfway: an exhausted machine ends the program with a clear message
 * (exit status 1), so that no caller needs an untested recovery path. Limits on what a peer can make
 * us allocate are the business of each module; see its header. */
#ifndef STACK_BASE_MEM_H
#define STACK_BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t size);                 /* uninitialised; never NULL, not even for 0 */
void *mem_zalloc(size_t size);                /* zeroed */
void *mem_realloc(void *old, size_t size);    /* as realloc, never NULL */
void *mem_grow(void *old, size_t count, size_t item_size); /* array of count items, overflow checked */
char *mem_strdup(const char *text);
void mem_free(void *p);                       /* NULL is fine */

#endif
