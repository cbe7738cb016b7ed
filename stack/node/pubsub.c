/* GossipSub on streams: one that we open and write, one that the peer opens and we read. */
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/fetch.h"
#include "stack/base/mem.h"
#include "stack/node/internal.h"
#include "stack/wire/multiaddr.h"
#include "stack/wire/record.h"

static void gossip_fire(struct timer *t, uint64_t now_ns)
{
    struct node *n = CONTAINER_OF(t, struct node, gossip_timer);

    gossipsub_tick(n->gossipsub, now_ns);
}

void pubsub_rearm(struct node *n)
{
    uint64_t deadline = gossipsub_deadline(n->gossipsub);

    if (!timer_armed(&n->gossip_timer) || n->gossip_timer.deadline_ns != deadline)
        timer_arm(&n->timers, &n->gossip_timer, deadline);
}

static void wants_write(void *ctx, uint32_t peer)
{
    struct conn *c = node_conn(ctx, peer);

    CHECK(c);
    c->gossip_wants = true;
    conn_dirty(c);
}

static void may_write(void *ctx, uint32_t peer, unsigned step)
{
    struct conn *c = node_conn(ctx, peer);

    if (c)
        conn_expect_flush(c, peer, ctx, step);
}

static uint64_t charge(void *ctx, unsigned works, uint64_t bytes)
{
    return node_charge(ctx, works, bytes);
}

static enum gossipsub_verdict validate(void *ctx, const struct gossipsub_message *m)
{
    struct node *n = ctx;

    return n->events.validate ? n->events.validate(n->events.ctx, m) : GOSSIPSUB_ACCEPT;
}

static void deliver(void *ctx, uint64_t now_ns, const struct gossipsub_message *m)
{
    struct node *n = ctx;

    if (n->events.delivered)
        n->events.delivered(n->events.ctx, now_ns, m);
}

static void peer_topic(void *ctx, uint32_t peer, struct slice topic, bool joined)
{
    struct node *n = ctx;

    n->events.peer_topic(n->events.ctx, n->now_ns, peer, topic, joined);
}

static void trace(void *ctx, uint64_t now_ns, const struct trace_event *event)
{
    struct node *n = ctx;

    CHECK(now_ns == n->now_ns);
    node_trace(n, event);
}

/* Peers that somebody who pruned us knows: only a signed record tells where they are. */
static void peer_exchange(void *ctx, struct slice peer_id, struct slice signed_record)
{
    struct node *n = ctx;
    struct record *r = mem_zalloc(sizeof *r);
    struct endpoint at;
    struct peerid named, in_addr;
    bool has_peer;

    if (peerid_from_bytes(&named, peer_id) == ERR_OK && record_open(signed_record, r) == ERR_OK &&
        peerid_equal(&named, &r->peer) && !peerid_equal(&named, &n->identity.id)) {
        for (size_t i = 0; i < r->addr_count; i++)
            if (multiaddr_to_endpoint(r->addrs[i], &at, &in_addr, &has_peer) == ERR_OK) {
                dialer_add(n, &at, &named, false);
                break;
            }
    }
    mem_free(r);
}

static const struct peerid *peer_id(void *ctx, uint32_t peer)
{
    const struct conn *c = node_conn(ctx, peer);

    return c ? &c->peer : NULL;
}

static struct slice peer_record(void *ctx, uint32_t peer)
{
    const struct conn *c = node_conn(ctx, peer);

    return c && c->peer_record ? blob_slice(c->peer_record) : slice_of(NULL, 0);
}

static bool peer_address(void *ctx, uint32_t peer, struct endpoint *at)
{
    const struct conn *c = node_conn(ctx, peer);

    if (c)
        *at = c->remote;
    return c != NULL;
}

static double app_score(void *ctx, uint32_t peer)
{
    const struct node *n = ctx;
    const struct conn *c = node_conn(n, peer);

    return c ? n->events.app_score(n->events.ctx, &c->peer) : 0;
}

/* Direct peers that are missing are dialled where they were when they were named. */
static void connect_direct(void *ctx, const struct peerid *id)
{
    struct node *n = ctx;

    for (uint32_t i = 0; i < n->direct_count; i++)
        if (peerid_equal(&n->directs[i].id, id))
            dialer_add(n, &n->directs[i].at, id, false);
}

static void test_extension(void *ctx, uint32_t peer)
{
    struct node *n = ctx;

    n->events.test_extension(n->events.ctx, n->now_ns, peer);
}

