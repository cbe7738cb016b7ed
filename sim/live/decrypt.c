/* Follows each direction of each connection: multistream in clear, the Noise handshake, sealed
 * frames, multistream for the muxer where it was not agreed early, yamux. */
#include "sim/live/decrypt.h"

#include "sim/live/address.h"
#include "sim/live/jsonl.h"
#include "sim/capture/keylog.h"
#include "sim/capture/pcap.h"
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/transport/multistream.h"
#include "stack/transport/noise.h"
#include "stack/transport/yamux_frame.h"

#define PENDING_MAX                                                                                \
    (96u << 20) /* bytes of one direction that wait to be whole: the largest yamux frame and more  \
                 */

enum phase { PHASE_SECURITY, PHASE_HANDSHAKE, PHASE_SEALED, PHASE_BROKEN };

struct direction {
    struct endpoint from, to;
    uint8_t key[AEAD_KEY_SIZE];
    uint32_t handshake_size; /* messages of this side */
    uint32_t handshake_left; /* of them, still to come */
    uint32_t sequence;       /* of the next byte */
    uint64_t counter;
    enum phase phase;
    bool started, muxing, modelled;
    struct buf wire, plain;
};

struct decryption {
    struct direction *directions; /* two a connection, side by side */
    uint32_t count;
    bool data;
    FILE *out;
    struct jsonl json;
    uint64_t time_ns;
    struct decrypt_totals *totals;
};

static void consume(struct buf *b, size_t size)
{
    CHECK(size <= b->size);
    memmove(b->data, b->data + size, b->size - size);
    b->size -= size;
}

static void give_up(struct decryption *d, struct direction *dir, const char *why)
{
    char text[ADDRESS_TEXT_MAX];

    dir->phase = PHASE_BROKEN;
    d->totals->broken++;
    jsonl_begin(&d->json);
    jsonl_number(&d->json, "time_us", d->time_ns / 1000);
    jsonl_text(&d->json, "from", slice_text(address_text(&dir->from, NULL, text)));
    jsonl_text(&d->json, "to", slice_text(address_text(&dir->to, NULL, text)));
    jsonl_text(&d->json, "error", slice_text(why));
    jsonl_end(&d->json);
    fwrite(d->json.line.data, 1, d->json.line.size, d->out);
}

/* A multistream message at the front: its size on the wire and its text; 0 when it is not whole;
 * negative: none. */
static int multistream_message(struct slice s, struct slice *text)
{
    struct cursor c = cursor_of(s);
    uint64_t size = 0;

    if (s.size == 0 || (s.size == 1 && s.data[0] >= 0x80))
        return 0;
    size = s.data[0] & 0x7f;
    cursor_u8(&c);
    if (s.data[0] >= 0x80)
        size |= (uint64_t)cursor_u8(&c) << 7;
    if (size > MULTISTREAM_MESSAGE_MAX)
        return ERR_TOO_LARGE;
    *text = cursor_bytes(&c, (size_t)size);
    return c.bad ? 0 : (int)(c.at - s.data);
}

static const char *type_text(enum yamux_type type)
{
    switch (type) {
    case YAMUX_DATA:
        return "data";
    case YAMUX_WINDOW_UPDATE:
        return "window-update";
    case YAMUX_PING:
        return "ping";
    case YAMUX_GO_AWAY:
        return "go-away";
    }
    UNREACHABLE();
}

static void tell_frame(struct decryption *d, const struct direction *dir,
                       const struct yamux_header *h, struct slice payload)
{
    static const char *const flags[] = {"SYN", "ACK", "FIN", "RST"};
    struct jsonl *j = &d->json;
    char text[ADDRESS_TEXT_MAX];

    jsonl_begin(j);
    jsonl_number(j, "time_us", d->time_ns / 1000);
    jsonl_text(j, "from", slice_text(address_text(&dir->from, NULL, text)));
    jsonl_text(j, "to", slice_text(address_text(&dir->to, NULL, text)));
    jsonl_text(j, "type", slice_text(type_text(h->type)));
    jsonl_open(j, "flags", '[');
    for (unsigned i = 0; i < 4; i++)
        if (h->flags >> i & 1)
            jsonl_text(j, NULL, slice_text(flags[i]));
    jsonl_close(j, ']');
    jsonl_number(j, "stream", h->id);
    jsonl_number(j, "length", h->length);
    if (d->data && h->type == YAMUX_DATA)
        jsonl_hex(j, "hex", payload);
    jsonl_end(j);
    fwrite(j->line.data, 1, j->line.size, d->out);
    d->totals->frames++;
}

