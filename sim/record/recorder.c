/* The recorder's interface: takes events in, hands them to messages.c, topics.c and tallies.c. */
#include "sim/record/recorder.h"

#include <sqlite3.h>
#include <stdio.h>

#include "sim/record/internal.h"
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/fetch.h"
#include "stack/base/mem.h"

#define SLOTS_MAX (1u << 20)   /* peers of one node; a slot number above is a bug */
#define INTERVAL_CELLS 250000u /* (node, interval) pairs of control rows, roughly */
#define MESH_SAMPLES 200u

static const char **run_text(struct record_run *run, int number)
{
    const char **const texts[] = {&run->scenario_name, &run->scenario_text, &run->question,
                                  &run->backend,       &run->tcp_model,     &run->encryption,
                                  &run->replay,        &run->version};

    return (size_t)number < sizeof texts / sizeof texts[0] ? texts[number] : NULL;
}

static uint64_t interval_of(const struct record_run *run)
{
    uint64_t seconds = run->duration_ns / SECOND_NS;

    if (seconds > UINT32_MAX)
        return 60 * SECOND_NS; /* an endless run */
    return (1 + seconds * run->node_count / INTERVAL_CELLS) * SECOND_NS;
}

static void bind_every(sqlite3_stmt *s, int column, uint32_t every)
{
    if (every == RECORD_NONE)
        sqlite3_bind_null(s, column);
    else
        sqlite3_bind_int64(s, column, every);
}

static struct sampler sampler_of(uint32_t every, uint64_t rows_max)
{
    bool automatic = every == RECORD_AUTOMATIC;

    return (struct sampler){0, rows_max, automatic ? 1 : every, automatic};
}

/* Nodes are all alike to begin with: every k-th says what the others would. */
static uint32_t peer_every(const struct record_run *run)
{
    if (run->peer_every != RECORD_AUTOMATIC)
        return run->peer_every;
    return (run->node_count + RECORD_PEER_NODES_MAX - 1) / RECORD_PEER_NODES_MAX;
}

static bool records_peers(const struct recorder *r, uint32_t node)
{
    return r->writer && r->peer_every != RECORD_NONE && node % r->peer_every == 0;
}

static int insert_run(struct recorder *r)
{
    static const char sql[] =
        "INSERT INTO run(id,complete,scenario,scenario_text,question,backend,tcp_model,encryption,"
        "replay,version,seed,threads,nodes,duration_ns,warmup_ns,measured_until_ns,interval_ns,hop_every,"
        "delivery_every,peer_every) VALUES(1,0,?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18)";
    const struct record_run *run = &r->run;
    char seed[24];
    sqlite3_stmt *s;
    int result;

    if (sqlite3_prepare_v2(writer_database(r->writer), sql, -1, &s, NULL) != SQLITE_OK)
        return ERR_SYSTEM;
    for (int i = 0; i < 8; i++)
        sqlite3_bind_text(s, i + 1, *run_text(&r->run, i), -1, SQLITE_STATIC);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)run->seed);
    if (run->seed <= INT64_MAX)
        sqlite3_bind_int64(s, 9, (sqlite3_int64)run->seed);
    else
        sqlite3_bind_text(s, 9, seed, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 10, run->threads);
    sqlite3_bind_int64(s, 11, run->node_count);
    if (run->duration_ns <= INT64_MAX)
        sqlite3_bind_int64(s, 12, (sqlite3_int64)run->duration_ns);
    sqlite3_bind_int64(s, 13, (sqlite3_int64)run->warmup_ns);
    sqlite3_bind_int64(s, 14, (sqlite3_int64)(r->measured_until_ns < INT64_MAX ? r->measured_until_ns : INT64_MAX));
    sqlite3_bind_int64(s, 15, (sqlite3_int64)r->interval_ns);
    bind_every(s, 16, run->hop_every);
    bind_every(s, 17, run->delivery_every);
    bind_every(s, 18, r->peer_every);
    result = sqlite3_step(s);
    sqlite3_finalize(s);
    return result == SQLITE_DONE ? 0 : ERR_SYSTEM;
}

