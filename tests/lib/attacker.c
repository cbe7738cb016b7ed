/* The attacker's way up the layers, and its hands on each of them. */
#include "tests/lib/attacker.h"

#include "stack/algorand/handshake.h"
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/gossipsub/rpc.h"
#include "stack/wire/pb.h"
#include "stack/wire/varint.h"
#include "tests/lib/test.h"

#define HOST_FIRST 200 /* its addresses lie behind those of the nodes */
#define SIGNED_PREFIX "noise-libp2p-static-key:"

static const char *const security_ids[] = {"/noise"};
static const char *const muxer_ids[] = {"/yamux/1.0.0"};
static const char *const served_ids[] = {"/meshsub/1.1.0", "/algorand-ws/2.2.0"};
static const struct protocol_list security = {security_ids, 1}, muxers = {muxer_ids, 1};

static const struct backend_app app;

/* ---- bytes out ---- */

static void flush(struct attacker *a)
{
    if (a->connected)
        des_ops.send(a->host, a->conn, &a->wire_out);
}

void attacker_raw(struct attacker *a, struct slice bytes)
{
    chain_append(&a->wire_out, bytes);
    flush(a);
}

static void send_plain(struct attacker *a, struct chain *plain)
{
    noise_seal(&a->session, plain, &a->wire_out);
    flush(a);
}

void attacker_plain(struct attacker *a, struct slice bytes)
{
    struct chain plain;

    chain_init(&plain);
    chain_append(&plain, bytes);
    send_plain(a, &plain);
}

void attacker_raw_hex(struct attacker *a, const char *hex)
{
    struct blob *b = hex_blob(hex);

    attacker_raw(a, blob_slice(b));
    blob_unref(b);
}

void attacker_plain_hex(struct attacker *a, const char *hex)
{
    struct blob *b = hex_blob(hex);

    attacker_plain(a, blob_slice(b));
    blob_unref(b);
}

void attacker_frame(struct attacker *a, struct yamux_header header, struct slice payload)
{
    uint8_t bytes[YAMUX_HEADER_SIZE];
    struct chain plain;

    yamux_header_write(bytes, &header);
    chain_init(&plain);
    chain_append(&plain, slice_of(bytes, sizeof bytes));
    chain_append(&plain, payload);
    send_plain(a, &plain);
}

static void send_chain(struct attacker *a, uint32_t id, struct chain *bytes)
{
    struct span all;

    if (bytes->size == 0)
        return;
    all = chain_take(bytes, bytes->size);
    attacker_data(a, id, span_slice(all));
    span_unref(all);
}

/* ---- streams ---- */

struct attacker_stream *attacker_find(const struct attacker *a, uint32_t id)
{
    for (uint32_t i = a->stream_count; i-- > 0;)
        if (a->streams[i].id == id)
            return &a->streams[i];
    return NULL;
}

static struct attacker_stream *add_stream(struct attacker *a, uint32_t id, bool ours)
{
    if (a->stream_count == a->stream_capacity) {
        a->stream_capacity = a->stream_capacity ? a->stream_capacity * 2 : 8;
        a->streams = mem_grow(a->streams, a->stream_capacity, sizeof *a->streams);
    }
    a->streams[a->stream_count] =
        (struct attacker_stream){.id = id, .window = YAMUX_WINDOW_INITIAL, .ours = ours};
    return &a->streams[a->stream_count++];
}

/* Goes on with the choice of a protocol; the victim's refusals leave the stream as it is. */
static void negotiate(struct attacker *a, struct attacker_stream *s)
{
    struct chain answer;
    size_t chosen;
    int err;

    if (!s->negotiation.protocols.count)
        return;
    chain_init(&answer);
    err = multistream_feed(&s->negotiation, &s->in, &answer, &chosen);
    if (err == MULTISTREAM_DONE) {
        s->agreed = true;
        s->protocol = s->negotiation.protocols.ids[chosen];
    }
    if (err != MULTISTREAM_MORE)
        s->negotiation.protocols.count = 0;
    send_chain(a, s->id, &answer);
}