/* The size of the yamux frame at the front; 0 when it is not whole. */
static int read_yamux(struct decryption *d, struct direction *dir, struct slice s)
{
    struct yamux_header h;
    size_t size = YAMUX_HEADER_SIZE;

    if (s.size < YAMUX_HEADER_SIZE)
        return 0;
    if (yamux_header_read(s.data, &h) != ERR_OK)
        return ERR_MALFORMED;
    if (h.type == YAMUX_DATA)
        size += h.length;
    if (size > PENDING_MAX)
        return ERR_TOO_LARGE;
    if (size > s.size)
        return 0;
    tell_frame(d, dir, &h, slice_of(s.data + YAMUX_HEADER_SIZE, size - YAMUX_HEADER_SIZE));
    return (int)size;
}

static void read_plain(struct decryption *d, struct direction *dir)
{
    size_t used = 0;

    for (;;) {
        struct slice rest = slice_of(dir->plain.data + used, dir->plain.size - used), text = {0};
        int size;

        if (rest.size == 0)
            break;
        dir->muxing |= rest.data[0] == 0; /* a yamux version; no multistream message is empty */
        size = dir->muxing ? read_yamux(d, dir, rest) : multistream_message(rest, &text);
        if (size < 0) {
            give_up(d, dir,
                    dir->muxing ? "no yamux frame where one should be" : "no multistream message");
            break;
        }
        if (size == 0)
            break;
        used += (size_t)size;
    }
    if (used)
        consume(&dir->plain, used);
}

static void read_sealed(struct decryption *d, struct direction *dir, struct slice frame)
{
    uint8_t *out;

    if (frame.size < AEAD_TAG_SIZE) {
        give_up(d, dir, "a Noise frame is shorter than its tag");
        return;
    }
    out = buf_extend(&dir->plain, frame.size - AEAD_TAG_SIZE);
    if (out && dir->modelled) {
        memcpy(out, frame.data + AEAD_TAG_SIZE, frame.size - AEAD_TAG_SIZE);
        dir->counter++;
        read_plain(d, dir);
        return;
    }
    if (!out || !aead_open(out, dir->key, dir->counter++, slice_of(NULL, 0), frame)) {
        give_up(d, dir,
                out ? "a Noise frame does not open with its key" : "a yamux frame is too large");
        return;
    }
    read_plain(d, dir);
}

/* Takes one message from the front: its size, 0 when it is not whole, negative to give up. */
static int read_wire(struct decryption *d, struct direction *dir, struct slice s)
{
    struct slice text;
    int size;

    if (dir->phase == PHASE_SECURITY) {
        size = multistream_message(s, &text);
        if (size > 0 && slice_equal(text, slice_text("/noise\n")))
            dir->phase = PHASE_HANDSHAKE;
        return size;
    }
    if (s.size < 2 || s.size - 2 < load_be16(s.data))
        return 0;
    size = 2 + load_be16(s.data);
    if (dir->phase == PHASE_SEALED)
        read_sealed(d, dir, slice_of(s.data + 2, (size_t)size - 2));
    else if (--dir->handshake_left == 0)
        dir->phase = PHASE_SEALED;
    return size;
}

static void read_direction(struct decryption *d, struct direction *dir)
{
    size_t used = 0;

    while (dir->phase != PHASE_BROKEN) {
        int size = read_wire(d, dir, slice_of(dir->wire.data + used, dir->wire.size - used));

        if (size < 0)
            give_up(d, dir, "no multistream message");
        if (size <= 0)
            break;
        used += (size_t)size;
    }
    if (used && dir->phase != PHASE_BROKEN)
        consume(&dir->wire, used);
}

/* ---- packets to streams ---- */

/* Connections may follow each other between the same two ports (go-libp2p dials from the one that it listens on): the one
 * under way, which is the last that was started, and the first of those whose keys are still to be used. */
static void direction_find(struct decryption *d, const struct pcap_packet *p, struct direction **current,
                           struct direction **next)
{
    *current = *next = NULL;
    for (uint32_t i = 0; i < d->count; i++) {
        struct direction *dir = &d->directions[i];

        if (!endpoint_equal(&dir->from, &p->from) || !endpoint_equal(&dir->to, &p->to))
            continue;
        if (dir->started)
            *current = dir;
        else if (!*next)
            *next = dir;
    }
}

static void direction_start(struct direction *dir, uint32_t sequence)
{
    dir->started = true;
    dir->sequence = sequence;
    dir->phase = PHASE_SECURITY;
    dir->handshake_left = dir->handshake_size;
    buf_clear(&dir->wire);
}

