/* multiaddr (multiformats/multiaddr): one table of protocols, one switch for each way a value is
 * checked, read and written. Text rules are go-multiaddr's. */
#include "stack/wire/multiaddr.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/wire/ipaddr.h"
#include "stack/wire/text.h"
#include "stack/wire/varint.h"

#define CODE_IP4 4
#define CODE_TCP 6
#define CODE_IP6 41

#define SIZE_PREFIXED 255 /* the value has a length before it */

enum kind {
    KIND_NONE,
    KIND_IP4,
    KIND_IP6,
    KIND_PORT,
    KIND_BYTE,    /* a number up to 255 */
    KIND_NUMBER,  /* a number of 64 bits */
    KIND_NAME,    /* any text without a slash */
    KIND_PATH,    /* the rest of the text, slashes and all */
    KIND_ESCAPED, /* bytes, percent-encoded as text */
    KIND_HASH,    /* a multihash, multibase as text */
    KIND_PEER
};

static const struct protocol {
    const char *name;
    uint16_t code;
    uint8_t kind, size;
} protocols[] = {
    {"ip4", CODE_IP4, KIND_IP4, 4},
    {"tcp", CODE_TCP, KIND_PORT, 2},
    {"ip6", CODE_IP6, KIND_IP6, 16},
    {"p2p", MULTIADDR_P2P, KIND_PEER, SIZE_PREFIXED},
    {"ipfs", MULTIADDR_P2P, KIND_PEER, SIZE_PREFIXED}, /* an old name; p2p is the one written */
    {"udp", 273, KIND_PORT, 2},
    {"quic-v1", 461, KIND_NONE, 0},
    {"dns", 53, KIND_NAME, SIZE_PREFIXED},
    {"dns4", 54, KIND_NAME, SIZE_PREFIXED},
    {"dns6", 55, KIND_NAME, SIZE_PREFIXED},
    {"dnsaddr", 56, KIND_NAME, SIZE_PREFIXED},
    {"ws", 477, KIND_NONE, 0},
    {"wss", 478, KIND_NONE, 0},
    {"tls", 448, KIND_NONE, 0},
    {"sni", 449, KIND_NAME, SIZE_PREFIXED},
    {"noise", 454, KIND_NONE, 0},
    {"p2p-circuit", 290, KIND_NONE, 0},
    {"webtransport", 465, KIND_NONE, 0},
    {"certhash", 466, KIND_HASH, SIZE_PREFIXED},
    {"webrtc-direct", 280, KIND_NONE, 0},
    {"webrtc", 281, KIND_NONE, 0},
    {"quic", 460, KIND_NONE, 0},
    {"ip6zone", 42, KIND_NAME, SIZE_PREFIXED},
    {"ipcidr", 43, KIND_BYTE, 1},
    {"unix", 400, KIND_PATH, SIZE_PREFIXED},
    {"http", 480, KIND_NONE, 0},
    {"http-path", 481, KIND_ESCAPED, SIZE_PREFIXED},
    {"memory", 777, KIND_NUMBER, SIZE_PREFIXED},
};

#define PROTOCOL_COUNT (sizeof protocols / sizeof *protocols)

static const struct protocol *protocol_of_code(uint64_t code)
{
    for (size_t i = 0; i < PROTOCOL_COUNT; i++)
        if (protocols[i].code == code)
            return &protocols[i];
    return NULL;
}

static const struct protocol *protocol_of_name(struct slice name)
{
    for (size_t i = 0; i < PROTOCOL_COUNT; i++)
        if (slice_equal(name, slice_text(protocols[i].name)))
            return &protocols[i];
    return NULL;
}

static bool is_multihash(struct slice s)
{
    struct cursor c = cursor_of(s);
    uint64_t size;

    cursor_varint(&c); /* the hash function: any */
    size = cursor_varint(&c);
    return !c.bad && size == cursor_left(&c);
}

/* An absolute path that names something. */
static bool is_path(struct slice s)
{
    return s.size >= 2 && s.data[0] == '/' && s.data[s.size - 1] != '/';
}

