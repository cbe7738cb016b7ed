/* Peers and their streams: handshake, framing, queues. What the messages mean is in message.c. */
#include "stack/algorand/network.h"

#include "stack/algorand/handshake.h"
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/base/rng.h"

#define SECOND_NS 1000000000u

struct algorand_config algorand_config_default(void)
{
    return (struct algorand_config){
        .genesis = "",
        .features = "",
        .gossip_service = true,
        .digest_filter = true,
        .queue_max = 11000, /* the largest committees of a round */
        .queue_stale_ns = 25ull * SECOND_NS,
        .seen_ttl_ns = 60ull * SECOND_NS,
        .validation_queue_max = 20000,
        .handshake_timeout_ns = 10ull * SECOND_NS,
    };
}

struct algorand *algorand_new(const struct algorand_config *config, const struct algorand_env *env)
{
    struct algorand *a = mem_zalloc(sizeof *a);

    CHECK(config->genesis && config->features && config->queue_max > 0);
    CHECK(env->wants_write && env->disconnect);
    a->config = *config;
    a->env = *env;
    timers_init(&a->timers);
    arrivals_init(&a->arrivals, config->seen_ttl_ns,
                  rng_derive(config->seed, "algorand-arrivals", 0));
    return a;
}

static void drop_greeting(struct algorand *a, struct peer *p)
{
    if (!p->greeting)
        return;
    timer_disarm(&a->timers, &p->greeting->timer);
    mem_free(p->greeting);
    p->greeting = NULL;
}

void network_kill_peer(struct algorand *a, struct peer *p)
{
    if (p->state == PEER_READY) {
        CHECK(a->ready_count > 0);
        a->ready_count--;
    }
    p->state = PEER_DEAD;
    drop_greeting(a, p);
    lanes_deinit(&p->lanes);
    if (p->digests)
        digests_deinit(p->digests);
    mem_free(p->digests);
    p->digests = NULL;
}

void algorand_free(struct algorand *a)
{
    if (!a)
        return;
    for (uint32_t slot = 0; slot < a->peers_size; slot++)
        algorand_stream_closed(a, 0, slot);
    CHECK(a->ready_count == 0 && timers_deadline(&a->timers) == TIME_NEVER);
    mem_free(a->peers);
    timers_deinit(&a->timers);
    arrivals_deinit(&a->arrivals);
    pending_deinit(&a->pending);
    lanes_deinit(&a->held);
    mem_free(a->memo);
    mem_free(a);
}

void network_trace(const struct algorand *a, uint64_t now_ns, const struct trace_event *event)
{
    if (a->env.trace)
        a->env.trace(a->env.ctx, now_ns, event);
}

struct trace_event network_event(enum trace_kind kind, uint32_t slot, const struct envelope *e)
{
    CHECK(e->tag < TAG_COUNT);
    return (struct trace_event){
        .kind = kind,
        .protocol = TRACE_ALGORAND,
        .peer = slot,
        .size = e->frame.size - ENVELOPE_HEAD_SIZE,
        .id = slice_of(e->id, sizeof e->id),
        .topic = slice_of(tag_table[e->tag].text, TAG_SIZE),
    };
}

static bool is_gossip(const struct envelope *e)
{
    return e->tag < TAG_COUNT && tag_table[e->tag].kind == TAG_GOSSIP;
}

void network_enqueue(struct algorand *a, uint64_t now_ns, uint32_t slot, struct envelope *e)
{
    struct peer *p = network_peer(a, slot);
    bool high = e->tag == TAG_COUNT || tag_table[e->tag].high;

    CHECK(p && p->state != PEER_DEAD);
    if (!lanes_push(&p->lanes, high, e, a->config.queue_max)) {
        struct trace_event event = network_event(TRACE_DROP, slot, e);

        event.count = lanes_count(&p->lanes);
        network_trace(a, now_ns, &event);
        return;
    }
    if (lanes_count(&p->lanes) == 1)
        a->env.wants_write(a->env.ctx, slot);
}

/* --- the handshake --- */

static void handshake_expired(struct timer *t, uint64_t now_ns)
{
    struct greeting *g = CONTAINER_OF(t, struct greeting, timer);
    struct algorand *a = g->network;
    uint32_t slot = g->slot;

    (void)now_ns;
    network_kill_peer(a, network_peer(a, slot)); /* frees g */
    a->env.disconnect(a->env.ctx, slot, ERR_TIMEOUT);
}

