/* identify (libp2p identify specification), written as go does. Fields: 1 public key, 2 listen
 * addresses, 3 protocols, 4 observed address, 5 protocol version, 6 agent version, 8 signed peer
 * record. */
#include "stack/identify/identify.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/wire/multiaddr.h"
#include "stack/wire/pb.h"
#include "stack/wire/varint.h"

#define SPLIT_SIZE 2048 /* a larger message with a signed record goes out as two */

enum field {
    FIELD_PUBLIC_KEY = 1,
    FIELD_LISTEN_ADDR = 2,
    FIELD_PROTOCOL = 3,
    FIELD_OBSERVED_ADDR = 4,
    FIELD_PROTOCOL_VERSION = 5,
    FIELD_AGENT_VERSION = 6,
    FIELD_SIGNED_RECORD = 8
};

/* ----------------------------------------------------------------------------------- writing */

static size_t field_size(enum field number, struct slice s)
{
    return s.size ? pb_bytes_size(number, s.size) : 0;
}

/* What is empty is left out; an empty multiaddr in particular makes js fail. */
static void append_field(struct buf *b, enum field number, struct slice s)
{
    if (s.size > 0)
        pb_append_bytes(b, number, s);
}

/* Everything but the listen addresses and the record. */
static size_t base_size(const struct identify *id)
{
    size_t size = field_size(FIELD_PUBLIC_KEY, id->public_key) +
                  field_size(FIELD_OBSERVED_ADDR, id->observed_addr) +
                  field_size(FIELD_PROTOCOL_VERSION, id->protocol_version) +
                  field_size(FIELD_AGENT_VERSION, id->agent_version);

    for (size_t i = 0; i < id->protocol_count; i++)
        size += field_size(FIELD_PROTOCOL, id->protocols[i]);
    return size;
}

/* Appends as many listen addresses as fit; returns their size. With b NULL only measures. */
static size_t append_addrs(struct buf *b, const struct identify *id, size_t base)
{
    size_t size = 0;

    for (size_t i = 0; i < id->listen_addr_count; i++) {
        size_t more = field_size(FIELD_LISTEN_ADDR, id->listen_addrs[i]);

        if (base > IDENTIFY_OWN_MAX || size + more > IDENTIFY_OWN_MAX - base)
            break;
        size += more;
        if (b)
            append_field(b, FIELD_LISTEN_ADDR, id->listen_addrs[i]);
    }
    return size;
}

static void append_message(struct buf *out, const struct identify *id, struct slice record)
{
    size_t base = base_size(id);

    varint_append(out,
                  base + append_addrs(NULL, id, base) + field_size(FIELD_SIGNED_RECORD, record));
    append_field(out, FIELD_PUBLIC_KEY, id->public_key);
    append_addrs(out, id, base);
    for (size_t i = 0; i < id->protocol_count; i++)
        append_field(out, FIELD_PROTOCOL, id->protocols[i]);
    append_field(out, FIELD_OBSERVED_ADDR, id->observed_addr);
    append_field(out, FIELD_PROTOCOL_VERSION, id->protocol_version);
    append_field(out, FIELD_AGENT_VERSION, id->agent_version);
    append_field(out, FIELD_SIGNED_RECORD, record);
}

int identify_write(const struct identify *id, struct buf *out)
{
    size_t start = out->size, base = base_size(id);
    size_t plain = base + append_addrs(NULL, id, base);
    size_t record = field_size(FIELD_SIGNED_RECORD, id->signed_record);

    CHECK(id->listen_addr_count <= IDENTIFY_ADDRS_MAX);
    CHECK(id->protocol_count <= IDENTIFY_PROTOCOLS_MAX);
    if (plain > IDENTIFY_MESSAGE_MAX || record > IDENTIFY_MESSAGE_MAX)
        return ERR_TOO_LARGE;
    if (record == 0 || plain + record <= SPLIT_SIZE) {
        append_message(out, id, id->signed_record);
    } else {
        append_message(out, id, slice_of(NULL, 0));
        varint_append(out, record);
        append_field(out, FIELD_SIGNED_RECORD, id->signed_record);
    }
    if (!out->overflow)
        return ERR_OK;
    out->size = start;
    return ERR_TOO_LARGE;
}

