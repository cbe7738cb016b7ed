/* Two codecs: bases that are powers of two shift bits, the others do long division. */
#include "stack/wire/text.h"

#include "stack/base/check.h"
#include "stack/base/err.h"

#include <limits.h>

#define NUMBER_DIGITS_MAX 256 /* of TEXT_NUMBER_SIZE_MAX bytes in base36, the longer of the two */

static const struct base {
    char alphabet[65];
    uint8_t radix;
    uint8_t bits;  /* a digit has; 0 when radix is not a power of two */
    uint8_t group; /* digits are padded to a multiple of this */
} bases[] = {
    [TEXT_HEX] = {"0123456789abcdef", 16, 4, 1},
    [TEXT_BASE32] = {"abcdefghijklmnopqrstuvwxyz234567", 32, 5, 1},
    [TEXT_BASE36] = {"0123456789abcdefghijklmnopqrstuvwxyz", 36, 0, 1},
    [TEXT_BASE58] = {"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", 58, 0, 1},
    [TEXT_BASE64] = {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 64, 6, 4},
    [TEXT_BASE64URL] = {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 64, 6,
                        1},
};

/* The value of a character, or -1. */
static int digit_of(const struct base *base, uint8_t c)
{
    const char *at = c ? memchr(base->alphabet, c, base->radix) : NULL;

    if (!at && base->radix == 16 && c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return at ? (int)(at - base->alphabet) : -1;
}

size_t text_size_max(enum text_base base, size_t size)
{
    const struct base *b = &bases[base];
    size_t digits;

    CHECK(size <= SIZE_MAX / 8 - 8);
    if (b->bits == 0)
        return size * 8 / 5 + 1; /* a digit of base36 or base58 has more than 5 bits */
    digits = (size * 8 + b->bits - 1) / b->bits;
    return (digits + b->group - 1) / b->group * b->group;
}

static size_t encode_bits(const struct base *b, struct slice s, char *out)
{
    uint32_t window = 0;
    unsigned bits = 0;
    size_t size = 0;

    for (size_t i = 0; i < s.size; i++) {
        window = window << 8 | s.data[i];
        for (bits += 8; bits >= b->bits; bits -= b->bits)
            out[size++] = b->alphabet[window >> (bits - b->bits) & (b->radix - 1u)];
    }
    if (bits > 0)
        out[size++] = b->alphabet[window << (b->bits - bits) & (b->radix - 1u)];
    while (size % b->group != 0)
        out[size++] = '=';
    return size;
}

/* number = number * multiplier + add, in digits of `radix`, the least significant first. */
static size_t number_push(uint8_t *digits, size_t count, unsigned radix, unsigned multiplier,
                          unsigned add)
{
    for (size_t i = 0; i < count; i++) {
        add += digits[i] * multiplier;
        digits[i] = (uint8_t)(add % radix);
        add /= radix;
    }
    for (; add > 0; add /= radix)
        digits[count++] = (uint8_t)(add % radix);
    return count;
}

static size_t leading(struct slice s, uint8_t byte)
{
    size_t n = 0;

    while (n < s.size && s.data[n] == byte)
        n++;
    return n;
}

static size_t encode_number(const struct base *b, struct slice s, char *out)
{
    uint8_t digits[NUMBER_DIGITS_MAX];
    size_t zeros = leading(s, 0), count = 0;

    CHECK(s.size <= TEXT_NUMBER_SIZE_MAX);
    for (size_t i = zeros; i < s.size; i++)
        count = number_push(digits, count, b->radix, 256, s.data[i]);
    memset(out, b->alphabet[0], zeros);
    for (size_t i = 0; i < count; i++)
        out[zeros + i] = b->alphabet[digits[count - 1 - i]];
    return zeros + count;
}

size_t text_encode(enum text_base base, struct slice s, char *out, size_t room)
{
    const struct base *b = &bases[base];

    CHECK(room >= text_size_max(base, s.size));
    return b->bits ? encode_bits(b, s, out) : encode_number(b, s, out);
}

/* Takes the padding off: ERR_MALFORMED when it is not exactly what encoding would have put there.
 */
static int strip_padding(const struct base *b, struct slice *text)
{
    size_t whole = text->size;

    while (text->size > 0 && whole - text->size < 3 && text->data[text->size - 1] == '=')
        text->size--;
    if (whole % b->group != 0 || whole - text->size >= b->group)
        return ERR_MALFORMED;
    return (text->size + b->group - 1) / b->group * b->group == whole ? ERR_OK : ERR_MALFORMED;
}

static int decode_bits(const struct base *b, struct slice text, uint8_t *out, size_t room)
{
    uint32_t window = 0;
    unsigned bits = 0;
    size_t size = 0;

    if (strip_padding(b, &text) != ERR_OK)
        return ERR_MALFORMED;
    for (size_t i = 0; i < text.size; i++) {
        int digit = digit_of(b, text.data[i]);

        if (digit < 0)
            return ERR_MALFORMED;
        window = window << b->bits | (unsigned)digit;
        bits += b->bits;
        if (bits < 8)
            continue;
        if (size == room)
            return ERR_TOO_LARGE;
        bits -= 8;
        out[size++] = (uint8_t)(window >> bits);
    }
    /* A last digit that adds no byte, or bits that encoding would have left zero. */
    if (bits >= b->bits || (window & ((1u << bits) - 1)) != 0)
        return ERR_MALFORMED;
    return (int)size;
}

static int decode_number(const struct base *b, struct slice text, uint8_t *out, size_t room)
{
    uint8_t bytes[NUMBER_DIGITS_MAX];
    size_t zeros = leading(text, (uint8_t)b->alphabet[0]), count = 0;

    if (zeros > TEXT_NUMBER_SIZE_MAX || text.size - zeros > text_size_max(TEXT_BASE36, 128))
        return ERR_TOO_LARGE;
    for (size_t i = zeros; i < text.size; i++) {
        int digit = digit_of(b, text.data[i]);

        if (digit < 0)
            return ERR_MALFORMED;
        count = number_push(bytes, count, 256, b->radix, (unsigned)digit);
    }
    if (zeros + count > room || zeros + count > TEXT_NUMBER_SIZE_MAX)
        return ERR_TOO_LARGE;
    memset(out, 0, zeros);
    for (size_t i = 0; i < count; i++)
        out[zeros + i] = bytes[count - 1 - i];
    return (int)(zeros + count);
}

int text_decode(enum text_base base, struct slice text, uint8_t *out, size_t room)
{
    const struct base *b = &bases[base];

    CHECK(room <= INT_MAX);
    return b->bits ? decode_bits(b, text, out, room) : decode_number(b, text, out, room);
}

int text_multibase_decode(struct slice text, uint8_t *out, size_t room)
{
    static const struct {
        uint8_t prefix, base;
    } prefixes[] = {{'b', TEXT_BASE32},
                    {'k', TEXT_BASE36},
                    {'z', TEXT_BASE58},
                    {'u', TEXT_BASE64URL},
                    {'f', TEXT_HEX}};

    if (text.size == 0)
        return ERR_MALFORMED;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (text.data[0] == prefixes[i].prefix)
            return text_decode((enum text_base)prefixes[i].base,
                               slice_of(text.data + 1, text.size - 1), out, room);
    return ERR_UNSUPPORTED;
}
