/* The small protocols that every libp2p node speaks: identify, identify-push and ping. */
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/identify/ping.h"
#include "stack/node/internal.h"
#include "stack/wire/multiaddr.h"
#include "stack/wire/record.h"

static const char *const identify_ids[] = {IDENTIFY_PROTOCOL};
static const char *const push_ids[] = {IDENTIFY_PUSH_PROTOCOL};
static const char *const ping_ids[] = {PING_PROTOCOL};

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
    buf_init(&addrs, MULTIADDR_SIZE_MAX);
    buf_init(&observed, MULTIADDR_SIZE_MAX);
    public_key_pb_write(key, n->identity.public_key);
    multiaddr_from_endpoint(&observed, &s->conn->remote, NULL);
    if (n->config.listens)
        multiaddr_from_endpoint(&addrs, &n->config.listen, NULL);
    id->public_key = slice_of(key, sizeof key);
    id->protocol_version = slice_text("ipfs/0.1.0");
    id->agent_version = slice_text(n->config.agent);
    id->observed_addr = buf_slice(&observed);
    id->listen_addrs[0] = buf_slice(&addrs);
    id->listen_addr_count = n->config.listens;
    for (uint32_t i = 0; i < n->served_count; i++)
        id->protocols[i] = slice_text(n->served_ids[i]);
    id->protocol_count = n->served_count;
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

static void ask(struct stream *s)
{
    struct identify_reader *r = mem_zalloc(sizeof *r);

    identify_reader_init(r);
    s->own = r;
    s->deadline_ns = s->conn->node->now_ns + NODE_IDENTIFY_TIMEOUT_NS;
    if (s->deadline_ns < s->conn->deadline_ns)
        s->conn->deadline_ns = s->deadline_ns;
    conn_deadline(s->conn, s->deadline_ns);
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
    CHECK(!s->outbound);
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

static bool speaks_pubsub(const struct identify *id)
{
    for (size_t i = 0; i < id->protocol_count; i++)
        for (size_t j = 0; j < GOSSIPSUB_PROTOCOL_COUNT; j++)
            if (slice_equal(id->protocols[i], slice_text(gossipsub_protocols[j])))
                return true;
    return false;
}

/* The peer must be who the handshake said; then its protocols are believed. */
static int learn(struct stream *s)
{
    struct identify *id = mem_zalloc(sizeof *id);
    struct peerid claimed;
    int err = identify_reader_finish(s->own, id);

    if (err == ERR_OK && id->public_key.size) {
        err = peerid_from_public_key(&claimed, id->public_key);
        if (err == ERR_OK && !peerid_equal(&claimed, &s->conn->peer))
            err = ERR_WRONG_PEER;
    }
    if (err == ERR_OK && s->conn->node->gossipsub && speaks_pubsub(id))
        pubsub_conn_ready(s->conn);
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
    {identify_ids, 1}, 0, identify_opened, identify_data, identify_finished, identify_closed};
const struct protocol identify_push_protocol = {
    {push_ids, 1}, 0, push_opened, identify_data, identify_finished, identify_closed};

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

const struct protocol ping_protocol = {{ping_ids, 1}, 0, ping_opened, ping_data, ping_finished, ping_closed};
