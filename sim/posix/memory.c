/* malloc and mmap of a program: they come from this process, and a list of what was taken lets it be given back when the program
 * ends in whatever way. In front of each block stands where it is in that list; a block that is not there (a library made it) is the
 * C library's. */
#include "sim/posix/memory.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

/* 16 bytes, since blocks are aligned to that. */
struct head {
    uint64_t slot, unused;
};

struct taken {
    void *base;  /* what malloc gave; NULL: the slot is free, and `size` the next free one */
    void *block; /* what the program has of it */
    size_t size;
};

struct heap {
    struct taken *slots;
    uint32_t count, capacity, free; /* free: UINT32_MAX when none */
};

struct mapping {
    struct mapping *next;
    uint8_t *at;
    size_t size;
};

void memory_init(struct program *p)
{
    p->heap = mem_zalloc(sizeof *p->heap);
    p->heap->free = UINT32_MAX;
}

/* NULL: it is none of ours. What stands in front of another one may be anything, but is always there. */
static struct taken *find(const struct program *p, void *block)
{
    uint64_t slot = block ? ((struct head *)block - 1)->slot : UINT64_MAX;

    return slot < p->heap->count && p->heap->slots[slot].block == block ? &p->heap->slots[slot] : NULL;
}

static uint32_t slot_take(struct heap *h)
{
    uint32_t slot = h->free;

    if (slot != UINT32_MAX) {
        h->free = (uint32_t)h->slots[slot].size;
        return slot;
    }
    if (h->count == h->capacity) {
        h->capacity = h->capacity ? h->capacity * 2 : 64;
        h->slots = mem_grow(h->slots, h->capacity, sizeof *h->slots);
    }
    return h->count++;
}

static void *place(struct program *p, void *base, void *block, size_t size)
{
    struct head *head = (struct head *)block - 1;

    *head = (struct head){.slot = slot_take(p->heap)};
    p->heap->slots[head->slot] = (struct taken){base, block, size};
    p->counts.heap_bytes += size;
    return block;
}

void *memory_take(struct program *p, size_t size, bool zeroed)
{
    void *base;

    if (size > PTRDIFF_MAX - sizeof(struct head))
        return NULL;
    base = zeroed ? calloc(1, size + sizeof(struct head)) : malloc(size + sizeof(struct head));
    return base ? place(p, base, (struct head *)base + 1, size) : NULL;
}

void *memory_take_aligned(struct program *p, size_t align, size_t size)
{
    void *base;

    if (align < 16)
        return memory_take(p, size, false);
    if (align & (align - 1) || size > PTRDIFF_MAX - 2 * align)
        return NULL;
    base = malloc(size + 2 * align);
    return base ? place(p, base, (void *)(((uintptr_t)base + sizeof(struct head) + align - 1) & ~(uintptr_t)(align - 1)), size) : NULL;
}

void memory_give(struct program *p, void *block)
{
    struct taken *t = find(p, block);
    uint32_t slot;

    if (!t) {
        free(block);
        return;
    }
    slot = (uint32_t)(t - p->heap->slots);
    p->counts.heap_bytes -= t->size;
    free(t->base);
    *t = (struct taken){.size = p->heap->free};
    p->heap->free = slot;
}

/* An aligned block cannot grow where it is. */
static void *move_block(struct program *p, void *block, size_t old_size, size_t size)
{
    void *other = memory_take(p, size, false);

    if (!other)
        return NULL;
    memcpy(other, block, size < old_size ? size : old_size);
    memory_give(p, block);
    return other;
}

void *memory_resize(struct program *p, void *block, size_t size)
{
    struct taken *t = find(p, block);
    void *base;

    if (!block)
        return memory_take(p, size, false);
    if (!t)
        return realloc(block, size);
    if (size > PTRDIFF_MAX - sizeof(struct head))
        return NULL;
    if ((struct head *)t->base + 1 != block)
        return move_block(p, block, t->size, size);
    base = realloc(t->base, size + sizeof(struct head));
    if (!base)
        return NULL;
    p->counts.heap_bytes += size - t->size;
    *t = (struct taken){base, (struct head *)base + 1, size};
    return t->block;
}

void *memory_map(struct program *p, void *wish, size_t size, int protection, int flags, int fd, off_t offset)
{
    struct mapping *m;
    void *at;

    if (fd >= 0 || !(flags & MAP_ANONYMOUS) || flags & (MAP_SHARED | MAP_FIXED))
        program_stuck(p, "calls mmap with flags %#x: only private anonymous memory is carried", (unsigned)flags);
    at = mmap(wish, size, protection, flags, -1, offset);
    if (at == MAP_FAILED)
        return at;
    m = mem_alloc(sizeof *m);
    *m = (struct mapping){p->mappings, at, size};
    p->mappings = m;
    return at;
}

bool memory_maps(const struct program *p, const void *at, size_t size)
{
    const struct mapping *m = p->mappings;

    while (m && !((const uint8_t *)at >= m->at && size <= m->size && (size_t)((const uint8_t *)at - m->at) <= m->size - size))
        m = m->next;
    return m != NULL;
}

int memory_unmap(struct program *p, void *at, size_t size)
{
    struct mapping **link = &p->mappings, *m;

    while (*link && !((*link)->at == at && (*link)->size == size))
        link = &(*link)->next;
    m = *link;
    if (m) {
        *link = m->next;
        mem_free(m);
        return munmap(at, size) == 0 ? 0 : -errno;
    }
    if (!memory_maps(p, at, size))
        return -EINVAL;
    /* A part: its addresses stay taken, until the whole goes. */
    return mmap(at, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED ? -errno : 0;
}

void memory_free(struct program *p)
{
    while (p->mappings) {
        struct mapping *m = p->mappings;

        p->mappings = m->next;
        munmap(m->at, m->size);
        mem_free(m);
    }
    if (!p->heap)
        return;
    for (uint32_t i = 0; i < p->heap->count; i++)
        free(p->heap->slots[i].base);
    mem_free(p->heap->slots);
    mem_free(p->heap);
    p->heap = NULL;
}
