/* The Noise handshake, real and modelled, in both roles: any split gives the same; a real message
 * that was changed never authenticates. */
#include "tests/fuzz/fuzz.h"

#include "stack/base/err.h"
#include "stack/transport/noise.h"

static struct identity identities[2];

static struct noise_handshake *start(bool initiator, enum noise_mode mode, struct chain *out)
{
    struct noise_config config = {.mode = mode,
                                  .initiator = initiator,
                                  .identity = &identities[initiator],
                                  .muxer = "/yamux/1.0.0"};
    uint8_t seed[32] = {initiator};
    struct drbg keys;

    drbg_init(&keys, seed, "fuzz");
    return noise_handshake_new(&config, &keys, out);
}

struct outcome {
    int result;
    size_t left, sent;
};

static struct outcome run(struct slice input, uint8_t choice, bool split)
{
    struct outcome o = {0};
    struct noise_session session;
    struct noise_peer peer;
    struct chain in, out;
    struct noise_handshake *h;
    struct rng r;

    rng_init(&r, input.size, "split");
    chain_init(&in);
    chain_init(&out);
    h = start(choice & 1, choice & 2 ? NOISE_REAL : NOISE_MODELLED, &out);
    while (input.size && o.result == NOISE_MORE) {
        struct slice piece = split ? fuzz_piece(&r, &input) : input;

        if (!split)
            input = slice_of(NULL, 0);
        chain_append(&in, piece);
        o.result = noise_handshake_feed(h, &in, &out, NULL, &peer, &session);
    }
    o.left = o.result >= 0 ? in.size + input.size : 0;
    o.sent = out.size;
    noise_handshake_free(h);
    chain_deinit(&in);
    chain_deinit(&out);
    return o;
}

/* Changes one message of an honest handshake: which, where and to what the input says. */
static void tamper(struct slice input, uint8_t choice)
{
    struct chain to[2];
    struct noise_handshake *h[2];
    struct noise_session session;
    struct noise_peer peer;
    int result[2] = {0, 0};
    uint32_t message = choice / 4 % 3;
    bool changed = false;

    chain_init(&to[0]);
    chain_init(&to[1]);
    h[1] = start(true, NOISE_REAL, &to[0]);
    h[0] = start(false, NOISE_REAL, &to[1]);
    noise_handshake_feed(h[1], &to[1], &to[0], NULL, &peer, &session);
    for (uint32_t i = 0; i < 3 && result[0] >= 0 && result[1] >= 0; i++) {
        uint32_t to_whom = i == 1;
        struct blob *b = blob_new(to[to_whom].size);

        chain_peek(&to[to_whom], 0, b->data, b->size);
        chain_drop(&to[to_whom], b->size);
        for (size_t at = 0; i == message && at < input.size && at < b->size; at++) {
            changed |= input.data[at] != 0;
            b->data[at] ^= input.data[at];
        }
        chain_give(&to[to_whom], span_give(b));
        result[to_whom] =
            noise_handshake_feed(h[to_whom], &to[to_whom], &to[!to_whom], NULL, &peer, &session);
    }
    CHECK(changed || (result[0] == NOISE_DONE && result[1] == NOISE_DONE));
    CHECK(!changed || result[0] != NOISE_DONE || result[1] != NOISE_DONE);
    for (int i = 0; i < 2; i++) {
        noise_handshake_free(h[i]);
        chain_deinit(&to[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    uint8_t choice = fuzz_choice(&input);
    struct outcome whole, split;

    for (uint8_t i = 0; i < 2 && identities[1].id.size == 0; i++)
        identity_from_seed(&identities[i], (const uint8_t[ED25519_SEED_SIZE]){i});
    if (choice >= 128) {
        tamper(input, choice);
        return 0;
    }
    whole = run(input, choice, false);
    split = run(input, choice, true);
    CHECK(whole.result == split.result && whole.left == split.left && whole.sent == split.sent);
    return 0;
}