static int open_file(struct recorder *r, const char *path, char *error, size_t error_size)
{
    int err = writer_open(path, &r->writer, error, error_size);

    if (err)
        return err;
    err = insert_run(r);
    if (err)
        snprintf(error, error_size, "cannot write %s: %s", path,
                 sqlite3_errmsg(writer_database(r->writer)));
    else
        err = writer_start(r->writer, error, error_size);
    return err;
}

/* Fronts start on a cache line. */
static void open_fronts(struct recorder *r)
{
    enum { LINE = 64 };

    _Static_assert(sizeof(struct node_front) % LINE == 0, "no two share a line");
    r->front_memory = mem_zalloc(r->run.node_count * sizeof *r->fronts + LINE);
    r->fronts = (void *)(((uintptr_t)r->front_memory + LINE - 1) & ~(uintptr_t)(LINE - 1));
    for (uint32_t i = 0; i < r->run.node_count; i++)
        digest_lane_init(&r->fronts[i].lane);
}

int recorder_open(const char *db_path, const struct record_run *run, struct recorder **out,
                  char *error, size_t error_size)
{
    struct recorder *r = mem_zalloc(sizeof *r);
    int err;

    CHECK(run->node_count > 0 && run->node_count < UNKNOWN && run->warmup_ns <= INT64_MAX);
    r->run = *run;
    for (int i = 0; run_text(&r->run, i); i++)
        if (*run_text(&r->run, i))
            *run_text(&r->run, i) = mem_strdup(*run_text(&r->run, i));
    r->nodes = mem_zalloc(run->node_count * sizeof *r->nodes);
    open_fronts(r);
    digest_lane_init(&r->scenario);
    r->recent = UNKNOWN;
    map_init(&r->peers, run->seed);
    map_init(&r->regions, run->seed);
    map_init(&r->topic_names[0], run->seed);
    map_init(&r->topic_names[1], run->seed);
    r->hops = sampler_of(run->hop_every, RECORD_HOP_ROWS_MAX);
    r->deliveries = sampler_of(run->delivery_every, RECORD_DELIVERY_ROWS_MAX);
    r->peer_every = peer_every(run);
    r->interval_ns = interval_of(run);
    r->measured_until_ns = run->cooldown_ns < run->duration_ns ? run->duration_ns - run->cooldown_ns : 0;
    err = db_path ? open_file(r, db_path, error, error_size) : 0;
    if (err) {
        recorder_free(r);
        return err;
    }
    *out = r;
    return 0;
}

void recorder_free(struct recorder *r)
{
    if (!r)
        return;
    feed_free(r->feed);
    messages_deinit(r); /* rows that were not asked for by finish or abort are not written */
    topics_deinit(r);
    for (uint32_t i = 0; i < r->run.node_count; i++) {
        mem_free(r->fronts[i].slots);
        tallies_deinit(&r->nodes[i]);
    }
    mem_free(r->nodes);
    mem_free(r->front_memory);
    map_deinit(&r->peers);
    map_deinit(&r->regions);
    map_deinit(&r->topic_names[0]);
    map_deinit(&r->topic_names[1]);
    table_deinit(&r->members);
    writer_free(r->writer);
    for (int i = 0; run_text(&r->run, i); i++)
        mem_free((void *)(uintptr_t)*run_text(&r->run, i));
    mem_free(r);
}

static void write_node(struct recorder *r, const struct record_node *node)
{
    uint64_t *row = writer_row(r->writer, ROW_NODE);

    row[0] = node->index;
    row[1] = row_text(node->name);
    row[2] = row_text(node->group);
    row[3] = row_text(node->region);
    row[4] = row_text(node->class_name);
    row[5] = row_text(node->peer_id);
    row[6] = row_text(node->address);
    row[7] = node->up_bps;
    row[8] = node->down_bps;
    row[9] = node->algorand;
    row[10] = row_text(node->behaviour);
}

