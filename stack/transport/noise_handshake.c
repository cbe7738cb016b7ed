/* The libp2p Noise handshake (noise spec r5): XX with a signed identity key and the muxer offer as
 * payloads.
 *
 * Modelled handshakes put zeros where keys, tags and the signature would be and the payload in
 * clear, so every message has the size it would have had. */
#include "stack/transport/noise.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/transport/noise_xx.h"
#include "stack/wire/pb.h"

#define LENGTH_SIZE 2
#define MUXERS_MAX 100 /* entries of an early-muxer list; go ignores longer ones */
#define SIGNED_PREFIX "noise-libp2p-static-key:"
#define SIGNED_SIZE (sizeof SIGNED_PREFIX - 1 + X25519_SIZE)

enum payload_field { PAYLOAD_KEY = 1, PAYLOAD_SIGNATURE = 2, PAYLOAD_EXTENSIONS = 4 };
enum extensions_field { EXTENSIONS_MUXERS = 2 };

struct noise_handshake {
    struct noise_config config;
    struct noise_xx *xx; /* NULL when modelled */
    uint8_t message;     /* the next one to write or read */
    bool failed;
};

struct payload {
    struct slice key, signature;
    size_t muxers;  /* entries in the peer's list */
    bool has_muxer; /* ours is one of them */
};

/* As long as the longest run of zeros in a modelled message. */
static const uint8_t zeros[128];

static bool all_zero(struct slice s)
{
    CHECK(s.size <= sizeof zeros);
    return memcmp(s.data, zeros, s.size) == 0;
}

/* What the identity key signs: it ties this connection's static key to the peer id. */
static struct slice signed_message(uint8_t out[static SIGNED_SIZE],
                                   const uint8_t static_public[static X25519_SIZE])
{
    memcpy(out, SIGNED_PREFIX, sizeof SIGNED_PREFIX - 1);
    memcpy(out + sizeof SIGNED_PREFIX - 1, static_public, X25519_SIZE);
    return slice_of(out, SIGNED_SIZE);
}

static void write_payload(const struct noise_handshake *h, struct buf *b)
{
    uint8_t key[PUBLIC_KEY_PB_SIZE], signature[ED25519_SIGNATURE_SIZE] = {0}, message[SIGNED_SIZE];

    public_key_pb_write(key, h->config.identity->public_key);
    if (h->xx)
        ed25519_sign(signature, signed_message(message, h->xx->static_public),
                     h->config.identity->secret);
    pb_append_bytes(b, PAYLOAD_KEY, slice_of(key, sizeof key));
    pb_append_bytes(b, PAYLOAD_SIGNATURE, slice_of(signature, sizeof signature));
    if (h->config.muxer) {
        struct slice muxer = slice_text(h->config.muxer);
        uint8_t head[32];
        size_t head_size = pb_write_bytes_head(head, PAYLOAD_EXTENSIONS,
                                               pb_bytes_size(EXTENSIONS_MUXERS, muxer.size));

        buf_append(b, head, head_size);
        pb_append_bytes(b, EXTENSIONS_MUXERS, muxer);
    }
    CHECK(!b->overflow);
}

static int read_extensions(struct payload *p, struct slice bytes, const char *muxer)
{
    struct cursor c = cursor_of(bytes);
    struct pb_field f;
    int more;

    while ((more = pb_next(&c, &f)) > 0) {
        if (f.number != EXTENSIONS_MUXERS || f.type != PB_BYTES)
            continue;
        p->muxers++;
        if (muxer && slice_equal(f.bytes, slice_text(muxer)))
            p->has_muxer = true;
    }
    return more;
}

