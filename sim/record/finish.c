/* The end of a recording: totals, the summary, the last rows, indexes. */
#include <sqlite3.h>
#include <stdio.h>

#include "sim/record/embedded.h"
#include "sim/record/internal.h"
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

static struct record_topic *summary_topic(struct recorder *r, struct record_summary *out,
                                          uint32_t *places, uint32_t topic)
{
    uint32_t cell = topic < RECORD_TOPICS_DETAILED ? topic : RECORD_TOPICS_DETAILED;
    const struct topic *t = topic < RECORD_TOPICS_DETAILED ? r->topics[topic] : NULL;
    struct record_topic *made;

    if (places[cell])
        return &out->topics[places[cell] - 1];
    out->topics = mem_grow(out->topics, out->topic_count + 1, sizeof *out->topics);
    made = &out->topics[out->topic_count++];
    *made = (struct record_topic){.name = mem_strdup(t ? t->name : "(other topics)"),
                                  .protocol = t ? topic_protocol_text(t) : ""};
    histogram_init(&made->propagation);
    histogram_init(&made->hops);
    histogram_init(&made->repeats);
    histogram_init(&made->repeat_lags);
    places[cell] = out->topic_count;
    return made;
}

static void merge_topic(struct record_topic *to, const struct topic *t)
{
    for (uint32_t k = 0; k < t->region_count; k++)
        histogram_merge(&to->propagation, &t->regions[k]);
    histogram_merge(&to->hops, &t->hops);
    histogram_merge(&to->repeats, &t->repeats);
    histogram_merge(&to->repeat_lags, &t->repeat_lags);
}

static void add_messages(struct recorder *r, struct record_summary *out)
{
    uint32_t places[RECORD_TOPICS_DETAILED + 1] = {0};

    for (uint32_t i = 0; i < r->message_count; i++) {
        const struct message *m = &r->messages[i];
        struct record_topic *t;

        out->recorded_messages += r->writer != NULL;
        out->with_hops += m->has_hops;
        out->with_deliveries += m->has_deliveries;
        if (!m->measured)
            continue;
        t = summary_topic(r, out, places, m->topic);
        t->messages++;
        t->expected += m->expected;
        t->deliveries += m->deliveries;
        t->duplicates += m->duplicates;
        out->unexpected += m->unexpected;
        if (!m->settled)
            messages_count_repeats(m, &t->repeats);
        if (m->hops_max > out->hops_max)
            out->hops_max = m->hops_max;
    }
    for (uint32_t cell = 0; cell <= RECORD_TOPICS_DETAILED; cell++) {
        const struct topic *t =
            cell < r->topic_count && cell < RECORD_TOPICS_DETAILED ? r->topics[cell] : r->others;

        struct record_topic *to = places[cell] ? &out->topics[places[cell] - 1] : NULL;

        if (to && t)
            merge_topic(to, t);
    }
}

static char *copy(const char *text)
{
    return text ? mem_strdup(text) : NULL;
}

void recorder_summarize(struct recorder *r, const struct record_totals *totals,
                        struct record_summary *out)
{
    recorder_settle(r);
    *out = (struct record_summary){
        .scenario = copy(r->run.scenario_name),
        .backend = copy(r->run.backend),
        .seed = r->run.seed,
        .nodes = r->run.node_count,
        .connections = totals->connections,
        .events = totals->events,
        .sim_ns = totals->sim_ns,
        .peak_rss_bytes = totals->peak_rss_bytes,
        .wall_s = totals->wall_s,
        .setup_wall_s = totals->setup_wall_s,
        .threads = totals->threads,
        .lookahead_ns = totals->lookahead_ns,
        .rejected = r->rejected,
        .dropped = r->dropped,
        .dials_failed = r->dials_failed,
        .expectations = r->expectations,
        .expectations_failed = r->expectations_failed,
    };
    histogram_init(&out->propagation);
    histogram_init(&out->hops);
    histogram_init(&out->repeats);
    histogram_init(&out->repeat_lags);
    recorder_digest(r, out->digest);
    add_messages(r, out);
    for (uint32_t i = 0; i < out->topic_count; i++) {
        const struct record_topic *t = &out->topics[i];

        out->messages += t->messages;
        out->expected += t->expected;
        out->deliveries += t->deliveries;
        out->duplicates += t->duplicates;
        histogram_merge(&out->propagation, &t->propagation);
        histogram_merge(&out->hops, &t->hops);
        histogram_merge(&out->repeats, &t->repeats);
        histogram_merge(&out->repeat_lags, &t->repeat_lags);
    }
    for (uint32_t i = 0; i < r->run.node_count; i++) {
        const struct node_record *n = &r->nodes[i];

        out->payload_bytes += r->fronts[i].copy_bytes_sent;
        out->withheld_bytes += r->fronts[i].copy_bytes_withheld;
        out->control_bytes += n->control_sent;
        out->total_bytes += n->total_sent;
    }
}

static void write_traffic(struct recorder *r, uint32_t node)
{
    const struct node_record *n = &r->nodes[node];
    const struct node_front *front = &r->fronts[node];
    uint64_t *row = writer_row(r->writer, ROW_TRAFFIC);

    row[0] = node;
    row[1] = front->copies_sent;
    row[2] = front->copy_bytes_sent;
    row[3] = front->copies_received;
    row[4] = front->copy_bytes_received;
    row[5] = front->duplicates;
    row[6] = n->control_sent;
    row[7] = n->control_received;
    row[8] = n->total_sent;
    row[9] = n->total_received;
    row[10] = front->copies_withheld;
    row[11] = front->copy_bytes_withheld;
}