void recorder_node(struct recorder *r, const struct record_node *node)
{
    struct slice region = slice_text(node->region ? node->region : "");
    struct node_record *n;
    uint64_t *number;
    bool fresh;

    CHECK(node->index < r->run.node_count);
    n = &r->nodes[node->index];
    number = map_insert(&r->regions, region, &fresh);
    if (fresh)
        *number = map_count(&r->regions) - 1;
    CHECK(*number <= UINT16_MAX);
    n->region = (uint16_t)*number;
    n->algorand = node->algorand;
    n->up = !node->down;
    r->algorand_up += n->up && n->algorand;
    if (node->peer_id_bytes.size)
        *map_insert(&r->peers, node->peer_id_bytes, &fresh) = node->index;
    if (r->writer)
        write_node(r, node);
}

void recorder_link(struct recorder *r, uint32_t dialler, uint32_t listener, uint64_t latency_ns)
{
    uint64_t *row;

    if (!r->writer)
        return;
    row = writer_row(r->writer, ROW_LINK);
    row[0] = dialler;
    row[1] = listener;
    row[2] = latency_ns;
}

/* Mesh samples stand at multiples of their interval and show the state before events of that time.
 */
static void pass_time(struct recorder *r, uint64_t now_ns)
{
    uint64_t step_ns = r->run.duration_ns / MESH_SAMPLES;

    if (now_ns > r->last_ns)
        r->last_ns = now_ns;
    if (now_ns < r->next_sample_ns)
        return;
    if (step_ns < SECOND_NS || r->run.duration_ns > INT64_MAX)
        step_ns = SECOND_NS;
    topics_sample(r, now_ns - now_ns % step_ns);
    r->next_sample_ns = now_ns - now_ns % step_ns + step_ns;
    messages_sweep(r, now_ns); /* by the simulation's time: which copies come too late must not depend on the machine */
}

/* Whether a report of a node has to wait for those of other lanes; else it comes after all that there were. */
static bool waits(const struct recorder *r)
{
    if (!r->feed)
        return false;
    if (feed_is_open(r->feed))
        return true;
    feed_settle(r->feed);
    return false;
}

static void take_state(struct recorder *r, uint32_t node, uint64_t now_ns, bool up)
{
    struct node_record *n = &r->nodes[node];

    pass_time(r, now_ns);
    if (n->up == up)
        return;
    n->up = up;
    n->up_since_ns = now_ns;
    r->algorand_up += n->algorand ? (up ? 1 : UINT32_MAX) : 0;
    if (!up)
        topics_leave_all(r, node);
}

static uint32_t remote_of(const struct node_front *n, uint32_t slot)
{
    return slot < n->slot_count ? n->slots[slot] : UNKNOWN;
}

/* A slot keeps its node after the connection is gone, until the next one takes it: what a node
 * still reports of a peer that it has just lost is known to be about that peer. */
static void set_slot(const struct recorder *r, struct node_front *n, uint32_t slot, struct slice peer_id)
{
    const uint64_t *found = map_find(&r->peers, peer_id);

    CHECK(slot < SLOTS_MAX);
    if (slot >= n->slot_count) {
        uint32_t count = slot < 4 ? 4 : slot + slot / 2;

        n->slots = mem_grow(n->slots, count, sizeof *n->slots);
        while (n->slot_count < count)
            n->slots[n->slot_count++] = UNKNOWN;
    }
    n->slots[slot] = found ? (uint32_t)*found : UNKNOWN;
}

static void write_mesh(struct recorder *r, uint32_t node, uint32_t remote, uint64_t now_ns,
                       const struct trace_event *e)
{
    struct topic *t = topics_get(r, e->protocol, e->topic);
    uint64_t *row;

    topics_mesh(r, t, node, e->kind == TRACE_GRAFT);
    if (!records_peers(r, node))
        return;
    row = writer_row(r->writer, ROW_MESH);
    row[0] = now_ns;
    row[1] = node;
    row[2] = remote == UNKNOWN ? ROW_NULL : remote;
    row[3] = t->id;
    row[4] = e->kind == TRACE_GRAFT;
}

static void write_subscription(struct recorder *r, uint32_t node, uint64_t now_ns, const struct topic *t, bool joined)
{
    uint64_t *row;

    if (!records_peers(r, node))
        return;
    row = writer_row(r->writer, ROW_SUBSCRIPTION);
    row[0] = now_ns;
    row[1] = node;
    row[2] = t->id;
    row[3] = joined;
}

