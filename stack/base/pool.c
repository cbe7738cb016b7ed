/* Size classes: parts of a cache line of which none lies in two, whole lines up to 256 bytes (and one
 * and a half, of which each block lies in two), then four to a doubling. Slabs start on a line, so that what is as long as lines is aligned to them. A thread
 * keeps up to two batches of free blocks a class for itself, in lists through the blocks; whole
 * batches go to and come from the shared depot, which alone needs a lock. Which class an address
 * belongs to stands in a table of one byte a slab, small enough to stay in the cache. */
#include "stack/base/pool.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>

#include "stack/base/check.h"
#include "stack/base/fetch.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define POOL_OFF 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define POOL_OFF 1
#endif

#define SLAB_BITS 16
#define SLAB_SIZE ((size_t)1 << SLAB_BITS)
#define RANGE_SIZE ((size_t)1 << 35) /* of addresses; memory is only what is touched */
#define STEP_SIZE ((size_t)1 << 21)  /* made usable at once: a huge page */
#define CLASS_COUNT 31
#define LINE_AND_HALF 3
#define LINES_END 7          /* classes of up to 256 bytes */
#define BATCH_MAX 64         /* blocks, and ... */
#define BATCH_SIZE_MAX 16384 /* ... bytes in a batch; at least one block */

struct block {
    struct block *next;  /* in its batch */
    struct block *batch; /* of the first one: the next batch in the depot */
};

struct cache {                 /* of one class in one thread */
    struct block *free, *full; /* the batch in use, and a full one behind it */
    uint32_t count;            /* in `free` */
};

struct depot {
    struct block *batches;
    uint8_t *fresh, *fresh_end; /* of the slab that is being cut up */
};

static _Thread_local struct cache caches[CLASS_COUNT];
static struct depot depots[CLASS_COUNT];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t slab_classes[RANGE_SIZE >> SLAB_BITS];
static uint8_t *range; /* NULL before the first block, and when there is no pool */
static size_t range_used, range_usable;
static bool range_refused;

static uint32_t class_of(size_t size)
{
    static const uint8_t lines[] = {0, 0, 1, 2, 2, 3, 3, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6}; /* by sixteenths */
    uint32_t doubling;

    if (size <= 256)
        return lines[(size + 15) / 16];
    doubling = 63u - (uint32_t)__builtin_clzll(size - 1); /* 8 for 257 to 512 */
    return LINES_END + (doubling - 8) * 4 + (uint32_t)((size - 1) >> (doubling - 2) & 3);
}

static size_t class_size(uint32_t class)
{
    if (class < LINE_AND_HALF)
        return (size_t)16 << class;
    if (class == LINE_AND_HALF)
        return 96;
    if (class < LINES_END)
        return (class - 2) * (size_t)64;
    return (size_t)(5 + (class - LINES_END) % 4) << ((class - LINES_END) / 4 + 6);
}

static uint32_t batch_count(uint32_t class)
{
    if (class < LINES_END) /* those that matter, without a division */
        return BATCH_MAX;
    return (uint32_t)(BATCH_SIZE_MAX / class_size(class));
}

#ifdef POOL_OFF

static bool range_open(void)
{
    range_refused = true;
    return false;
}

#else

static bool range_open(void)
{
    void *at = mmap(NULL, RANGE_SIZE + STEP_SIZE, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (at == MAP_FAILED) {
        range_refused = true;
        return false;
    }
    range = (uint8_t *)(((uintptr_t)at + STEP_SIZE - 1) & ~(uintptr_t)(STEP_SIZE - 1));
    return true;
}

#endif

/* One more slab at the end of the range; NULL when that is not to be had. */
static uint8_t *slab_new(uint32_t class)
{
    uint8_t *slab;

    if (range_refused || (!range && !range_open()))
        return NULL;
    if (range_used == range_usable) {
        if (range_usable == RANGE_SIZE ||
            mprotect(range + range_usable, STEP_SIZE, PROT_READ | PROT_WRITE) != 0)
            return NULL;
        (void)madvise(range + range_usable, STEP_SIZE, MADV_HUGEPAGE); /* only a wish */
        range_usable += STEP_SIZE;
    }
    slab = range + range_used;
    slab_classes[range_used >> SLAB_BITS] = (uint8_t) class;
    range_used += SLAB_SIZE;
    return slab;
}

/* A list of at most a batch of blocks that were never used. */
static struct block *cut(uint32_t class, uint32_t *count)
{
    struct depot *d = &depots[class];
    size_t size = class_size(class);
    struct block *first = NULL, **end = &first;

    if ((size_t)(d->fresh_end - d->fresh) < size) {
        d->fresh = slab_new(class);
        if (!d->fresh) {
            d->fresh_end = NULL;
            return NULL;
        }
        d->fresh_end = d->fresh + SLAB_SIZE;
    }
    for (*count = 0; *count < batch_count(class) && (size_t)(d->fresh_end - d->fresh) >= size;
         ++*count) {
        *end = (struct block *)(void *)d->fresh;
        end = &(*end)->next;
        d->fresh += size;
    }
    *end = NULL;
    return first;
}

static bool refill(struct cache *c, uint32_t class)
{
    CHECK(!c->free && c->count == 0);
    if (c->full) {
        c->free = c->full;
        c->full = NULL;
        c->count = batch_count(class);
        return true;
    }
    pthread_mutex_lock(&lock);
    c->free = depots[class].batches;
    if (c->free) {
        depots[class].batches = c->free->batch;
        c->count = batch_count(class);
    } else {
        c->free = cut(class, &c->count);
    }
    pthread_mutex_unlock(&lock);
    return c->free != NULL;
}

void *pool_take(size_t size)
{
    uint32_t class = class_of(size);
    struct cache *c = &caches[class];
    struct block *b;

    CHECK(class < CLASS_COUNT);
    if (!c->free && !refill(c, class))
        return NULL;
    b = c->free;
    c->free = b->next;
    c->count--;
    fetch_line(c->free); /* the next one to be taken, whose link will be read */
    return b;
}

bool pool_owns(const void *p)
{
    return (uintptr_t)p - (uintptr_t)range < RANGE_SIZE && range;
}

static uint32_t class_at(const void *p)
{
    return slab_classes[((uintptr_t)p - (uintptr_t)range) >> SLAB_BITS];
}

static void spill(struct cache *c, uint32_t class)
{
    if (c->full) {
        pthread_mutex_lock(&lock);
        c->full->batch = depots[class].batches;
        depots[class].batches = c->full;
        pthread_mutex_unlock(&lock);
    }
    c->full = c->free;
    c->free = NULL;
    c->count = 0;
}

void pool_give(void *p)
{
    uint32_t class = class_at(p);
    struct cache *c = &caches[class];
    struct block *b = p;

    if (c->count == batch_count(class))
        spill(c, class);
    b->next = c->free;
    c->free = b;
    c->count++;
}

size_t pool_block_size(const void *p)
{
    return class_size(class_at(p));
}
