/* Lines from traces. */
#include "sim/suite/log.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>

#define LINE_BYTES_MAX 65536u /* topics have at most 1024 bytes, ids 128 */

static void init(struct suite_log *l, uint64_t epoch_ns)
{
    *l = (struct suite_log){.epoch_ns = epoch_ns};
    jsonl_init(&l->json, LINE_BYTES_MAX);
    buf_init(&l->waiting, SUITE_LOG_PIECE + LINE_BYTES_MAX);
}

void suite_log_to_stream(struct suite_log *l, FILE *out, uint64_t epoch_ns)
{
    init(l, epoch_ns);
    l->out = out;
}

bool suite_log_to_file(struct suite_log *l, const char *path, uint64_t epoch_ns)
{
    FILE *file;

    init(l, epoch_ns);
    l->path = mem_strdup(path);
    file = fopen(path, "wb");
    return file && fclose(file) == 0;
}

static void write_out(struct suite_log *l)
{
    FILE *file = l->out ? l->out : fopen(l->path, "ab");
    bool ok = file && fwrite(l->waiting.data, 1, l->waiting.size, file) == l->waiting.size;

    if (l->out)
        ok = fflush(l->out) == 0 && ok;
    else if (file)
        ok = fclose(file) == 0 && ok;
    if (!ok && !l->error)
        l->error = errno ? errno : EIO;
    buf_clear(&l->waiting);
}

bool suite_log_close(struct suite_log *l)
{
    if (l->waiting.size)
        write_out(l);
    jsonl_deinit(&l->json);
    buf_deinit(&l->waiting);
    mem_free(l->path);
    l->path = NULL;
    errno = l->error;
    return l->error == 0;
}

static void begin(struct suite_log *l, uint64_t now_ns, const char *msg)
{
    uint64_t unix_ns = l->epoch_ns + now_ns;
    time_t seconds = (time_t)(unix_ns / 1000000000);
    char text[64];
    struct tm utc;
    size_t size;

    gmtime_r(&seconds, &utc);
    size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + size, sizeof text - size, ".%09" PRIu64 "Z", unix_ns % 1000000000);
    jsonl_begin(&l->json);
    jsonl_text(&l->json, "time", slice_text(text));
    jsonl_text(&l->json, "level", slice_text("INFO"));
    jsonl_text(&l->json, "msg", slice_text(msg));
}

static void end(struct suite_log *l)
{
    jsonl_end(&l->json);
    CHECK(!l->json.line.overflow);
    buf_append_slice(&l->waiting, buf_slice(&l->json.line));
    if (l->out || l->waiting.size >= SUITE_LOG_PIECE)
        write_out(l);
}

void suite_log_peer_id(struct suite_log *l, uint64_t now_ns, uint32_t node_id)
{
    char text[PEERID_TEXT_MAX];

    CHECK(l->node);
    peerid_text(node_peerid(l->node), text);
    begin(l, now_ns, "PeerID");
    jsonl_text(&l->json, "id", slice_text(text));
    jsonl_number(&l->json, "node_id", node_id);
    end(l);
}

static void put_peer(struct suite_log *l, const char *key, uint32_t slot)
{
    char text[PEERID_TEXT_MAX];
    struct node_peer peer;

    if (slot == TRACE_NO_PEER || !node_peer(l->node, slot, &peer) || !peer.id.size)
        return;
    peerid_text(&peer.id, text);
    jsonl_text(&l->json, key, slice_text(text));
}

/* The id as a number: 8 bytes big-endian. Bodies shorter than that are none of the suite's. */
static void put_id(struct suite_log *l, struct slice id)
{
    char text[24];

    if (id.size != 8) {
        jsonl_hex(&l->json, "id", id);
        return;
    }
    snprintf(text, sizeof text, "%" PRIu64, load_be64(id.data));
    jsonl_text(&l->json, "id", slice_text(text));
}

static void tell_message(struct suite_log *l, uint64_t now_ns, const struct trace_event *e,
                         bool sent)
{
    begin(l, now_ns, sent ? "Sent Message" : "Received Message");
    jsonl_text(&l->json, "service", slice_text("gossipsub"));
    put_peer(l, sent ? "to" : "from", e->peer);
    jsonl_text(&l->json, "topic", e->topic);
    put_id(l, e->id);
    end(l);
}

static void tell_control(struct suite_log *l, uint64_t now_ns, const struct trace_event *e)
{
    static const char *const names[TRACE_CONTROL_COUNT] = {
        [TRACE_CONTROL_SUBSCRIBE] = "Subscription",
        [TRACE_CONTROL_IHAVE] = "Ihave",
        [TRACE_CONTROL_IWANT] = "Iwant",
        [TRACE_CONTROL_GRAFT] = "Graft",
        [TRACE_CONTROL_PRUNE] = "Prune",
        [TRACE_CONTROL_IDONTWANT] = "Idontwant",
        [TRACE_CONTROL_EXTENSIONS] = "Extensions",
        [TRACE_CONTROL_PARTIAL] = "Partial",
        [TRACE_CONTROL_TEST] = "TestExtension"};
    bool sent = e->kind == TRACE_CONTROL_SENT;
    char msg[32];

    if (!sent && e->code == TRACE_CONTROL_SUBSCRIBE)
        return; /* suite_log_subscription tells these, with their topics */
    snprintf(msg, sizeof msg, "%s %s", sent ? "Sent" : "Received", names[e->code]);
    begin(l, now_ns, msg);
    jsonl_text(&l->json, "service", slice_text("gossipsub"));
    put_peer(l, sent ? "to" : "from", e->peer);
    jsonl_number(&l->json, "count", e->count);
    end(l);
}

/* Whether the copy was refused before it was traced as an arrival: then this is its only line. */
static bool refused_at_the_door(const struct trace_event *e)
{
    return e->kind == TRACE_REJECT && e->code != TRACE_REJECT_INVALID &&
           e->code != TRACE_REJECT_IGNORED;
}

void suite_log_trace(struct suite_log *l, uint64_t now_ns, const struct trace_event *e)
{
    if (!l->node)
        return;
    if (e->kind == TRACE_ARRIVE || e->kind == TRACE_DUPLICATE || refused_at_the_door(e))
        tell_message(l, now_ns, e, false);
    else if (e->kind == TRACE_SEND)
        tell_message(l, now_ns, e, true);
    else if (e->kind == TRACE_CONTROL_SENT || e->kind == TRACE_CONTROL_RECEIVED)
        tell_control(l, now_ns, e);
}

void suite_log_parts(struct suite_log *l, uint64_t now_ns, uint64_t group, bool all)
{
    if (!l->node)
        return;
    begin(l, now_ns, all ? "All parts received" : "Extended partial message");
    jsonl_number(&l->json, "group id", group);
    end(l);
}

void suite_log_subscription(struct suite_log *l, uint64_t now_ns, uint32_t peer, struct slice topic,
                            bool joined)
{
    if (!l->node)
        return;
    begin(l, now_ns, "Received Subscription");
    jsonl_text(&l->json, "service", slice_text("gossipsub"));
    put_peer(l, "from", peer);
    jsonl_text(&l->json, "topic", topic);
    jsonl_bool(&l->json, "subscribe", joined);
    end(l);
}