/* ----------------------------------------------------------------------------------- reading */

void identify_reader_init(struct identify_reader *r)
{
    buf_init(&r->bytes, (size_t)IDENTIFY_MESSAGES_MAX * IDENTIFY_MESSAGE_MAX);
    r->messages = 0;
}

void identify_reader_deinit(struct identify_reader *r)
{
    buf_deinit(&r->bytes);
}

/* Each message must be whole by itself: only then is joining their bytes the same as merging them.
 */
static int check_message(struct slice body)
{
    struct cursor c = cursor_of(body);
    struct pb_field f;
    int more;

    while ((more = pb_next(&c, &f)) > 0)
        ;
    return more;
}

/* Moves one message's body to the reader. */
static int take_body(struct identify_reader *r, struct chain *in, size_t size)
{
    uint8_t *body;

    r->messages++;
    if (size == 0)
        return ERR_OK;
    body = buf_extend(&r->bytes, size);
    CHECK(body);
    chain_peek(in, 0, body, size);
    chain_drop(in, size);
    return check_message(slice_of(body, size));
}

int identify_reader_feed(struct identify_reader *r, struct chain *in)
{
    while (in->size > 0) {
        uint8_t head[VARINT_SIZE_MAX];
        size_t peeked = in->size < sizeof head ? in->size : sizeof head;
        uint64_t size;
        int head_size, err;

        if (r->messages == IDENTIFY_MESSAGES_MAX)
            return ERR_LIMIT;
        chain_peek(in, 0, head, peeked);
        head_size = varint_read(slice_of(head, peeked), &size);
        if (head_size <= 0)
            return head_size;
        if (size > IDENTIFY_MESSAGE_MAX)
            return ERR_TOO_LARGE;
        if (size > in->size - (size_t)head_size)
            return ERR_OK;
        chain_drop(in, (size_t)head_size);
        err = take_body(r, in, (size_t)size);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static void keep_protocol(struct identify *id, struct slice name)
{
    if (name.size == 0)
        return;
    id->has_protocols = true;
    if (id->protocol_count < IDENTIFY_PROTOCOLS_MAX)
        id->protocols[id->protocol_count++] = name;
}

static void keep_addr(struct identify *id, struct slice addr)
{
    if (id->listen_addr_count < IDENTIFY_ADDRS_MAX && multiaddr_check(addr) == ERR_OK)
        id->listen_addrs[id->listen_addr_count++] = addr;
}

static void keep_field(struct identify *id, const struct pb_field *f)
{
    switch (f->number) {
    case FIELD_PUBLIC_KEY:
        id->public_key = f->bytes;
        break;
    case FIELD_LISTEN_ADDR:
        keep_addr(id, f->bytes);
        break;
    case FIELD_PROTOCOL:
        keep_protocol(id, f->bytes);
        break;
    case FIELD_OBSERVED_ADDR:
        if (multiaddr_check(f->bytes) == ERR_OK)
            id->observed_addr = f->bytes;
        break;
    case FIELD_PROTOCOL_VERSION:
        id->protocol_version = f->bytes;
        break;
    case FIELD_AGENT_VERSION:
        id->agent_version = f->bytes;
        break;
    case FIELD_SIGNED_RECORD:
        id->signed_record = f->bytes;
        break;
    default:
        break;
    }
}

int identify_reader_finish(const struct identify_reader *r, struct identify *id)
{
    struct cursor c = cursor_of(buf_slice(&r->bytes));
    struct pb_field f;
    int more;

    if (r->messages == 0)
        return ERR_TRUNCATED;
    *id = (struct identify){0};
    while ((more = pb_next(&c, &f)) > 0)
        if (f.type == PB_BYTES)
            keep_field(id, &f);
    return more;
}
