/* Posts and parcels. */
#include "stack/gossipsub/post.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/wire/varint.h"

static void post_free(struct post *p)
{
    struct topic *t = p->topic;

    span_unref(p->frame);
    mem_free(p->answers);
    mem_free(p);
    topic_unpin(t);
}

static void parcel_free(struct parcel *p)
{
    for (uint32_t i = 0; i < p->post_count; i++)
        post_unref(p->posts[i]);
    chain_deinit(&p->bytes);
    mem_free(p);
}

void frame_unref(struct frame *f)
{
    CHECK(f->refs > 0);
    if (--f->refs > 0)
        return;
    if (f->kind == FRAME_POST)
        post_free(CONTAINER_OF(f, struct post, head));
    else
        parcel_free(CONTAINER_OF(f, struct parcel, head));
}

struct post *post_new(struct topic *t, struct span frame, const struct gossipsub_message *m)
{
    size_t size = offsetof(struct post, id) + m->id.size;
    struct post *p = mem_alloc(size > sizeof *p ? size : sizeof *p);

    CHECK(m->id.size <= GOSSIPSUB_ID_MAX);
    *p = (struct post){
        .head = {1, FRAME_POST},
        .topic = t,
        .frame = frame,
        .data_size = (uint32_t)m->data.size,
        .id_size = (uint8_t)m->id.size,
    };
    if (m->id.size)
        memcpy(p->id, m->id.data, m->id.size);
    topic_pin(t);
    return p;
}

static size_t prefix_size(struct span frame)
{
    uint64_t size;
    int prefix = varint_read(span_slice(frame), &size);

    CHECK(prefix > 0 && size == frame.size - (uint32_t)prefix);
    return (size_t)prefix;
}

struct span post_body(const struct post *p)
{
    size_t prefix = prefix_size(p->frame);

    return span_part(p->frame, prefix, p->frame.size - prefix);
}

void post_frame_read(struct span frame, struct gossipsub_message *m)
{
    size_t prefix = prefix_size(frame);
    struct slice message;

    CHECK(rpc_sole_publish(slice_of(frame.data + prefix, frame.size - prefix), &message));
    CHECK(rpc_message_read(message, m) == ERR_OK);
    m->id = slice_of(NULL, 0);
    m->frame = frame;
    m->received_from = TRACE_NO_PEER;
}

uint32_t post_answer_count(struct post *p, uint64_t peer_key)
{
    uint32_t count = p->answers ? p->answers->count : 0;

    for (uint32_t i = 0; i < count; i++)
        if (p->answers->items[i].peer_key == peer_key)
            return ++p->answers->items[i].count;
    p->answers = mem_realloc(p->answers, sizeof *p->answers + (count + 1) * sizeof p->answers->items[0]);
    p->answers->items[count].peer_key = peer_key;
    p->answers->items[count].count = 1;
    p->answers->count = count + 1;
    return 1;
}

struct parcel *parcel_new(struct post *const *posts, uint32_t count)
{
    struct parcel *p = mem_zalloc(sizeof *p + count * sizeof *posts);

    p->head = (struct frame){1, FRAME_PARCEL};
    p->post_count = count;
    for (uint32_t i = 0; i < count; i++)
        p->posts[i] = post_ref(posts[i]);
    chain_init(&p->bytes);
    return p;
}