static void receive_data(struct attacker *a, struct attacker_stream *s, struct chain *bytes)
{
    uint32_t size = (uint32_t)bytes->size;

    s->received += size;
    chain_move_all(&s->in, bytes);
    if (!a->stingy && size)
        attacker_frame(a, (struct yamux_header){YAMUX_WINDOW_UPDATE, 0, s->id, size},
                       slice_of(NULL, 0));
    if (!s->agreed && !s->reset)
        negotiate(a, s);
    if (s->agreed && !a->keeps)
        chain_drop(&s->in, s->in.size);
}

static struct attacker_stream *accept_stream(struct attacker *a, uint32_t id)
{
    struct attacker_stream *s = add_stream(a, id, false);
    struct chain hello;

    if (a->mute)
        return s;
    chain_init(&hello);
    multistream_listen(&s->negotiation, a->served, &hello);
    send_chain(a, id, &hello);
    return s;
}

static void receive_stream_frame(struct attacker *a, const struct yamux_header *h,
                                 struct chain *payload)
{
    struct attacker_stream *s = attacker_find(a, h->id);

    if (h->flags & YAMUX_SYN)
        s = accept_stream(a, h->id);
    if (h->flags & YAMUX_RST) {
        a->resets++;
        a->reset_code = h->length;
    }
    if (!s)
        return;
    if (h->type == YAMUX_WINDOW_UPDATE && !(h->flags & YAMUX_RST))
        s->window += h->length;
    if (h->flags & YAMUX_RST) {
        s->reset = true;
        s->reset_code = h->length;
    }
    if (payload->size)
        receive_data(a, s, payload);
    if (h->flags & YAMUX_FIN)
        s->fin = true;
}

static void receive_frame(struct attacker *a, const struct yamux_header *h, struct chain *payload)
{
    switch (h->type) {
    case YAMUX_DATA:
    case YAMUX_WINDOW_UPDATE:
        receive_stream_frame(a, h, payload);
        break;
    case YAMUX_PING:
        a->pongs += (h->flags & YAMUX_ACK) != 0;
        if ((h->flags & YAMUX_SYN) && !a->deaf)
            attacker_frame(a, (struct yamux_header){YAMUX_PING, YAMUX_ACK, 0, h->length},
                           slice_of(NULL, 0));
        break;
    case YAMUX_GO_AWAY:
        a->goaway = true;
        a->goaway_code = h->length;
        break;
    }
}

static bool receive_yamux(struct attacker *a)
{
    uint8_t bytes[YAMUX_HEADER_SIZE];
    struct yamux_header h;
    struct chain payload;
    size_t size;

    if (a->plain_in.size < sizeof bytes)
        return false;
    chain_peek(&a->plain_in, 0, bytes, sizeof bytes);
    assert_int_equal(yamux_header_read(bytes, &h), ERR_OK);
    size = h.type == YAMUX_DATA ? h.length : 0;
    if (a->plain_in.size - sizeof bytes < size)
        return false;
    chain_drop(&a->plain_in, sizeof bytes);
    chain_init(&payload);
    chain_move(&payload, &a->plain_in, size);
    receive_frame(a, &h, &payload);
    chain_deinit(&payload);
    return true;
}

/* ---- the way up ---- */

static bool dials(const struct attacker *a)
{
    return a->next_id % 2 == 1;
}

static int step_tcp(struct attacker *a)
{
    size_t chosen;
    int err = multistream_feed(&a->negotiation, &a->wire_in, &a->wire_out, &chosen);

    if (err == MULTISTREAM_DONE)
        a->stage = ATTACKER_SECURITY;
    return err;
}

static int step_security(struct attacker *a)
{
    struct noise_config config = {.mode = a->mode,
                                  .initiator = dials(a),
                                  .identity = &a->identity,
                                  .muxer = a->last == ATTACKER_SECURE ? NULL : muxer_ids[0]};

    a->handshake = noise_handshake_new(&config, &a->keys, &a->wire_out);
    a->stage = ATTACKER_NOISE;
    return 1;
}

static int step_noise(struct attacker *a)
{
    struct noise_peer peer;
    int err =
        noise_handshake_feed(a->handshake, &a->wire_in, &a->wire_out, NULL, &peer, &a->session);

    if (err == NOISE_DONE)
        a->stage = peer.muxer_agreed ? ATTACKER_READY : ATTACKER_SECURE;
    if (a->stage == ATTACKER_SECURE && a->last > ATTACKER_SECURE) {
        struct chain hello;

        chain_init(&hello);
        multistream_propose(&a->negotiation, muxers, &hello);
        noise_seal(&a->session, &hello, &a->wire_out);
    }
    return err;
}

