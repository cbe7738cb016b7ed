/* The small protocols that every libp2p node speaks: identify, identify-push and ping. */
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/identify/ping.h"
#include "stack/node/internal.h"
#include "stack/wire/multiaddr.h"
#include "stack/wire/record.h"

_Static_assert(NODE_ANNOUNCED_MAX <= RECORD_ADDRS_MAX && NODE_ANNOUNCED_MAX <= IDENTIFY_ADDRS_MAX, "all are told");

static const char *const identify_ids[] = {IDENTIFY_PROTOCOL};
static const char *const push_ids[] = {IDENTIFY_PUSH_PROTOCOL};
static const char *const ping_ids[] = {PING_PROTOCOL};

/* Appends our addresses to `out`; slices[i] are they. */
static void write_addresses(const struct node *n, struct buf *out, struct slice *slices)
{
    size_t ends[NODE_ANNOUNCED_MAX];

    for (uint32_t i = 0; i < n->announced_count; i++) {
        multiaddr_from_endpoint(out, &n->announced[i], NULL);
        ends[i] = out->size;
    }
    for (uint32_t i = 0; i < n->announced_count; i++) {
        size_t begin = i ? ends[i - 1] : 0;

        slices[i] = slice_of(out->data + begin, ends[i] - begin);
    }
}

/* Signed once for a set of addresses: a simulation asks for it very often. A later one has a larger number, also after
 * a restart where the node is told the unix time. */
void services_sign_record(struct node *n)
{
    struct record *r = mem_zalloc(sizeof *r);
    uint64_t seq = n->config.gossipsub.seqno_first + n->now_ns + 1;
    struct buf addrs;

    n->record_seq = seq > n->record_seq ? seq : n->record_seq + 1;
    buf_init(&addrs, NODE_ANNOUNCED_MAX * MULTIADDR_SIZE_MAX);
    write_addresses(n, &addrs, r->addrs);
    r->seq = n->record_seq;
    r->addr_count = n->announced_count;
    buf_clear(&n->record);
    if (n->announced_count)
        CHECK(record_seal(r, &n->identity, &n->record) == ERR_OK);
    buf_deinit(&addrs);
    mem_free(r);
}

/* ---- identify: the opener asks, the acceptor tells and closes ---- */

static int tell(struct stream *s)
{
    struct node *n = s->conn->node;
    struct identify *id = mem_zalloc(sizeof *id);
    struct buf message, addrs, observed;
    uint8_t key[PUBLIC_KEY_PB_SIZE];
    struct chain out;
    int err;

    buf_init(&message, IDENTIFY_MESSAGE_MAX);
    buf_init(&addrs, NODE_ANNOUNCED_MAX * MULTIADDR_SIZE_MAX);
    buf_init(&observed, MULTIADDR_SIZE_MAX);
    public_key_pb_write(key, n->identity.public_key);
    multiaddr_from_endpoint(&observed, &s->conn->remote, NULL);
    write_addresses(n, &addrs, id->listen_addrs);
    id->public_key = slice_of(key, sizeof key);
    id->protocol_version = slice_text("ipfs/0.1.0");
    id->agent_version = slice_text(n->config.agent);
    id->observed_addr = buf_slice(&observed);
    id->listen_addr_count = n->announced_count;
    for (uint32_t i = 0; i < n->served_count; i++)
        id->protocols[i] = slice_text(n->served_ids[i]);
    id->protocol_count = n->served_count;
    id->signed_record = buf_slice(&n->record);
    err = identify_write(id, &message);
    if (err == ERR_OK) {
        chain_init(&out);
        chain_append(&out, buf_slice(&message));
        stream_write(s, &out);
        stream_finish(s);
    }
    buf_deinit(&message);
    buf_deinit(&addrs);
    buf_deinit(&observed);
    mem_free(id);
    return err;
}

/* A peer that never comes to the end of it must not hold the stream for ever. */
static void hurry(struct stream *s)
{
    stream_deadline(s, s->conn->node->now_ns + NODE_IDENTIFY_TIMEOUT_NS);
}

static void ask(struct stream *s)
{
    struct identify_reader *r = mem_zalloc(sizeof *r);

    identify_reader_init(r);
    s->own = r;
    hurry(s);
}

static int identify_opened(struct stream *s, uint64_t now_ns)
{
    (void)now_ns;
    if (!s->outbound)
        return tell(s);
    stream_finish(s); /* nothing to say on this side */
    ask(s);
    return ERR_OK;
}

static int push_opened(struct stream *s, uint64_t now_ns)
{
    (void)now_ns;
    if (s->outbound) {
        hurry(s);
        return tell(s);
    }
    if (s->conn->pushes == NODE_PUSHES_MAX)
        return ERR_LIMIT; /* each may make us hold what identify may be long */
    s->conn->pushes++;
    ask(s);
    return ERR_OK;
}

