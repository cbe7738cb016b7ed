/* The allocator: blocks keep their bytes and do not overlap, whatever their sizes, order and
 * threads. */
#include <pthread.h>

#include "stack/base/mem.h"
#include "stack/base/pool.h"
#include "stack/base/rng.h"
#include "tests/lib/test.h"

#define BLOCKS 500

struct piece {
    uint8_t *bytes;
    size_t size;
    uint8_t mark;
};

static void fill(struct piece *p, size_t size, uint8_t mark)
{
    p->size = size;
    p->mark = mark;
    memset(p->bytes, mark, size);
}

static void assert_whole(const struct piece *p, size_t size)
{
    for (size_t i = 0; i < size; i++)
        assert_int_equal(p->bytes[i], p->mark);
}

static size_t some_size(struct rng *r)
{
    return (size_t)rng_below(r, rng_below(r, 4) ? 300 : 40000);
}

static void blocks_keep_their_bytes(void **state)
{
    struct piece pieces[BLOCKS] = {{0}};
    struct rng r;

    (void)state;
    rng_init(&r, 1, "mem");
    for (uint32_t i = 0; i < 20000; i++) {
        struct piece *p = &pieces[rng_below(&r, BLOCKS)];
        size_t size = some_size(&r);

        assert_whole(p, p->size);
        if (p->bytes && rng_below(&r, 2)) {
            p->bytes = mem_realloc(p->bytes, size);
            assert_whole(p, size < p->size ? size : p->size);
        } else {
            mem_free(p->bytes);
            p->bytes = mem_alloc(size);
        }
        fill(p, size, (uint8_t)i);
    }
    for (uint32_t i = 0; i < BLOCKS; i++)
        mem_free(pieces[i].bytes);
}

static void zeroed_blocks_are_zero_after_use(void **state)
{
    (void)state;
    for (size_t size = 1; size <= 2 * POOL_SIZE_MAX; size += size / 3 + 1) {
        struct piece p = {.bytes = mem_alloc(size)};

        fill(&p, size, 0xff);
        mem_free(p.bytes);
        p.bytes = mem_zalloc(size);
        p.mark = 0;
        assert_whole(&p, size);
        mem_free(p.bytes);
    }
}

static void a_block_has_room_for_what_was_asked(void **state)
{
    (void)state;
    for (size_t size = 0; size <= POOL_SIZE_MAX; size++) {
        void *p = pool_take(size);

        if (!p)
            return; /* no pool in this build */
        assert_true(pool_owns(p));
        assert_true(pool_block_size(p) >= size && pool_block_size(p) <= 64 + size + size / 3);
        assert_int_equal((uintptr_t)p % 16, 0);
        pool_give(p);
    }
}

static void *free_all(void *arg)
{
    struct piece *pieces = arg;

    for (uint32_t i = 0; i < BLOCKS; i++) {
        assert_whole(&pieces[i], pieces[i].size);
        mem_free(pieces[i].bytes);
    }
    return NULL;
}

static void another_thread_may_free(void **state)
{
    struct piece pieces[BLOCKS];
    pthread_t thread;

    (void)state;
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < BLOCKS; i++) {
            pieces[i].bytes = mem_alloc(i + 1);
            fill(&pieces[i], i + 1, (uint8_t)(i + round));
        }
        assert_int_equal(pthread_create(&thread, NULL, free_all, pieces), 0);
        pthread_join(thread, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_keep_their_bytes),
        cmocka_unit_test(zeroed_blocks_are_zero_after_use),
        cmocka_unit_test(a_block_has_room_for_what_was_asked),
        cmocka_unit_test(another_thread_may_free),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