/* A connection that never used its keys was none, or the same SYN comes again: the keys are for the one that starts now.
 * One that is left without keys ends what went before it. */
static struct direction *direction_of_syn(struct decryption *d, const struct pcap_packet *p)
{
    struct direction *current, *next;

    direction_find(d, p, &current, &next);
    if (current && current->counter == 0)
        next = current;
    if (next)
        direction_start(next, p->sequence + 1);
    else if (current)
        current->phase = PHASE_BROKEN;
    return next;
}

static struct direction *direction_of(struct decryption *d, const struct pcap_packet *p)
{
    struct direction *current, *next;

    if (p->syn)
        return direction_of_syn(d, p);
    direction_find(d, p, &current, &next);
    return current ? current : next;
}

static void take_packet(struct decryption *d, struct direction *dir, const struct pcap_packet *p)
{
    struct slice payload = p->payload;
    uint32_t behind = dir->sequence - p->sequence; /* bytes that were seen before */

    if (dir->phase == PHASE_BROKEN || payload.size == 0)
        return;
    if (!dir->started) {
        give_up(d, dir, "the capture does not have the start of the connection");
        return;
    }
    if (behind > 0x80000000u) {
        give_up(d, dir, "bytes are missing in the capture, or out of order");
        return;
    }
    if (behind >= payload.size)
        return;
    payload = slice_of(payload.data + behind, payload.size - behind);
    dir->sequence += (uint32_t)payload.size;
    buf_append_slice(&dir->wire, payload);
    read_direction(d, dir);
}

static int read_packets(struct decryption *d, struct pcap_reader *reader)
{
    struct pcap_packet p;
    int more;

    while ((more = pcap_next(reader, &p)) > 0) {
        struct direction *dir = direction_of(d, &p);

        d->time_ns = p.time_ns;
        if (dir)
            take_packet(d, dir, &p);
        else
            d->totals->skipped += p.syn && !p.ack;
    }
    return more;
}

/* ---- keys to directions ---- */

static struct direction *direction_add(struct decryption *d, const struct endpoint *from, const struct endpoint *to,
                                       const uint8_t *key, bool initiator)
{
    struct direction *dir;

    d->directions = mem_grow(d->directions, d->count + 1, sizeof *d->directions);
    dir = &d->directions[d->count++];
    *dir = (struct direction){.from = *from, .to = *to, .handshake_size = initiator ? 2 : 1};
    memcpy(dir->key, key, AEAD_KEY_SIZE);
    buf_init(&dir->wire, PENDING_MAX);
    buf_init(&dir->plain, PENDING_MAX);
    return dir;
}

/* False with the number of the line that is no entry. */
static bool read_keys(struct decryption *d, struct slice keylog, uint32_t *line)
{
    struct cursor text = cursor_of(keylog);
    struct keylog_entry e;
    int more;

    while ((more = keylog_next(&text, line, &e)) > 0) {
        direction_add(d, &e.local, &e.remote, e.send_key, e.initiator)->modelled = e.modelled;
        direction_add(d, &e.remote, &e.local, e.receive_key, !e.initiator)->modelled = e.modelled;
    }
    return more == 0;
}

static void decryption_free(struct decryption *d)
{
    for (uint32_t i = 0; i < d->count; i++) {
        d->totals->connections += d->directions[i].started && i % 2 == 0;
        buf_deinit(&d->directions[i].wire);
        buf_deinit(&d->directions[i].plain);
        crypto_wipe(d->directions[i].key, AEAD_KEY_SIZE);
    }
    mem_free(d->directions);
    jsonl_deinit(&d->json);
}

bool decrypt_capture(struct slice pcap, struct slice keylog, bool data, FILE *out,
                     struct decrypt_totals *totals, char error[static DECRYPT_ERROR_MAX])
{
    struct decryption d = {.data = data, .out = out, .totals = totals};
    struct pcap_reader reader;
    const char *wrong = pcap_reader_init(&reader, pcap);
    uint32_t line = 0;

    *totals = (struct decrypt_totals){0};
    jsonl_init(&d.json, 4 * (size_t)PENDING_MAX);
    error[0] = '\0';
    if (wrong)
        snprintf(error, DECRYPT_ERROR_MAX, "the capture %s", wrong);
    else if (!read_keys(&d, keylog, &line))
        snprintf(error, DECRYPT_ERROR_MAX, "the key log is malformed in line %u", line);
    else if (read_packets(&d, &reader) < 0)
        snprintf(error, DECRYPT_ERROR_MAX, "the capture ends in the middle of a packet");
    decryption_free(&d);
    return error[0] == '\0';
}
