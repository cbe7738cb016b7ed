/* Noise XX, token by token. */
#include "stack/transport/noise_xx.h"

#include "stack/base/check.h"
#include "stack/base/err.h"

#define SEALED_KEY_SIZE (X25519_SIZE + AEAD_TAG_SIZE)

void noise_xx_init(struct noise_xx *x, bool initiator,
                   const uint8_t static_secret[static X25519_SIZE],
                   const uint8_t ephemeral_secret[static X25519_SIZE])
{
    *x = (struct noise_xx){.initiator = initiator};
    memcpy(x->static_secret, static_secret, X25519_SIZE);
    memcpy(x->ephemeral_secret, ephemeral_secret, X25519_SIZE);
    x25519_public(x->static_public, static_secret);
    x25519_public(x->ephemeral_public, ephemeral_secret);
    noise_symmetric_init(&x->symmetric, "Noise_XX_25519_ChaChaPoly_SHA256");
    noise_symmetric_mix_hash(&x->symmetric, slice_of(NULL, 0)); /* the prologue */
}

size_t noise_xx_overhead(unsigned message)
{
    static const uint8_t sizes[NOISE_XX_MESSAGES] = {
        X25519_SIZE,
        X25519_SIZE + SEALED_KEY_SIZE + AEAD_TAG_SIZE,
        SEALED_KEY_SIZE + AEAD_TAG_SIZE,
    };

    CHECK(message < NOISE_XX_MESSAGES);
    return sizes[message];
}

static int mix_shared(struct noise_xx *x, const uint8_t secret[static X25519_SIZE],
                      const uint8_t public_key[static X25519_SIZE])
{
    uint8_t shared[X25519_SIZE];
    int err = x25519(shared, secret, public_key);

    if (err == ERR_OK)
        noise_symmetric_mix_key(&x->symmetric, shared);
    crypto_wipe(shared, sizeof shared);
    return err;
}

/* es joins the initiator's ephemeral key to the responder's static one; se the other way round. */
static int mix_static(struct noise_xx *x, bool responder_static)
{
    if (x->initiator == responder_static)
        return mix_shared(x, x->ephemeral_secret, x->remote_static);
    return mix_shared(x, x->static_secret, x->remote_ephemeral);
}

int noise_xx_write(struct noise_xx *x, struct slice payload, uint8_t *out)
{
    struct noise_symmetric *symmetric = &x->symmetric;

    CHECK(x->message < NOISE_XX_MESSAGES && x->initiator == (x->message != 1));
    if (x->message < 2) {
        memcpy(out, x->ephemeral_public, X25519_SIZE);
        noise_symmetric_mix_hash(symmetric, slice_of(out, X25519_SIZE));
        out += X25519_SIZE;
    }
    if (x->message == 1 && mix_shared(x, x->ephemeral_secret, x->remote_ephemeral) != ERR_OK)
        return ERR_AUTH;
    if (x->message > 0) {
        out += noise_symmetric_seal(symmetric, slice_of(x->static_public, X25519_SIZE), out);
        if (mix_static(x, x->message == 1) != ERR_OK)
            return ERR_AUTH;
    }
    noise_symmetric_seal(symmetric, payload, out);
    x->message++;
    return ERR_OK;
}

int noise_xx_read(struct noise_xx *x, struct slice message, uint8_t *payload)
{
    struct noise_symmetric *symmetric = &x->symmetric;
    struct cursor c = cursor_of(message);

    CHECK(x->message < NOISE_XX_MESSAGES && x->initiator == (x->message == 1));
    if (message.size < noise_xx_overhead(x->message))
        return ERR_TRUNCATED;
    if (x->message < 2) {
        struct slice ephemeral = cursor_bytes(&c, X25519_SIZE);

        memcpy(x->remote_ephemeral, ephemeral.data, X25519_SIZE);
        noise_symmetric_mix_hash(symmetric, ephemeral);
    }
    if (x->message == 1 && mix_shared(x, x->ephemeral_secret, x->remote_ephemeral) != ERR_OK)
        return ERR_AUTH;
    if (x->message > 0) {
        struct slice sealed = cursor_bytes(&c, SEALED_KEY_SIZE);

        if (noise_symmetric_open(symmetric, sealed, x->remote_static) != ERR_OK ||
            mix_static(x, x->message == 1) != ERR_OK)
            return ERR_AUTH;
    }
    if (noise_symmetric_open(symmetric, slice_of(c.at, cursor_left(&c)), payload) != ERR_OK)
        return ERR_AUTH;
    x->message++;
    return ERR_OK;
}

void noise_xx_split(const struct noise_xx *x, uint8_t send_key[static AEAD_KEY_SIZE],
                    uint8_t receive_key[static AEAD_KEY_SIZE])
{
    CHECK(x->message == NOISE_XX_MESSAGES);
    if (x->initiator)
        noise_symmetric_split(&x->symmetric, send_key, receive_key);
    else
        noise_symmetric_split(&x->symmetric, receive_key, send_key);
}

void noise_xx_wipe(struct noise_xx *x)
{
    crypto_wipe(x, sizeof *x);
}