static int open_frames(struct attacker *a)
{
    int err = noise_open(&a->session, &a->wire_in, &a->plain_in);

    assert_int_equal(err, ERR_OK);
    return err;
}

/* 1: go on; 0: wait; negative: the victim said something wrong. */
static int step(struct attacker *a)
{
    if (a->stage >= ATTACKER_SECURE)
        open_frames(a);
    if (a->stage == ATTACKER_READY)
        return receive_yamux(a);
    if (a->stage >= a->last)
        return 0;
    switch (a->stage) {
    case ATTACKER_TCP:
        return step_tcp(a);
    case ATTACKER_SECURITY:
        return step_security(a);
    case ATTACKER_NOISE:
        return step_noise(a);
    case ATTACKER_AWAY:
    case ATTACKER_SECURE:
    case ATTACKER_READY:
        break;
    }
    return 0;
}

static void run_steps(struct attacker *a)
{
    int more;

    do
        more = a->closed ? 0 : step(a);
    while (more > 0);
    if (more < 0)
        a->failure = more;
    flush(a);
}

static void begin(struct attacker *a, struct backend_conn conn)
{
    a->conn = conn;
    a->connected = true;
    a->stage = ATTACKER_TCP;
    if (a->last == ATTACKER_TCP)
        return;
    if (dials(a))
        multistream_propose(&a->negotiation, security, &a->wire_out);
    else
        multistream_listen(&a->negotiation, security, &a->wire_out);
    flush(a);
}

/* ---- upcalls ---- */

static void on_accepted(void *ctx, uint64_t now_ns, struct backend_conn conn,
                        const struct endpoint *from)
{
    (void)now_ns;
    (void)from;
    begin(ctx, conn);
}

static void on_dialled(void *ctx, uint64_t now_ns, struct backend_conn conn, int err)
{
    struct attacker *a = ctx;

    (void)now_ns;
    if (err == ERR_OK) {
        begin(a, conn);
        return;
    }
    a->closed = true;
    a->closed_err = err;
}

static void on_data(void *ctx, uint64_t now_ns, struct backend_conn conn, struct chain *bytes)
{
    struct attacker *a = ctx;

    (void)now_ns;
    (void)conn;
    a->received += bytes->size;
    chain_move_all(&a->wire_in, bytes);
    run_steps(a);
}

static void on_writable(void *ctx, uint64_t now_ns, struct backend_conn conn)
{
    (void)now_ns;
    (void)conn;
    flush(ctx);
}

static void on_closed(void *ctx, uint64_t now_ns, struct backend_conn conn, int err)
{
    struct attacker *a = ctx;

    (void)now_ns;
    (void)conn;
    a->connected = false;
    a->closed = true;
    a->closed_err = err;
}

static void on_wake(void *ctx, uint64_t now_ns)
{
    (void)ctx;
    (void)now_ns;
}

static const struct backend_app app = {
    .accepted = on_accepted,
    .dialled = on_dialled,
    .data = on_data,
    .writable = on_writable,
    .closed = on_closed,
    .wake = on_wake,
};

/* ---- the outside ---- */

void attacker_init(struct attacker *a, struct swarm *s, uint32_t number)
{
    struct des_host_config host = {.address = swarm_address(HOST_FIRST + number)};
    uint8_t seed[ED25519_SEED_SIZE] = {0};
    uint64_t try = (uint64_t)number << 32;
    uint32_t index = des_host_add(s->des, &host);

    *a = (struct attacker){.swarm = s, .host = des_host(s->des, index), .address = host.address};
    a->served = (struct protocol_list){served_ids, 2};
    do {
        store_le64(seed, 1u << 20 | try++);
        identity_from_seed(&a->identity, seed);
    } while (slice_compare(peerid_slice(&a->identity.id),
                           peerid_slice(node_peerid(s->nodes[0].node))) >= 0);
    drbg_init(&a->keys, seed, "attacker");
    des_host_run(s->des, index, &app, a);
}

