/* multistream-select in both roles: any split of the input gives the same. */
#include "tests/fuzz/fuzz.h"

#include "stack/base/err.h"
#include "stack/base/map.h"
#include "stack/transport/multistream.h"

static const char *const ids[] = {"/noise", "/tls", "/x"};

struct outcome {
    int result;
    size_t chosen, left;
    uint64_t answers;
    size_t answers_size;
};

static struct outcome run(struct slice input, uint8_t choice, bool split)
{
    struct outcome o = {0};
    struct multistream m;
    struct chain in, out;
    struct span all;
    struct rng r;

    rng_init(&r, input.size, "split");
    chain_init(&in);
    chain_init(&out);
    if (choice & 1)
        multistream_propose(&m, (struct protocol_list){ids, 1 + choice / 2 % 3}, &out);
    else
        multistream_listen(&m, (struct protocol_list){ids, 1 + choice / 2 % 3}, &out);
    while (input.size && o.result == MULTISTREAM_MORE) {
        struct slice piece = split ? fuzz_piece(&r, &input) : input;

        if (!split)
            input = slice_of(NULL, 0);
        chain_append(&in, piece);
        o.result = multistream_feed(&m, &in, &out, &o.chosen);
    }
    if (o.result == MULTISTREAM_DONE)
        CHECK(o.chosen < 3);
    else
        o.chosen = 0;
    if (o.result == MULTISTREAM_MORE)
        CHECK(in.size < MULTISTREAM_MESSAGE_MAX + 2);
    o.left = o.result >= 0 ? in.size + input.size : 0;
    o.answers_size = out.size;
    CHECK(out.size < 100 + 4 * MULTISTREAM_PROPOSALS_MAX);
    all = chain_take(&out, out.size);
    o.answers = hash_bytes(0, span_slice(all));
    span_unref(all);
    chain_deinit(&in);
    chain_deinit(&out);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    uint8_t choice = fuzz_choice(&input);
    struct outcome whole = run(input, choice, false), split = run(input, choice, true);

    CHECK(whole.result == split.result && whole.chosen == split.chosen);
    CHECK(whole.left == split.left);
    CHECK(whole.answers_size == split.answers_size && whole.answers == split.answers);
    return 0;
}