/* Whether a value with a length prefix may be what it is; the others only have a size. */
static bool value_valid(enum kind kind, struct slice value)
{
    struct peerid id;

    switch (kind) {
    case KIND_NUMBER:
        return value.size == 8;
    case KIND_NAME:
        return value.size > 0 && !memchr(value.data, '/', value.size);
    case KIND_PATH:
        return is_path(value);
    case KIND_ESCAPED:
        return value.size > 0;
    case KIND_HASH:
        return is_multihash(value);
    case KIND_PEER:
        return peerid_from_bytes(&id, value) == ERR_OK;
    case KIND_NONE:
    case KIND_IP4:
    case KIND_IP6:
    case KIND_PORT:
    case KIND_BYTE:
        break;
    }
    return true;
}

/* ------------------------------------------------------------------------------------ binary */

int multiaddr_next(struct cursor *c, struct multiaddr_part *part)
{
    const struct protocol *p;

    if (!c->bad && cursor_at_end(c))
        return 0;
    p = protocol_of_code(cursor_varint(c));
    if (!p || c->bad)
        return ERR_MALFORMED;
    part->code = p->code;
    if (p->size == SIZE_PREFIXED) {
        uint64_t size = cursor_varint(c);

        part->value = cursor_bytes(c, size <= MULTIADDR_SIZE_MAX ? (size_t)size : SIZE_MAX);
    } else {
        part->value = cursor_bytes(c, p->size);
    }
    if (c->bad || !value_valid((enum kind)p->kind, part->value))
        return ERR_MALFORMED;
    /* A path's text has no end of its own, so nothing may follow it. */
    return p->kind == KIND_PATH && !cursor_at_end(c) ? ERR_MALFORMED : 1;
}

int multiaddr_check(struct slice binary)
{
    struct cursor c = cursor_of(binary);
    struct multiaddr_part part;
    int more;

    if (binary.size == 0 || binary.size > MULTIADDR_SIZE_MAX)
        return ERR_MALFORMED;
    while ((more = multiaddr_next(&c, &part)) > 0)
        ;
    return more;
}

struct slice multiaddr_decapsulate(struct slice binary, uint32_t code)
{
    struct cursor c = cursor_of(binary);
    struct multiaddr_part part;
    size_t offset = 0, kept = binary.size;

    while (multiaddr_next(&c, &part) > 0) {
        if (part.code == code)
            kept = offset;
        offset = (size_t)(c.at - binary.data);
    }
    return slice_of(binary.data, kept);
}

static void append_part(struct buf *binary, const struct protocol *p, struct slice value)
{
    CHECK(p->size == SIZE_PREFIXED || p->size == value.size);
    varint_append(binary, p->code);
    if (p->size == SIZE_PREFIXED)
        varint_append(binary, value.size);
    buf_append_slice(binary, value);
}

/* -------------------------------------------------------------------------------------- text */

/* A decimal number up to `max`, written big-endian in `size` bytes. */
static int parse_number(struct slice text, uint64_t max, uint8_t *out, size_t size)
{
    uint64_t v = 0;

    if (text.size == 0)
        return ERR_MALFORMED;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = (unsigned)text.data[i] - '0';

        if (digit > 9 || v > max / 10 || digit > max - v * 10)
            return ERR_MALFORMED;
        v = v * 10 + digit;
    }
    for (size_t i = size; i > 0; i--, v >>= 8)
        out[i - 1] = (uint8_t)v;
    return (int)size;
}

/* Stops at `room`: a value as long makes the whole address too long. */
static int parse_escaped(struct slice text, uint8_t *out, size_t room)
{
    size_t size = 0;

    for (size_t i = 0; i < text.size && size < room; size++) {
        if (text.data[i] != '%') {
            out[size] = text.data[i++];
            continue;
        }
        if (text.size - i < 3 ||
            text_decode(TEXT_HEX, slice_of(text.data + i + 1, 2), out + size, 1) != 1)
            return ERR_MALFORMED;
        i += 3;
    }
    return (int)size;
}

static int parse_peer(struct slice text, uint8_t *out)
{
    struct peerid id;

    if (peerid_parse(&id, text) != ERR_OK)
        return ERR_MALFORMED;
    memcpy(out, id.bytes, id.size);
    return id.size;
}

/* The binary value of a component's text, at most MULTIADDR_SIZE_MAX bytes: its size, or negative.
 */
