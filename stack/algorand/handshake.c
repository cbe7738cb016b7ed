/* The metadata of /algorand-ws/2.2.0. */
#include "stack/algorand/handshake.h"

#include "stack/base/buf.h"
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/wire/msgpack.h"

#define KEY_ACCEPT "X-Algorand-Accept-Version"
#define KEY_FEATURES "X-Algorand-Peer-Features"
#define KEY_VERSION "X-Algorand-Version"

struct span handshake_write(const struct handshake_offer *offer)
{
    /* In ascending order, as canonical msgpack wants. A node on libp2p streams leaves name and
     * telemetry id empty. */
    const char *const entries[][2] = {
        {KEY_ACCEPT, HANDSHAKE_VERSION}, {"X-Algorand-Genesis", offer->genesis},
        {"X-Algorand-Instancename", ""}, {KEY_FEATURES, offer->features},
        {"X-Algorand-Telid", ""},        {KEY_VERSION, HANDSHAKE_VERSION},
    };
    const size_t count = sizeof entries / sizeof entries[0];
    struct buf b;
    struct span written;

    buf_init(&b, 2 + HANDSHAKE_SIZE_MAX);
    buf_append_be16(&b, 0);
    msgpack_append_map(&b, count);
    for (size_t i = 0; i < count; i++) {
        msgpack_append_str(&b, slice_text(entries[i][0]));
        msgpack_append_array(&b, 1);
        msgpack_append_str(&b, slice_text(entries[i][1]));
    }
    CHECK(!b.overflow);
    store_be16(b.data, (uint16_t)(b.size - 2));
    written = span_give(blob_copy(buf_slice(&b)));
    buf_deinit(&b);
    return written;
}

size_t handshake_size(const struct chain *in)
{
    uint8_t length[2];

    if (in->size < sizeof length)
        return 0;
    chain_peek(in, 0, length, sizeof length);
    return sizeof length + load_be16(length);
}

static struct slice trimmed(struct slice s)
{
    while (s.size && (s.data[0] == ' ' || s.data[0] == '\t'))
        s = slice_of(s.data + 1, s.size - 1);
    while (s.size && (s.data[s.size - 1] == ' ' || s.data[s.size - 1] == '\t'))
        s.size--;
    return s;
}

static unsigned feature_of(struct slice name)
{
    static const struct {
        const char *name;
        unsigned features;
    } known[] = {
        {"ppzstd", HANDSHAKE_PPZSTD},
        {"avvpack", HANDSHAKE_AVVPACK},
        {"avvpack16", HANDSHAKE_AVVPACK_SIZED},
        {"avvpack32", HANDSHAKE_AVVPACK_SIZED},
        {"avvpack64", HANDSHAKE_AVVPACK_SIZED},
        {"avvpack128", HANDSHAKE_AVVPACK_SIZED},
        {"avvpack256", HANDSHAKE_AVVPACK_SIZED},
        {"avvpack512", HANDSHAKE_AVVPACK_SIZED},
        {"avvpack1024", HANDSHAKE_AVVPACK_SIZED},
        {"avvpack2048", HANDSHAKE_AVVPACK_SIZED},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (slice_equal(name, slice_text(known[i].name)))
            return known[i].features;
    return 0;
}

static unsigned read_features(struct slice list)
{
    unsigned features = 0;

    while (list.size) {
        const uint8_t *comma = memchr(list.data, ',', list.size);
        size_t size = comma ? (size_t)(comma - list.data) : list.size;

        features |= feature_of(trimmed(slice_of(list.data, size)));
        size += comma ? 1 : 0;
        list = slice_of(list.data + size, list.size - size);
    }
    return features;
}

/* What of the map matters here. */
struct headers {
    bool accepts; /* our version is among those that the peer accepts */
    struct slice version, features;
};

static void read_values(struct cursor *c, struct slice key, struct headers *h)
{
    size_t count = msgpack_read_array(c, HANDSHAKE_VALUES_MAX);
    bool accepts = false;
    struct slice first = {0};

    for (size_t i = 0; i < count && !c->bad; i++) {
        struct slice value = msgpack_read_str(c, HANDSHAKE_SIZE_MAX);

        accepts |= slice_equal(value, slice_text(HANDSHAKE_VERSION));
        if (i == 0)
            first = value;
    }
    if (slice_equal(key, slice_text(KEY_ACCEPT)))
        h->accepts = accepts;
    else if (slice_equal(key, slice_text(KEY_VERSION)))
        h->version = first;
    else if (slice_equal(key, slice_text(KEY_FEATURES)))
        h->features = first;
}

int handshake_read(struct handshake_answer *answer, struct slice map)
{
    struct cursor c = cursor_of(map);
    struct headers h = {0};
    size_t count = msgpack_read_map(&c, HANDSHAKE_KEYS_MAX);

    for (size_t i = 0; i < count && !c.bad; i++) {
        struct slice key = msgpack_read_str(&c, HANDSHAKE_SIZE_MAX);

        read_values(&c, key, &h);
    }
    if (c.bad)
        return ERR_MALFORMED;
    if (!h.accepts && !slice_equal(h.version, slice_text(HANDSHAKE_VERSION)))
        return ERR_UNSUPPORTED;
    answer->features = read_features(h.features);
    return ERR_OK;
}
