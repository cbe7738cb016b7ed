/* From the rows of a run to TraceEvents. */
#include "sim/export/export.h"
#include "sim/export/trace_event.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <string.h>

#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/wire/peerid.h"

#define FLUSH_SIZE (1u << 20)
#define EVENT_MAX (64u << 10)

/* Events of gossip messages and meshes. Of one node at one time the order is that in which a router comes to them. A publisher
 * that is in the topic delivers to itself, as go's does. */
static const char events_sql[] =
    "SELECT at, type, node, peer, message_id, topic FROM ("
    " SELECT m.published_ns AS at, 0 AS type, 3 AS place, m.publisher AS node, NULL AS peer, m.message_id, t.name AS topic"
    "  FROM message m JOIN topic t ON t.id = m.topic WHERE m.publisher IS NOT NULL AND t.protocol = 'gossipsub'"
    " UNION ALL SELECT m.published_ns, 3, 4, m.publisher, m.publisher, m.message_id, t.name"
    "  FROM message m JOIN topic t ON t.id = m.topic WHERE m.publisher IS NOT NULL AND t.protocol = 'gossipsub'"
    "  AND coalesce((SELECT joined FROM subscription s WHERE s.node = m.publisher AND s.topic = m.topic AND s.at_ns <= m.published_ns"
    "   ORDER BY s.at_ns DESC, s.rowid DESC LIMIT 1), 0)"
    " UNION ALL SELECT d.delivered_ns, 3, 4, d.node, d.from_node, m.message_id, t.name"
    "  FROM delivery d JOIN message m ON m.id = d.message JOIN topic t ON t.id = m.topic WHERE t.protocol = 'gossipsub'"
    " UNION ALL SELECT h.received_ns, 6, 1, h.node, h.from_node, m.message_id, t.name"
    "  FROM hop h JOIN message m ON m.id = h.message JOIN topic t ON t.id = m.topic WHERE t.protocol = 'gossipsub'"
    " UNION ALL SELECT h.received_ns, 2, 2, h.node, h.from_node, m.message_id, t.name"
    "  FROM hop h JOIN message m ON m.id = h.message JOIN topic t ON t.id = m.topic WHERE t.protocol = 'gossipsub' AND h.duplicate"
    " UNION ALL SELECT h.sent_ns, 7, 5, h.from_node, h.node, m.message_id, t.name"
    "  FROM hop h JOIN message m ON m.id = h.message JOIN topic t ON t.id = m.topic"
    "  WHERE t.protocol = 'gossipsub' AND h.sent_ns IS NOT NULL AND h.from_node IS NOT NULL"
    " UNION ALL SELECT at_ns, CASE event WHEN 'peer-ready' THEN 4 ELSE 5 END, CASE event WHEN 'peer-ready' THEN 0 ELSE 7 END,"
    "  node, peer, NULL, NULL FROM connection WHERE event IN ('peer-ready', 'peer-gone')"
    " UNION ALL SELECT s.at_ns, CASE s.joined WHEN 1 THEN 9 ELSE 10 END, 0, s.node, NULL, NULL, t.name"
    "  FROM subscription s JOIN topic t ON t.id = s.topic"
    " UNION ALL SELECT e.at_ns, CASE e.graft WHEN 1 THEN 11 ELSE 12 END, 6, e.node, e.peer, NULL, t.name"
    "  FROM mesh e JOIN topic t ON t.id = e.topic"
    ") WHERE node IS NOT NULL ORDER BY at, node, place, type, peer, message_id";

struct peers {
    struct peerid *ids; /* by node; size 0: none */
    uint32_t count;
};

static int fail(struct sqlite3 *db, char *error, size_t error_size)
{
    snprintf(error, error_size, "cannot read the run: %s", sqlite3_errmsg(db));
    return ERR_SYSTEM;
}

static int read_peers(struct sqlite3 *db, struct peers *p, char *error, size_t error_size)
{
    sqlite3_stmt *s;
    int result;

    if (sqlite3_prepare_v2(db, "SELECT id, peer_id FROM node ORDER BY id", -1, &s, NULL) != SQLITE_OK)
        return fail(db, error, error_size);
    while ((result = sqlite3_step(s)) == SQLITE_ROW) {
        int64_t id = sqlite3_column_int64(s, 0);
        const char *text = (const char *)sqlite3_column_text(s, 1);

        if (id != p->count)
            break; /* nodes are numbered without gaps */
        p->ids = mem_grow(p->ids, p->count + 1, sizeof *p->ids);
        p->ids[p->count] = (struct peerid){0};
        if (text)
            peerid_parse(&p->ids[p->count], slice_text(text));
        p->count++;
    }
    sqlite3_finalize(s);
    return result == SQLITE_DONE ? ERR_OK : fail(db, error, error_size);
}

static struct slice peer_of(const struct peers *p, sqlite3_stmt *s, int column)
{
    int64_t id = sqlite3_column_int64(s, column);

