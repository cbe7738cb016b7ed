/* A router with two peers, with or without its defences and extensions, one of which sends the input: any split gives the same events, and what
 * the router says in return is well-formed and no longer than allowed. */
#include "tests/fuzz/fuzz.h"

#include "stack/base/err.h"
#include "stack/base/map.h"
#include "stack/gossipsub/gater.h"
#include "stack/gossipsub/partial.h"
#include "stack/gossipsub/rpc.h"
#include "stack/wire/varint.h"

#define RPC_MAX 4096

struct run {
    struct gossipsub *g;
    uint64_t digest;
    uint8_t choice;
    int result;
};

static void on_trace(void *ctx, uint64_t now_ns, const struct trace_event *e)
{
    struct run *r = ctx;

    fuzz_note(&r->digest, now_ns);
    fuzz_note(&r->digest, (uint64_t)e->kind << 32 | e->peer);
    fuzz_note(&r->digest, (uint64_t)e->size << 32 | e->count);
    fuzz_note(&r->digest, hash_bytes((uint64_t)(uint32_t)e->code, e->id));
    fuzz_note(&r->digest, hash_bytes(0, e->topic));
}

static enum gossipsub_verdict validate(void *ctx, const struct gossipsub_message *m)
{
    (void)ctx;
    return m->data.size ? (enum gossipsub_verdict)(m->data.data[0] % 3) : GOSSIPSUB_ACCEPT;
}

static void pull(struct run *r, uint64_t now_ns, uint32_t slot)
{
    struct chain out;

    chain_init(&out);
    while (gossipsub_pull(r->g, now_ns, slot, &out)) {
        struct span all = chain_take(&out, out.size);
        struct rpc_summary summary;
        uint64_t size;
        int used = varint_read(span_slice(all), &size);

        CHECK(used > 0 && size == all.size - (size_t)used && size <= RPC_MAX);
        CHECK(rpc_check(slice_of(all.data + used, (size_t)size), &summary) == ERR_OK);
        span_unref(all);
    }
}

static struct identity ids[2];
static struct score_topic topic;
static struct score_params score;
static struct gater_params gater;

static const struct peerid *peer_id(void *ctx, uint32_t peer)
{
    (void)ctx;
    return &ids[peer].id;
}

static void peer_exchange(void *ctx, struct slice id, struct slice record)
{
    struct run *r = ctx;

    fuzz_note(&r->digest, hash_bytes(id.size, record));
}

static void test_extension(void *ctx, uint32_t peer)
{
    struct run *r = ctx;

    fuzz_note(&r->digest, peer);
}

static void incoming(void *ctx, uint64_t now_ns, uint32_t peer, const struct rpc_partial *p)
{
    (void)ctx;
    (void)now_ns;
    (void)peer;
    CHECK(p->group.size <= PARTIAL_GROUP_SIZE_MAX);
}

static void gossip(void *ctx, uint64_t now_ns, struct slice name, struct slice group, const uint32_t *peers, uint32_t count)
{
    (void)ctx;
    (void)now_ns;
    (void)name;
    (void)group;
    CHECK(count > 0 && peers[0] < 2);
}

static const struct partial_env partial = {.incoming = incoming, .gossip = gossip};

/* Every P of it counts, so that all of the arithmetic is reached. */
static void make_defences(void)
{
    score = score_params_default();
    score.gossip_threshold = -10;
    score.publish_threshold = -100;
    score.graylist_threshold = -1000;
    score.behaviour_penalty_weight = -1;
    score.behaviour_penalty_decay = 0.9;
    score.topics = &topic;
    score.topic_count = 1;
    topic = (struct score_topic){SCORE_ANY_TOPIC, score_topic_params_default()};
    topic.params.topic_weight = 1;
    topic.params.first_message_deliveries_weight = 1;
    topic.params.first_message_deliveries_decay = 0.9;
    topic.params.first_message_deliveries_cap = 10;
    topic.params.mesh_message_deliveries_weight = -1;
    topic.params.mesh_message_deliveries_decay = 0.9;
    topic.params.mesh_message_deliveries_cap = 10;
    topic.params.mesh_message_deliveries_threshold = 2;
    topic.params.mesh_message_deliveries_window_ns = 1000000;
    topic.params.mesh_message_deliveries_activation_ns = 1000000000;
    topic.params.invalid_message_deliveries_weight = -10;
    topic.params.invalid_message_deliveries_decay = 0.9;
    gater = gater_params_default();
}

