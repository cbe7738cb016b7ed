/* Frames of an established Noise session: a 2-byte length, the sealed bytes, the tag.
 *
 * Modelled frames cost next to nothing: the length and a constant tag go into spare bytes before the
 * first span where there are some (yamux leaves them), and the payload spans pass by. The tag comes
 * before the payload there, so that a frame is one small blob and views of the message.
 */
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/transport/chain_pack.h"
#include "stack/transport/noise.h"

#define LENGTH_SIZE 2

_Static_assert(NOISE_HEADROOM == LENGTH_SIZE + AEAD_TAG_SIZE, "what a modelled frame puts before its payload");

static void write_head(uint8_t *at, size_t size)
{
    store_be16(at, (uint16_t)(size + AEAD_TAG_SIZE));
    memset(at + LENGTH_SIZE, 0, AEAD_TAG_SIZE);
}

/* Puts the frame's head into the bytes before the front span of `plain`, which nobody else can see
 * when the span is its blob's only holder; false where there are none. */
static bool push_head(struct chain *plain, size_t size)
{
    struct span *front = chain_span(plain, 0);
    struct blob *b = front->owner;
    size_t offset;

    if (!b || front->size > size || front->data - b->data < NOISE_HEADROOM ||
        atomic_load_explicit(&b->refs, memory_order_acquire) != 1)
        return false;
    offset = (size_t)(front->data - b->data) - NOISE_HEADROOM;
    write_head(b->data + offset, size);
    front->data -= NOISE_HEADROOM;
    front->size += NOISE_HEADROOM;
    plain->size += NOISE_HEADROOM;
    return true;
}

static void seal_modelled(struct chain *plain, struct chain *wire, size_t size)
{
    if (push_head(plain, size)) {
        size += NOISE_HEADROOM;
    } else {
        struct blob *b = blob_new(NOISE_HEADROOM);

        write_head(b->data, size);
        chain_give(wire, span_give(b));
    }
    if (size == plain->size)
        chain_move_all(wire, plain);
    else
        chain_move(wire, plain, size);
}

static void seal_real(struct noise_session *s, struct chain *plain, struct chain *wire, size_t size)
{
    struct blob *b = blob_new(LENGTH_SIZE + size + AEAD_TAG_SIZE);
    uint8_t *body = b->data + LENGTH_SIZE;

    CHECK(s->send_counter < UINT64_MAX);
    store_be16(b->data, (uint16_t)(size + AEAD_TAG_SIZE));
    chain_peek(plain, 0, body, size);
    chain_drop(plain, size);
    aead_seal(body, s->send_key, s->send_counter++, slice_of(NULL, 0), slice_of(body, size));
    chain_give(wire, span_give(b));
}

void noise_seal(struct noise_session *s, struct chain *plain, struct chain *wire)
{
    while (plain->size > 0) {
        size_t size = plain->size < NOISE_PLAIN_MAX ? plain->size : NOISE_PLAIN_MAX;

        if (s->mode == NOISE_MODELLED)
            seal_modelled(plain, wire, size);
        else
            seal_real(s, plain, wire, size);
    }
}

/* The tag is looked at although it protects nothing: it notices bytes that went astray in a
 * simulated network. */
static int open_modelled(struct chain *wire, struct chain *plain, size_t size)
{
    uint8_t copy[NOISE_HEADROOM];
    const uint8_t *tag = chain_view(wire, copy, NOISE_HEADROOM) + LENGTH_SIZE;

    if (load_le64(tag) | load_le64(tag + 8))
        return ERR_AUTH;
    chain_drop(wire, NOISE_HEADROOM);
    if (wire->size == size - AEAD_TAG_SIZE)
        chain_move_all(plain, wire);
    else
        chain_move(plain, wire, size - AEAD_TAG_SIZE);
    return ERR_OK;
}

static int open_real(struct noise_session *s, struct chain *wire, struct chain *plain, size_t size)
{
    size_t plain_size = size - AEAD_TAG_SIZE;
    struct span sealed;
    struct blob *b;
    bool good;

    chain_drop(wire, LENGTH_SIZE);
    sealed = chain_take(wire, size);
    b = sealed.owner;

    CHECK(s->receive_counter < UINT64_MAX); /* 2^64 frames take longer than there is time */
    /* In place when the blob is ours alone, unless that would keep a large blob for a small frame.
     */
    if (b && size >= b->size / 2 && atomic_load_explicit(&b->refs, memory_order_acquire) == 1) {
        uint8_t *at = b->data + (sealed.data - b->data);

        good = aead_open(at, s->receive_key, s->receive_counter++, slice_of(NULL, 0),
                         span_slice(sealed));
        sealed.size = (uint32_t)plain_size;
    } else {
        b = blob_new(plain_size);
        good = aead_open(b->data, s->receive_key, s->receive_counter++, slice_of(NULL, 0),
                         span_slice(sealed));
        span_unref(sealed);
        sealed = span_give(b);
    }
    if (!good) {
        span_unref(sealed);
        return ERR_AUTH;
    }
    chain_give(plain, sealed);
    return ERR_OK;
}

int noise_open(struct noise_session *s, struct chain *wire, struct chain *plain)
{
    while (wire->size >= LENGTH_SIZE) {
        uint8_t length[LENGTH_SIZE];
        size_t size = load_be16(chain_view(wire, length, LENGTH_SIZE));
        int err;

        if (size < AEAD_TAG_SIZE)
            return ERR_AUTH;
        if (wire->size - LENGTH_SIZE < size)
            break;
        err = s->mode == NOISE_MODELLED ? open_modelled(wire, plain, size)
                                        : open_real(s, wire, plain, size);
        if (err != ERR_OK)
            return err;
    }
    chain_pack(wire);
    return ERR_OK;
}