static int parse_value(enum kind kind, struct slice text, uint8_t out[static MULTIADDR_SIZE_MAX])
{
    switch (kind) {
    case KIND_NONE:
        return 0;
    case KIND_IP4:
        return ipaddr_parse4(text, out) == ERR_OK ? 4 : ERR_MALFORMED;
    case KIND_IP6:
        return ipaddr_parse6(text, out) == ERR_OK ? 16 : ERR_MALFORMED;
    case KIND_PORT:
        return parse_number(text, UINT16_MAX, out, 2);
    case KIND_BYTE:
        return parse_number(text, UINT8_MAX, out, 1);
    case KIND_NUMBER:
        return parse_number(text, UINT64_MAX, out, 8);
    case KIND_NAME:
    case KIND_PATH:
        if (text.size > MULTIADDR_SIZE_MAX)
            return ERR_MALFORMED;
        memcpy(out, text.data, text.size);
        return (int)text.size;
    case KIND_ESCAPED:
        return parse_escaped(text, out, MULTIADDR_SIZE_MAX);
    case KIND_HASH:
        return text_multibase_decode(text, out, MULTIADDR_SIZE_MAX);
    case KIND_PEER:
        return parse_peer(text, out);
    }
    UNREACHABLE();
}

/* Takes what stands between this slash and the next, or up to the end. */
static bool take_word(struct cursor *c, struct slice *word)
{
    const uint8_t *start, *slash;

    if (cursor_at_end(c) || cursor_u8(c) != '/')
        return false;
    start = c->at;
    slash = cursor_left(c) ? memchr(start, '/', cursor_left(c)) : NULL;
    c->at = slash ? slash : c->end;
    *word = slice_of(start, (size_t)(c->at - start));
    return true;
}

static int parse_part(struct cursor *c, struct buf *binary)
{
    uint8_t bytes[MULTIADDR_SIZE_MAX];
    struct slice word, text = {0};
    const struct protocol *p;
    int size;

    if (!take_word(c, &word))
        return ERR_MALFORMED;
    p = protocol_of_name(word);
    if (!p)
        return ERR_MALFORMED;
    if (p->kind == KIND_PATH)
        text = cursor_bytes(c, cursor_left(c));
    else if (p->kind != KIND_NONE && !take_word(c, &text))
        return ERR_MALFORMED;
    if (p->kind != KIND_NONE && text.size == 0)
        return ERR_MALFORMED;
    size = parse_value((enum kind)p->kind, text, bytes);
    if (size < 0 || !value_valid((enum kind)p->kind, slice_of(bytes, (size_t)size)))
        return ERR_MALFORMED;
    append_part(binary, p, slice_of(bytes, (size_t)size));
    return ERR_OK;
}

int multiaddr_parse(struct slice text, struct buf *binary)
{
    size_t start = binary->size;
    struct cursor c;
    int err = ERR_OK;

    while (text.size > 0 && text.data[text.size - 1] == '/')
        text.size--;
    if (text.size == 0)
        return ERR_MALFORMED;
    c = cursor_of(text);
    while (err == ERR_OK && !cursor_at_end(&c)) {
        err = parse_part(&c, binary);
        if (binary->size - start > MULTIADDR_SIZE_MAX)
            err = ERR_MALFORMED;
    }
    if (err == ERR_OK && binary->overflow)
        err = ERR_TOO_LARGE;
    if (err != ERR_OK)
        binary->size = start;
    return err;
}

static void append_chars(struct buf *text, const char *chars, size_t size)
{
    buf_append(text, chars, size);
}