static void forget(struct attacker *a)
{
    if (a->handshake)
        noise_handshake_free(a->handshake);
    a->handshake = NULL;
    chain_deinit(&a->wire_in);
    chain_deinit(&a->wire_out);
    chain_deinit(&a->plain_in);
    for (uint32_t i = 0; i < a->stream_count; i++)
        chain_deinit(&a->streams[i].in);
    mem_free(a->streams);
    a->streams = NULL;
    a->stream_count = a->stream_capacity = 0;
}

void attacker_deinit(struct attacker *a)
{
    forget(a);
}

void attacker_crash(struct attacker *a)
{
    if (a->connected)
        des_ops.close(a->host, a->conn, BACKEND_CLOSE_RST);
    a->connected = false;
    forget(a);
}

static void restart(struct attacker *a, enum attacker_stage last, uint32_t first_id)
{
    attacker_crash(a);
    a->stage = ATTACKER_AWAY;
    a->last = last;
    a->closed = a->goaway = false;
    a->next_id = first_id;
    a->resets = a->pongs = 0;
    a->received = 0;
}

void attacker_connect(struct attacker *a, enum attacker_stage last)
{
    struct endpoint to = swarm_address(0);

    restart(a, last, 1);
    assert_int_equal(des_ops.dial(a->host, &to, &a->conn), ERR_OK);
}

void attacker_listen(struct attacker *a, enum attacker_stage last, const struct peerid *expected)
{
    restart(a, last, 2);
    assert_int_equal(des_ops.listen(a->host, &a->address), ERR_OK);
    node_connect(a->swarm->nodes[0].node, des_now_ns(a->swarm->des), &a->address, expected);
}

void attacker_reach(struct attacker *a, enum attacker_stage stage)
{
    attacker_connect(a, stage);
    for (int i = 0; i < 20 && a->stage < stage; i++)
        swarm_run(a->swarm, SWARM_SECOND / 20);
    assert_int_equal(a->stage, stage);
    swarm_run(a->swarm, SWARM_SECOND / 20); /* the victim has seen it, too */
}

size_t attacker_payload(const struct attacker *a, const struct identity *named,
                        const struct identity *signer, uint8_t out[static 256])
{
    uint8_t key[PUBLIC_KEY_PB_SIZE], text[64], signature[ED25519_SIGNATURE_SIZE];
    size_t prefix = strlen(SIGNED_PREFIX), size;
    uint8_t secret[X25519_SIZE] = {9};
    struct buf b;

    (void)a;
    memcpy(text, SIGNED_PREFIX, prefix);
    x25519_public(text + prefix, secret);
    ed25519_sign(signature, slice_of(text, prefix + X25519_SIZE), signer->secret);
    public_key_pb_write(key, named->public_key);
    buf_init(&b, 256);
    pb_append_bytes(&b, 1, slice_of(key, sizeof key));
    pb_append_bytes(&b, 2, slice_of(signature, sizeof signature));
    memcpy(out, b.data, b.size);
    size = b.size;
    buf_deinit(&b);
    return size;
}

/* Its static secret is that of attacker_payload. */
void attacker_handshake(struct attacker *a, struct slice payload,
                        void (*forge)(uint8_t *message, size_t *size))
{
    uint8_t static_secret[X25519_SIZE] = {9}, ephemeral_secret[X25519_SIZE] = {7};
    uint8_t message[4096 + 512], answer[4096];
    struct noise_xx x;
    size_t size;

    noise_xx_init(&x, true, static_secret, ephemeral_secret);
    assert_int_equal(noise_xx_write(&x, slice_of(NULL, 0), message + 2), ERR_OK);
    store_be16(message, 32);
    attacker_raw(a, slice_of(message, 34));
    swarm_run(a->swarm, SWARM_SECOND / 20);
    assert_true(a->wire_in.size > 2);
    chain_peek(&a->wire_in, 0, message, 2);
    size = load_be16(message);
    assert_int_equal(a->wire_in.size, size + 2);
    chain_peek(&a->wire_in, 2, message, size);
    assert_int_equal(noise_xx_read(&x, slice_of(message, size), answer), ERR_OK);
    assert_int_equal(noise_xx_write(&x, payload, message + 2), ERR_OK);
    size = noise_xx_overhead(2) + payload.size;
    store_be16(message, (uint16_t)size);
    size += 2;
    if (forge)
        forge(message, &size);
    attacker_raw(a, slice_of(message, size));
    swarm_run(a->swarm, SWARM_SECOND / 20);
}

