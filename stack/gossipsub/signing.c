/* Signing and verification. What is signed is the prefix and the Message without its signature and
 * key (the spec says only "without signature"; go and js leave the key out too). */
#include "stack/gossipsub/signing.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/gossipsub/rpc.h"
#include "stack/wire/pb.h"
#include "stack/wire/varint.h"

enum { FIELD_FROM = 1, FIELD_DATA, FIELD_SEQNO, FIELD_TOPIC, FIELD_SIGNATURE, FIELD_KEY };

bool signing_allows(enum gossipsub_signing policy, const struct gossipsub_message *m,
                    enum trace_reject *why)
{
    bool author = m->from.data || m->seqno.data || m->key.data;

    if (policy == GOSSIPSUB_STRICT_SIGN) {
        *why = TRACE_REJECT_MISSING_SIGNATURE;
        return m->signature.data != NULL;
    }
    if (m->signature.data) {
        *why = TRACE_REJECT_UNEXPECTED_SIGNATURE;
        return false;
    }
    *why = TRACE_REJECT_UNEXPECTED_AUTHOR;
    return !(policy == GOSSIPSUB_STRICT_NO_AUTHOR && author);
}

/* The author's PublicKey protobuf: the key field, which must belong to `from`, or what `from`
 * itself contains. */
static bool author_key(const struct gossipsub_message *m, struct slice *key_pb)
{
    struct peerid from, of_key;

    if (peerid_from_bytes(&from, m->from) != ERR_OK)
        return false;
    if (m->key.data) {
        *key_pb = m->key;
        return peerid_from_public_key(&of_key, m->key) == ERR_OK && peerid_equal(&from, &of_key);
    }
    *key_pb = slice_of(m->from.data + 2, m->from.size - 2);
    return m->from.data[0] == 0; /* an identity multihash */
}

/* The verifier's encoding: known fields in ascending order, then the unknown ones as they came. */
static void append_signed_bytes(struct buf *b, struct slice message,
                                const struct gossipsub_message *m)
{
    const struct slice fields[] = {m->from, m->data, m->seqno, m->topic};
    struct cursor c = cursor_of(message);
    const uint8_t *start = c.at;
    struct pb_field f;

    buf_append(b, SIGNING_PREFIX, SIGNING_PREFIX_SIZE);
    for (uint32_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (fields[i].data)
            pb_append_bytes(b, i + 1, fields[i]);
    for (; pb_next(&c, &f) > 0; start = c.at)
        if (f.number > FIELD_KEY)
            buf_append(b, start, (size_t)(c.at - start));
}

bool signing_verify(struct slice message, const struct gossipsub_message *m)
{
    struct slice key_pb;
    struct buf b;
    bool good;

    if (!author_key(m, &key_pb))
        return false;
    buf_init(&b, SIGNING_PREFIX_SIZE + message.size + 4 * VARINT_SIZE_MAX);
    append_signed_bytes(&b, message, m);
    good = !b.overflow && public_key_verify(key_pb, buf_slice(&b), m->signature) == ERR_OK;
    buf_deinit(&b);
    return good;
}

_Static_assert(BLOB_NAME_SIZE == ED25519_SIGNATURE_SIZE, "a signature is the name");

bool signing_known(const struct span *frame, struct slice message, const struct gossipsub_message *m)
{
    struct blob *b = frame ? frame->owner : NULL;
    const uint8_t *name = blob_name(b, BLOB_NAME_SIGNED);

    return name && message.data == b->data + SIGNING_PREFIX_SIZE && message.size == b->size - SIGNING_PREFIX_SIZE &&
           slice_equal(m->signature, slice_of(name, BLOB_NAME_SIZE));
}

static size_t write_field(uint8_t *at, uint32_t number, struct slice s)
{
    size_t head;

    if (!s.data)
        return 0;
    head = pb_write_bytes_head(at, number, s.size);
    if (s.size)
        memcpy(at + head, s.data, s.size);
    return head + s.size;
}

static size_t field_size(uint32_t number, struct slice s)
{
    return s.data ? pb_bytes_size(number, s.size) : 0;
}

struct span signing_compose(const struct gossipsub_config *c, struct slice topic, struct slice data,
                            uint64_t seqno)
{
    bool author = c->signing != GOSSIPSUB_STRICT_NO_AUTHOR;
    bool sign = c->signing == GOSSIPSUB_STRICT_SIGN;
    uint8_t seqno_bytes[8], head[3 * VARINT_SIZE_MAX];
    struct slice from = author ? peerid_slice(&c->identity->id) : slice_of(NULL, 0);
    struct slice number = slice_of(author ? seqno_bytes : NULL, author ? 8 : 0);
    size_t body = field_size(1, from) + pb_bytes_size(2, data.size) + field_size(3, number) +
                  field_size(4, topic);
    size_t message = body + (sign ? pb_bytes_size(5, ED25519_SIGNATURE_SIZE) : 0), size, head_size, at;
    struct blob *b;
    struct span all, frame;

    if (pb_bytes_size(RPC_FIELD_PUBLISH, message) > c->params.rpc_size_max)
        return span_static(NULL, 0);
    store_be64(seqno_bytes, seqno);
    /* The bytes before the Message are the signing prefix first and the frame's head in the end. */
    size = SIGNING_PREFIX_SIZE + message;
    b = sign ? blob_new_named(size, BLOB_NAME_SIGNED) : blob_new(size);
    memcpy(b->data, SIGNING_PREFIX, SIGNING_PREFIX_SIZE);
    at = SIGNING_PREFIX_SIZE;
    at += write_field(b->data + at, FIELD_FROM, from);
    at +=
        write_field(b->data + at, FIELD_DATA, slice_of(data.data ? data.data : b->data, data.size));
    at += write_field(b->data + at, FIELD_SEQNO, number);
    at += write_field(b->data + at, FIELD_TOPIC, topic);
    CHECK(at == SIGNING_PREFIX_SIZE + body);
    if (sign) {
        at += pb_write_bytes_head(b->data + at, FIELD_SIGNATURE, ED25519_SIGNATURE_SIZE);
        ed25519_sign(b->data + at, slice_of(b->data, SIGNING_PREFIX_SIZE + body),
                     c->identity->secret);
        memcpy(blob_name(b, BLOB_NAME_SIGNED), b->data + at, ED25519_SIGNATURE_SIZE);
    }
    head_size = varint_write(head, pb_bytes_size(RPC_FIELD_PUBLISH, message));
    head_size += pb_write_bytes_head(head + head_size, RPC_FIELD_PUBLISH, message);
    CHECK(head_size <= SIGNING_PREFIX_SIZE);
    memcpy(b->data + SIGNING_PREFIX_SIZE - head_size, head, head_size);
    all = span_give(b);
    frame = span_part(all, SIGNING_PREFIX_SIZE - head_size, head_size + message);
    span_unref(all);
    return frame;
}