static void take_subscription(struct recorder *r, uint32_t node, uint64_t now_ns, const struct trace_event *e)
{
    struct topic *t = topics_get(r, e->protocol, e->topic);
    bool joined = e->kind == TRACE_JOIN;

    if (joined)
        topics_join(r, t, node, now_ns);
    else
        topics_leave(r, t, node);
    write_subscription(r, node, now_ns, t, joined);
}

static void write_score(struct recorder *r, uint32_t node, uint32_t remote, uint64_t now_ns, const struct trace_event *e)
{
    struct trace_score s;
    uint64_t *row;

    CHECK(e->id.size == sizeof s);
    memcpy(&s, e->id.data, sizeof s);
    if (!r->writer)
        return;
    row = writer_row(r->writer, ROW_SCORE);
    row[0] = now_ns;
    row[1] = node;
    row[2] = remote == UNKNOWN ? ROW_NULL : remote;
    row[3] = row_real(s.score);
    row[4] = row_real(s.p1);
    row[5] = row_real(s.p2);
    row[6] = row_real(s.p3);
    row[7] = row_real(s.p3b);
    row[8] = row_real(s.p4);
    row[9] = row_real(s.p5);
    row[10] = row_real(s.p6);
    row[11] = row_real(s.p7);
    row[12] = s.meshes;
}

static void write_connection(struct recorder *r, uint32_t node, uint32_t remote, uint64_t now_ns,
                             const struct trace_event *e)
{
    uint64_t *row;

    if (!records_peers(r, node))
        return;
    row = writer_row(r->writer, ROW_CONNECTION);
    row[0] = now_ns;
    row[1] = node;
    row[2] = remote == UNKNOWN ? ROW_NULL : remote;
    row[3] = row_literal(trace_kind_text(e->kind));
    row[4] = e->kind == TRACE_PEER_READY ? e->count : ROW_NULL;
    row[5] = row_literal(e->kind == TRACE_PEER_READY ? NULL : err_text(e->code));
}

/* What a node sent and received: its own business, whichever thread tells. */
static void count_copies(struct node_front *n, const struct trace_event *e)
{
    if (e->kind == TRACE_SEND) {
        n->copies_sent++;
        n->copy_bytes_sent += e->size;
    } else if (e->kind == TRACE_WITHHOLD) {
        n->copies_withheld++;
        n->copy_bytes_withheld += e->size;
    } else if (e->kind == TRACE_ARRIVE || e->kind == TRACE_DUPLICATE) {
        n->copies_received++;
        n->copy_bytes_received += e->size;
        n->duplicates += e->kind == TRACE_DUPLICATE;
    }
}

/* Events that carry a message id. */
static void trace_message(struct recorder *r, uint32_t node, uint32_t remote, uint64_t now_ns,
                          const struct trace_event *e, struct digest_hash id)
{
    struct message *m = messages_get(r, id, now_ns, e);

    if (e->kind == TRACE_SEND) {
        messages_send(r, m, node, remote, now_ns);
    } else if (e->kind == TRACE_DUPLICATE) {
        messages_duplicate(r, m, node, remote, now_ns);
    } else if (e->kind == TRACE_ARRIVE) {
        messages_arrive(r, m, node, remote, now_ns);
    } else if (e->kind == TRACE_DELIVER) {
        messages_deliver(r, m, node, remote, now_ns);
    } else {
        CHECK(e->kind == TRACE_PUBLISH);
        messages_publish(r, m, node, now_ns, e);
    }
}

/* A rejected copy may have an id that nobody knows, and a peer can make up as many as it likes:
 * such an event makes no message. */
static void trace_reject(struct recorder *r, uint32_t node, uint64_t now_ns,
                         const struct trace_event *e, struct digest_hash id)
{
    struct message *m = messages_known(r, id);

    if (m) {
        m->rejected++;
        m->dirty = true;
    }
    tallies_loss(r, node, now_ns, e);
}