/* Keeps the signed record of a peer, to tell others of it. */
void pubsub_learn_record(struct conn *c, struct slice record)
{
    struct record *r;

    if (!c->node->config.gossipsub.params.do_px || !record.size)
        return;
    r = mem_zalloc(sizeof *r);
    if (record_open(record, r) == ERR_OK && peerid_equal(&r->peer, &c->peer)) {
        blob_unref(c->peer_record);
        c->peer_record = blob_copy(record);
    }
    mem_free(r);
}

void pubsub_init(struct node *n)
{
    const struct gossipsub_env env = {
        .ctx = n,
        .wants_write = wants_write,
        .may_write = may_write,
        .validate = validate,
        .deliver = deliver,
        .trace = trace,
        .peer_exchange = peer_exchange,
        .peer_topic = n->events.peer_topic ? peer_topic : NULL,
        .charge = n->charges_work ? charge : NULL,
        .peer_id = peer_id,
        .peer_record = peer_record,
        .peer_address = peer_address,
        .connect = connect_direct,
        .partial = n->events.partial,
        .app_score = n->events.app_score ? app_score : NULL,
        .test_extension = n->events.test_extension ? test_extension : NULL,
    };
    struct gossipsub_config config = n->config.gossipsub;

    config.identity = &n->identity;
    config.seqno_first += n->now_ns + 1; /* strictly greater after a restart: time only goes on */
    timer_init(&n->gossip_timer, gossip_fire);
    n->gossipsub = gossipsub_new(&config, &env, n->now_ns);
}

void pubsub_conn_ready(struct conn *c)
{
    if (!c->gossip_out)
        c->gossip_out = stream_open(c, &c->node->pubsub_protocol);
}

void pubsub_pull(struct conn *c)
{
    struct chain frame;

    if (c->doomed)
        return;
    if (!c->gossip_out || c->gossip_out->state != STREAM_OPEN) {
        c->gossip_wants = false;
        return;
    }
    if (c->gossip_out->mux->out.size)
        return; /* the last one has not left yet */
    chain_init(&frame);
    if (gossipsub_pull(c->node->gossipsub, c->node->now_ns, c->handle.index, &frame))
        yamux_send(c->yamux, c->gossip_out->mux, &frame);
    else
        c->gossip_wants = false;
}

static int opened(struct stream *s, uint64_t now_ns)
{
    struct conn *c = s->conn;
    struct stream *old;

    if (s->outbound) {
        gossipsub_peer_add(c->node->gossipsub, now_ns, c->handle.index, &c->peer,
                           (enum gossipsub_version)c->node->pubsub_versions[s->version], c->dialled);
        return ERR_OK;
    }
    old = c->gossip_in;
    c->gossip_in = s; /* the newest one wins, as with go; what the peer told before stays */
    if (old)
        stream_reset(old, YAMUX_RESET_NONE);
    return ERR_OK;
}

static int data(struct stream *s, uint64_t now_ns)
{
    struct conn *c = s->conn;

    if (s->outbound)
        return ERR_PROTOCOL; /* nobody answers on a pubsub stream */
    return gossipsub_feed(c->node->gossipsub, now_ns, c->handle.index, &c->peer, &s->mux->in);
}

static void closed(struct stream *s, uint64_t now_ns, int err)
{
    struct conn *c = s->conn;

    (void)err;
    if (s == c->gossip_in) {
        c->gossip_in = NULL;
        gossipsub_inbound_closed(c->node->gossipsub, now_ns, c->handle.index);
    }
    if (s != c->gossip_out)
        return;
    c->gossip_out = NULL;
    c->gossip_wants = false;
    if (s->state != STREAM_OPEN)
        return; /* refused: identify-push may tell later that it is spoken after all */
    gossipsub_peer_remove(c->node->gossipsub, now_ns, c->handle.index);
    if (!c->closing && c->reopened < NODE_STREAM_REOPEN_MAX) {
        c->reopened++;
        pubsub_conn_ready(c);
    }
}

static void finished(struct stream *s, uint64_t now_ns)
{
    (void)now_ns;
    if (s->mux->out.size) { /* who has no more to say may not make room for it either */
        stream_reset(s, YAMUX_RESET_NONE);
        return;
    }
    stream_finish(s);
    stream_end(s, ERR_CLOSED);
}

void pubsub_offer(struct node *n)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < GOSSIPSUB_PROTOCOL_COUNT; i++) {
        if (!(n->config.gossipsub_versions >> gossipsub_version_of(i) & 1))
            continue;
        n->pubsub_versions[count] = (uint8_t)gossipsub_version_of(i);
        n->pubsub_ids[count++] = gossipsub_protocols[i];
    }
    CHECK(count > 0);
    n->pubsub_protocol = (struct protocol){{n->pubsub_ids, count}, 0, opened, data, finished, closed, NULL, false};
    node_serve_protocol(n, &n->pubsub_protocol);
}
