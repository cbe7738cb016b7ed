/* Writing JSON. */
#include "sim/live/jsonl.h"

#include "stack/base/check.h"
#include "stack/wire/text.h"

#include <inttypes.h>
#include <stdio.h>

void jsonl_init(struct jsonl *j, size_t size_max)
{
    buf_init(&j->line, size_max);
    j->comma = false;
}

void jsonl_deinit(struct jsonl *j)
{
    buf_deinit(&j->line);
}

static void put(struct jsonl *j, const char *text)
{
    buf_append_slice(&j->line, slice_text(text));
}

static void item(struct jsonl *j, const char *key)
{
    if (j->comma)
        buf_append_u8(&j->line, ',');
    j->comma = true;
    if (!key)
        return;
    buf_append_u8(&j->line, '"');
    put(j, key);
    put(j, "\":");
}

void jsonl_begin(struct jsonl *j)
{
    buf_clear(&j->line);
    buf_append_u8(&j->line, '{');
    j->comma = false;
}

void jsonl_end(struct jsonl *j)
{
    put(j, "}\n");
}

static bool continues(struct slice s, size_t at, size_t count)
{
    if (count > s.size - at - 1)
        return false;
    for (size_t i = 1; i <= count; i++)
        if ((s.data[at + i] & 0xc0) != 0x80)
            return false;
    return true;
}

/* Bytes of the character at `at` when it is well-formed (Unicode 15, table 3-7), else 0. */
static size_t character_size(struct slice s, size_t at)
{
    uint8_t first = s.data[at], second = at + 1 < s.size ? s.data[at + 1] : 0;

    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        return continues(s, at, 1) ? 2 : 0;
    if (first >= 0xe0 && first <= 0xef) {
        bool overlong = first == 0xe0 && second < 0xa0;
        bool surrogate = first == 0xed && second > 0x9f;

        return !overlong && !surrogate && continues(s, at, 2) ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        bool overlong = first == 0xf0 && second < 0x90;
        bool beyond = first == 0xf4 && second > 0x8f;

        return !overlong && !beyond && continues(s, at, 3) ? 4 : 0;
    }
    return 0;
}

void jsonl_text(struct jsonl *j, const char *key, struct slice text)
{
    item(j, key);
    buf_append_u8(&j->line, '"');
    for (size_t at = 0; at < text.size;) {
        size_t size = character_size(text, at);
        uint8_t c = text.data[at];
        char escape[8];

        if (size == 0) {
            put(j, "\\ufffd");
            size = 1;
        } else if (c == '"' || c == '\\') {
            buf_append_u8(&j->line, '\\');
            buf_append_u8(&j->line, c);
        } else if (c < 0x20 || c == 0x7f) {
            snprintf(escape, sizeof escape, "\\u%04x", c);
            put(j, escape);
        } else {
            buf_append(&j->line, text.data + at, size);
        }
        at += size;
    }
    buf_append_u8(&j->line, '"');
}

void jsonl_hex(struct jsonl *j, const char *key, struct slice bytes)
{
    uint8_t *out;

    item(j, key);
    buf_append_u8(&j->line, '"');
    out = buf_extend(&j->line, bytes.size * 2);
    if (out)
        text_encode(TEXT_HEX, bytes, (char *)out, bytes.size * 2);
    buf_append_u8(&j->line, '"');
}

void jsonl_number(struct jsonl *j, const char *key, uint64_t number)
{
    char text[24];

    item(j, key);
    snprintf(text, sizeof text, "%" PRIu64, number);
    put(j, text);
}

void jsonl_milli(struct jsonl *j, const char *key, uint64_t thousandths)
{
    char text[32];

    item(j, key);
    snprintf(text, sizeof text, "%" PRIu64 ".%03u", thousandths / 1000,
             (unsigned)(thousandths % 1000));
    put(j, text);
}

void jsonl_real(struct jsonl *j, const char *key, double x)
{
    char text[32];

    item(j, key);
    snprintf(text, sizeof text, "%.9g", x);
    put(j, text);
}

void jsonl_bool(struct jsonl *j, const char *key, bool value)
{
    item(j, key);
    put(j, value ? "true" : "false");
}

void jsonl_open(struct jsonl *j, const char *key, char bracket)
{
    CHECK(bracket == '{' || bracket == '[');
    item(j, key);
    buf_append_u8(&j->line, (uint8_t)bracket);
    j->comma = false;
}

void jsonl_close(struct jsonl *j, char bracket)
{
    CHECK(bracket == '}' || bracket == ']');
    buf_append_u8(&j->line, (uint8_t)bracket);
    j->comma = true;
}
