/* Peer ids and identity keys (libp2p peer-ids spec). */
#include "stack/wire/peerid.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/wire/pb.h"
#include "stack/wire/text.h"

#define MULTIHASH_IDENTITY 0x00
#define MULTIHASH_SHA256 0x12
#define INLINE_KEY_MAX 42 /* a key protobuf of at most this many bytes is its own hash */
#define CID_VERSION 0x01
#define CID_CODEC_KEY 0x72 /* libp2p-key */
#define CID_HEAD_SIZE 2

static const uint8_t ed25519_pb_head[] = {0x08, 0x01, 0x12, 0x20};

void public_key_pb_write(uint8_t out[static PUBLIC_KEY_PB_SIZE],
                         const uint8_t key[static ED25519_PUBLIC_SIZE])
{
    memcpy(out, ed25519_pb_head, sizeof ed25519_pb_head);
    memcpy(out + sizeof ed25519_pb_head, key, ED25519_PUBLIC_SIZE);
}

int public_key_pb_read(struct slice pb, enum key_type *type, struct slice *data)
{
    struct cursor c = cursor_of(pb);
    struct pb_field f;
    bool has_type = false, has_data = false;
    int more;

    while ((more = pb_next(&c, &f)) > 0) {
        if (f.number == 1 && f.type == PB_VARINT && f.value <= KEY_ECDSA) {
            *type = (enum key_type)f.value;
            has_type = true;
        } else if (f.number == 2 && f.type == PB_BYTES) {
            *data = f.bytes;
            has_data = true;
        }
    }
    if (more < 0 || !has_type || !has_data)
        return ERR_MALFORMED;
    /* The bytes are hashed: only the canonical encoding, both fields once and in order, names a
     * key. */
    if (pb.size != pb_varint_size(1, *type) + pb_bytes_size(2, data->size) ||
        data->data + data->size != pb.data + pb.size)
        return ERR_MALFORMED;
    if (*type == KEY_ED25519 && data->size != ED25519_PUBLIC_SIZE)
        return ERR_MALFORMED;
    return ERR_OK;
}

int peerid_from_public_key(struct peerid *p, struct slice key_pb)
{
    if (key_pb.size == 0)
        return ERR_MALFORMED;
    if (key_pb.size <= INLINE_KEY_MAX) {
        p->size = (uint8_t)(2 + key_pb.size);
        p->bytes[0] = MULTIHASH_IDENTITY;
        p->bytes[1] = (uint8_t)key_pb.size;
        memcpy(p->bytes + 2, key_pb.data, key_pb.size);
    } else {
        p->size = 2 + SHA256_SIZE;
        p->bytes[0] = MULTIHASH_SHA256;
        p->bytes[1] = SHA256_SIZE;
        sha256(p->bytes + 2, key_pb, slice_of(NULL, 0));
    }
    return ERR_OK;
}

int peerid_from_bytes(struct peerid *p, struct slice bytes)
{
    bool identity = bytes.size >= 3 && bytes.data[0] == MULTIHASH_IDENTITY;
    bool hash = bytes.size == 2 + SHA256_SIZE && bytes.data[0] == MULTIHASH_SHA256;

    if ((!identity && !hash) || bytes.size > PEERID_SIZE_MAX || bytes.data[1] != bytes.size - 2)
        return ERR_MALFORMED;
    p->size = (uint8_t)bytes.size;
    memcpy(p->bytes, bytes.data, bytes.size);
    return ERR_OK;
}

int peerid_ed25519_key(const struct peerid *p, uint8_t key[static ED25519_PUBLIC_SIZE])
{
    if (p->size != 2 + PUBLIC_KEY_PB_SIZE || p->bytes[0] != MULTIHASH_IDENTITY ||
        memcmp(p->bytes + 2, ed25519_pb_head, sizeof ed25519_pb_head) != 0)
        return ERR_UNSUPPORTED;
    memcpy(key, p->bytes + 2 + sizeof ed25519_pb_head, ED25519_PUBLIC_SIZE);
    return ERR_OK;
}

/* The text of the bytes in `base` after a prefix character (none: 0), with a NUL. */
static void write_text(char out[static PEERID_TEXT_MAX], char prefix, enum text_base base,
                       struct slice bytes)
{
    size_t size = 0;

    if (prefix)
        out[size++] = prefix;
    size += text_encode(base, bytes, out + size, PEERID_TEXT_MAX - 1 - size);
    out[size] = '\0';
}

void peerid_text(const struct peerid *p, char out[static PEERID_TEXT_MAX])
{
    CHECK(p->size <= PEERID_SIZE_MAX);
    write_text(out, 0, TEXT_BASE58, peerid_slice(p));
}

void peerid_cid_text(const struct peerid *p, char out[static PEERID_TEXT_MAX])
{
    uint8_t cid[CID_HEAD_SIZE + PEERID_SIZE_MAX] = {CID_VERSION, CID_CODEC_KEY};

    CHECK(p->size <= PEERID_SIZE_MAX);
    memcpy(cid + CID_HEAD_SIZE, p->bytes, p->size);
    write_text(out, 'b', TEXT_BASE32, slice_of(cid, CID_HEAD_SIZE + p->size));
}

int peerid_parse(struct peerid *p, struct slice text)
{
    uint8_t bytes[CID_HEAD_SIZE + PEERID_SIZE_MAX];
    bool is_plain = (text.size >= 1 && text.data[0] == '1') ||
                    (text.size >= 2 && text.data[0] == 'Q' && text.data[1] == 'm');
    int size = is_plain ? text_decode(TEXT_BASE58, text, bytes, sizeof bytes)
                        : text_multibase_decode(text, bytes, sizeof bytes);

    if (size < 0)
        return ERR_MALFORMED;
    if (is_plain)
        return peerid_from_bytes(p, slice_of(bytes, (size_t)size));
    if (size < CID_HEAD_SIZE || bytes[0] != CID_VERSION || bytes[1] != CID_CODEC_KEY)
        return ERR_MALFORMED;
    return peerid_from_bytes(p, slice_of(bytes + CID_HEAD_SIZE, (size_t)size - CID_HEAD_SIZE));
}

void identity_from_seed(struct identity *id, const uint8_t seed[static ED25519_SEED_SIZE])
{
    uint8_t pb[PUBLIC_KEY_PB_SIZE];

    ed25519_keypair(id->public_key, id->secret, seed);
    public_key_pb_write(pb, id->public_key);
    CHECK(peerid_from_public_key(&id->id, slice_of(pb, sizeof pb)) == ERR_OK);
}

int public_key_verify(struct slice key_pb, struct slice message, struct slice signature)
{
    enum key_type type;
    struct slice data;
    int err = public_key_pb_read(key_pb, &type, &data);

    if (err != ERR_OK)
        return err;
    if (type != KEY_ED25519)
        return ERR_UNSUPPORTED;
    if (signature.size != ED25519_SIGNATURE_SIZE)
        return ERR_SIGNATURE;
    return ed25519_verify(signature.data, message, data.data) ? ERR_OK : ERR_SIGNATURE;
}
