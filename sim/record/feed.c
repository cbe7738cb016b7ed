/* Sets of buffers, one a lane, go round between the lanes and the feeding thread. */
#include "sim/record/item.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#include <pthread.h>
#include <string.h>

#define SETS 3u
#define FULL_SIZE ((size_t)512 << 10) /* bytes in all buffers of a set that make it worth the other thread's while */

struct buffer {
    uint8_t *bytes;
    size_t size, capacity;
    uint64_t last_ns; /* time and node of the last report: they never fall */
    uint32_t last_node;
    char rest[28]; /* lanes write side by side: a cache line each */
};

struct set {
    struct buffer *buffers; /* one a lane */
};

struct feed {
    uint32_t lane_count;
    uint32_t *lane_of;
    void (*take)(void *ctx, const struct feed_report *report);
    void *ctx;
    struct set *filling; /* the lanes' */
    bool open;
    struct set sets[SETS]; /* from `first` on, `waiting` are to be taken, the next one is being filled */
    uint32_t first, waiting;
    size_t *at; /* the merging thread's: how far it is in each buffer */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool started, ending;
};

/* ---- merging ---- */

static const struct item *item_at(const struct buffer *b, size_t at)
{
    return at < b->size ? (const void *)(b->bytes + at) : NULL;
}

static bool before(const struct item *a, const struct item *b)
{
    return a->now_ns != b->now_ns ? a->now_ns < b->now_ns : a->node < b->node;
}

/* Takes all reports of a set in order and leaves it empty. A node is of one lane, so no two heads are equal. */
static void merge(struct feed *f, struct set *s)
{
    memset(f->at, 0, f->lane_count * sizeof *f->at);
    for (;;) {
        const struct item *best = NULL;
        struct feed_report report;
        uint32_t lane = 0;

        for (uint32_t i = 0; i < f->lane_count; i++) {
            const struct item *head = item_at(&s->buffers[i], f->at[i]);

            if (head && (!best || before(head, best))) {
                best = head;
                lane = i;
            }
        }
        if (!best)
            break;
        report = item_read(best);
        f->take(f->ctx, &report);
        f->at[lane] += best->size;
    }
    for (uint32_t i = 0; i < f->lane_count; i++)
        s->buffers[i].size = 0;
}

static void *work(void *arg)
{
    struct feed *f = arg;

    pthread_mutex_lock(&f->lock);
    while (!f->ending) {
        if (f->waiting == 0) {
            pthread_cond_wait(&f->changed, &f->lock);
            continue;
        }
        pthread_mutex_unlock(&f->lock);
        merge(f, &f->sets[f->first]); /* nobody else changes `first`, or touches a set that waits */
        pthread_mutex_lock(&f->lock);
        f->first = (f->first + 1) % SETS;
        f->waiting--;
        pthread_cond_broadcast(&f->changed);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

/* ---- the interface ---- */

struct feed *feed_new(uint32_t lane_count, const uint32_t *lane_of, uint32_t node_count,
                      void (*take)(void *ctx, const struct feed_report *report), void *ctx)
{
    struct feed *f = mem_zalloc(sizeof *f);

    f->lane_count = lane_count;
    f->lane_of = mem_grow(NULL, node_count, sizeof *f->lane_of);
    memcpy(f->lane_of, lane_of, node_count * sizeof *f->lane_of);
    f->take = take;
    f->ctx = ctx;
    f->at = mem_zalloc(lane_count * sizeof *f->at);
    for (uint32_t i = 0; i < SETS; i++)
        f->sets[i].buffers = mem_zalloc(lane_count * sizeof *f->sets[i].buffers);
    f->filling = &f->sets[0];
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    f->started = pthread_create(&f->thread, NULL, work, f) == 0;
    if (!f->started) {
        feed_free(f);
        return NULL;
    }
    (void)pthread_setname_np(f->thread, "recorder"); /* for those who look at the process */
    return f;
}

void feed_free(struct feed *f)
{
    if (!f)
        return;
    if (f->started) {
        pthread_mutex_lock(&f->lock);
        f->ending = true;
        pthread_cond_broadcast(&f->changed);
        pthread_mutex_unlock(&f->lock);
        pthread_join(f->thread, NULL);
    }
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->changed);
    for (uint32_t i = 0; i < SETS; i++) {
        for (uint32_t lane = 0; lane < f->lane_count; lane++)
            mem_free(f->sets[i].buffers[lane].bytes);
        mem_free(f->sets[i].buffers);
    }
    mem_free(f->at);
    mem_free(f->lane_of);
    mem_free(f);
}

/* Makes what was filled the feeding thread's, when there is a set to go on with; waits for one if need be. */
static void hand_over(struct feed *f)
{
    pthread_mutex_lock(&f->lock);
    while (f->waiting + 1 == SETS)
        pthread_cond_wait(&f->changed, &f->lock);
    f->waiting++;
    f->filling = &f->sets[(f->first + f->waiting) % SETS];
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

void feed_window(struct feed *f, bool open)
{
    size_t size = 0;

    CHECK(f->open != open);
    f->open = open;
    if (open)
        return;
    for (uint32_t i = 0; i < f->lane_count; i++)
        size += f->filling->buffers[i].size;
    if (size >= FULL_SIZE)
        hand_over(f);
}

void feed_settle(struct feed *f)
{
    CHECK(!f->open);
    pthread_mutex_lock(&f->lock);
    while (f->waiting)
        pthread_cond_wait(&f->changed, &f->lock);
    pthread_mutex_unlock(&f->lock);
    merge(f, f->filling);
}

bool feed_is_open(const struct feed *f)
{
    return f->open;
}

void feed_put(struct feed *f, const struct feed_report *r)
{
    struct buffer *b = &f->filling->buffers[f->lane_of[r->node]];
    size_t size = item_size(r);

    CHECK(b->size == 0 || r->now_ns > b->last_ns || (r->now_ns == b->last_ns && r->node >= b->last_node));
    b->last_ns = r->now_ns;
    b->last_node = r->node;
    if (b->capacity - b->size < size) {
        b->capacity = (b->capacity + size) * 2;
        b->bytes = mem_realloc(b->bytes, b->capacity);
    }
    item_write((void *)(b->bytes + b->size), r, size);
    b->size += size;
}
