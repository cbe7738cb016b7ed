/* Frames of a Noise session: what is sealed opens in any split; anything else is opened the same
 * whole and in pieces, and fails for good where it fails. */
#include "tests/fuzz/fuzz.h"

#include "stack/base/err.h"
#include "stack/base/map.h"
#include "stack/transport/noise.h"

struct outcome {
    int result;
    size_t opened;
    uint64_t hash;
};

static struct outcome open_bytes(struct slice input, enum noise_mode mode, bool split)
{
    struct noise_session s = {.mode = mode};
    struct outcome o = {0};
    struct chain wire, plain;
    struct span all;
    struct rng r;

    rng_init(&r, input.size, "split");
    chain_init(&wire);
    chain_init(&plain);
    while (input.size && o.result == ERR_OK) {
        struct slice piece = split ? fuzz_piece(&r, &input) : input;

        if (!split)
            input = slice_of(NULL, 0);
        chain_append(&wire, piece);
        o.result = noise_open(&s, &wire, &plain);
        CHECK(o.result != ERR_OK || wire.size <= NOISE_FRAME_MAX + 1);
    }
    o.opened = plain.size;
    all = chain_take(&plain, plain.size);
    o.hash = hash_bytes(0, span_slice(all));
    span_unref(all);
    chain_deinit(&wire);
    chain_deinit(&plain);
    return o;
}

static void seal_and_open(struct slice input, enum noise_mode mode)
{
    struct noise_session s = {.mode = mode};
    struct chain plain, wire;
    struct outcome o;
    struct span all;
    struct rng r;
    struct slice left = input;

    rng_init(&r, input.size, "seal");
    chain_init(&plain);
    chain_init(&wire);
    while (left.size) {
        chain_append(&plain, fuzz_piece(&r, &left));
        noise_seal(&s, &plain, &wire);
    }
    all = chain_take(&wire, wire.size);
    o = open_bytes(span_slice(all), mode, true);
    CHECK(o.result == ERR_OK && o.opened == input.size && o.hash == hash_bytes(0, input));
    span_unref(all);
    chain_deinit(&plain);
    chain_deinit(&wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    enum noise_mode mode = fuzz_choice(&input) % 2 ? NOISE_REAL : NOISE_MODELLED;
    struct outcome whole = open_bytes(input, mode, false), split = open_bytes(input, mode, true);

    CHECK(whole.result == split.result && whole.opened == split.opened);
    CHECK(whole.hash == split.hash);
    seal_and_open(input, mode);
    return 0;
}
