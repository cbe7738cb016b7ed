/* RFC 4291 section 2.2 for reading IPv6, RFC 5952 for writing it. */
#include "stack/wire/ipaddr.h"

#include "stack/base/err.h"

#define GROUPS 8

/* A decimal number up to 255 without leading zeros. */
static bool read_octet(struct cursor *c, uint8_t *out)
{
    unsigned v = 0, digits = 0;

    for (; !cursor_at_end(c) && *c->at >= '0' && *c->at <= '9' && digits < 4; digits++) {
        if (digits == 1 && v == 0)
            return false;
        v = v * 10 + (unsigned)(*c->at++ - '0');
    }
    *out = (uint8_t)v;
    return digits > 0 && v <= 255;
}

static bool read_char(struct cursor *c, char wanted)
{
    if (cursor_at_end(c) || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

/* Four octets up to the end. */
static int read_dotted(struct cursor *c, uint8_t ip[static 4])
{
    for (int i = 0; i < 4; i++)
        if ((i > 0 && !read_char(c, '.')) || !read_octet(c, &ip[i]))
            return ERR_MALFORMED;
    return cursor_at_end(c) ? ERR_OK : ERR_MALFORMED;
}

int ipaddr_parse4(struct slice text, uint8_t ip[static 4])
{
    struct cursor c = cursor_of(text);

    return read_dotted(&c, ip);
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One to four hex digits. */
static bool read_group(struct cursor *c, uint8_t *out)
{
    unsigned v = 0, digits = 0;

    for (; !cursor_at_end(c) && hex_digit(*c->at) >= 0 && digits < 5; digits++)
        v = v << 4 | (unsigned)hex_digit(*c->at++);
    store_be16(out, (uint16_t)v);
    return digits > 0 && digits < 5;
}

/* Whether a dotted IPv4 tail comes next: digits, then a point. */
static bool dotted_next(const struct cursor *c)
{
    size_t i = 0;

    while (i < cursor_left(c) && c->at[i] >= '0' && c->at[i] <= '9')
        i++;
    return i < cursor_left(c) && c->at[i] == '.';
}

int ipaddr_parse6(struct slice text, uint8_t ip[static 16])
{
    struct cursor c = cursor_of(text);
    size_t size = 0, gap = 17; /* where "::" was, in bytes; 17: nowhere */
    uint8_t bytes[16];

    if (text.size >= 2 && text.data[0] == ':' && text.data[1] == ':') {
        gap = 0;
        c.at += 2;
    }
    while (!cursor_at_end(&c) && size < 16) {
        if (size > 0 && size != gap && !read_char(&c, ':'))
            return ERR_MALFORMED;
        if (size > 0 && gap > 16 && read_char(&c, ':')) {
            gap = size;
            continue;
        }
        if (size <= 12 && dotted_next(&c)) {
            if (read_dotted(&c, bytes + size) != ERR_OK)
                return ERR_MALFORMED;
            size += 4;
            break;
        }
        if (!read_group(&c, bytes + size))
            return ERR_MALFORMED;
        size += 2;
    }
    /* "::" stands for at least one group. */
    if (!cursor_at_end(&c) || (gap > 16 ? size != 16 : size > 14))
        return ERR_MALFORMED;
    if (gap > 16)
        gap = size;
    memset(ip, 0, 16);
    memcpy(ip, bytes, gap);
    memcpy(ip + 16 - (size - gap), bytes + gap, size - gap);
    return ERR_OK;
}

static size_t write_decimal(char *out, unsigned v)
{
    size_t size = 0;

    if (v >= 100)
        out[size++] = (char)('0' + v / 100);
    if (v >= 10)
        out[size++] = (char)('0' + v / 10 % 10);
    out[size++] = (char)('0' + v % 10);
    return size;
}

size_t ipaddr_text4(const uint8_t ip[static 4], char out[static IPADDR4_TEXT_MAX])
{
    size_t size = 0;

    for (int i = 0; i < 4; i++) {
        if (i > 0)
            out[size++] = '.';
        size += write_decimal(out + size, ip[i]);
    }
    return size;
}

static size_t write_group(char *out, unsigned v)
{
    size_t size = 0;

    for (int shift = 12; shift >= 0; shift -= 4)
        if (size > 0 || shift == 0 || v >> shift != 0)
            out[size++] = "0123456789abcdef"[v >> shift & 15];
    return size;
}

/* The longest run of zero groups, the first of equals; a single one does not count (RFC 5952 4.2).
 */
static void find_gap(const uint8_t ip[static 16], int *start, int *count)
{
    *start = GROUPS;
    *count = 0;
    for (int i = 0, run = 0; i < GROUPS; i++) {
        run = load_be16(ip + 2 * i) == 0 ? run + 1 : 0;
        if (run >= 2 && run > *count) {
            *count = run;
            *start = i + 1 - run;
        }
    }
}

size_t ipaddr_text6(const uint8_t ip[static 16], char out[static IPADDR6_TEXT_MAX])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    size_t size = 0;
    int start, count;

    if (memcmp(ip, mapped, sizeof mapped) == 0) {
        memcpy(out, "::ffff:", 7);
        return 7 + ipaddr_text4(ip + 12, out + 7);
    }
    find_gap(ip, &start, &count);
    for (int i = 0; i < GROUPS; i++) {
        if (i >= start && i < start + count) {
            if (i == start)
                out[size++] = ':';
            if (i == GROUPS - 1)
                out[size++] = ':';
            continue;
        }
        if (i > 0)
            out[size++] = ':';
        size += write_group(out + size, load_be16(ip + 2 * i));
    }
    return size;
}
