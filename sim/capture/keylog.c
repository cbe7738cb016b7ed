/* Writing and reading key logs. */
#include "sim/capture/keylog.h"

#include "stack/base/err.h"
#include "stack/wire/ipaddr.h"
#include "stack/wire/text.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define FIELDS 7
#define FIELD_TEXT_MAX 128 /* with the final NUL */

FILE *keylog_create(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

    if (file)
        fputs("# Keys of Noise connections. Whoever has them can read what was said.\n", file);
    else if (fd >= 0)
        close(fd);
    return file;
}

static void write_endpoint(FILE *file, const struct endpoint *e)
{
    char text[IPADDR6_TEXT_MAX];
    size_t size = e->is_ip6 ? ipaddr_text6(e->ip, text) : ipaddr_text4(e->ip, text);

    fprintf(file, e->is_ip6 ? " [%.*s]:%u" : " %.*s:%u", (int)size, text, e->port);
}

static void write_key(FILE *file, const uint8_t *key)
{
    char text[2 * AEAD_KEY_SIZE];

    text_encode(TEXT_HEX, slice_of(key, AEAD_KEY_SIZE), text, sizeof text);
    fprintf(file, " %.*s", (int)sizeof text, text);
}

/* Flushed at once: who watches a capture needs the keys while it grows. */
void keylog_write(FILE *file, const struct keylog_entry *entry)
{
    char peer[PEERID_TEXT_MAX];

    peerid_text(&entry->peer, peer);
    fputs(entry->modelled ? "MODELLED" : "NOISE", file);
    write_endpoint(file, &entry->local);
    write_endpoint(file, &entry->remote);
    fprintf(file, " %s %s", entry->initiator ? "initiator" : "responder", peer);
    write_key(file, entry->send_key);
    write_key(file, entry->receive_key);
    fputc('\n', file);
    fflush(file);
}

static struct slice next_line(struct cursor *text)
{
    const uint8_t *begin = text->at;
    const uint8_t *end = memchr(begin, '\n', cursor_left(text));

    text->at = end ? end + 1 : text->end;
    return slice_of(begin, (size_t)((end ? end : text->end) - begin));
}

static bool split(struct slice line, char fields[FIELDS][FIELD_TEXT_MAX])
{
    size_t at = 0;

    for (int i = 0; i < FIELDS; i++) {
        size_t size = 0;

        while (at < line.size && line.data[at] != ' ' && size < FIELD_TEXT_MAX - 1)
            fields[i][size++] = (char)line.data[at++];
        fields[i][size] = '\0';
        if (size == 0 || (at < line.size) != (i < FIELDS - 1) ||
            (at < line.size && line.data[at] != ' '))
            return false;
        at++;
    }
    return true;
}

static bool read_key(const char *text, uint8_t *key)
{
    return strlen(text) == 2 * AEAD_KEY_SIZE &&
           text_decode(TEXT_HEX, slice_text(text), key, AEAD_KEY_SIZE) == AEAD_KEY_SIZE;
}

/* 127.0.0.1:4001, [::1]:4001 */
static bool read_endpoint(const char *text, struct endpoint *out)
{
    const char *colon = strrchr(text, ':'), *digits = colon ? colon + 1 : "";
    size_t size = colon ? (size_t)(colon - text) : 0;
    uint32_t port = 0;

    *out = (struct endpoint){.is_ip6 = text[0] == '['};
    for (const char *at = digits; *at; at++) {
        port = port * 10 + (uint32_t)(*at - '0');
        if (*at < '0' || *at > '9' || port > UINT16_MAX)
            return false;
    }
    out->port = (uint16_t)port;
    if (*digits == '\0' || size < 2)
        return false;
    if (!out->is_ip6)
        return ipaddr_parse4(slice_of(text, size), out->ip) == ERR_OK;
    return text[size - 1] == ']' && ipaddr_parse6(slice_of(text + 1, size - 2), out->ip) == ERR_OK;
}

static bool read_entry(struct slice line, struct keylog_entry *entry)
{
    char fields[FIELDS][FIELD_TEXT_MAX];

    if (!split(line, fields) || !read_endpoint(fields[1], &entry->local) || !read_endpoint(fields[2], &entry->remote))
        return false;
    entry->modelled = strcmp(fields[0], "MODELLED") == 0;
    if (!entry->modelled && strcmp(fields[0], "NOISE") != 0)
        return false;
    entry->initiator = strcmp(fields[3], "initiator") == 0;
    return (entry->initiator || strcmp(fields[3], "responder") == 0) &&
           peerid_parse(&entry->peer, slice_text(fields[4])) == ERR_OK &&
           read_key(fields[5], entry->send_key) && read_key(fields[6], entry->receive_key);
}

int keylog_next(struct cursor *text, uint32_t *line, struct keylog_entry *entry)
{
    while (!cursor_at_end(text)) {
        struct slice s = next_line(text);

        ++*line;
        if (s.size == 0 || s.data[0] == '#')
            continue;
        return read_entry(s, entry) ? 1 : ERR_MALFORMED;
    }
    return 0;
}
