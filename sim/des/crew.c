/* Two words that are waited for: the number of the round, which the members watch, and how many of them are still at work,
 * which the caller watches. */
#include "sim/des/crew.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SPINS 3000 /* 40 to 130 microseconds: to be woken takes as long, and most windows end sooner */
#define LINE 64

struct gate { /* a word that is waited for, on a cache line of its own */
    _Atomic uint32_t word, sleepers;
    char rest[LINE - 2 * sizeof(uint32_t)];
};

struct crew_member {
    struct crew *crew;
    uint32_t number;
    pthread_t thread;
};

struct crew {
    struct gate round, working;
    void (*fn)(void *ctx, uint32_t member); /* of this round; NULL: the end */
    void *ctx;
    uint32_t count, spins;
    struct crew_member *members; /* number 0 is the caller */
};

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    atomic_signal_fence(memory_order_seq_cst);
#endif
}

/* Until the word is not `value` any more. */
static void await(struct gate *g, uint32_t value, uint32_t spins)
{
    for (uint32_t i = 0; i < spins; i++) {
        if (atomic_load_explicit(&g->word, memory_order_acquire) != value)
            return;
        relax();
    }
    atomic_fetch_add(&g->sleepers, 1);
    while (atomic_load(&g->word) == value)
        syscall(SYS_futex, &g->word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
    atomic_fetch_sub(&g->sleepers, 1);
}

/* After the word has changed. */
static void wake(struct gate *g)
{
    if (atomic_load(&g->sleepers))
        syscall(SYS_futex, &g->word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void *serve(void *arg)
{
    struct crew_member *m = arg;
    struct crew *c = m->crew;

    for (uint32_t round = 0;; round++) {
        await(&c->round, round, c->spins);
        if (!c->fn)
            return NULL;
        c->fn(c->ctx, m->number);
        if (atomic_fetch_sub(&c->working.word, 1) == 1)
            wake(&c->working);
    }
}

static uint32_t processors(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;

    return count > 0 ? (uint32_t)count : 1;
}

static void begin(struct crew *c, void (*fn)(void *ctx, uint32_t member), void *ctx)
{
    c->fn = fn;
    c->ctx = ctx;
    atomic_store(&c->working.word, c->count - 1);
    atomic_fetch_add(&c->round.word, 1);
    wake(&c->round);
}

struct crew *crew_new(uint32_t count, const char *name)
{
    struct crew *c = mem_zalloc(sizeof *c);

    CHECK(count > 0);
    c->members = mem_zalloc(count * sizeof *c->members);
    c->spins = count <= processors() ? SPINS : 0;
    for (c->count = 1; c->count < count; c->count++) {
        struct crew_member *m = &c->members[c->count];

        m->crew = c;
        m->number = c->count;
        if (pthread_create(&m->thread, NULL, serve, m) != 0) {
            crew_free(c);
            return NULL;
        }
        (void)pthread_setname_np(m->thread, name); /* for those who look at the process */
    }
    return c;
}

void crew_free(struct crew *c)
{
    if (!c)
        return;
    begin(c, NULL, NULL);
    for (uint32_t i = 1; i < c->count; i++)
        pthread_join(c->members[i].thread, NULL);
    mem_free(c->members);
    mem_free(c);
}

void crew_run(struct crew *c, void (*fn)(void *ctx, uint32_t member), void *ctx)
{
    uint32_t left;

    CHECK(fn);
    begin(c, fn, ctx);
    fn(ctx, 0);
    while ((left = atomic_load_explicit(&c->working.word, memory_order_acquire)) != 0)
        await(&c->working, left, c->spins);
}