static void greet(struct algorand *a, uint64_t now_ns, uint32_t slot)
{
    const struct handshake_offer offer = {a->config.genesis, a->config.features};
    static const uint8_t v10[] = {HANDSHAKE_V10_BYTE};
    bool is_v10 = network_peer(a, slot)->version == ALGORAND_V10;
    struct envelope *e =
        envelope_new(TAG_COUNT, is_v10 ? span_static(v10, sizeof v10) : handshake_write(&offer));

    e->queued_ns = now_ns;
    network_enqueue(a, now_ns, slot, e);
    envelope_unref(e);
}

static void become_ready(struct algorand *a, uint64_t now_ns, struct peer *p)
{
    CHECK(p->state == PEER_GREETING);
    drop_greeting(a, p);
    p->state = PEER_READY;
    if (a->ready_count++ == 0)
        message_release_held(a, now_ns);
}

static struct peer *add_peer(struct algorand *a, uint32_t slot)
{
    struct peer *p = mem_zalloc(sizeof *p);

    if (slot >= a->peers_size) {
        uint32_t size = a->peers_size ? a->peers_size : 4;

        while (size <= slot)
            size *= 2;
        a->peers = mem_grow(a->peers, size, sizeof(struct peer *));
        memset(a->peers + a->peers_size, 0, (size - a->peers_size) * sizeof(struct peer *));
        a->peers_size = size;
    }
    p->session = a->session_next++;
    a->peers[slot] = p;
    return p;
}

void algorand_validation_default(struct algorand *a, uint64_t delay_ns)
{
    a->config.validation_delay_ns = delay_ns;
}

void algorand_stream_start(struct algorand *a, uint64_t now_ns, uint32_t peer,
                           enum algorand_version version, bool dialled)
{
    struct peer *p = network_peer(a, peer);

    CHECK(version < ALGORAND_VERSION_COUNT && peer < TRACE_NO_PEER / 2);
    CHECK(dialled || a->config.gossip_service);
    if (p)
        network_kill_peer(a, p);
    else
        p = add_peer(a, peer);
    p->state = PEER_GREETING;
    p->version = (uint8_t)version;
    p->dialled = dialled;
    p->features = 0;
    p->wanted = tag_set_default();
    p->greeting = mem_zalloc(sizeof *p->greeting);
    p->greeting->network = a;
    p->greeting->slot = peer;
    timer_init(&p->greeting->timer, handshake_expired);
    timer_arm(&a->timers, &p->greeting->timer, now_ns + a->config.handshake_timeout_ns);
    if (dialled)
        greet(a, now_ns, peer);
    if (dialled && version == ALGORAND_V10) /* the dialler reads nothing */
        become_ready(a, now_ns, p);
}

void algorand_stream_closed(struct algorand *a, uint64_t now_ns, uint32_t peer)
{
    struct peer *p = network_peer(a, peer);

    (void)now_ns;
    if (!p)
        return;
    network_kill_peer(a, p);
    mem_free(p);
    a->peers[peer] = NULL;
}

bool algorand_peer_ready(const struct algorand *a, uint32_t peer)
{
    const struct peer *p = network_peer(a, peer);

    return p && p->state == PEER_READY;
}

unsigned algorand_peer_features(const struct algorand *a, uint32_t peer)
{
    const struct peer *p = network_peer(a, peer);

    return p ? p->features : 0;
}

/* 1: done; 0: more bytes are needed. */
static int feed_greeting(struct algorand *a, uint64_t now_ns, uint32_t slot, struct chain *in)
{
    struct peer *p = network_peer(a, slot);
    struct handshake_answer answer = {0};

    if (p->version == ALGORAND_V10) {
        CHECK(!p->dialled);
        if (in->size == 0)
            return 0;
        chain_drop(in, 1); /* its value is not looked at */
    } else {
        size_t size = handshake_size(in);
        struct span whole;
        int err;

        if (size == 0 || in->size < size)
            return 0;
        whole = chain_take(in, size);
        err = handshake_read(&answer, slice_of(whole.data + 2, whole.size - 2));
        span_unref(whole);
        if (err < 0)
            return err;
        if (!p->dialled)
            greet(a, now_ns, slot);
    }
    p->features = (uint8_t)answer.features;
    become_ready(a, now_ns, p);
    return 1;
}

