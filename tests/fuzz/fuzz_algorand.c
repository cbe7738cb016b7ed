/* The Algorand message network with two peers, one of which sends the input: handshake and frames
 * in any split give the same events. */
#include "tests/fuzz/fuzz.h"

#include "stack/algorand/algorand.h"
#include "stack/base/err.h"
#include "stack/base/map.h"

struct run {
    struct algorand *a;
    uint64_t digest;
    int result;
    bool gone; /* told to disconnect */
};

static void on_trace(void *ctx, uint64_t now_ns, const struct trace_event *e)
{
    struct run *r = ctx;

    fuzz_note(&r->digest, now_ns);
    fuzz_note(&r->digest, (uint64_t)e->kind << 32 | e->peer);
    fuzz_note(&r->digest, (uint64_t)e->size << 32 | e->count);
    fuzz_note(&r->digest, hash_bytes((uint64_t)(uint32_t)e->code, e->id));
}

static void wants_write(void *ctx, uint32_t peer)
{
    (void)ctx;
    (void)peer;
}

static void disconnect(void *ctx, uint32_t peer, int err)
{
    struct run *r = ctx;

    fuzz_note(&r->digest, (uint64_t)peer << 32 | (uint32_t)err);
    r->gone |= peer == 0;
}

static enum algorand_verdict validate(void *ctx, const struct algorand_message *m)
{
    (void)ctx;
    return m->payload.size ? (enum algorand_verdict)(m->payload.data[0] % 3) : ALGORAND_ACCEPT;
}

static void pull(struct run *r, uint32_t peer)
{
    struct chain out;

    chain_init(&out);
    while (algorand_pull(r->a, 5, peer, &out) > 0)
        fuzz_note(&r->digest, out.size);
    chain_deinit(&out);
}

static struct run run(struct slice input, uint8_t choice, bool split)
{
    struct run r = {.result = ERR_OK};
    struct algorand_config config = algorand_config_default();
    const struct algorand_env env = {
        .ctx = &r, .wants_write = wants_write, .validate = validate, .disconnect = disconnect, .trace = on_trace};
    struct chain in, byte;
    struct rng rng;

    rng_init(&rng, input.size, "split");
    chain_init(&in);
    chain_init(&byte);
    config.relay = choice & 1;
    config.validation_delay_ns = choice & 2 ? 1 : 0;
    r.a = algorand_new(&config, &env);
    algorand_stream_start(r.a, 1, 0, choice & 4 ? ALGORAND_V22 : ALGORAND_V10, choice & 8);
    algorand_stream_start(r.a, 1, 1, ALGORAND_V10, false);
    chain_append(&byte, slice_text("1"));
    CHECK(algorand_feed(r.a, 1, 1, &byte) == ERR_OK && algorand_peer_ready(r.a, 1));
    while (input.size && r.result == ERR_OK && !r.gone) {
        struct slice piece = split ? fuzz_piece(&rng, &input) : input;

        if (!split)
            input = slice_of(NULL, 0);
        chain_append(&in, piece);
        r.result = algorand_feed(r.a, 2, 0, &in);
        CHECK(in.size <= ALGORAND_FRAME_MAX + 4 || r.result != ERR_OK || r.gone);
    }
    algorand_tick(r.a, 4);
    pull(&r, 0);
    pull(&r, 1);
    algorand_tick(r.a, 20000000000u);
    algorand_free(r.a);
    chain_deinit(&in);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    uint8_t choice = fuzz_choice(&input);
    struct run whole = run(input, choice, false), split = run(input, choice, true);

    CHECK(whole.result == split.result && whole.digest == split.digest);
    return 0;
}