static void trace_other(struct recorder *r, uint32_t node, uint32_t remote, uint64_t now_ns,
                        const struct trace_event *e)
{
    switch (e->kind) {
    case TRACE_DIAL_FAILED:
        r->dials_failed++;
        write_connection(r, node, remote, now_ns, e);
        break;
    case TRACE_PEER_READY:
    case TRACE_PEER_GONE:
    case TRACE_CONN_FAILED:
        write_connection(r, node, remote, now_ns, e);
        break;
    case TRACE_DROP:
        tallies_loss(r, node, now_ns, e);
        break;
    case TRACE_CONTROL_SENT:
    case TRACE_CONTROL_RECEIVED:
        tallies_control(r, node, now_ns, e);
        break;
    case TRACE_JOIN:
    case TRACE_LEAVE:
        take_subscription(r, node, now_ns, e);
        break;
    case TRACE_GRAFT:
    case TRACE_PRUNE:
        write_mesh(r, node, remote, now_ns, e);
        break;
    case TRACE_SCORE:
        write_score(r, node, remote, now_ns, e);
        break;
    case TRACE_WITHHOLD: /* counted already */
    case TRACE_THROTTLE_PEER:
        break;
    case TRACE_PUBLISH:
    case TRACE_ARRIVE:
    case TRACE_DELIVER:
    case TRACE_DUPLICATE:
    case TRACE_REJECT:
    case TRACE_SEND:
    case TRACE_KIND_COUNT:
        UNREACHABLE();
    }
}

static bool names_message(enum trace_kind kind)
{
    return kind == TRACE_SEND || kind == TRACE_DUPLICATE || kind == TRACE_ARRIVE ||
           kind == TRACE_DELIVER || kind == TRACE_PUBLISH;
}

void recorder_expect(const struct recorder *r, uint32_t node, unsigned step)
{
    const struct node_front *n = &r->fronts[node];

    if (step == 0) {
        fetch_line_to_write(n);
        fetch_line_to_write((const char *)n + 64);
    } else if (n->slots) {
        fetch_line(n->slots);
        fetch_line(n->slots + 16);
    }
}

/* The part of a trace that concerns more than its node. */
static void take_trace(struct recorder *r, uint32_t node, uint32_t remote, uint64_t now_ns,
                       const struct trace_event *e, struct digest_hash id)
{
    pass_time(r, now_ns);
    if (names_message(e->kind))
        trace_message(r, node, remote, now_ns, e, id);
    else if (e->kind == TRACE_REJECT)
        trace_reject(r, node, now_ns, e, id);
    else
        trace_other(r, node, remote, now_ns, e);
}

void recorder_trace(struct recorder *r, uint32_t node, uint64_t now_ns, const struct trace_event *e)
{
    struct node_front *n = &r->fronts[node];
    struct digest_hash id = digest_hash_of(e->id);
    uint32_t remote;

    CHECK(node < r->run.node_count && e->kind < TRACE_KIND_COUNT && !r->ended);
    if (e->kind == TRACE_PEER_READY)
        set_slot(r, n, e->peer, e->id);
    remote = remote_of(n, e->peer);
    if (e->kind != TRACE_SCORE) /* a look, not an event */
        digest_lane_add(&n->lane, now_ns, e, remote, id, digest_hash_of(e->topic));
    count_copies(n, e);
    if (waits(r)) {
        const struct feed_report report = {
            .kind = FEED_TRACE, .now_ns = now_ns, .node = node, .remote = remote, .id_hash = id, .trace = *e};

        feed_put(r->feed, &report);
    } else {
        take_trace(r, node, remote, now_ns, e, id);
    }
}

static void write_event(struct recorder *r, uint64_t now_ns, const char *kind, const char *detail)
{
    uint64_t *row;

    if (!r->writer)
        return;
    row = writer_row(r->writer, ROW_EVENT);
    row[0] = now_ns;
    row[1] = row_text(kind);
    row[2] = row_text(detail);
}

/* Its part in the digest is the node's. */
static void take_event(struct recorder *r, uint64_t now_ns, const char *kind, const char *detail)
{
    pass_time(r, now_ns);
    write_event(r, now_ns, kind, detail);
}

