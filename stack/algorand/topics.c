/* Topics codec. Its uvarints are Go's: up to 64 bits, not necessarily minimal. */
#include "stack/algorand/topics.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/wire/varint.h"

static int read_uvarint(struct cursor *c, uint64_t *v)
{
    *v = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = cursor_u8(c);

        if (c->bad)
            return ERR_TRUNCATED;
        if (shift == 63 && byte > 1)
            return ERR_MALFORMED; /* over 64 bits */
        *v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return ERR_OK;
    }
    return ERR_MALFORMED;
}

static int read_field(struct cursor *c, uint64_t size_max, struct slice *field)
{
    uint64_t size;
    int err = read_uvarint(c, &size);

    if (err < 0)
        return err;
    if (size > size_max)
        return ERR_TOO_LARGE;
    if (size > cursor_left(c))
        return ERR_TRUNCATED;
    *field = cursor_bytes(c, (size_t)size);
    return ERR_OK;
}

int topics_read(struct topics *t, struct slice payload)
{
    struct cursor c = cursor_of(payload);
    uint64_t count;
    int err = read_uvarint(&c, &count);

    t->count = 0;
    if (err < 0)
        return err;
    if (count > TOPICS_COUNT_MAX)
        return ERR_TOO_LARGE;
    while (t->count < count) {
        struct topics_item *item = &t->items[t->count];

        err = read_field(&c, TOPICS_KEY_MAX, &item->key);
        if (err < 0)
            return err;
        if (item->key.size == 0)
            return ERR_MALFORMED;
        err = read_field(&c, TOPICS_DATA_MAX, &item->data);
        if (err < 0)
            return err;
        t->count++;
    }
    return ERR_OK;
}

bool topics_find(const struct topics *t, const char *key, struct slice *data)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (slice_equal(t->items[i].key, slice_text(key))) {
            *data = t->items[i].data;
            return true;
        }
    return false;
}

void topics_write(struct buf *b, const struct topics *t)
{
    CHECK(t->count <= TOPICS_COUNT_MAX);
    varint_append(b, t->count);
    for (uint32_t i = 0; i < t->count; i++) {
        const struct topics_item *item = &t->items[i];

        CHECK(item->key.size >= 1 && item->key.size <= TOPICS_KEY_MAX);
        CHECK(item->data.size <= TOPICS_DATA_MAX);
        varint_append(b, item->key.size);
        buf_append_slice(b, item->key);
        varint_append(b, item->data.size);
        buf_append_slice(b, item->data);
    }
}

/* ping and pong: gone since 3.2.1, still tolerated in an MI. */
static bool is_deprecated(const uint8_t tag[static TAG_SIZE])
{
    return tag[0] == 'p' && (tag[1] == 'i' || tag[1] == 'j');
}

int topics_interest_read(struct slice payload, tag_set *wanted)
{
    struct topics t;
    struct slice list;
    unsigned set = 0;
    int err = topics_read(&t, payload);

    if (err < 0)
        return err;
    if (!topics_find(&t, "tags", &list))
        return ERR_MALFORMED;
    if (list.size > TOPICS_INTEREST_MAX)
        return ERR_TOO_LARGE;
    for (size_t at = 0;;
         at += TAG_SIZE + 1) { /* "AV,PP,TX": tags of two letters with commas between */
        size_t left = list.size - at;
        enum tag tag;

        if (left < TAG_SIZE || (left > TAG_SIZE && list.data[at + TAG_SIZE] != ','))
            return ERR_MALFORMED;
        tag = tag_find(list.data + at);
        if (tag != TAG_COUNT)
            set |= 1u << tag;
        else if (!is_deprecated(list.data + at))
            return ERR_MALFORMED;
        if (left == TAG_SIZE)
            break;
    }
    *wanted = (tag_set)set;
    return ERR_OK;
}
