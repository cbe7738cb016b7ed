/* Events as lines of JSON. */
#include "sim/live/journal.h"

#include "sim/live/address.h"
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/wire/multiaddr.h"

#include <string.h>

#define LINE_MAX_SIZE (160u << 20) /* a line with the data of the largest RPC (64 MiB) in hex */

static const struct {
    const char *text;
    bool told;
} table[] = {
#define JOURNAL_ROW(name, text, told) [name] = {text, told},
    JOURNAL_TABLE(JOURNAL_ROW)
#undef JOURNAL_ROW
};

uint32_t journal_mask_default(void)
{
    uint32_t mask = 0;

    for (int i = 0; i < JOURNAL_EVENT_COUNT; i++)
        mask |= (uint32_t)table[i].told << i;
    return mask;
}

const char *journal_mask_parse(const char *text, uint32_t *mask)
{
    *mask = 0;
    if (strcmp(text, "all") == 0) {
        *mask = UINT32_MAX;
        return NULL;
    }
    for (const char *at = text;; at++) {
        size_t size = strcspn(at, ",");
        int i = 0;

        while (i < JOURNAL_EVENT_COUNT &&
               (strlen(table[i].text) != size || memcmp(table[i].text, at, size) != 0))
            i++;
        if (i == JOURNAL_EVENT_COUNT)
            return at;
        *mask |= 1u << i;
        at += size;
        if (*at == '\0')
            return NULL;
    }
}

void journal_init(struct journal *j, FILE *out, uint64_t epoch_ns)
{
    *j = (struct journal){.out = out, .epoch_ns = epoch_ns, .mask = journal_mask_default()};
    jsonl_init(&j->json, LINE_MAX_SIZE);
}

void journal_deinit(struct journal *j)
{
    jsonl_deinit(&j->json);
}

bool journal_begin(struct journal *j, uint64_t now_ns, enum journal_event event)
{
    if (!(j->mask >> event & 1))
        return false;
    jsonl_begin(&j->json);
    jsonl_text(&j->json, "event", slice_text(table[event].text));
    jsonl_number(&j->json, "time_us", (j->epoch_ns + now_ns) / 1000);
    return true;
}

void journal_end(struct journal *j)
{
    struct slice line;

    jsonl_end(&j->json);
    CHECK(!j->json.line.overflow); /* what peers send is bounded far below */
    line = buf_slice(&j->json.line);
    j->broken |= fwrite(line.data, 1, line.size, j->out) != line.size || fflush(j->out) != 0;
}

static void put_peer_id(struct journal *j, const char *key, const struct peerid *id)
{
    char text[PEERID_TEXT_MAX];

    peerid_text(id, text);
    jsonl_text(&j->json, key, slice_text(text));
}

void journal_peer(struct journal *j, const char *key, uint32_t slot)
{
    struct node_peer peer;

    if (slot != TRACE_NO_PEER && node_peer(j->node, slot, &peer) && peer.id.size)
        put_peer_id(j, key, &peer.id);
}

/* ---- connections ---- */

static void tell_connection(struct journal *j, uint64_t now_ns, enum journal_event event,
                            const struct trace_event *e)
{
    char text[ADDRESS_TEXT_MAX];
    struct node_peer peer;

    if (!journal_begin(j, now_ns, event))
        return;
    if (e->peer != TRACE_NO_PEER && node_peer(j->node, e->peer, &peer)) {
        if (peer.id.size)
            put_peer_id(j, "peer", &peer.id);
        jsonl_text(&j->json, "address", slice_text(address_text(&peer.remote, NULL, text)));
        jsonl_bool(&j->json, "dialled", peer.dialled);
    }
    if (event != JOURNAL_CONNECTED)
        jsonl_text(&j->json, "reason", slice_text(err_text(e->code)));
    journal_end(j);
}

/* ---- messages ---- */

static void put_topic(struct journal *j, enum trace_protocol protocol, struct slice topic)
{
    if (protocol == TRACE_ALGORAND)
        jsonl_text(&j->json, "protocol", slice_text("algorand"));
    jsonl_text(&j->json, protocol == TRACE_ALGORAND ? "tag" : "topic", topic);
}