static int read_payload(struct payload *p, struct slice bytes, const char *muxer)
{
    struct cursor c = cursor_of(bytes);
    struct pb_field f;
    int more;

    *p = (struct payload){.muxers = 0};
    while ((more = pb_next(&c, &f)) > 0) {
        if (f.type != PB_BYTES)
            continue;
        if (f.number == PAYLOAD_KEY)
            p->key = f.bytes;
        else if (f.number == PAYLOAD_SIGNATURE)
            p->signature = f.bytes;
        else if (f.number == PAYLOAD_EXTENSIONS && read_extensions(p, f.bytes, muxer) < 0)
            return ERR_MALFORMED;
    }
    return more;
}

/* In a modelled handshake the signature is 64 zeros: checked, to notice a peer that runs the real
 * one. */
static int check_signature(const struct noise_handshake *h, const struct payload *p)
{
    uint8_t message[SIGNED_SIZE];
    enum key_type type;
    struct slice key;
    int err;

    if (h->xx)
        return public_key_verify(p->key, signed_message(message, h->xx->remote_static),
                                 p->signature);
    err = public_key_pb_read(p->key, &type, &key);
    if (err != ERR_OK)
        return err;
    if (type != KEY_ED25519)
        return ERR_UNSUPPORTED;
    return p->signature.size == ED25519_SIGNATURE_SIZE && all_zero(p->signature) ? ERR_OK
                                                                                 : ERR_SIGNATURE;
}

static int accept_payload(const struct noise_handshake *h, struct slice bytes,
                          const struct peerid *expected, struct noise_peer *peer)
{
    struct payload p;
    struct peerid id;
    int err = read_payload(&p, bytes, h->config.muxer);

    if (err != ERR_OK)
        return err;
    if (p.key.size == 0)
        return ERR_MALFORMED;
    err = check_signature(h, &p);
    if (err == ERR_OK)
        err = peerid_from_public_key(&id, p.key);
    if (err != ERR_OK)
        return err;
    if (expected && !peerid_equal(expected, &id))
        return ERR_WRONG_PEER;
    *peer = (struct noise_peer){id, p.has_muxer && p.muxers <= MUXERS_MAX};
    return ERR_OK;
}

static int write_message(struct noise_handshake *h, struct chain *out)
{
    size_t overhead = noise_xx_overhead(h->message);
    struct buf payload;
    struct blob *b;
    int err = ERR_OK;

    buf_init(&payload, NOISE_PAYLOAD_MAX);
    if (h->message > 0) /* nothing is private yet in the first one */
        write_payload(h, &payload);
    b = blob_new(LENGTH_SIZE + overhead + payload.size);
    store_be16(b->data, (uint16_t)(overhead + payload.size));
    if (h->xx) {
        err = noise_xx_write(h->xx, buf_slice(&payload), b->data + LENGTH_SIZE);
    } else {
        memset(b->data + LENGTH_SIZE, 0, overhead + payload.size);
        if (payload.size > 0)
            memcpy(b->data + b->size - AEAD_TAG_SIZE - payload.size, payload.data, payload.size);
    }
    buf_deinit(&payload);
    if (err != ERR_OK) {
        blob_unref(b);
        return err;
    }
    chain_give(out, span_give(b));
    h->message++;
    return ERR_OK;
}

/* The zeros around the payload of a modelled message. */
static int read_modelled(const struct noise_handshake *h, struct slice message,
                         struct slice *payload)
{
    size_t tag_size = h->message > 0 ? AEAD_TAG_SIZE : 0;
    size_t head_size = noise_xx_overhead(h->message) - tag_size;
    struct slice head = slice_of(message.data, head_size);
    struct slice tag = slice_of(message.data + message.size - tag_size, tag_size);

    *payload = slice_of(message.data + head_size, message.size - head_size - tag_size);
    return all_zero(head) && all_zero(tag) ? ERR_OK : ERR_AUTH;
}

static int read_message(struct noise_handshake *h, struct slice message,
                        const struct peerid *expected, struct noise_peer *peer)
{
    uint8_t plain[NOISE_PAYLOAD_MAX];
    struct slice payload = slice_of(plain, message.size - noise_xx_overhead(h->message));
    int err = h->xx ? noise_xx_read(h->xx, message, plain) : read_modelled(h, message, &payload);

    if (err == ERR_OK && h->message > 0)
        err = accept_payload(h, payload, expected, peer);
    if (err == ERR_OK)
        h->message++;
    return err;
}

