/* multistream-select 1.0.0.
 *
 * A message is a varint length, the text and a newline that the length counts. Both sides send the
 * header; then proposals go one way and echoes or `na` the other. What a peer may pipeline behind
 * its proposal (application bytes of a lazy stream) is left alone. */
#include "stack/transport/multistream.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/wire/varint.h"

#define HEADER "\x13/multistream/1.0.0\n" /* with its length, as it travels */
#define REFUSAL "\x03na\n"
#define LENGTH_SIZE_MAX 2 /* of the varint: enough for MULTISTREAM_MESSAGE_MAX */

enum state {
    STATE_WAIT_HEADER_AS_INITIATOR,
    STATE_WAIT_ANSWER,
    STATE_WAIT_HEADER_AS_RESPONDER,
    STATE_WAIT_PROPOSAL,
    STATE_DONE,
    STATE_FAILED
};

static void send_static(struct chain *out, const char *message)
{
    chain_give(out, span_static(message, strlen(message)));
}

/* The length prefix and newline around `text`. */
static size_t write_message(uint8_t *out, struct slice text)
{
    size_t size = varint_write(out, text.size + 1);

    memcpy(out + size, text.data, text.size);
    out[size + text.size] = '\n';
    return size + text.size + 1;
}

static void send_protocol(struct chain *out, const char *id, const char *before)
{
    struct slice text = slice_text(id);
    size_t before_size = strlen(before);
    struct blob *b;

    CHECK(text.size > 0 && text.size < MULTISTREAM_MESSAGE_MAX);
    b = blob_new(before_size + varint_size(text.size + 1) + text.size + 1);
    memcpy(b->data, before, before_size);
    CHECK(before_size + write_message(b->data + before_size, text) == b->size);
    chain_give(out, span_give(b));
}

void multistream_propose(struct multistream *m, struct protocol_list protocols, struct chain *out)
{
    CHECK(protocols.count > 0 && protocols.count <= UINT8_MAX);
    *m = (struct multistream){.protocols = protocols, .state = STATE_WAIT_HEADER_AS_INITIATOR};
    send_protocol(out, protocols.ids[0], HEADER);
}

void multistream_listen(struct multistream *m, struct protocol_list protocols, struct chain *out)
{
    *m = (struct multistream){.protocols = protocols, .state = STATE_WAIT_HEADER_AS_RESPONDER};
    send_static(out, HEADER);
}

/* The next whole message without its newline, copied to `text`: 1 and it is consumed, 0 when more
 * bytes are needed, or a negative err. */
static int take_message(struct chain *in, uint8_t text[static MULTISTREAM_MESSAGE_MAX],
                        struct slice *message)
{
    uint8_t prefix[LENGTH_SIZE_MAX];
    size_t prefix_size = in->size < sizeof prefix ? in->size : sizeof prefix;
    uint64_t size;
    int used;

    chain_peek(in, 0, prefix, prefix_size);
    used = varint_read(slice_of(prefix, prefix_size), &size);
    if (used == 0)
        return prefix_size < LENGTH_SIZE_MAX ? 0 : ERR_TOO_LARGE;
    if (used < 0 || size == 0)
        return ERR_MALFORMED;
    if (size > MULTISTREAM_MESSAGE_MAX)
        return ERR_TOO_LARGE;
    if (in->size - (size_t)used < size)
        return 0;
    chain_peek(in, (size_t)used, text, (size_t)size);
    if (text[size - 1] != '\n')
        return ERR_MALFORMED;
    chain_drop(in, (size_t)used + (size_t)size);
    *message = slice_of(text, (size_t)size - 1);
    return 1;
}

static bool is_header(struct slice message)
{
    return slice_equal(message, slice_text("/multistream/1.0.0"));
}

static int on_answer(struct multistream *m, struct slice message, struct chain *out)
{
    if (slice_equal(message, slice_text(m->protocols.ids[m->proposals]))) {
        m->state = STATE_DONE;
        return ERR_OK;
    }
    if (!slice_equal(message, slice_text("na")))
        return ERR_PROTOCOL;
    if (m->proposals + 1u == m->protocols.count)
        return ERR_UNSUPPORTED;
    send_protocol(out, m->protocols.ids[++m->proposals], "");
    return ERR_OK;
}

static int on_proposal(struct multistream *m, struct slice message, struct chain *out,
                       size_t *chosen)
{
    for (size_t i = 0; i < m->protocols.count; i++) {
        if (!slice_equal(message, slice_text(m->protocols.ids[i])))
            continue;
        send_protocol(out, m->protocols.ids[i], "");
        *chosen = i;
        m->state = STATE_DONE;
        return ERR_OK;
    }
    send_static(out, REFUSAL);
    return ++m->proposals == MULTISTREAM_PROPOSALS_MAX ? ERR_UNSUPPORTED : ERR_OK;
}

static int on_message(struct multistream *m, struct slice message, struct chain *out,
                      size_t *chosen)
{
    switch ((enum state)m->state) {
    case STATE_WAIT_HEADER_AS_INITIATOR:
    case STATE_WAIT_HEADER_AS_RESPONDER:
        if (!is_header(message))
            return ERR_PROTOCOL;
        m->state++; /* to the state that waits for an answer or a proposal */
        return ERR_OK;
    case STATE_WAIT_ANSWER:
        *chosen = m->proposals;
        return on_answer(m, message, out);
    case STATE_WAIT_PROPOSAL:
        return on_proposal(m, message, out, chosen);
    case STATE_DONE:
    case STATE_FAILED:
        break;
    }
    UNREACHABLE();
}

int multistream_feed(struct multistream *m, struct chain *in, struct chain *out, size_t *chosen)
{
    uint8_t text[MULTISTREAM_MESSAGE_MAX];

    CHECK(m->state < STATE_DONE);
    while (m->state != STATE_DONE) {
        struct slice message;
        int err = take_message(in, text, &message);

        if (err == 0)
            return MULTISTREAM_MORE;
        if (err > 0)
            err = on_message(m, message, out, chosen);
        if (err < 0) {
            m->state = STATE_FAILED;
            return err;
        }
    }
    return MULTISTREAM_DONE;
}
