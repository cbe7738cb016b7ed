/* The RPC protobuf (pubsub spec, gossipsub v1.0 and v1.1). */
#include "stack/gossipsub/rpc.h"

#include "stack/base/err.h"
#include "stack/wire/pb.h"
#include "stack/wire/varint.h"

/* What is known of a message type: bit n of a mask stands for field n. */
struct shape {
    uint8_t bytes, varints, counted;
};

static const struct shape control_shapes[] = {
    [TRACE_CONTROL_SUBSCRIBE] = {.varints = 1 << 1 | 1 << 3 | 1 << 4, .bytes = 1 << 2},
    [TRACE_CONTROL_IHAVE] = {.bytes = 1 << 1 | 1 << 2, .counted = 1 << RPC_IHAVE_IDS},
    [TRACE_CONTROL_IWANT] = {.bytes = 1 << 1, .counted = 1 << RPC_IWANT_IDS},
    [TRACE_CONTROL_GRAFT] = {.bytes = 1 << 1},
    [TRACE_CONTROL_PRUNE] = {.bytes = 1 << 1 | 1 << RPC_PRUNE_PEERS, .varints = 1 << 3},
    [TRACE_CONTROL_IDONTWANT] = {.bytes = 1 << 1, .counted = 1 << 1},
    [TRACE_CONTROL_EXTENSIONS] = {0},
    [TRACE_CONTROL_PARTIAL] = {.bytes = 0x1e},
    [TRACE_CONTROL_TEST] = {0},
};

static const struct shape message_shape = {.bytes = 0x7e};
static const struct shape peer_info_shape = {.bytes = 1 << 1 | 1 << 2};

static bool in_mask(uint8_t mask, uint32_t number)
{
    return number < 8 && (mask >> number & 1);
}

static int check_shape(struct slice s, const struct shape *shape, uint32_t *counted)
{
    struct cursor c = cursor_of(s);
    struct pb_field f;
    struct slice bytes;
    uint32_t number;
    int more;

    for (;;) {
        while (pb_next_short(&c, &number, &bytes)) { /* ids of an IHAVE come by the hundred */
            if (in_mask(shape->varints, number))
                return ERR_MALFORMED;
            *counted += in_mask(shape->counted, number);
        }
        more = pb_next(&c, &f);
        if (more <= 0)
            return more;
        if (in_mask(shape->bytes, f.number) && f.type != PB_BYTES)
            return ERR_MALFORMED;
        if (in_mask(shape->varints, f.number) && f.type != PB_VARINT)
            return ERR_MALFORMED;
        *counted += in_mask(shape->counted, f.number);
    }
}

static int check_item(enum trace_control kind, struct slice item, uint32_t *count)
{
    struct cursor c = cursor_of(item);
    struct slice peer;
    uint32_t ids = 0;
    int err = check_shape(item, &control_shapes[kind], &ids);

    if (err != ERR_OK)
        return err;
    while (kind == TRACE_CONTROL_PRUNE && rpc_next_bytes(&c, RPC_PRUNE_PEERS, &peer))
        if (check_shape(peer, &peer_info_shape, &ids) != ERR_OK)
            return ERR_MALFORMED;
    *count += control_shapes[kind].counted ? ids : 1;
    return ERR_OK;
}

/* Field numbers of the extensions in ControlExtensions, by their bits. */
static const uint32_t extension_fields[] = {6492434, 10};

/* A field of another type than bool is none of ours: unknown extensions are ignored. */
static void read_extensions(struct slice item, unsigned *extensions)
{
    struct cursor c = cursor_of(item);
    struct pb_field f;

    while (pb_next(&c, &f) > 0)
        for (uint32_t i = 0; i < 2; i++)
            if (f.number == extension_fields[i] && f.type == PB_VARINT)
                *extensions = f.value ? *extensions | 1u << i : *extensions & ~(1u << i);
}

static int check_control(struct slice control, struct rpc_summary *s)
{
    struct cursor c = cursor_of(control);
    struct pb_field f;
    const uint8_t *start = c.at;
    int more;

    s->has_control = true;
    while ((more = pb_next(&c, &f)) > 0) {
        if (f.number <= TRACE_CONTROL_EXTENSIONS) {
            struct rpc_count *n = &s->control[f.number];

            if (f.type != PB_BYTES)
                return ERR_MALFORMED;
            if (check_item((enum trace_control)f.number, f.bytes, &n->count) != ERR_OK)
                return ERR_MALFORMED;
            n->size += (uint32_t)(c.at - start);
            if (f.number == TRACE_CONTROL_EXTENSIONS)
                read_extensions(f.bytes, &s->extensions);
        }
        start = c.at;
    }
    return more;
}

/* The fields of extensions beside the classic three. */
static int check_extension(enum trace_control kind, const struct pb_field *f, size_t size, struct rpc_summary *s)
{
    if (f->type != PB_BYTES)
        return ERR_MALFORMED;
    s->control[kind].size += (uint32_t)size;
    return check_item(kind, f->bytes, &s->control[kind].count);
}