static void tell_message(struct journal *j, uint64_t now_ns, enum journal_event event,
                         const struct trace_event *e)
{
    if (!journal_begin(j, now_ns, event))
        return;
    if (e->topic.size)
        put_topic(j, e->protocol, e->topic);
    if (e->id.size)
        jsonl_hex(&j->json, "id", e->id);
    jsonl_number(&j->json, "size", e->size);
    if (event == JOURNAL_DROPPED)
        jsonl_number(&j->json, "messages", e->count);
    journal_peer(j, event == JOURNAL_SENT || event == JOURNAL_DROPPED || event == JOURNAL_WITHHELD ? "to" : "via", e->peer);
    if (event == JOURNAL_REJECTED)
        jsonl_text(&j->json, "reason", slice_text(trace_reject_text((enum trace_reject)e->code)));
    journal_end(j);
}

static void tell_topic(struct journal *j, uint64_t now_ns, enum journal_event event,
                       const struct trace_event *e)
{
    if (!journal_begin(j, now_ns, event))
        return;
    journal_peer(j, "peer", e->peer);
    put_topic(j, e->protocol, e->topic);
    journal_end(j);
}

static void tell_control(struct journal *j, uint64_t now_ns, const struct trace_event *e)
{
    if (!journal_begin(j, now_ns, JOURNAL_CONTROL))
        return;
    jsonl_text(&j->json, "kind", slice_text(trace_control_text((enum trace_control)e->code)));
    journal_peer(j, e->kind == TRACE_CONTROL_SENT ? "to" : "via", e->peer);
    jsonl_number(&j->json, "items", e->count);
    jsonl_number(&j->json, "size", e->size);
    journal_end(j);
}

static void tell_score(struct journal *j, uint64_t now_ns, const struct trace_event *e)
{
    struct trace_score s;

    if (!journal_begin(j, now_ns, JOURNAL_SCORE))
        return;
    memcpy(&s, e->id.data, sizeof s);
    journal_peer(j, "peer", e->peer);
    jsonl_real(&j->json, "score", s.score);
    journal_end(j);
}

void journal_trace(struct journal *j, uint64_t now_ns, const struct trace_event *e)
{
    switch (e->kind) {
    case TRACE_PEER_READY:
        tell_connection(j, now_ns, JOURNAL_CONNECTED, e);
        break;
    case TRACE_PEER_GONE:
        tell_connection(j, now_ns, JOURNAL_DISCONNECTED, e);
        break;
    case TRACE_DIAL_FAILED:
        tell_connection(j, now_ns, JOURNAL_DIAL_FAILED, e);
        break;
    case TRACE_CONN_FAILED:
        tell_connection(j, now_ns, JOURNAL_CONNECTION_FAILED, e);
        break;
    case TRACE_PUBLISH:
        tell_message(j, now_ns, JOURNAL_PUBLISHED, e);
        break;
    case TRACE_ARRIVE:
        tell_message(j, now_ns, JOURNAL_RECEIVED, e);
        break;
    case TRACE_DUPLICATE:
        tell_message(j, now_ns, JOURNAL_DUPLICATE, e);
        break;
    case TRACE_REJECT:
        tell_message(j, now_ns, JOURNAL_REJECTED, e);
        break;
    case TRACE_SEND:
        tell_message(j, now_ns, JOURNAL_SENT, e);
        break;
    case TRACE_DROP:
        tell_message(j, now_ns, JOURNAL_DROPPED, e);
        break;
    case TRACE_CONTROL_SENT:
    case TRACE_CONTROL_RECEIVED:
        tell_control(j, now_ns, e);
        break;
    case TRACE_JOIN:
        tell_topic(j, now_ns, JOURNAL_JOINED, e);
        break;
    case TRACE_LEAVE:
        tell_topic(j, now_ns, JOURNAL_LEFT, e);
        break;
    case TRACE_GRAFT:
        tell_topic(j, now_ns, JOURNAL_GRAFT, e);
        break;
    case TRACE_PRUNE:
        tell_topic(j, now_ns, JOURNAL_PRUNE, e);
        break;
    case TRACE_WITHHOLD:
        tell_message(j, now_ns, JOURNAL_WITHHELD, e);
        break;
    case TRACE_SCORE:
        tell_score(j, now_ns, e);
        break;
    case TRACE_THROTTLE_PEER:
        break;
    case TRACE_DELIVER: /* told with the data, by journal_delivered and journal_algorand */
    case TRACE_KIND_COUNT:
        break;
    }
}

/* ---- what the node tells beside its traces ---- */