/* --- frames --- */

/* The tag and whole size of the frame at the front of `in`: 1; 0 when they are not there yet. What
 * the head alone shows to be wrong is refused before the payload is waited for. */
static int read_head(const struct chain *in, enum tag *tag, size_t *frame_size)
{
    uint8_t head[ENVELOPE_HEAD_SIZE];
    uint32_t length;

    if (in->size < 4)
        return 0;
    chain_peek(in, 0, head, in->size < sizeof head ? 4 : sizeof head);
    length = load_be32(head);
    if (length < TAG_SIZE)
        return ERR_MALFORMED;
    if (length > ALGORAND_FRAME_MAX)
        return ERR_TOO_LARGE;
    if (in->size < sizeof head)
        return 0;
    *tag = tag_find(head + 4);
    *frame_size = 4 + (size_t)length;
    if (*tag == TAG_COUNT)
        return 1;
    if (*tag == TAG_TS)
        return ERR_PROTOCOL; /* we request nothing: a response was not asked for */
    return length - TAG_SIZE > tag_table[*tag].payload_max ? ERR_TOO_LARGE : 1;
}

/* 1: a frame was consumed; 0: more bytes are needed. */
static int feed_frame(struct algorand *a, uint64_t now_ns, uint32_t slot, struct chain *in)
{
    enum tag tag;
    size_t frame_size;
    int got = read_head(in, &tag, &frame_size);

    if (got <= 0)
        return got;
    if (in->size < frame_size)
        return 0;
    if (tag == TAG_COUNT || tag_table[tag].kind == TAG_REQUEST) {
        chain_drop(in, frame_size);
        if (tag == TAG_COUNT)
            a->stats.unknown_tags++;
        else
            a->stats.unserved++;
        return 1;
    }
    got = message_receive(a, now_ns, slot, tag, chain_take(in, frame_size));
    return got < 0 ? got : 1;
}

int algorand_feed(struct algorand *a, uint64_t now_ns, uint32_t peer, struct chain *in)
{
    struct peer *p = network_peer(a, peer);
    int got;

    if (!p || p->state == PEER_DEAD)
        return ERR_CLOSED;
    do {
        got = p->state == PEER_GREETING ? feed_greeting(a, now_ns, peer, in)
                                        : feed_frame(a, now_ns, peer, in);
    } while (got > 0 && p->state != PEER_DEAD); /* a verdict may have ended it */
    if (got < 0)
        network_kill_peer(a, p);
    return got < 0 ? got : ERR_OK;
}

/* Whether the next message goes out: 1; 0 when the peer does not want it; ERR_TIMEOUT. */
static int may_send(struct algorand *a, uint64_t now_ns, const struct peer *p,
                    const struct envelope *e)
{
    if (e->tag < TAG_COUNT && !tag_in(p->wanted, (enum tag)e->tag)) {
        a->stats.unwanted++;
        return 0;
    }
    return now_ns - e->queued_ns > a->config.queue_stale_ns ? ERR_TIMEOUT : 1;
}

int algorand_pull(struct algorand *a, uint64_t now_ns, uint32_t peer, struct chain *out)
{
    struct peer *p = network_peer(a, peer);
    struct envelope *e;
    int verdict = 0;

    if (!p)
        return 0;
    while (verdict == 0 && (e = lanes_pop(&p->lanes)) != NULL) {
        verdict = may_send(a, now_ns, p, e);
        if (verdict > 0) {
            chain_push(out, e->frame);
            if (is_gossip(e)) {
                struct trace_event event = network_event(TRACE_SEND, peer, e);

                network_trace(a, now_ns, &event);
            }
        }
        envelope_unref(e);
    }
    if (verdict < 0)
        network_kill_peer(a, p);
    return verdict;
}

/* --- time --- */

uint64_t algorand_deadline(const struct algorand *a)
{
    uint64_t timers = timers_deadline(&a->timers), judging = pending_deadline(&a->pending);

    return timers < judging ? timers : judging;
}

void algorand_tick(struct algorand *a, uint64_t now_ns)
{
    timers_run(&a->timers, now_ns);
    message_judge_due(a, now_ns);
}

const struct algorand_stats *algorand_stats(const struct algorand *a)
{
    return &a->stats;
}
