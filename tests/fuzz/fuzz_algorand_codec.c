/* The metadata map of the Algorand handshake, and topics: what is read is written back the same. */
#include "tests/fuzz/fuzz.h"

#include "stack/algorand/handshake.h"
#include "stack/algorand/topics.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

static void check_topics(struct slice input)
{
    struct topics *t = mem_alloc(sizeof *t), *again = mem_alloc(sizeof *again);
    struct buf b;

    if (topics_read(t, input) == ERR_OK) {
        CHECK(t->count <= TOPICS_COUNT_MAX);
        buf_init(&b, input.size + 64);
        topics_write(&b, t);
        CHECK(!b.overflow);
        CHECK(topics_read(again, buf_slice(&b)) == ERR_OK && again->count == t->count);
        for (uint32_t i = 0; i < t->count; i++)
            CHECK(slice_equal(t->items[i].key, again->items[i].key) &&
                  slice_equal(t->items[i].data, again->items[i].data));
        buf_deinit(&b);
    }
    mem_free(t);
    mem_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    struct handshake_answer answer;
    tag_set wanted = 0;

    if (handshake_read(&answer, input) == ERR_OK)
        CHECK(answer.features < 8);
    check_topics(input);
    if (topics_interest_read(input, &wanted) == ERR_OK)
        CHECK(wanted < 1u << TAG_COUNT);
    return 0;
}