static void start(struct run *r, struct identity *identities)
{
    const struct gossipsub_env env = {.ctx = r,
                                      .validate = validate,
                                      .trace = on_trace,
                                      .peer_id = peer_id,
                                      .peer_exchange = peer_exchange,
                                      .test_extension = test_extension,
                                      .partial = &partial};
    bool newest = r->choice & 8; /* scores, the gater, peer exchange, v1.3 with its extensions */
    struct gossipsub_config config = {
        .params = gossipsub_params_default(),
        .signing = r->choice & 1 ? GOSSIPSUB_STRICT_SIGN : GOSSIPSUB_STRICT_NO_SIGN,
        .message_id = r->choice & 2 ? gossipsub_id_blake2b256 : gossipsub_id_default,
        .identity = &identities[0],
        .validation_delay_ns = r->choice & 4 ? 1000 : 0,
        .seed = 1,
        .seqno_first = 1};

    config.params.rpc_size_max = RPC_MAX;
    config.params.subscriptions_max = 16;
    if (newest) {
        make_defences();
        config.score = &score;
        config.gater = &gater;
        config.params.do_px = true;
        config.params.seqno_check = config.signing == GOSSIPSUB_STRICT_SIGN;
        config.params.topic_throttle = 3;
        config.extensions = GOSSIPSUB_EXTENSION_TEST | GOSSIPSUB_EXTENSION_PARTIAL;
        memcpy(ids, identities + 1, sizeof ids);
    }
    r->g = gossipsub_new(&config, &env, 0);
    if (newest)
        gossipsub_partial_topic(r->g, slice_text("t"), true, true);
    gossipsub_subscribe(r->g, 1, slice_text("t"));
    for (uint32_t slot = 0; slot < 2; slot++)
        gossipsub_peer_add(r->g, 1, slot, &identities[1 + slot].id, newest ? GOSSIPSUB_V13 : GOSSIPSUB_V11, slot);
}

static struct run run(struct slice input, uint8_t choice, struct identity *identities, bool split)
{
    struct run r = {.choice = choice};
    struct chain in, hello;
    struct rng rng;

    rng_init(&rng, input.size, "split");
    chain_init(&in);
    chain_init(&hello);
    start(&r, identities);
    chain_append(&hello, slice_text("\x07\x0a\x05\x08\x01\x12\x01t"));
    CHECK(gossipsub_feed(r.g, 2, 1, &identities[2].id, &hello) == ERR_OK);
    while (input.size && r.result == ERR_OK) {
        struct slice piece = split ? fuzz_piece(&rng, &input) : input;

        if (!split)
            input = slice_of(NULL, 0);
        chain_append(&in, piece);
        r.result = gossipsub_feed(r.g, 3, 0, &identities[1].id, &in);
    }
    for (uint64_t now = 0; now < 4; now++) {
        gossipsub_tick(r.g, 2000000000u * (now + 1));
        pull(&r, 2000000000u * (now + 1), 0);
        pull(&r, 2000000000u * (now + 1), 1);
    }
    gossipsub_inbound_closed(r.g, 9000000000u, 0);
    gossipsub_peer_remove(r.g, 9000000000u, 0);
    gossipsub_free(r.g);
    chain_deinit(&in);
    chain_deinit(&hello);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct identity identities[3];
    struct slice input = slice_of(data, size);
    uint8_t choice = fuzz_choice(&input);
    struct run whole, split;

    for (uint8_t i = 0; i < 3 && identities[2].id.size == 0; i++)
        identity_from_seed(&identities[i], (const uint8_t[ED25519_SEED_SIZE]){i});
    whole = run(input, choice, identities, false);
    split = run(input, choice, identities, true);
    CHECK(whole.result == split.result && whole.digest == split.digest);
    return 0;
}