static void append_decimal(struct buf *text, struct slice big_endian)
{
    char digits[20];
    size_t count = 0;
    uint64_t v = 0;

    for (size_t i = 0; i < big_endian.size; i++)
        v = v << 8 | big_endian.data[i];
    do {
        digits[sizeof digits - ++count] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    append_chars(text, digits + sizeof digits - count, count);
}

/* RFC 3986's unreserved characters stand for themselves. */
static void append_escaped(struct buf *text, struct slice s)
{
    for (size_t i = 0; i < s.size; i++) {
        uint8_t c = s.data[i], lower = c | 0x20;
        char escape[3] = {'%', "0123456789ABCDEF"[c >> 4], "0123456789ABCDEF"[c & 15]};
        bool plain = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') ||
                     (c != 0 && strchr("-._~", c));

        if (plain)
            buf_append_u8(text, c);
        else
            append_chars(text, escape, sizeof escape);
    }
}

static void append_peer(struct buf *text, struct slice value)
{
    char chars[PEERID_TEXT_MAX];
    struct peerid id;

    CHECK(peerid_from_bytes(&id, value) == ERR_OK);
    peerid_text(&id, chars);
    buf_append_slice(text, slice_text(chars));
}

static void append_hash(struct buf *text, struct slice value)
{
    char chars[MULTIADDR_SIZE_MAX * 4 / 3 + 4] = {'u'};

    append_chars(text, chars, 1 + text_encode(TEXT_BASE64URL, value, chars + 1, sizeof chars - 1));
}

static void append_value(struct buf *text, enum kind kind, struct slice value)
{
    char chars[IPADDR6_TEXT_MAX];

    if (kind != KIND_NONE && kind != KIND_PATH) /* a path begins with its slash */
        buf_append_u8(text, '/');
    switch (kind) {
    case KIND_NONE:
        break;
    case KIND_IP4:
        append_chars(text, chars, ipaddr_text4(value.data, chars));
        break;
    case KIND_IP6:
        append_chars(text, chars, ipaddr_text6(value.data, chars));
        break;
    case KIND_PORT:
    case KIND_BYTE:
    case KIND_NUMBER:
        append_decimal(text, value);
        break;
    case KIND_NAME:
    case KIND_PATH:
        buf_append_slice(text, value);
        break;
    case KIND_ESCAPED:
        append_escaped(text, value);
        break;
    case KIND_HASH:
        append_hash(text, value);
        break;
    case KIND_PEER:
        append_peer(text, value);
        break;
    }
}

int multiaddr_text(struct slice binary, struct buf *text)
{
    struct cursor c;
    struct multiaddr_part part;
    size_t start = text->size;

    if (multiaddr_check(binary) != ERR_OK)
        return ERR_MALFORMED;
    c = cursor_of(binary);
    while (multiaddr_next(&c, &part) > 0) {
        const struct protocol *p = protocol_of_code(part.code);

        buf_append_u8(text, '/');
        buf_append_slice(text, slice_text(p->name));
        append_value(text, (enum kind)p->kind, part.value);
    }
    if (!text->overflow)
        return ERR_OK;
    text->size = start;
    return ERR_TOO_LARGE;
}

/* --------------------------------------------------------------------------------- endpoints */

int multiaddr_to_endpoint(struct slice binary, struct endpoint *at, struct peerid *peer,
                          bool *has_peer)
{
    struct cursor c;
    struct multiaddr_part part;

    if (multiaddr_check(binary) != ERR_OK)
        return ERR_MALFORMED;
    c = cursor_of(binary);
    multiaddr_next(&c, &part);
    if (part.code != CODE_IP4 && part.code != CODE_IP6)
        return ERR_UNSUPPORTED;
    *at = (struct endpoint){.is_ip6 = part.code == CODE_IP6};
    memcpy(at->ip, part.value.data, part.value.size);
    if (multiaddr_next(&c, &part) != 1 || part.code != CODE_TCP)
        return ERR_UNSUPPORTED;
    at->port = load_be16(part.value.data);
    *has_peer = multiaddr_next(&c, &part) == 1;
    if (!*has_peer)
        return ERR_OK;
    if (part.code != MULTIADDR_P2P || !cursor_at_end(&c))
        return ERR_UNSUPPORTED;
    return peerid_from_bytes(peer, part.value);
}

void multiaddr_from_endpoint(struct buf *binary, const struct endpoint *at,
                             const struct peerid *peer)
{
    uint8_t port[2];

    store_be16(port, at->port);
    append_part(binary, protocol_of_code(at->is_ip6 ? CODE_IP6 : CODE_IP4),
                slice_of(at->ip, at->is_ip6 ? 16 : 4));
    append_part(binary, protocol_of_code(CODE_TCP), slice_of(port, sizeof port));
    if (peer)
        append_part(binary, protocol_of_code(MULTIADDR_P2P), peerid_slice(peer));
}
