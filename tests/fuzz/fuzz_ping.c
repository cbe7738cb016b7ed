/* ping: the answer to any bytes in any split is their whole pings; the asker takes only its own. */
#include "tests/fuzz/fuzz.h"

#include "stack/base/err.h"
#include "stack/identify/ping.h"

static void answer(struct slice input)
{
    struct chain in, out;
    struct slice left = input;
    struct span all;
    struct rng r;

    rng_init(&r, input.size, "split");
    chain_init(&in);
    chain_init(&out);
    while (left.size) {
        chain_append(&in, fuzz_piece(&r, &left));
        ping_answer(&in, &out);
        CHECK(in.size < PING_SIZE);
    }
    CHECK(out.size == input.size / PING_SIZE * PING_SIZE);
    all = chain_take(&out, out.size);
    CHECK(slice_equal(span_slice(all), slice_of(input.data, all.size)));
    span_unref(all);
    chain_deinit(&in);
    chain_deinit(&out);
}

static void ask(struct slice input)
{
    struct ping p = {.waiting = false};
    struct chain in, out;
    uint64_t rtt_ns;
    struct rng r;
    int result;

    rng_init(&r, 1, "ask");
    chain_init(&in);
    chain_init(&out);
    ping_send(&p, &r, 1, &out);
    chain_append(&in, input);
    result = ping_feed(&p, 2, &in, &rtt_ns);
    if (input.size < PING_SIZE)
        CHECK(result == 0);
    else if (memcmp(input.data, p.expected, PING_SIZE) == 0) /* a fuzzer finds even that */
        CHECK(result == 1);
    else
        CHECK(result == ERR_PROTOCOL);
    chain_deinit(&in);
    chain_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    answer(slice_of(data, size));
    ask(slice_of(data, size));
    return 0;
}