static int check_field(const struct pb_field *f, size_t size, struct rpc_summary *s)
{
    struct rpc_count *subscriptions = &s->control[TRACE_CONTROL_SUBSCRIBE];
    uint32_t unused = 0;

    if (f->number == RPC_FIELD_PARTIAL)
        return check_extension(TRACE_CONTROL_PARTIAL, f, size, s);
    if (f->number == RPC_FIELD_TEST)
        return check_extension(TRACE_CONTROL_TEST, f, size, s);
    if (f->number > RPC_FIELD_CONTROL)
        return ERR_OK;
    if (f->type != PB_BYTES)
        return ERR_MALFORMED;
    switch (f->number) {
    case RPC_FIELD_SUBSCRIPTION:
        subscriptions->size += (uint32_t)size;
        return check_item(TRACE_CONTROL_SUBSCRIBE, f->bytes, &subscriptions->count);
    case RPC_FIELD_PUBLISH:
        s->publishes++;
        return check_shape(f->bytes, &message_shape, &unused);
    default:
        return check_control(f->bytes, s);
    }
}

int rpc_check(struct slice rpc, struct rpc_summary *s)
{
    struct cursor c = cursor_of(rpc);
    struct pb_field f;
    const uint8_t *start = c.at;
    int more;

    *s = (struct rpc_summary){0};
    while ((more = pb_next(&c, &f)) > 0) {
        if (check_field(&f, (size_t)(c.at - start), s) != ERR_OK)
            return ERR_MALFORMED;
        start = c.at;
    }
    return more;
}

bool rpc_sole_publish(struct slice rpc, struct slice *message)
{
    uint64_t size;
    int prefix;

    if (rpc.size < 2 || rpc.data[0] != (RPC_FIELD_PUBLISH << 3 | PB_BYTES))
        return false;
    prefix = varint_read(slice_of(rpc.data + 1, rpc.size - 1), &size);
    if (prefix <= 0 || size != rpc.size - 1 - (size_t)prefix)
        return false;
    *message = slice_of(rpc.data + 1 + prefix, (size_t)size);
    return true;
}

int rpc_message_read(struct slice message, struct gossipsub_message *m)
{
    struct cursor c = cursor_of(message);
    struct slice *const places[] = {&m->from,  &m->data,      &m->seqno,
                                    &m->topic, &m->signature, &m->key};
    struct pb_field f;
    int more;

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        *places[i] = slice_of(NULL, 0);
    while ((more = pb_next(&c, &f)) > 0) {
        if (f.number > sizeof places / sizeof places[0])
            continue;
        if (f.type != PB_BYTES)
            return ERR_MALFORMED;
        *places[f.number - 1] = f.bytes;
    }
    return more;
}

struct rpc_walk rpc_walk_of(struct slice rpc)
{
    return (struct rpc_walk){cursor_of(rpc), cursor_of(slice_of(rpc.data, 0))};
}

bool rpc_next_bytes(struct cursor *item, uint32_t number, struct slice *bytes)
{
    struct pb_field f;
    uint32_t short_number;
    struct slice short_bytes;

    while (pb_next_short(item, &short_number, &short_bytes)) {
        if (short_number == number) {
            *bytes = short_bytes;
            return true;
        }
    }
    while (pb_next(item, &f) > 0) {
        if (f.number == number && f.type == PB_BYTES) {
            *bytes = f.bytes;
            return true;
        }
    }
    return false;
}

bool rpc_next_subscription(struct rpc_walk *w, struct rpc_subscription *s)
{
    struct slice item;
    struct cursor c;
    struct pb_field f;

    if (!rpc_next_bytes(&w->rpc, RPC_FIELD_SUBSCRIPTION, &item))
        return false;
    *s = (struct rpc_subscription){0};
    c = cursor_of(item);
    while (pb_next(&c, &f) > 0) {
        if (f.number == 1)
            s->subscribe = f.value != 0;
        else if (f.number == 2)
            s->topic = f.bytes;
        else if (f.number == 3)
            s->wants_partial = f.value != 0;
        else if (f.number == 4)
            s->sends_partial = f.value != 0;
    }
    return true;
}

bool rpc_next_partial(struct rpc_walk *w, struct rpc_partial *p)
{
    struct slice *const places[] = {&p->topic, &p->group, &p->message, &p->metadata};
    struct slice item;
    struct cursor c;
    struct pb_field f;

    if (!rpc_next_bytes(&w->rpc, RPC_FIELD_PARTIAL, &item))
        return false;
    *p = (struct rpc_partial){0};
    c = cursor_of(item);
    while (pb_next(&c, &f) > 0)
        if (f.number >= 1 && f.number <= 4)
            *places[f.number - 1] = f.bytes;
    return true;
}

bool rpc_next_publish(struct rpc_walk *w, struct slice *message)
{
    return rpc_next_bytes(&w->rpc, RPC_FIELD_PUBLISH, message);
}