uint32_t attacker_open_raw(struct attacker *a, struct slice first)
{
    uint32_t id = a->next_id;

    a->next_id += 2;
    add_stream(a, id, true);
    a->stream = id;
    attacker_frame(a, (struct yamux_header){YAMUX_WINDOW_UPDATE, YAMUX_SYN, id, 0},
                   slice_of(NULL, 0));
    if (first.size)
        attacker_data(a, id, first);
    return id;
}

uint32_t attacker_open(struct attacker *a, const char *protocol)
{
    uint32_t id = attacker_open_raw(a, slice_of(NULL, 0));
    const char *const ids[] = {protocol};
    struct chain hello;

    chain_init(&hello);
    multistream_propose(&attacker_find(a, id)->negotiation, (struct protocol_list){ids, 1}, &hello);
    send_chain(a, id, &hello);
    swarm_run(a->swarm, SWARM_SECOND / 20);
    assert_true(attacker_find(a, id)->agreed);
    return id;
}

void attacker_data(struct attacker *a, uint32_t id, struct slice bytes)
{
    struct attacker_stream *s = attacker_find(a, id);

    if (s)
        s->window -= (uint32_t)bytes.size;
    attacker_frame(a, (struct yamux_header){YAMUX_DATA, 0, id, (uint32_t)bytes.size}, bytes);
}

void attacker_write(struct attacker *a, uint32_t id, struct slice bytes)
{
    uint32_t waited = 0;

    while (bytes.size && waited < 100 && a->connected && !attacker_find(a, id)->reset) {
        uint32_t room = attacker_find(a, id)->window;
        size_t size = bytes.size < 32768 ? bytes.size : 32768;

        if (room == 0 || waited) {
            swarm_run(a->swarm, SWARM_SECOND / 50);
            waited = room ? 0 : waited + 1;
            continue;
        }
        size = size < room ? size : room;
        attacker_data(a, id, slice_of(bytes.data, size));
        bytes = slice_of(bytes.data + size, bytes.size - size);
    }
}

void attacker_rpc(struct attacker *a, struct slice rpc)
{
    struct buf b;

    buf_init(&b, rpc.size + VARINT_SIZE_MAX);
    varint_append(&b, rpc.size);
    buf_append_slice(&b, rpc);
    attacker_write(a, a->stream, buf_slice(&b));
    buf_deinit(&b);
}

void attacker_join(struct attacker *a)
{
    uint32_t before = node_mesh_size(a->swarm->nodes[0].node, slice_text("t"));
    struct buf b, graft;

    attacker_open(a, "/meshsub/1.1.0");
    buf_init(&b, 256);
    buf_init(&graft, 256);
    rpc_append_graft(&graft, slice_text("t"));
    rpc_append_subscription(&b, true, slice_text("t"));
    pb_append_bytes(&b, RPC_FIELD_CONTROL, buf_slice(&graft));
    buf_deinit(&graft);
    attacker_rpc(a, buf_slice(&b));
    buf_deinit(&b);
    for (int i = 0; i < 40 && node_mesh_size(a->swarm->nodes[0].node, slice_text("t")) == before;
         i++)
        swarm_run(a->swarm, SWARM_SECOND / 20);
    assert_int_equal(node_mesh_size(a->swarm->nodes[0].node, slice_text("t")), before + 1);
}

void attacker_greet(struct attacker *a)
{
    struct handshake_offer offer = {"siege-v1", ""};
    struct span hello = handshake_write(&offer);

    attacker_open(a, "/algorand-ws/2.2.0");
    attacker_write(a, a->stream, span_slice(hello));
    span_unref(hello);
    swarm_run(a->swarm, SWARM_SECOND / 20);
    assert_true(attacker_find(a, a->stream)->received > 0);
}

void attacker_message(struct attacker *a, const char *tag, struct slice payload)
{
    uint8_t head[6];
    struct buf b;

    store_be32(head, (uint32_t)payload.size + 2);
    memcpy(head + 4, tag, 2);
    buf_init(&b, payload.size + sizeof head);
    buf_append(&b, head, sizeof head);
    buf_append_slice(&b, payload);
    attacker_write(a, a->stream, buf_slice(&b));
    buf_deinit(&b);
}
