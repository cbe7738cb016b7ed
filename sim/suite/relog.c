/* One line of JSON at a time. */
#include "sim/suite/relog.h"

#include "stack/base/err.h"
#include "stack/wire/text.h"

#include <jansson.h>
#include <stdlib.h>

static const char *text_of(const json_t *line, const char *key)
{
    const json_t *value = json_object_get(line, key);

    return json_is_string(value) ? json_string_value(value) : NULL;
}

static bool take_peer(const json_t *line, struct relogged *out)
{
    const char *text = text_of(line, "from") ? text_of(line, "from") : text_of(line, "to");

    out->has_peer = text != NULL;
    return !text || peerid_parse(&out->peer, slice_text(text)) == ERR_OK;
}

/* A number of 8 bytes, or hex of any other size. */
static bool take_id(const json_t *line, struct relogged *out)
{
    const char *text = text_of(line, "id");
    int size = 8;
    char *end;

    if (!text || !*text)
        return false;
    store_be64(out->id_bytes, strtoull(text, &end, 10));
    if (*end)
        size = text_decode(TEXT_HEX, slice_text(text), out->id_bytes, sizeof out->id_bytes);
    out->id = slice_of(out->id_bytes, size < 0 ? 0 : (size_t)size);
    return size >= 0;
}

static bool take_topic(const json_t *line, struct relogged *out)
{
    const char *text = text_of(line, "topic");
    size_t size = text ? strlen(text) : 0;

    if (!text || size > sizeof out->topic_text)
        return false;
    memcpy(out->topic_text, text, size);
    out->topic = slice_of(out->topic_text, size);
    return true;
}

static bool take_control(const json_t *line, const char *what, struct relogged *out)
{
    static const char *const names[TRACE_CONTROL_COUNT] = {[TRACE_CONTROL_SUBSCRIBE] = "Subscription", [TRACE_CONTROL_IHAVE] = "Ihave",
                                                           [TRACE_CONTROL_IWANT] = "Iwant",            [TRACE_CONTROL_GRAFT] = "Graft",
                                                           [TRACE_CONTROL_PRUNE] = "Prune",            [TRACE_CONTROL_IDONTWANT] = "Idontwant",
                                                           [TRACE_CONTROL_EXTENSIONS] = "Extensions",      [TRACE_CONTROL_PARTIAL] = "Partial",
                                                           [TRACE_CONTROL_TEST] = "TestExtension"};
    const json_t *count = json_object_get(line, "count");
    int control = 0;

    while (control < TRACE_CONTROL_COUNT && strcmp(names[control], what) != 0)
        control++;
    if (control == TRACE_CONTROL_COUNT || !json_is_integer(count))
        return false;
    out->control = (enum trace_control)control;
    out->count = (uint32_t)json_integer_value(count);
    return take_peer(line, out);
}

static enum relog_kind read_line(const json_t *line, struct relogged *out)
{
    const char *msg = text_of(line, "msg");
    bool received = msg && strncmp(msg, "Received ", 9) == 0;

    if (!msg)
        return RELOG_BROKEN;
    out->sent = strncmp(msg, "Sent ", 5) == 0;
    if (!received && !out->sent)
        return RELOG_OTHER;
    msg += received ? 9 : 5;
    if (strcmp(msg, "Message") == 0)
        return !take_peer(line, out) || !take_id(line, out) || !take_topic(line, out) ? RELOG_BROKEN : received ? RELOG_RECEIVED : RELOG_SENT;
    if (received && strcmp(msg, "Subscription") == 0) {
        out->joined = json_is_true(json_object_get(line, "subscribe"));
        return take_peer(line, out) && take_topic(line, out) ? RELOG_SUBSCRIPTION : RELOG_BROKEN;
    }
    return take_control(line, msg, out) ? RELOG_CONTROL : RELOG_BROKEN;
}

enum relog_kind relog(struct slice line, struct relogged *out)
{
    json_t *object = json_loadb((const char *)line.data, line.size, 0, NULL);

    *out = (struct relogged){0};
    out->kind = json_is_object(object) ? read_line(object, out) : RELOG_BROKEN;
    json_decref(object);
    return out->kind;
}