/* Several control fields in an RPC count as one (protobuf's rule for embedded messages). */
bool rpc_next_control(struct rpc_walk *w, enum trace_control kind, struct slice *item)
{
    struct slice control;

    while (!rpc_next_bytes(&w->control, kind, item)) {
        if (!rpc_next_bytes(&w->rpc, RPC_FIELD_CONTROL, &control))
            return false;
        w->control = cursor_of(control);
    }
    return true;
}

struct slice rpc_item_topic(struct slice item)
{
    struct cursor c = cursor_of(item);
    struct slice topic = {NULL, 0};

    while (rpc_next_bytes(&c, 1, &topic)) {
        /* the last one counts */
    }
    return topic;
}

uint64_t rpc_prune_backoff_s(struct slice item)
{
    struct cursor c = cursor_of(item);
    struct pb_field f;
    uint64_t backoff_s = 0;

    while (pb_next(&c, &f) > 0)
        if (f.number == 3)
            backoff_s = f.value;
    return backoff_s;
}

void rpc_peer_read(struct slice info, struct slice *id, struct slice *record)
{
    struct cursor c = cursor_of(info);
    struct pb_field f;

    *id = *record = slice_of(NULL, 0);
    while (pb_next(&c, &f) > 0) {
        if (f.number == 1)
            *id = f.bytes;
        else if (f.number == 2)
            *record = f.bytes;
    }
}

void rpc_append_subscription(struct buf *b, bool subscribe, struct slice topic)
{
    varint_append(b, RPC_FIELD_SUBSCRIPTION << 3 | PB_BYTES);
    varint_append(b, pb_varint_size(1, subscribe) + pb_bytes_size(2, topic.size));
    pb_append_varint(b, 1, subscribe);
    pb_append_bytes(b, 2, topic);
}

void rpc_append_subscription_partial(struct buf *b, const struct rpc_subscription *s)
{
    varint_append(b, RPC_FIELD_SUBSCRIPTION << 3 | PB_BYTES);
    varint_append(b, 3 * pb_varint_size(1, 1) + pb_bytes_size(2, s->topic.size));
    pb_append_varint(b, 1, s->subscribe);
    pb_append_bytes(b, 2, s->topic);
    pb_append_varint(b, 3, s->wants_partial);
    pb_append_varint(b, 4, s->sends_partial);
}

static size_t partial_body_size(const struct rpc_partial *p)
{
    const struct slice fields[] = {p->topic, p->group, p->message, p->metadata};
    size_t size = 0;

    for (uint32_t i = 0; i < 4; i++)
        if (fields[i].data)
            size += pb_bytes_size(i + 1, fields[i].size);
    return size;
}

size_t rpc_partial_size(const struct rpc_partial *p)
{
    return pb_bytes_size(RPC_FIELD_PARTIAL, partial_body_size(p));
}

void rpc_append_partial(struct buf *b, const struct rpc_partial *p)
{
    const struct slice fields[] = {p->topic, p->group, p->message, p->metadata};

    varint_append(b, RPC_FIELD_PARTIAL << 3 | PB_BYTES);
    varint_append(b, partial_body_size(p));
    for (uint32_t i = 0; i < 4; i++)
        if (fields[i].data)
            pb_append_bytes(b, i + 1, fields[i]);
}

void rpc_append_extensions(struct buf *b, unsigned extensions)
{
    size_t size = 0;

    for (uint32_t i = 0; i < 2; i++)
        if (extensions >> i & 1)
            size += pb_varint_size(extension_fields[i], 1);
    varint_append(b, TRACE_CONTROL_EXTENSIONS << 3 | PB_BYTES);
    varint_append(b, size);
    for (uint32_t i = 2; i-- > 0;) /* in ascending order of their numbers */
        if (extensions >> i & 1)
            pb_append_varint(b, extension_fields[i], 1);
}

static size_t prune_body_size(struct slice topic, uint64_t backoff_s)
{
    return pb_bytes_size(1, topic.size) + (backoff_s ? pb_varint_size(3, backoff_s) : 0);
}

void rpc_append_graft(struct buf *b, struct slice topic)
{
    varint_append(b, TRACE_CONTROL_GRAFT << 3 | PB_BYTES);
    varint_append(b, pb_bytes_size(1, topic.size));
    pb_append_bytes(b, 1, topic);
}

void rpc_append_prune(struct buf *b, struct slice topic, uint64_t backoff_s)
{
    varint_append(b, TRACE_CONTROL_PRUNE << 3 | PB_BYTES);
    varint_append(b, prune_body_size(topic, backoff_s));
    pb_append_bytes(b, 1, topic);
    if (backoff_s)
        pb_append_varint(b, 3, backoff_s);
}

size_t rpc_graft_size(struct slice topic)
{
    return pb_bytes_size(TRACE_CONTROL_GRAFT, pb_bytes_size(1, topic.size));
}

size_t rpc_prune_size(struct slice topic, uint64_t backoff_s)
{
    return pb_bytes_size(TRACE_CONTROL_PRUNE, prune_body_size(topic, backoff_s));
}
