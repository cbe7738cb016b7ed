/* Peers and their two streams: ours, which we write, and theirs, which we read (pubsub spec). */
#include "sim/adversary/internal.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/wire/varint.h"

static struct acquaintance *peer_at(struct adversary *a, uint32_t slot)
{
    if (slot >= a->peer_capacity) {
        uint32_t capacity = slot < 8 ? 8 : slot + slot / 2;

        a->peers = mem_grow(a->peers, capacity, sizeof(struct acquaintance *));
        while (a->peer_capacity < capacity)
            a->peers[a->peer_capacity++] = NULL;
    }
    if (!a->peers[slot]) {
        a->peers[slot] = mem_zalloc(sizeof *a->peers[slot]);
        a->peers[slot]->slot = slot;
        a->peers[slot]->backoff_ns = mem_zalloc(a->plan->group->topic_count * sizeof(uint64_t));
        chain_init(&a->peers[slot]->unread);
        chain_init(&a->peers[slot]->unsent);
    }
    return a->peers[slot];
}

struct acquaintance *peers_next(const struct adversary *a, uint32_t *at)
{
    while (*at < a->peer_capacity) {
        struct acquaintance *p = a->peers[(*at)++];

        if (p)
            return p;
    }
    return NULL;
}

static void forget(struct adversary *a, struct acquaintance *p)
{
    chain_deinit(&p->unread);
    chain_deinit(&p->unsent);
    a->peers[p->slot] = NULL;
    mem_free(p->backoff_ns);
    mem_free(p);
}

void peers_free(struct adversary *a)
{
    struct acquaintance *p;

    for (uint32_t at = 0; (p = peers_next(a, &at)) != NULL;)
        forget(a, p);
    mem_free(a->peers);
}

static void open_out(struct adversary *a, uint64_t now_ns, struct acquaintance *p)
{
    app_stream_open(a->node, now_ns, &p->id, &a->protocols[p->version], p); /* else the peer hears nothing of us */
}

void peers_connected(struct adversary *a, uint64_t now_ns, uint32_t slot)
{
    struct acquaintance *p = peer_at(a, slot);
    struct node_peer is;

    CHECK(!p->in && !p->out && node_peer(a->node, slot, &is)); /* the streams of an earlier connection went with it */
    *p = (struct acquaintance){
        .id = is.id, .slot = slot, .backoff_ns = p->backoff_ns, .unread = p->unread, .unsent = p->unsent};
    memset(p->backoff_ns, 0, a->plan->group->topic_count * sizeof *p->backoff_ns);
    chain_drop(&p->unread, p->unread.size);
    chain_drop(&p->unsent, p->unsent.size);
    open_out(a, now_ns, p);
}

static void write_on(struct acquaintance *p, uint64_t now_ns)
{
    if (p->open && p->unsent.size)
        app_stream_write(p->out, now_ns, &p->unsent);
}

bool peers_send(struct acquaintance *p, uint64_t now_ns, struct span frame)
{
    if (!p->open || p->unsent.size > OUT_MAX)
        return false;
    chain_push(&p->unsent, frame);
    write_on(p, now_ns);
    return true;
}

static void opened(void *ctx, uint64_t now_ns, struct app_stream *s)
{
    struct adversary *a = ctx;
    struct acquaintance *p = app_stream_user(s);
    uint32_t slot;

    if (app_stream_outbound(s)) {
        p->out = s;
        p->open = true;
        speech_hello(a, now_ns, p);
        return;
    }
    CHECK(node_peer_find(a->node, app_stream_peer(s), &slot));
    p = peer_at(a, slot);
    if (p->in)
        app_stream_reset(p->in, now_ns); /* the newest one counts */
    chain_drop(&p->unread, p->unread.size);
    p->in = s;
    app_stream_set_user(s, p);
}

/* Takes the next RPC out of what was read: 1, 0 when it is not all there, or a negative err. */
static int next_rpc(struct adversary *a, uint64_t now_ns, struct acquaintance *p)
{
    uint8_t head[RPC_PREFIX_MAX];
    size_t size = p->unread.size < sizeof head ? p->unread.size : sizeof head;
    struct span frame;
    uint64_t length;
    int prefix;

    chain_peek(&p->unread, 0, head, size);
    prefix = varint_read(slice_of(head, size), &length);
    if (prefix == 0 && size < sizeof head)
        return 0;
    if (prefix <= 0 || length > a->plan->group->gossipsub.rpc_size_max)
        return ERR_PROTOCOL;
    if (p->unread.size - (size_t)prefix < length)
        return 0;
    frame = chain_take(&p->unread, (size_t)prefix + length);
    hear_rpc(a, now_ns, p, frame, slice_of(frame.data + prefix, length));
    span_unref(frame);
    return 1;
}

static void data(void *ctx, uint64_t now_ns, struct app_stream *s, struct chain *in)
{
    struct adversary *a = ctx;
    struct acquaintance *p = app_stream_user(s);
    int more = p->in == s && !app_stream_outbound(s);

    if (!more) {
        chain_drop(in, in->size);
        return;
    }
    chain_move_all(&p->unread, in);
    while (more > 0 && p->unread.size)
        more = next_rpc(a, now_ns, p);
    if (more < 0)
        app_stream_reset(s, now_ns);
    adversary_arm(a);
}

static void writable(void *ctx, uint64_t now_ns, struct app_stream *s)
{
    struct acquaintance *p = app_stream_user(s);

    (void)ctx;
    if (p->out == s)
        write_on(p, now_ns);
}

/* Its meshes end with our stream: without it we cannot say a word. */
static void leave_meshes(struct adversary *a, uint64_t now_ns, struct acquaintance *p)
{
    for (uint32_t t = 0; t < a->plan->group->topic_count; t++)
        if (p->mesh & 1ull << t)
            adversary_trace(a, now_ns, &(struct trace_event){.kind = TRACE_PRUNE, .peer = p->slot,
                                                             .topic = slice_text(adversary_topic(a, t))});
    p->mesh = 0;
}

static void closed(void *ctx, uint64_t now_ns, struct app_stream *s, int err)
{
    struct adversary *a = ctx;
    struct acquaintance *p = app_stream_user(s);

    if (!p)
        return;
    if (p->in == s) {
        p->in = NULL;
        p->topics = 0;
    }
    if (!app_stream_outbound(s) || (p->out && p->out != s))
        return;
    leave_meshes(a, now_ns, p);
    p->out = NULL;
    p->open = false;
    if (!a->node)
        return;
    if (err == ERR_UNSUPPORTED && p->version + 1 < a->protocol_count) {
        p->version++;
        open_out(a, now_ns, p);
    }
}

const struct app_protocol peers_protocol = {.opened = opened, .data = data, .writable = writable, .closed = closed};
