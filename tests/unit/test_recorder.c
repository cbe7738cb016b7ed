/* sim/record: what goes in comes out of the database, the digest and the summary. */
#include "tests/lib/test.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/record/recorder.h"
#include "stack/base/mem.h"
#include "tests/lib/flood.h"

#define NODES 40u
#define DEGREE 6u
#define MESSAGES 10u

static char folder[64], file[96];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/test_record.XXXXXX");
    snprintf(file, sizeof file, "%s/run.sqlite", mkdtemp(folder));
    return 0;
}

static int remove_folder(void **state)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};

    (void)state;
    for (int i = 0; i < 4; i++) {
        char name[120];

        snprintf(name, sizeof name, "%s%s", file, endings[i]);
        unlink(name);
    }
    return rmdir(folder);
}

static struct recorder *open_for(const struct flood *f, const char *path)
{
    struct record_run run = flood_run(f);
    struct recorder *r;
    char error[256];

    assert_int_equal(recorder_open(path, &run, &r, error, sizeof error), 0);
    flood_register(f, r);
    return r;
}

/* The first column of the first row; -1 when there is none (say: the file is not there yet). */
static int64_t try_query(const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *s = NULL;
    int64_t value = -1;

    if (sqlite3_open_v2(file, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        value = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return value;
}

static int64_t query(const char *sql)
{
    int64_t value = try_query(sql);

    if (value < 0)
        fail_msg("no answer to: %s", sql);
    return value;
}

static const struct record_totals totals = {.sim_ns = 20000000000,
                                            .wall_s = 1.5,
                                            .setup_wall_s = 0.5,
                                            .peak_rss_bytes = 1 << 20,
                                            .threads = 1,
                                            .events = 12345,
                                            .connections = NODES * DEGREE / 2};

static void finish(struct recorder *r, struct record_summary *out)
{
    char error[256];

    if (recorder_finish(r, &totals, out, error, sizeof error) != 0)
        fail_msg("%s", error);
    recorder_free(r);
}

/* By default no more than 20,000 nodes have rows of their connections and grafts. */
static void of_many_nodes_every_kth_has_rows_of_its_peers(void **state)
{
    struct flood f;
    struct recorder *r;

    (void)state;
    flood_init(&f, 40001, 4, 1);
    r = open_for(&f, file);
    flood_feed_all(&f, r);
    finish(r, NULL);
    assert_int_equal(query("SELECT peer_every FROM run"), 3);
    assert_int_equal(query("SELECT count(DISTINCT node) FROM connection"), 13334);
    assert_int_equal(query("SELECT count(*) FROM connection WHERE node % 3 <> 0"), 0);
    assert_int_equal(query("SELECT count(DISTINCT node) FROM mesh"), 13334);
    assert_int_equal(query("SELECT sum(nodes) FROM mesh_degree WHERE at_ns = (SELECT max(at_ns) FROM mesh_degree)"), 40001);
    assert_int_equal(query("SELECT count(*) FROM delivery"), 40000);
    flood_deinit(&f);
}

static void a_flood_is_found_in_the_tables(void **state)
{
    struct flood f;
    struct recorder *r;

    (void)state;
    flood_init(&f, NODES, DEGREE, MESSAGES);
    r = open_for(&f, file);
    recorder_link(r, 1, 2, 5000);
    recorder_event(r, 0, "partition", "europe");
    flood_feed_all(&f, r);
    recorder_bytes(r, 3, 50, 60);
    recorder_expectation(r, "delivery_ratio >= 1", "1.0", true);
    finish(r, NULL);

    assert_int_equal(query("PRAGMA user_version"), 3);
    assert_int_equal(query("SELECT complete FROM run"), 1);
    assert_int_equal(query("SELECT seed FROM run"), 7);
    assert_int_equal(query("SELECT length(digest) FROM run"), 64);
    assert_int_equal(query("SELECT count(*) FROM node WHERE region = 'south'"), NODES / 2);
    assert_int_equal(query("SELECT latency_ns FROM link WHERE dialler = 1 AND listener = 2"), 5000);
    assert_int_equal(query("SELECT count(*) FROM message"), MESSAGES);
    assert_int_equal(query("SELECT count(*) FROM message WHERE publisher IS NULL"), 0);
    assert_int_equal(query("SELECT count(*) FROM delivery"), MESSAGES * (NODES - 1));
    assert_int_equal(query("SELECT count(*) FROM delivery WHERE NOT expected"), 0);
    /* every node but the publisher sends to all peers but one */
    assert_int_equal(query("SELECT count(*) FROM hop"),
                     MESSAGES * (DEGREE + (NODES - 1) * (DEGREE - 1)));
    assert_int_equal(query("SELECT count(*) FROM hop WHERE sent_ns IS NULL OR hops IS NULL"), 0);
    assert_int_equal(query("SELECT count(*) FROM hop WHERE received_ns <= sent_ns"), 0);
    assert_int_equal(query("SELECT count(*) FROM hop WHERE NOT duplicate"), MESSAGES * (NODES - 1));
    assert_int_equal(query("SELECT sum(duplicates) FROM message"),
                     query("SELECT sum(duplicate) FROM hop"));
    assert_int_equal(query("SELECT sum(copies_sent) FROM traffic"),
                     query("SELECT count(*) FROM hop"));
    assert_int_equal(query("SELECT total_received FROM node_traffic WHERE id = 3"), 60);
    assert_int_equal(query("SELECT count(*) FROM connection WHERE event = 'peer-ready'"),
                     NODES * DEGREE);
    assert_int_equal(query("SELECT count(*) FROM mesh WHERE graft"), NODES * DEGREE);
    assert_int_equal(query("SELECT nodes FROM mesh_degree WHERE degree = 6"), NODES);
    assert_int_equal(query("SELECT sum(items) FROM control WHERE type = 'graft' AND sent"),
                     NODES * DEGREE);
    assert_int_equal(query("SELECT count(*) FROM event WHERE detail = 'europe'"), 1);
    assert_int_equal(query("SELECT passed FROM expectation"), 1);
    flood_deinit(&f);
}

static void a_delivery_tells_when_from_whom_and_over_how_many_hops(void **state)
{
    struct flood f;
    struct recorder *r;

    (void)state;
    flood_init(&f, NODES, DEGREE, MESSAGES);
    r = open_for(&f, file);
    flood_feed_all(&f, r);
    finish(r, NULL);
    /* one hop more than the node it came from */
    assert_int_equal(
        query("SELECT count(*) FROM delivery d JOIN delivery f ON f.message = d.message"
              " AND f.node = d.from_node WHERE d.hops <> f.hops + 1"),
        0);
    assert_int_equal(query("SELECT count(*) FROM delivery d JOIN message m ON m.id = d.message"
                           " WHERE d.from_node = m.publisher AND d.hops <> 1"),
                     0);
    assert_int_equal(query("SELECT max(hops) = (SELECT max(hops_max) FROM message) FROM delivery"),
                     1);
    assert_int_equal(query("SELECT count(*) FROM delivery d WHERE arrived_ns <>"
                           " (SELECT min(received_ns) FROM hop h WHERE h.message = d.message"
                           " AND h.node = d.node)"),
                     0);
    assert_int_equal(query("SELECT sum(duplicates) FROM delivery"),
                     query("SELECT sum(duplicate) FROM hop h JOIN message m ON m.id = h.message"
                           " WHERE h.node <> m.publisher"));
    flood_deinit(&f);
}

static void the_views_agree_with_the_rows(void **state)
{
    struct flood f;
    struct recorder *r;

    (void)state;
    flood_init(&f, NODES, DEGREE, MESSAGES);
    r = open_for(&f, file);
    flood_feed_all(&f, r);
    finish(r, NULL);
    assert_int_equal(query("SELECT max(cumulative) FROM propagation_cdf"),
                     (MESSAGES - 2) * (NODES - 1)); /* two messages of the warm-up */
    assert_int_equal(query("SELECT max(ns) = (SELECT max(delivered_ns - published_ns) FROM delivery"
                           " JOIN message ON id = message WHERE published_ns >= 1150000000)"
                           " FROM propagation_cdf"),
                     1);
    assert_int_equal(query("SELECT count(*) FROM message_summary WHERE measured"), MESSAGES - 2);
    assert_int_equal(query("SELECT 1000 * delivery_ratio FROM topic_summary"), 1000);
    assert_int_equal(query("SELECT deliveries FROM topic_summary"), (MESSAGES - 2) * (NODES - 1));
    /* exact median of message 5, nearest rank of 39 */
    assert_int_equal(query("SELECT p50_ns = (SELECT delivered_ns - published_ns FROM delivery"
                           " WHERE message = 5 ORDER BY 1 LIMIT 1 OFFSET 19)"
                           " FROM message WHERE id = 5"),
                     1);
    assert_int_equal(
        query("SELECT CAST(1e6 * max_ms + 0.5 AS INTEGER) = max_ns FROM message_summary"
              " JOIN message USING (id) WHERE id = 5"),
        1);
    flood_deinit(&f);
}

static void the_summary_counts_the_measured_period(void **state)
{
    struct flood f;
    struct recorder *r;
    struct record_summary s;
    char *text = NULL;
    size_t size = 0;
    FILE *out;

    (void)state;
    flood_init(&f, NODES, DEGREE, MESSAGES);
    r = open_for(&f, NULL);
    flood_feed_all(&f, r);
    recorder_bytes(r, 0, 150, 0);
    recorder_bytes(r, 1, 150, 0);
    recorder_bytes(r, 1, 150, 0);
    recorder_summarize(r, &totals, &s);
    assert_int_equal(s.messages, MESSAGES - 2);
    assert_int_equal(s.deliveries, (MESSAGES - 2) * (NODES - 1));
    assert_int_equal(s.expected, s.deliveries);
    assert_int_equal(s.propagation.count, s.deliveries);
    assert_int_equal(s.total_bytes, 300);
    assert_int_equal(s.topic_count, 1);
    assert_string_equal(s.topics[0].name, "blobs");
    out = open_memstream(&text, &size);
    summary_print_json(&s, out);
    fclose(out);
    assert_non_null(
        strstr(text, "{\"scenario\":\"flood_of_'ring'\",\"backend\":\"des\",\"seed\":7,"));
    assert_non_null(strstr(text, "\"nodes\":40,\"connections\":120,\"messages\":8,"
                                 "\"deliveries\":312,\"delivery_ratio\":1.000000,"));
    assert_true(s.payload_bytes > 0 && s.control_bytes > 0);
    assert_non_null(strstr(text, "\"total\":300,\"withheld\":0},"
                                 "\"events\":12345,\"sim_s\":20.000000,\"wall_s\":1.500,"
                                 "\"setup_wall_s\":0.500,\"peak_rss_bytes\":1048576,\"threads\":1}\n"));
    free(text);
    out = open_memstream(&text, &size);
    summary_print_text(&s, out);
    fclose(out);
    assert_non_null(strstr(text, "delivery ratio         1.0000"));
    free(text);
    summary_deinit(&s);
    recorder_free(r);
    flood_deinit(&f);
}

static void an_empty_run_has_a_summary_without_figures(void **state)
{
    struct flood f;
    struct record_summary s;
    char *text = NULL;
    size_t size = 0;
    FILE *out;

    (void)state;
    flood_init(&f, 4, 2, 0);
    finish(open_for(&f, file), &s);
    out = open_memstream(&text, &size);
    summary_print_json(&s, out);
    summary_print_text(&s, out);
    fclose(out);
    assert_non_null(strstr(text, "\"delivery_ratio\":null,\"propagation_ms\":{\"p50\":null"));
    free(text);
    summary_deinit(&s);
    assert_int_equal(query("SELECT count(*) FROM topic_summary"), 0);
    flood_deinit(&f);
}

static void digest_of(const struct flood *f, const char *path, uint8_t out[static DIGEST_SIZE])
{
    struct recorder *r = open_for(f, path);

    flood_feed_all(f, r);
    recorder_digest(r, out);
    recorder_free(r);
}

static void swap(struct flood_event *a, struct flood_event *b)
{
    struct flood_event t = *a;

    *a = *b;
    *b = t;
}

static void the_digest_ignores_how_nodes_interleave(void **state)
{
    struct flood f;
    struct rng rng;
    uint8_t first[DIGEST_SIZE], second[DIGEST_SIZE];

    (void)state;
    rng_init(&rng, 4, "interleave");
    flood_init(&f, NODES, DEGREE, MESSAGES);
    digest_of(&f, NULL, first);
    digest_of(&f, file, second); /* nor does the file change it */
    assert_memory_equal(first, second, DIGEST_SIZE);
    for (int i = 0; i < 20000; i++) {
        uint32_t at = (uint32_t)rng_below(&rng, f.count - 1);

        if (f.events[at].node != f.events[at + 1].node && f.events[at].kind != TRACE_PUBLISH)
            swap(&f.events[at], &f.events[at + 1]);
    }
    digest_of(&f, NULL, second);
    assert_memory_equal(first, second, DIGEST_SIZE);
    for (uint32_t i = f.count - 1;; i--)
        if (f.events[i].node == f.events[i - 1].node &&
            f.events[i].now_ns == f.events[i - 1].now_ns) {
            swap(&f.events[i], &f.events[i - 1]);
            break;
        }
    digest_of(&f, NULL, second);
    assert_memory_not_equal(first, second, DIGEST_SIZE);
    flood_deinit(&f);
}

static void send_message(struct recorder *r, uint32_t node, uint64_t now_ns, enum trace_kind kind,
                         uint32_t number)
{
    uint8_t id[4];
    struct trace_event e = {.kind = kind, .peer = TRACE_NO_PEER, .topic = slice_text("t")};

    store_be32(id, number);
    if (kind != TRACE_JOIN && kind != TRACE_LEAVE)
        e.id = slice_of(id, sizeof id);
    recorder_trace(r, node, now_ns, &e);
}

static void only_nodes_that_were_there_are_expected_to_receive(void **state)
{
    struct record_run run = {.node_count = 6, .duration_ns = 1000000000};
    struct recorder *r;
    struct record_summary s;

    (void)state;
    assert_int_equal(recorder_open(NULL, &run, &r, NULL, 0), 0);
    for (uint32_t i = 0; i < 6; i++)
        recorder_node(r, &(struct record_node){.index = i, .down = i == 5});
    for (uint32_t i = 0; i < 4; i++)
        send_message(r, i, 1, TRACE_JOIN, 0);
    send_message(r, 2, 2, TRACE_LEAVE, 0);
    recorder_node_state(r, 3, 3, false);
    send_message(r, 0, 10, TRACE_PUBLISH, 1); /* expected: node 1 */
    send_message(r, 0, 10, TRACE_DELIVER, 1); /* to itself: no delivery */
    send_message(r, 1, 11, TRACE_DELIVER, 1);
    send_message(r, 1, 12, TRACE_DELIVER, 1); /* again: no second delivery */
    recorder_node_state(r, 5, 13, true);
    send_message(r, 5, 13, TRACE_JOIN, 0);
    send_message(r, 5, 14, TRACE_DELIVER, 1); /* joined later */
    recorder_summarize(r, &totals, &s);
    assert_int_equal(s.expected, 1);
    assert_int_equal(s.deliveries, 1);
    assert_int_equal(s.unexpected, 1);
    assert_int_equal(s.propagation.max, 1);
    summary_deinit(&s);
    recorder_free(r);
}

static void only_messages_between_warmup_and_cooldown_are_measured(void **state)
{
    struct record_run run = {.node_count = 2, .duration_ns = 1000, .warmup_ns = 10, .cooldown_ns = 100};
    struct recorder *r;
    struct record_summary s;

    (void)state;
    assert_int_equal(recorder_open(NULL, &run, &r, NULL, 0), 0);
    for (uint32_t i = 0; i < 2; i++) {
        recorder_node(r, &(struct record_node){.index = i});
        send_message(r, i, 0, TRACE_JOIN, 0);
    }
    send_message(r, 0, 9, TRACE_PUBLISH, 1);
    send_message(r, 0, 10, TRACE_PUBLISH, 2);
    send_message(r, 0, 899, TRACE_PUBLISH, 3);
    send_message(r, 0, 900, TRACE_PUBLISH, 4);
    recorder_summarize(r, &totals, &s);
    assert_int_equal(s.messages, 2);
    summary_deinit(&s);
    recorder_free(r);
}

static void algorand_broadcasts_are_expected_at_algorand_nodes(void **state)
{
    struct record_run run = {.node_count = 4, .duration_ns = 1000000000};
    struct recorder *r;
    struct record_summary s;
    struct trace_event e = {.kind = TRACE_PUBLISH,
                            .protocol = TRACE_ALGORAND,
                            .peer = TRACE_NO_PEER,
                            .id = slice_text("vote"),
                            .topic = slice_text("AV")};

    (void)state;
    assert_int_equal(recorder_open(NULL, &run, &r, NULL, 0), 0);
    for (uint32_t i = 0; i < 4; i++)
        recorder_node(r, &(struct record_node){.index = i, .algorand = i < 3});
    recorder_node_state(r, 2, 1, false);
    recorder_trace(r, 0, 5, &e);
    e.kind = TRACE_DELIVER;
    recorder_trace(r, 1, 6, &e);
    recorder_node_state(r, 2, 7, true);
    recorder_trace(r, 2, 8, &e);
    recorder_summarize(r, &totals, &s);
    assert_int_equal(s.expected, 1);
    assert_int_equal(s.deliveries, 1);
    assert_int_equal(s.unexpected, 1);
    assert_string_equal(s.topics[0].protocol, "algorand");
    summary_deinit(&s);
    recorder_free(r);
}

static void an_old_message_is_settled_and_still_counts_what_comes_late(void **state)
{
    struct record_run run = {.node_count = 3, .warmup_ns = 0, .duration_ns = 1000000000};
    struct recorder *r;
    char error[256];
    struct record_summary s;

    (void)state;
    assert_int_equal(recorder_open(file, &run, &r, error, sizeof error), 0);
    for (uint32_t i = 0; i < 3; i++) {
        recorder_node(r, &(struct record_node){.index = i});
        send_message(r, i, 0, TRACE_JOIN, 0);
    }
    send_message(r, 0, 10, TRACE_PUBLISH, 1);
    send_message(r, 1, 11, TRACE_ARRIVE, 1);
    send_message(r, 1, 12, TRACE_DELIVER, 1);
    send_message(r, 0, 12 + 2 * RECORD_YOUNG_NS, TRACE_PUBLISH, 2); /* settles message 1 */
    send_message(r, 2, 13 + 2 * RECORD_YOUNG_NS, TRACE_ARRIVE, 1);
    send_message(r, 2, 14 + 2 * RECORD_YOUNG_NS, TRACE_DELIVER, 1);
    send_message(r, 2, 15 + 2 * RECORD_YOUNG_NS, TRACE_DUPLICATE, 1);
    finish(r, &s);
    assert_int_equal(s.deliveries, 2);
    summary_deinit(&s);
    assert_int_equal(query("SELECT count(*) FROM delivery WHERE message = 0"), 2);
    assert_int_equal(query("SELECT duplicates FROM message WHERE id = 0"), 1);
    assert_int_equal(query("SELECT p50_ns FROM message WHERE id = 0"), 2);
    assert_int_equal(query("SELECT max_ns FROM message WHERE id = 0"), 4 + 2 * RECORD_YOUNG_NS);
}

static void duplicates_are_counted_a_delivery_and_timed_when_asked_for(void **state)
{
    (void)state;
    for (int asked = 0; asked < 2; asked++) {
        struct record_run run = {.node_count = 3, .duration_ns = 1000000000, .repeat_lags = asked};
        struct recorder *r;
        char error[256];
        struct record_summary s;

        assert_int_equal(recorder_open(NULL, &run, &r, error, sizeof error), 0);
        for (uint32_t i = 0; i < 3; i++) {
            recorder_node(r, &(struct record_node){.index = i});
            send_message(r, i, 0, TRACE_JOIN, 0);
        }
        send_message(r, 0, 10, TRACE_PUBLISH, 1);
        send_message(r, 1, 20, TRACE_ARRIVE, 1);
        send_message(r, 1, 25, TRACE_DELIVER, 1);
        send_message(r, 2, 30, TRACE_ARRIVE, 1);
        send_message(r, 2, 35, TRACE_DELIVER, 1);
        send_message(r, 1, 40, TRACE_DUPLICATE, 1);
        send_message(r, 0, 45, TRACE_DUPLICATE, 1); /* to its publisher: of no delivery */
        send_message(r, 1, 90, TRACE_DUPLICATE, 1);
        for (int settled = 0; settled < 2; settled++) { /* before and after the message is forgotten */
            recorder_summarize(r, &totals, &s);
            assert_int_equal(s.repeats.count, 2);
            assert_int_equal(s.repeats.min, 0);
            assert_int_equal(s.repeats.max, 2);
            assert_int_equal(s.topics[0].repeats.sum, 2);
            assert_int_equal(s.repeat_lags.count, asked ? 2 : 0);
            assert_int_equal(s.repeat_lags.sum, asked ? 20 + 70 : 0);
            summary_deinit(&s);
            send_message(r, 0, 95 + 2 * RECORD_YOUNG_NS, TRACE_PUBLISH, 2);
        }
        recorder_free(r);
    }
}

static void what_was_rejected_or_dropped_is_counted_by_reason(void **state)
{
    struct record_run run = {.node_count = 2, .duration_ns = 10000000000};
    struct recorder *r;
    char error[256];
    struct trace_event e = {.kind = TRACE_REJECT,
                            .peer = TRACE_NO_PEER,
                            .code = TRACE_REJECT_INVALID_SIGNATURE,
                            .size = 7,
                            .id = slice_text("nobody knows it"),
                            .topic = slice_text("t")};

    (void)state;
    assert_int_equal(recorder_open(file, &run, &r, error, sizeof error), 0);
    recorder_trace(r, 0, 5, &e);
    recorder_trace(r, 0, 6, &e);
    recorder_trace(r, 0, 1500000000, &e);
    e = (struct trace_event){.kind = TRACE_DROP, .peer = 9, .size = 500, .count = 3};
    recorder_trace(r, 1, 1500000000, &e);
    finish(r, NULL);
    assert_int_equal(query("SELECT count(*) FROM message"), 0);
    assert_int_equal(query("SELECT messages FROM loss WHERE start_ns = 0"), 2);
    assert_int_equal(query("SELECT sum(bytes) FROM loss WHERE reason = 'invalid signature'"), 21);
    assert_int_equal(query("SELECT messages FROM loss WHERE node = 1"
                           " AND reason = 'outbound queue full' AND start_ns = 1000000000"),
                     3);
}

/* Scores are looks at a peer: rows, but nothing of the digest. What was withheld is an event. */
static void scores_become_rows_and_withheld_copies_are_counted(void **state)
{
    struct record_run run = {.node_count = 2, .duration_ns = 10000000000};
    struct trace_score look = {.score = -1.25, .p2 = 0.5, .p4 = -1.75, .meshes = 1};
    struct trace_event score = {.kind = TRACE_SCORE, .peer = 3, .id = slice_of(&look, sizeof look)};
    struct trace_event withheld = {
        .kind = TRACE_WITHHOLD, .peer = 3, .size = 4000, .id = slice_text("m"), .topic = slice_text("t")};
    struct record_summary with, without;
    struct recorder *r;
    char error[256];

    (void)state;
    assert_int_equal(recorder_open(file, &run, &r, error, sizeof error), 0);
    recorder_trace(r, 0, 4, &withheld);
    finish(r, &without);
    assert_int_equal(recorder_open(file, &run, &r, error, sizeof error), 0);
    recorder_trace(r, 0, 4, &withheld);
    recorder_trace(r, 0, 5, &score);
    finish(r, &with);
    assert_memory_equal(with.digest, without.digest, DIGEST_SIZE);
    assert_int_equal(with.withheld_bytes, 4000);
    assert_int_equal(query("SELECT count(*) FROM score"), 1);
    assert_int_equal(query("SELECT count(*) FROM score WHERE at_ns = 5 AND node = 0 AND peer IS NULL AND score = -1.25"
                           " AND p2 = 0.5 AND p4 = -1.75 AND p1 = 0 AND meshes = 1"),
                     1);
    assert_int_equal(query("SELECT copies_withheld FROM traffic WHERE node = 0"), 1);
    assert_int_equal(query("SELECT copy_bytes_withheld FROM traffic WHERE node = 0"), 4000);
    summary_deinit(&with);
    summary_deinit(&without);
}

/* Records what there is, then scenario actions without end. */
static void record_for_ever(const struct flood *f)
{
    struct recorder *r = open_for(f, file);

    flood_feed_all(f, r);
    recorder_event(r, 20 * RECORD_YOUNG_NS, "quiet", ""); /* time has passed: the flush settles all messages, ... */
    recorder_flush(r);
    for (uint64_t now_ns = 20 * RECORD_YOUNG_NS + 1;; now_ns++) { /* ... whose rows come before these */
        recorder_event(r, now_ns, "tick", "tock");
        if (now_ns % 1000 == 0)
            recorder_flush(r);
    }
}

static void a_killed_run_leaves_a_file_that_opens_and_says_so(void **state)
{
    struct flood f;
    int status, tries = 0;
    pid_t child;

    (void)state;
    flood_init(&f, 200, 8, 40);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        record_for_ever(&f);
    while (try_query("SELECT count(*) FROM event WHERE kind = 'tick'") <= 0 && tries++ < 12000) /* of a live run */
        usleep(5000);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(query("SELECT count(*) FROM run WHERE complete = 0"), 1);
    assert_int_equal(query("SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
    assert_int_equal(query("SELECT count(*) FROM node"), 200);
    assert_int_equal(query("SELECT count(*) FROM message"), 40);
    assert_int_equal(query("SELECT sum(duplicate = 0) FROM hop"), 40 * 199);
    flood_deinit(&f);
}

static void an_aborted_run_keeps_what_was_known(void **state)
{
    struct flood f;
    struct recorder *r;

    (void)state;
    flood_init(&f, NODES, DEGREE, MESSAGES);
    r = open_for(&f, file);
    for (uint32_t i = 0; i < f.count * 3 / 4; i++)
        flood_feed(&f, r, i);
    recorder_abort(r, "interrupted");
    recorder_free(r);
    assert_int_equal(query("SELECT complete FROM run"), 0);
    assert_int_equal(query("SELECT failure = 'interrupted' FROM run"), 1);
    assert_true(query("SELECT count(*) FROM delivery") > 100);
    assert_true(query("SELECT max(cumulative) FROM propagation_cdf") > 100);
    flood_deinit(&f);
}

static void a_full_disk_is_reported_and_leaves_the_file_incomplete(void **state)
{
    struct flood f;
    struct recorder *r;
    struct rlimit before, small;
    char error[256] = "";

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = (struct rlimit){600000, before.rlim_max};
    flood_init(&f, 200, 8, 100);
    r = open_for(&f, file);
    setrlimit(RLIMIT_FSIZE, &small);
    flood_feed_all(&f, r);
    assert_true(recorder_finish(r, &totals, NULL, error, sizeof error) < 0);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_non_null(recorder_failed(r));
    assert_non_null(strstr(error, "cannot write "));
    recorder_free(r);
    assert_int_equal(query("SELECT complete FROM run"), 0);
    flood_deinit(&f);
}

static void a_folder_that_is_missing_is_an_error_with_the_path(void **state)
{
    struct record_run run = {.node_count = 1};
    struct recorder *r;
    char error[256] = "";

    (void)state;
    assert_true(recorder_open("/nowhere/at all/run.sqlite", &run, &r, error, sizeof error) < 0);
    assert_non_null(strstr(error, "/nowhere/at all/run.sqlite"));
}

static void an_older_result_is_replaced(void **state)
{
    struct flood f;

    (void)state;
    flood_init(&f, 4, 2, 1);
    finish(open_for(&f, file), NULL);
    finish(open_for(&f, file), NULL);
    assert_int_equal(query("SELECT count(*) FROM node"), 4);
    flood_deinit(&f);
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(of_many_nodes_every_kth_has_rows_of_its_peers),
        WITH_FOLDER(a_flood_is_found_in_the_tables),
        WITH_FOLDER(a_delivery_tells_when_from_whom_and_over_how_many_hops),
        WITH_FOLDER(the_views_agree_with_the_rows),
        cmocka_unit_test(the_summary_counts_the_measured_period),
        WITH_FOLDER(an_empty_run_has_a_summary_without_figures),
        WITH_FOLDER(the_digest_ignores_how_nodes_interleave),
        cmocka_unit_test(only_nodes_that_were_there_are_expected_to_receive),
        cmocka_unit_test(only_messages_between_warmup_and_cooldown_are_measured),
        cmocka_unit_test(algorand_broadcasts_are_expected_at_algorand_nodes),
        cmocka_unit_test(duplicates_are_counted_a_delivery_and_timed_when_asked_for),
        WITH_FOLDER(an_old_message_is_settled_and_still_counts_what_comes_late),
        WITH_FOLDER(what_was_rejected_or_dropped_is_counted_by_reason),
        WITH_FOLDER(scores_become_rows_and_withheld_copies_are_counted),
        WITH_FOLDER(a_killed_run_leaves_a_file_that_opens_and_says_so),
        WITH_FOLDER(an_aborted_run_keeps_what_was_known),
        WITH_FOLDER(a_full_disk_is_reported_and_leaves_the_file_incomplete),
        cmocka_unit_test(a_folder_that_is_missing_is_an_error_with_the_path),
        WITH_FOLDER(an_older_result_is_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