    if (sqlite3_column_type(s, column) == SQLITE_NULL || id < 0 || id >= p->count || !p->ids[id].size)
        return slice_of(NULL, 0);
    return peerid_slice(&p->ids[id]);
}

static struct slice bytes_of(sqlite3_stmt *s, int column)
{
    if (sqlite3_column_type(s, column) == SQLITE_NULL)
        return slice_of(NULL, 0);
    return slice_of(sqlite3_column_blob(s, column), (size_t)sqlite3_column_bytes(s, column));
}

static bool flush(struct buf *b, FILE *out)
{
    bool good = fwrite(b->data, 1, b->size, out) == b->size;

    buf_clear(b);
    return good;
}

/* 0, or ERR_SYSTEM: `out` takes no more. */
static int write_events(sqlite3_stmt *s, const struct peers *p, enum export_format format, FILE *out, uint64_t *events)
{
    struct buf b;
    bool good = true;
    int result;

    buf_init(&b, FLUSH_SIZE + EVENT_MAX);
    while (good && (result = sqlite3_step(s)) == SQLITE_ROW) {
        const struct pubsub_trace e = {.type = (enum pubsub_trace_type)sqlite3_column_int(s, 1),
                                       .at_ns = (uint64_t)sqlite3_column_int64(s, 0),
                                       .node = peer_of(p, s, 2),
                                       .peer = peer_of(p, s, 3),
                                       .message = bytes_of(s, 4),
                                       .topic = bytes_of(s, 5)};

        if (format == EXPORT_PB)
            trace_event_pb(&e, &b);
        else
            trace_event_json(&e, &b);
        ++*events;
        if (b.size >= FLUSH_SIZE)
            good = flush(&b, out);
    }
    good = good && result == SQLITE_DONE && flush(&b, out) && fflush(out) == 0;
    buf_deinit(&b);
    return good ? ERR_OK : ERR_SYSTEM;
}

int export_pubsub_trace(struct sqlite3 *db, enum export_format format, FILE *out, uint64_t *events, char *error,
                        size_t error_size)
{
    struct peers p = {0};
    sqlite3_stmt *s;
    int err = read_peers(db, &p, error, error_size);

    *events = 0;
    if (!err && sqlite3_prepare_v2(db, events_sql, -1, &s, NULL) != SQLITE_OK)
        err = fail(db, error, error_size);
    else if (!err) {
        err = write_events(s, &p, format, out, events);
        if (err)
            snprintf(error, error_size, "cannot write the trace");
        sqlite3_finalize(s);
    }
    mem_free(p.ids);
    return err;
}

/* Each row is a sentence that holds, or NULL. */
static const char gaps_sql[] =
    "SELECT CASE WHEN complete = 0 THEN 'the run is incomplete: so is the trace' END FROM run"
    " UNION ALL SELECT 'REJECT_MESSAGE, DROP_RPC: the database has sums of them only (table loss)'"
    "  FROM (SELECT 1) WHERE EXISTS (SELECT 1 FROM loss)"
    " UNION ALL SELECT 'RECV_RPC, SEND_RPC: those with messages, one each; of control the database has sums only (table control)'"
    " UNION ALL SELECT 'ON_NEW_OUTBOUND_STREAM, ON_CLOSED_OUTBOUND_STREAM: the connections, for streams are not recorded'"
    "  FROM (SELECT 1) WHERE EXISTS (SELECT 1 FROM connection)"
    " UNION ALL SELECT CASE WHEN have < n THEN printf('DUPLICATE_MESSAGE, RECV_RPC, SEND_RPC: of %d of %d messages"
    " (record: {hops: all})', have, n) END FROM (SELECT sum(coalesce(has_hops, 0)) AS have, count(*) AS n FROM message)"
    " UNION ALL SELECT CASE WHEN have < n THEN printf('DELIVER_MESSAGE: of %d of %d messages (record: {deliveries: all})', have, n)"
    "  END FROM (SELECT sum(coalesce(has_deliveries, 0)) AS have, count(*) AS n FROM message)"
    " UNION ALL SELECT CASE WHEN peer_every IS NULL THEN 'JOIN, LEAVE, GRAFT, PRUNE and streams: of no node (record: {peers: all})'"
    "  WHEN peer_every > 1 THEN printf('JOIN, LEAVE, GRAFT, PRUNE and streams: of every %d-th node (record: {peers: all})', peer_every)"
    "  END FROM run";

int export_pubsub_gaps(struct sqlite3 *db, void *ctx, void (*tell)(void *ctx, const char *sentence), char *error,
                       size_t error_size)
{
    sqlite3_stmt *s;
    int result;

    if (sqlite3_prepare_v2(db, gaps_sql, -1, &s, NULL) != SQLITE_OK)
        return fail(db, error, error_size);
    while ((result = sqlite3_step(s)) == SQLITE_ROW)
        if (sqlite3_column_type(s, 0) != SQLITE_NULL)
            tell(ctx, (const char *)sqlite3_column_text(s, 0));
    sqlite3_finalize(s);
    return result == SQLITE_DONE ? ERR_OK : fail(db, error, error_size);
}
