/* One router and its scripted peers. */
#include "tests/lib/gossip_solo.h"

#include "stack/base/err.h"
#include "stack/gossipsub/signing.h"
#include "stack/wire/pb.h"
#include "tests/lib/test.h"

#define T GOSSIP_SOLO_TOPIC
#define RPC_MAX (4u << 20)

struct solo solo_new(const struct gossipsub_config *config)
{
    struct solo s = {.net = gossip_net_new(1, config)};

    s.node = &s.net->nodes[0];
    buf_init(&s.rpc, RPC_MAX);
    return s;
}

struct solo solo_default(void)
{
    struct gossipsub_config config = gossip_config();

    return solo_new(&config);
}

void solo_free(struct solo *s)
{
    buf_deinit(&s->rpc);
    gossip_net_free(s->net);
}

uint32_t solo_join(struct solo *s, bool dialled)
{
    return gossip_puppet(s->net, 0, GOSSIPSUB_V11, dialled);
}

void solo_send(struct solo *s, uint32_t slot)
{
    assert_int_equal(gossip_puppet_send(s->net, 0, slot, buf_slice(&s->rpc)), ERR_OK);
    buf_clear(&s->rpc);
}

void solo_subscribe(struct solo *s, uint32_t slot, const char *topic)
{
    buf_clear(&s->rpc);
    rpc_append_subscription(&s->rpc, true, slice_text(topic));
    solo_send(s, slot);
}

void solo_graft(struct solo *s, uint32_t slot, const char *topic)
{
    struct buf item;

    buf_init(&item, 2000);
    rpc_append_graft(&item, slice_text(topic));
    buf_clear(&s->rpc);
    pb_append_bytes(&s->rpc, RPC_FIELD_CONTROL, buf_slice(&item));
    buf_deinit(&item);
    solo_send(s, slot);
}

void solo_prune(struct solo *s, uint32_t slot, uint64_t backoff_s)
{
    struct buf item;

    buf_init(&item, 2000);
    rpc_append_prune(&item, slice_text(T), backoff_s);
    buf_clear(&s->rpc);
    pb_append_bytes(&s->rpc, RPC_FIELD_CONTROL, buf_slice(&item));
    buf_deinit(&item);
    solo_send(s, slot);
}

/* IHAVE or IWANT of `count` ids of 12 bytes that begin with first, first + 1, ... */
void solo_send_ids(struct solo *s, uint32_t slot, enum trace_control kind, uint32_t first,
                   uint32_t count)
{
    struct buf body, item;
    uint8_t id[12] = {0};

    buf_init(&body, RPC_MAX);
    buf_init(&item, RPC_MAX);
    if (kind == TRACE_CONTROL_IHAVE)
        pb_append_bytes(&body, 1, slice_text(T));
    for (uint32_t i = 0; i < count; i++) {
        store_be32(id, first + i);
        pb_append_bytes(&body, kind == TRACE_CONTROL_IHAVE ? RPC_IHAVE_IDS : RPC_IWANT_IDS,
                        slice_of(id, sizeof id));
    }
    pb_append_bytes(&item, kind, buf_slice(&body));
    buf_clear(&s->rpc);
    pb_append_bytes(&s->rpc, RPC_FIELD_CONTROL, buf_slice(&item));
    buf_deinit(&body);
    buf_deinit(&item);
    solo_send(s, slot);
}

/* A framed message of the identity with that number. */
struct span solo_foreign_frame(const struct gossipsub_config *config, uint32_t author,
                               uint32_t number, uint32_t size)
{
    struct gossipsub_config own = *config;
    struct identity identity;
    uint8_t seed[32] = {9};
    struct blob *data = blob_new(size);
    struct span frame;

    store_be32(seed + 4, author);
    identity_from_seed(&identity, seed);
    own.identity = &identity;
    memset(data->data, 'y', size);
    store_be32(data->data, number);
    frame = signing_compose(&own, slice_text(T), blob_slice(data), number);
    blob_unref(data);
    return frame;
}

int solo_feed(struct solo *s, uint32_t slot, struct span frame)
{
    struct peerid id = gossip_puppet_id(slot);
    struct chain in;
    int err;

    chain_init(&in);
    chain_push(&in, frame);
    err = gossipsub_feed(s->node->g, s->net->now_ns, slot, &id, &in);
    chain_deinit(&in);
    return err;
}

int solo_feed_new(struct solo *s, uint32_t slot, struct span frame)
{
    int err = solo_feed(s, slot, frame);

    span_unref(frame);
    return err;
}

uint32_t solo_control_count(const struct solo *s, enum trace_control kind)
{
    struct rpc_summary summary;

    assert_int_equal(rpc_check(buf_slice(&s->rpc), &summary), ERR_OK);
    return summary.control[kind].count;
}

uint32_t solo_message_count(const struct solo *s)
{
    struct rpc_summary summary;

    assert_int_equal(rpc_check(buf_slice(&s->rpc), &summary), ERR_OK);
    return summary.publishes;
}

bool solo_take(struct solo *s, uint32_t slot)
{
    return gossip_puppet_take(s->net, 0, slot, &s->rpc);
}

static size_t id_first12(const struct gossipsub_message *m, uint8_t out[static GOSSIPSUB_ID_MAX])
{
    memset(out, 0, 12);
    memcpy(out, m->data.data, 4);
    return 12;
}

struct solo solo_first12(uint32_t rpc_size_max)
{
    struct gossipsub_config config = gossip_config();

    config.message_id = id_first12;
    if (rpc_size_max)
        config.params.rpc_size_max = rpc_size_max;
    return solo_new(&config);
}
