/* Peer records in signed envelopes. Fields of an envelope: 1 public key, 2 payload type, 3 payload,
 * 5 signature. Of a record: 1 peer id, 2 sequence number, 3 addresses { 1 multiaddr }. */
#include "stack/wire/record.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/wire/multiaddr.h"
#include "stack/wire/pb.h"
#include "stack/wire/varint.h"

#define DOMAIN "libp2p-peer-record"

static const uint8_t payload_type[] = {0x03, 0x01};

struct envelope {
    struct slice key, type, payload, signature;
};

/* What is signed: three strings, each with its length. */
static void append_signed(struct buf *b, struct slice payload)
{
    varint_append(b, sizeof DOMAIN - 1);
    buf_append(b, DOMAIN, sizeof DOMAIN - 1);
    varint_append(b, sizeof payload_type);
    buf_append(b, payload_type, sizeof payload_type);
    varint_append(b, payload.size);
    buf_append_slice(b, payload);
}

static void append_record(struct buf *b, const struct record *r, const struct peerid *peer)
{
    CHECK(r->addr_count <= RECORD_ADDRS_MAX);
    pb_append_bytes(b, 1, peerid_slice(peer));
    if (r->seq != 0) /* proto3 leaves out what is zero */
        pb_append_varint(b, 2, r->seq);
    for (size_t i = 0; i < r->addr_count; i++) {
        uint8_t head[2 * VARINT_SIZE_MAX];
        size_t inner = pb_bytes_size(1, r->addrs[i].size);

        buf_append(b, head, pb_write_bytes_head(head, 3, inner));
        pb_append_bytes(b, 1, r->addrs[i]);
    }
}

int record_seal(const struct record *r, const struct identity *identity, struct buf *envelope)
{
    uint8_t key[PUBLIC_KEY_PB_SIZE], signature[ED25519_SIGNATURE_SIZE];
    struct buf payload, message;
    size_t start = envelope->size;
    int err = ERR_OK;

    buf_init(&payload, RECORD_SIZE_MAX);
    buf_init(&message, 2 * RECORD_SIZE_MAX);
    append_record(&payload, r, &identity->id);
    append_signed(&message, buf_slice(&payload));
    ed25519_sign(signature, buf_slice(&message), identity->secret);
    public_key_pb_write(key, identity->public_key);
    pb_append_bytes(envelope, 1, slice_of(key, sizeof key));
    pb_append_bytes(envelope, 2, slice_of(payload_type, sizeof payload_type));
    pb_append_bytes(envelope, 3, buf_slice(&payload));
    pb_append_bytes(envelope, 5, slice_of(signature, sizeof signature));
    if (payload.overflow || envelope->overflow || envelope->size - start > RECORD_SIZE_MAX) {
        envelope->size = start;
        err = ERR_TOO_LARGE;
    }
    buf_deinit(&payload);
    buf_deinit(&message);
    return err;
}

static int read_envelope(struct slice bytes, struct envelope *e)
{
    struct cursor c = cursor_of(bytes);
    struct pb_field f;
    int more;

    *e = (struct envelope){0};
    while ((more = pb_next(&c, &f)) > 0) {
        if (f.type != PB_BYTES)
            continue;
        if (f.number == 1)
            e->key = f.bytes;
        else if (f.number == 2)
            e->type = f.bytes;
        else if (f.number == 3)
            e->payload = f.bytes;
        else if (f.number == 5)
            e->signature = f.bytes;
    }
    return more;
}

static int verify(const struct envelope *e)
{
    struct buf message;
    int err;

    buf_init(&message, 2 * RECORD_SIZE_MAX);
    append_signed(&message, e->payload);
    CHECK(!message.overflow);
    err = public_key_verify(e->key, buf_slice(&message), e->signature);
    buf_deinit(&message);
    return err;
}

/* An address is a message of its own around a multiaddr. */
static int read_addr(struct slice bytes, struct record *r)
{
    struct cursor c = cursor_of(bytes);
    struct slice addr = {0};
    struct pb_field f;
    int more;

    while ((more = pb_next(&c, &f)) > 0)
        if (f.number == 1 && f.type == PB_BYTES)
            addr = f.bytes;
    if (more < 0)
        return more;
    if (r->addr_count < RECORD_ADDRS_MAX && multiaddr_check(addr) == ERR_OK)
        r->addrs[r->addr_count++] = addr;
    return ERR_OK;
}

static int read_record(struct slice bytes, struct record *r)
{
    struct cursor c = cursor_of(bytes);
    struct slice peer = {0};
    struct pb_field f;
    int more;

    r->seq = 0;
    r->addr_count = 0;
    while ((more = pb_next(&c, &f)) > 0) {
        if (f.number == 1 && f.type == PB_BYTES)
            peer = f.bytes;
        else if (f.number == 2 && f.type == PB_VARINT)
            r->seq = f.value;
        else if (f.number == 3 && f.type == PB_BYTES && read_addr(f.bytes, r) != ERR_OK)
            return ERR_MALFORMED;
    }
    return more < 0 ? more : peerid_from_bytes(&r->peer, peer);
}

int record_open(struct slice envelope, struct record *r)
{
    struct envelope e;
    struct peerid signer;
    int err;

    if (envelope.size > RECORD_SIZE_MAX)
        return ERR_TOO_LARGE;
    if (read_envelope(envelope, &e) != ERR_OK)
        return ERR_MALFORMED;
    if (!slice_equal(e.type, slice_of(payload_type, sizeof payload_type)))
        return ERR_UNSUPPORTED;
    err = verify(&e);
    if (err == ERR_OK)
        err = read_record(e.payload, r);
    if (err != ERR_OK)
        return err;
    CHECK(peerid_from_public_key(&signer, e.key) == ERR_OK);
    return peerid_equal(&signer, &r->peer) ? ERR_OK : ERR_WRONG_PEER;
}