/* The next whole message: 1 and the caller owns the span, 0 when more bytes are needed, or a
 * negative err as soon as its length tells. */
static int take_message(const struct noise_handshake *h, struct chain *in, struct span *message)
{
    size_t overhead = noise_xx_overhead(h->message), size;
    uint8_t length[LENGTH_SIZE];

    if (in->size < LENGTH_SIZE)
        return 0;
    chain_peek(in, 0, length, LENGTH_SIZE);
    size = load_be16(length);
    if (size < overhead)
        return ERR_TRUNCATED;
    if (size - overhead > NOISE_PAYLOAD_MAX)
        return ERR_TOO_LARGE;
    if (in->size - LENGTH_SIZE < size)
        return 0;
    chain_drop(in, LENGTH_SIZE);
    *message = chain_take(in, size);
    return 1;
}

static bool ours_to_write(const struct noise_handshake *h)
{
    return h->config.initiator == (h->message != 1);
}

/* One message: 1, 0 when more bytes are needed, or a negative err. */
static int step(struct noise_handshake *h, struct chain *in, struct chain *out,
                const struct peerid *expected, struct noise_peer *peer)
{
    struct span message;
    int err;

    if (ours_to_write(h)) {
        err = write_message(h, out);
        return err == ERR_OK ? 1 : err;
    }
    err = take_message(h, in, &message);
    if (err <= 0)
        return err;
    err = read_message(h, span_slice(message), expected, peer);
    span_unref(message);
    return err == ERR_OK ? 1 : err;
}

static void start_session(const struct noise_handshake *h, struct noise_session *session)
{
    *session = (struct noise_session){.mode = h->config.mode};
    if (h->xx)
        noise_xx_split(h->xx, session->send_key, session->receive_key);
}

int noise_handshake_feed(struct noise_handshake *h, struct chain *in, struct chain *out,
                         const struct peerid *expected, struct noise_peer *peer,
                         struct noise_session *session)
{
    CHECK(!h->failed && h->message < NOISE_XX_MESSAGES);
    while (h->message < NOISE_XX_MESSAGES) {
        int err = step(h, in, out, expected, peer);

        if (err == 0)
            return NOISE_MORE;
        if (err < 0) {
            h->failed = true;
            return err;
        }
    }
    start_session(h, session);
    return NOISE_DONE;
}

struct noise_handshake *
noise_handshake_new_with_keys(const struct noise_config *config,
                              const uint8_t static_secret[static X25519_SIZE],
                              const uint8_t ephemeral_secret[static X25519_SIZE], struct chain *out)
{
    struct noise_handshake *h = mem_zalloc(sizeof *h);

    CHECK(config->identity != NULL);
    h->config = *config;
    if (config->mode == NOISE_REAL) {
        h->xx = mem_alloc(sizeof *h->xx);
        noise_xx_init(h->xx, config->initiator, static_secret, ephemeral_secret);
    }
    if (config->initiator) /* no peer key is in play yet: cannot fail */
        CHECK(write_message(h, out) == ERR_OK);
    return h;
}

struct noise_handshake *noise_handshake_new(const struct noise_config *config, struct drbg *keys,
                                            struct chain *out)
{
    uint8_t secrets[2][X25519_SIZE] = {{0}};
    struct noise_handshake *h;

    if (config->mode == NOISE_REAL)
        drbg_fill(keys, secrets[0], sizeof secrets);
    h = noise_handshake_new_with_keys(config, secrets[0], secrets[1], out);
    crypto_wipe(secrets, sizeof secrets);
    return h;
}

void noise_handshake_free(struct noise_handshake *h)
{
    if (!h)
        return;
    if (h->xx) {
        noise_xx_wipe(h->xx);
        mem_free(h->xx);
    }
    mem_free(h);
}
