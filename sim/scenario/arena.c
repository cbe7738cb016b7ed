/* A list of chunks; the first one is cut from its end. */
#include "sim/scenario/arena.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#include <stdint.h>
#include <string.h>

#define CHUNK_SIZE 16384
#define ALIGNMENT 16

struct arena_chunk {
    struct arena_chunk *next;
    size_t size;
    _Alignas(ALIGNMENT) unsigned char bytes[];
};

static void *cut(struct arena *a, size_t size)
{
    struct arena_chunk *c;

    if (size > a->left) {
        size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;

        c = mem_zalloc(sizeof *c + room);
        c->next = a->chunks;
        c->size = a->left = room;
        a->chunks = c;
    }
    c = a->chunks;
    a->left -= size;
    return c->bytes + (c->size - a->left - size);
}

void *arena_alloc(struct arena *a, size_t count, size_t item_size)
{
    CHECK(item_size > 0 && count < (SIZE_MAX - ALIGNMENT) / item_size);
    return cut(a, (count * item_size / ALIGNMENT + 1) * ALIGNMENT);
}

char *arena_text(struct arena *a, const char *text, size_t size)
{
    char *copy = arena_alloc(a, size + 1, 1);

    memcpy(copy, text, size);
    return copy;
}

void arena_free(struct arena *a)
{
    while (a->chunks) {
        struct arena_chunk *next = a->chunks->next;

        mem_free(a->chunks);
        a->chunks = next;
    }
    a->left = 0;
}