static int identify_data(struct stream *s, uint64_t now_ns)
{
    (void)now_ns;
    if (!s->own) {
        chain_drop(&s->mux->in, s->mux->in.size); /* the asker has nothing to say */
        return ERR_OK;
    }
    return identify_reader_feed(s->own, &s->mux->in);
}

static bool speaks(const struct identify *id, const char *protocol)
{
    for (size_t i = 0; i < id->protocol_count; i++)
        if (slice_equal(id->protocols[i], slice_text(protocol)))
            return true;
    return false;
}

static bool speaks_pubsub(const struct node *n, const struct identify *id)
{
    for (size_t i = 0; i < n->pubsub_protocol.ids.count; i++)
        if (speaks(id, n->pubsub_ids[i]))
            return true;
    return false;
}

/* The peer must be who the handshake said; then its protocols are believed. */
static int learn(struct stream *s)
{
    struct identify *id = mem_zalloc(sizeof *id);
    struct conn *c = s->conn;
    struct node *n = c->node;
    struct peerid claimed;
    int err = identify_reader_finish(s->own, id);

    if (err == ERR_OK && id->public_key.size) {
        err = peerid_from_public_key(&claimed, id->public_key);
        if (err == ERR_OK && !peerid_equal(&claimed, &c->peer))
            err = ERR_WRONG_PEER;
    }
    if (err == ERR_OK && n->events.identified)
        n->events.identified(n->events.ctx, n->now_ns, c->handle.index, id, !s->outbound);
    if (err == ERR_OK && n->gossipsub)
        pubsub_learn_record(c, id->signed_record);
    if (err == ERR_OK && n->gossipsub && speaks_pubsub(n, id))
        pubsub_conn_ready(c);
    if (err == ERR_OK && id->has_protocols) {
        c->takes_push = speaks(id, IDENTIFY_PUSH_PROTOCOL);
        if (c->push_due)
            services_push(c);
    }
    mem_free(id);
    return err;
}

static void identify_finished(struct stream *s, uint64_t now_ns)
{
    (void)now_ns;
    if (!s->own)
        stream_end(s, ERR_CLOSED); /* we told, the asker is through as well */
    else if (s->mux->in.size || learn(s) != ERR_OK)
        stream_reset(s, YAMUX_RESET_VIOLATION);
    else if (s->outbound)
        stream_end(s, ERR_CLOSED);
    else {
        stream_finish(s);
        stream_end(s, ERR_CLOSED);
    }
}

static void identify_closed(struct stream *s, uint64_t now_ns, int err)
{
    (void)now_ns;
    (void)err;
    if (s->own && s->protocol == &identify_push_protocol)
        s->conn->pushes--;
    if (s->own)
        identify_reader_deinit(s->own);
    mem_free(s->own);
    s->own = NULL;
}

const struct protocol identify_protocol = {
    {identify_ids, 1}, 0, identify_opened, identify_data, identify_finished, identify_closed,
    NULL, false};
const struct protocol identify_push_protocol = {
    {push_ids, 1}, 0, push_opened, identify_data, identify_finished, identify_closed,
    NULL, false};

/* What changes before the peer said that it listens to pushes is kept until it does. */
void services_push(struct conn *c)
{
    c->push_due = !c->takes_push || !stream_open(c, &identify_push_protocol);
}

void services_push_all(struct node *n)
{
    for (uint32_t i = 0; i < n->conn_capacity; i++)
        if (n->conns[i] && n->conns[i]->state == CONN_READY && !n->conns[i]->doomed)
            services_push(n->conns[i]);
}

/* ---- ping: the acceptor echoes ---- */

static int ping_opened(struct stream *s, uint64_t now_ns)
{
    (void)s;
    (void)now_ns;
    return ERR_OK;
}

static int ping_data(struct stream *s, uint64_t now_ns)
{
    struct chain out;

    (void)now_ns;
    if (s->mux->out.size > NODE_PING_QUEUE_MAX || s->mux->in.size > NODE_PING_QUEUE_MAX)
        return ERR_LIMIT; /* asks without reading the answers, or without waiting for them */
    chain_init(&out);
    if (ping_answer(&s->mux->in, &out))
        stream_write(s, &out);
    return ERR_OK;
}

static void ping_finished(struct stream *s, uint64_t now_ns)
{
    (void)now_ns;
    stream_finish(s);
    stream_end(s, ERR_CLOSED);
}

static void ping_closed(struct stream *s, uint64_t now_ns, int err)
{
    (void)s;
    (void)now_ns;
    (void)err;
}

const struct protocol ping_protocol = {{ping_ids, 1}, 0, ping_opened, ping_data, ping_finished,
                                      ping_closed, NULL, false};
