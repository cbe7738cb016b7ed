/* One line of JSON at a time. */
#include "sim/live/retell.h"

#include "stack/base/err.h"
#include "stack/wire/text.h"

#include <jansson.h>
#include <stdio.h>

static const struct {
    const char *event;
    enum trace_kind kind;
} kinds[] = {{"connected", TRACE_PEER_READY}, {"disconnected", TRACE_PEER_GONE}, {"dial-failed", TRACE_DIAL_FAILED},
             {"connection-failed", TRACE_CONN_FAILED}, {"joined", TRACE_JOIN}, {"left", TRACE_LEAVE}, {"graft", TRACE_GRAFT},
             {"prune", TRACE_PRUNE}, {"published", TRACE_PUBLISH}, {"received", TRACE_ARRIVE}, {"delivered", TRACE_DELIVER},
             {"duplicate", TRACE_DUPLICATE}, {"rejected", TRACE_REJECT}, {"dropped", TRACE_DROP}, {"sent", TRACE_SEND},
             {"withheld", TRACE_WITHHOLD}};

static const char *text_of(const json_t *line, const char *key)
{
    const json_t *value = json_object_get(line, key);

    return json_is_string(value) ? json_string_value(value) : NULL;
}

static uint32_t number_of(const json_t *line, const char *key)
{
    const json_t *value = json_object_get(line, key);

    return json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) <= UINT32_MAX
               ? (uint32_t)json_integer_value(value)
               : 0;
}

static bool take_peer(const json_t *line, struct retold *out)
{
    static const char *const keys[] = {"via", "to", "peer"};

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *text = text_of(line, keys[i]);

        if (!text)
            continue;
        out->has_peer = true;
        return peerid_parse(&out->peer, slice_text(text)) == ERR_OK;
    }
    return true;
}

static bool take_id(const json_t *line, struct retold *out)
{
    const char *text = text_of(line, "id");
    int size = text ? text_decode(TEXT_HEX, slice_text(text), out->id, sizeof out->id) : 0;

    out->trace.id = slice_of(out->id, size < 0 ? 0 : (size_t)size);
    return size >= 0;
}

static bool take_topic(const json_t *line, struct retold *out)
{
    const char *tag = text_of(line, "tag"), *text = tag ? tag : text_of(line, "topic");
    size_t size = text ? strlen(text) : 0;

    if (size > sizeof out->topic)
        return false;
    if (text)
        memcpy(out->topic, text, size);
    out->trace.topic = slice_of(out->topic, size);
    out->trace.protocol = tag ? TRACE_ALGORAND : TRACE_GOSSIPSUB;
    return true;
}

/* The number behind a text that err.h or trace.h gave. */
static int code_of(enum trace_kind kind, const char *reason)
{
    if (!reason)
        return ERR_SYSTEM;
    if (kind == TRACE_REJECT) {
        for (int r = TRACE_REJECT_MISSING_SIGNATURE; r < TRACE_REJECT_COUNT; r++)
            if (strcmp(trace_reject_text((enum trace_reject)r), reason) == 0)
                return r;
        return TRACE_REJECT_INVALID;
    }
    for (int err = 0; err >= ERR_INVALID; err--)
        if (strcmp(err_text(err), reason) == 0)
            return err;
    return ERR_SYSTEM;
}

static bool take_control(const json_t *line, struct retold *out)
{
    const char *kind = text_of(line, "kind");
    int code = 0;

    while (kind && code < TRACE_CONTROL_COUNT && strcmp(trace_control_text((enum trace_control)code), kind) != 0)
        code++;
    out->trace.kind = text_of(line, "via") ? TRACE_CONTROL_RECEIVED : TRACE_CONTROL_SENT;
    out->trace.code = code;
    out->trace.count = number_of(line, "items");
    out->trace.size = number_of(line, "size");
    return kind && code < TRACE_CONTROL_COUNT && take_peer(line, out);
}

static bool take_trace(const json_t *line, struct retold *out)
{
    struct trace_event *t = &out->trace;

    t->size = number_of(line, "size");
    if (t->kind == TRACE_DROP)
        t->count = number_of(line, "messages");
    if (t->kind == TRACE_PEER_READY)
        t->count = json_is_true(json_object_get(line, "dialled"));
    if (t->kind == TRACE_PEER_GONE || t->kind == TRACE_DIAL_FAILED || t->kind == TRACE_CONN_FAILED || t->kind == TRACE_REJECT)
        t->code = code_of(t->kind, text_of(line, "reason"));
    return take_peer(line, out) && take_id(line, out) && take_topic(line, out);
}

static enum retell_result read_line(const json_t *line, struct retold *out)
{
    const char *event = text_of(line, "event"), *message = text_of(line, "message");

    if (!event)
        return RETELL_BROKEN;
    if (strcmp(event, "control") == 0)
        return take_control(line, out) ? RETELL_TRACE : RETELL_BROKEN;
    if (strcmp(event, "error") == 0) {
        snprintf(out->topic, sizeof out->topic, "%s", message ? message : "");
        return RETELL_ERROR;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(event, kinds[i].event) == 0) {
            out->trace.kind = kinds[i].kind;
            return take_trace(line, out) ? RETELL_TRACE : RETELL_BROKEN;
        }
    return RETELL_OTHER;
}

enum retell_result retell(struct slice line, struct retold *out)
{
    json_t *object = json_loadb((const char *)line.data, line.size, 0, NULL);
    enum retell_result result;

    out->trace = (struct trace_event){.peer = TRACE_NO_PEER};
    out->has_peer = false;
    result = json_is_object(object) ? read_line(object, out) : RETELL_BROKEN;
    json_decref(object);
    return result;
}