static void put_address(struct journal *j, const char *key, struct slice binary)
{
    struct buf text;

    buf_init(&text, 4 * MULTIADDR_SIZE_MAX);
    if (multiaddr_text(binary, &text) == ERR_OK)
        jsonl_text(&j->json, key, buf_slice(&text));
    buf_deinit(&text);
}

void journal_identified(struct journal *j, uint64_t now_ns, uint32_t peer,
                        const struct identify *id, bool pushed)
{
    if (!journal_begin(j, now_ns, JOURNAL_IDENTIFIED))
        return;
    journal_peer(j, "peer", peer);
    jsonl_bool(&j->json, "pushed", pushed);
    jsonl_text(&j->json, "agent", id->agent_version);
    jsonl_text(&j->json, "protocol_version", id->protocol_version);
    jsonl_open(&j->json, "protocols", '[');
    for (size_t i = 0; i < id->protocol_count; i++)
        jsonl_text(&j->json, NULL, id->protocols[i]);
    jsonl_close(&j->json, ']');
    jsonl_open(&j->json, "addresses", '[');
    for (size_t i = 0; i < id->listen_addr_count; i++)
        put_address(j, NULL, id->listen_addrs[i]);
    jsonl_close(&j->json, ']');
    if (id->observed_addr.size)
        put_address(j, "observed", id->observed_addr);
    journal_end(j);
}

void journal_peer_topic(struct journal *j, uint64_t now_ns, uint32_t peer, struct slice topic,
                        bool joined)
{
    if (!journal_begin(j, now_ns, joined ? JOURNAL_SUBSCRIBED : JOURNAL_UNSUBSCRIBED))
        return;
    journal_peer(j, "peer", peer);
    jsonl_text(&j->json, "topic", topic);
    journal_end(j);
}

static bool is_printable(struct slice s)
{
    for (size_t i = 0; i < s.size; i++)
        if (s.data[i] < 0x20 || s.data[i] > 0x7e)
            return false;
    return true;
}

/* Text when it is nothing but printable ASCII, hex otherwise: either way it can be told back
 * exactly. */
static void put_data(struct journal *j, struct slice data)
{
    if (!j->show_data)
        return;
    if (is_printable(data))
        jsonl_text(&j->json, "text", data);
    else
        jsonl_hex(&j->json, "hex", data);
}

void journal_parts(struct journal *j, uint64_t now_ns, struct slice topic, uint64_t group, uint8_t have)
{
    if (!journal_begin(j, now_ns, JOURNAL_PARTS))
        return;
    jsonl_text(&j->json, "topic", topic);
    jsonl_number(&j->json, "group", group);
    jsonl_number(&j->json, "have", have);
    journal_end(j);
}

void journal_test_extension(struct journal *j, uint64_t now_ns, uint32_t peer)
{
    if (!journal_begin(j, now_ns, JOURNAL_TEST_EXTENSION))
        return;
    journal_peer(j, "peer", peer);
    journal_end(j);
}

void journal_delivered(struct journal *j, uint64_t now_ns, const struct gossipsub_message *m)
{
    struct peerid from;

    if (!journal_begin(j, now_ns, JOURNAL_DELIVERED))
        return;
    put_topic(j, TRACE_GOSSIPSUB, m->topic);
    jsonl_hex(&j->json, "id", m->id);
    jsonl_number(&j->json, "size", m->data.size);
    if (peerid_from_bytes(&from, m->from) == ERR_OK)
        put_peer_id(j, "from", &from);
    if (m->seqno.size)
        jsonl_hex(&j->json, "seqno", m->seqno);
    journal_peer(j, "via", m->received_from);
    put_data(j, m->data);
    journal_end(j);
}

void journal_algorand(struct journal *j, uint64_t now_ns, const struct algorand_message *m)
{
    if (!journal_begin(j, now_ns, JOURNAL_DELIVERED))
        return;
    put_topic(j, TRACE_ALGORAND, slice_of(m->tag, sizeof m->tag));
    jsonl_hex(&j->json, "id", slice_of(m->id, sizeof m->id));
    jsonl_number(&j->json, "size", m->payload.size);
    journal_peer(j, "via", m->received_from);
    put_data(j, m->payload);
    journal_end(j);
}

void journal_error(struct journal *j, uint64_t now_ns, const char *command, const char *message)
{
    if (!journal_begin(j, now_ns, JOURNAL_ERROR))
        return;
    if (command)
        jsonl_text(&j->json, "command", slice_text(command));
    jsonl_text(&j->json, "message", slice_text(message));
    journal_end(j);
}