void recorder_event(struct recorder *r, uint64_t now_ns, const char *kind, const char *detail)
{
    CHECK(!r->ended);
    recorder_settle(r);
    pass_time(r, now_ns);
    digest_lane_add_text(&r->scenario, now_ns, slice_text(kind), slice_text(detail ? detail : ""));
    write_event(r, now_ns, kind, detail);
}

void recorder_node_event(struct recorder *r, uint32_t node, uint64_t now_ns, const char *kind, const char *detail)
{
    CHECK(node < r->run.node_count && !r->ended);
    digest_lane_add_text(&r->fronts[node].lane, now_ns, slice_text(kind), slice_text(detail));
    if (waits(r)) {
        const struct feed_report report = {.kind = FEED_EVENT,
                                           .now_ns = now_ns,
                                           .node = node,
                                           .trace = {.id = slice_of(kind, strlen(kind) + 1),
                                                     .topic = slice_of(detail, strlen(detail) + 1)}};

        feed_put(r->feed, &report);
    } else {
        take_event(r, now_ns, kind, detail);
    }
}

void recorder_node_state(struct recorder *r, uint32_t node, uint64_t now_ns, bool up)
{
    CHECK(node < r->run.node_count && !r->ended);
    if (waits(r)) {
        const struct feed_report report = {.kind = FEED_STATE, .now_ns = now_ns, .node = node, .up = up};

        feed_put(r->feed, &report);
    } else {
        take_state(r, node, now_ns, up);
    }
}

static void take(void *ctx, const struct feed_report *report)
{
    const struct trace_event *e = &report->trace;

    switch (report->kind) {
    case FEED_TRACE:
        take_trace(ctx, report->node, report->remote, report->now_ns, e, report->id_hash);
        break;
    case FEED_EVENT:
        take_event(ctx, report->now_ns, (const char *)e->id.data, (const char *)e->topic.data);
        break;
    case FEED_STATE:
        take_state(ctx, report->node, report->now_ns, report->up);
        break;
    }
}

int recorder_divide(struct recorder *r, uint32_t lane_count, const uint32_t *lane_of)
{
    CHECK(!r->feed);
    if (lane_count > 1)
        r->feed = feed_new(lane_count, lane_of, r->run.node_count, take, r);
    return lane_count > 1 && !r->feed ? ERR_SYSTEM : ERR_OK;
}

void recorder_window(struct recorder *r, bool open)
{
    if (r->feed)
        feed_window(r->feed, open);
}

void recorder_settle(const struct recorder *r)
{
    if (r->feed)
        feed_settle(r->feed);
}

void recorder_bytes(struct recorder *r, uint32_t node, uint64_t sent, uint64_t received)
{
    CHECK(node < r->run.node_count && !r->ended);
    recorder_settle(r);
    r->nodes[node].total_sent = sent;
    r->nodes[node].total_received = received;
}

uint64_t recorder_deliveries(const struct recorder *r)
{
    return atomic_load_explicit(&r->delivered, memory_order_relaxed);
}

void recorder_expectation(struct recorder *r, const char *text, const char *value, bool passed)
{
    uint64_t *row;

    CHECK(!r->ended);
    recorder_settle(r);
    r->expectations++;
    r->expectations_failed += !passed;
    if (!r->writer)
        return;
    row = writer_row(r->writer, ROW_EXPECTATION);
    row[0] = r->expectations;
    row[1] = row_text(text);
    row[2] = row_text(value);
    row[3] = passed;
}

void recorder_flush(struct recorder *r)
{
    if (!r->writer || r->ended)
        return;
    recorder_settle(r);
    writer_flush(r->writer);
}

const char *recorder_failed(const struct recorder *r)
{
    return r->writer ? writer_failed(r->writer) : NULL;
}

void recorder_digest(const struct recorder *r, uint8_t out[static DIGEST_SIZE])
{
    recorder_settle(r);
    digest_fold(out, &r->scenario, r->fronts, sizeof *r->fronts, r->run.node_count);
}