static char *region_name(const struct recorder *r, uint32_t wanted)
{
    uint32_t position = 0;
    struct slice name;
    uint64_t *number;

    while (map_next(&r->regions, &position, &name, &number))
        if (*number == wanted) {
            char *text = mem_alloc(name.size + 1);

            memcpy(text, name.data, name.size);
            text[name.size] = 0;
            return text;
        }
    UNREACHABLE();
}

static void write_propagation(struct recorder *r, const struct topic *t, uint32_t region)
{
    uint32_t position = 0;
    uint64_t value, count;
    char *name;

    if (t->regions[region].count == 0)
        return;
    name = region_name(r, region);
    while (histogram_next(&t->regions[region], &position, &value, &count)) {
        uint64_t *row = writer_row(r->writer, ROW_PROPAGATION);

        row[0] = t->id;
        row[1] = row_text(name);
        row[2] = value;
        row[3] = count;
    }
    mem_free(name);
}

/* Everything that is kept in memory until the end. */
static void write_rest(struct recorder *r, bool complete)
{
    messages_settle_all(r);
    if (!r->writer)
        return;
    topics_sample(r, r->last_ns);
    for (uint32_t i = 0; i < r->run.node_count; i++) {
        tallies_flush(r, i);
        write_traffic(r, i);
    }
    if (!complete)
        return; /* the histograms stand for a whole measured period only */
    for (uint32_t i = 0; i < r->topic_count; i++)
        for (uint32_t k = 0; k < r->topics[i]->region_count; k++)
            write_propagation(r, r->topics[i], k);
    for (uint32_t k = 0; r->others && k < r->others->region_count; k++)
        write_propagation(r, r->others, k);
}

static void bind_integer(sqlite3_stmt *s, int column, uint64_t value)
{
    if (value <= INT64_MAX)
        sqlite3_bind_int64(s, column, (sqlite3_int64)value);
}

/* One statement, so that the file is either complete with all of it or not at all. */
static int update_run(struct recorder *r, const struct record_totals *t, const char *failure)
{
    static const char sql[] =
        "UPDATE run SET complete=?1,digest=?2,sim_ns=?3,wall_s=?4,setup_wall_s=?5,"
        "peak_rss_bytes=?6,events=?7,connections=?8,failure=?9,"
        "threads=coalesce(?10,threads),lookahead_ns=?11";
    uint8_t digest[DIGEST_SIZE];
    char text[2 * DIGEST_SIZE + 1];
    sqlite3_stmt *s;
    int result;

    recorder_digest(r, digest);
    for (int i = 0; i < DIGEST_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    if (sqlite3_prepare_v2(writer_database(r->writer), sql, -1, &s, NULL) != SQLITE_OK)
        return ERR_SYSTEM;
    sqlite3_bind_int(s, 1, t != NULL);
    if (t) {
        sqlite3_bind_text(s, 2, text, -1, SQLITE_STATIC);
        bind_integer(s, 3, t->sim_ns);
        sqlite3_bind_double(s, 4, t->wall_s);
        sqlite3_bind_double(s, 5, t->setup_wall_s);
        bind_integer(s, 6, t->peak_rss_bytes);
        bind_integer(s, 7, t->events);
        bind_integer(s, 8, t->connections);
        bind_integer(s, 10, t->threads);
        bind_integer(s, 11, t->lookahead_ns);
    } else {
        bind_integer(s, 3, r->last_ns);
    }
    sqlite3_bind_text(s, 9, failure, -1, SQLITE_STATIC);
    result = sqlite3_step(s);
    sqlite3_finalize(s);
    return result == SQLITE_DONE ? 0 : ERR_SYSTEM;
}

/* Leaves one file without a log beside it. A reader that has the file open at this moment keeps the
 * log: no harm. */
static int close_log(struct recorder *r)
{
    sqlite3 *db = writer_database(r->writer);
    int result;

    sqlite3_busy_timeout(db, 1000);
    result = sqlite3_exec(db, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
    return result == SQLITE_OK || result == SQLITE_BUSY || result == SQLITE_LOCKED ? 0 : ERR_SYSTEM;
}

static int complete_file(struct recorder *r, const struct record_totals *totals)
{
    int err = writer_drain(r->writer);

    if (!err)
        err = close_log(r);
    if (!err)
        err = writer_run(r->writer, embedded_text("sim/record/indexes.sql"));
    return err ? err : update_run(r, totals, NULL);
}

int recorder_finish(struct recorder *r, const struct record_totals *totals,
                    struct record_summary *out, char *error, size_t error_size)
{
    int err = 0;

    CHECK(!r->ended);
    recorder_settle(r);
    write_rest(r, true);
    if (out)
        recorder_summarize(r, totals, out);
    r->ended = true;
    if (r->writer)
        err = complete_file(r, totals);
    if (err)
        snprintf(error, error_size, "%s",
                 recorder_failed(r) ? recorder_failed(r)
                                    : sqlite3_errmsg(writer_database(r->writer)));
    return err;
}

void recorder_abort(struct recorder *r, const char *reason)
{
    if (r->ended)
        return;
    recorder_settle(r);
    write_rest(r, false);
    r->ended = true;
    if (!r->writer || writer_drain(r->writer) != 0)
        return; /* the file says that it is incomplete as it is */
    update_run(r, NULL, reason);
    close_log(r);
}
