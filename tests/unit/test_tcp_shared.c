/* Connections that share links: incast, fairness, full buffers, and how much of a link transfers
 * use (the golden cases G7 and G8, and Shadow's transfer matrix). */
#include "tests/lib/matrix.h"
#include "tests/lib/tcp_net.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>

#define MS TCP_NET_MS
#define SECOND TCP_NET_SECOND
#define MBIT 1000000ull
#define STREAMS_MAX 1000
#define MB 1000000u

static void show(const char *what, double a, double b, double c)
{
    if (getenv("GOLDENS"))
        printf("%-40s %10.3f %10.3f %10.3f\n", what, a, b, c);
}

/* The time at which each of the ends whose peer it is had all its bytes. */
struct finish {
    uint64_t at_ns[STREAMS_MAX], want;
    uint32_t count;
};

static void note_finish(struct tcp_end *end, uint64_t now_ns, size_t size)
{
    struct finish *f = end->ctx;

    (void)size;
    if (end->received == f->want)
        f->at_ns[f->count++] = now_ns;
}

static struct tcp_end *open_stream(struct tcp_net *n, const struct tcp_config *config,
                                   struct element *there, struct element *back, struct finish *f)
{
    struct tcp_end *end = tcp_net_pair(n, config, there, back);

    end->peer->on_data = f ? note_finish : NULL;
    end->peer->ctx = f;
    tcp_net_dial(end);
    return end;
}

static void eight_uploads_at_once_share_the_uplink(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct finish f = {.want = MB};
    struct tcp_net n;
    struct tcp_end *ends[8];
    struct element *up, *back;

    (void)state;
    tcp_net_init(&n);
    up = tcp_net_link(&n, 100 * MBIT, 5 * MS, 1250000, NULL); /* 100 ms of queue */
    back = tcp_net_link(&n, 0, 5 * MS, MB, NULL);
    for (int i = 0; i < 8; i++)
        ends[i] = open_stream(&n, &config, up, back, &f);
    tcp_net_run(&n, SECOND / 10);
    for (int i = 0; i < 8; i++)
        tcp_net_write(ends[i], MB);
    tcp_net_run(&n, 3 * SECOND);
    assert_int_equal(f.count, 8);
    show("G7 parallel: first, last, s", (double)(f.at_ns[0] - SECOND / 10) / 1e9,
         (double)(f.at_ns[7] - SECOND / 10) / 1e9, 0);
    assert_in_range(f.at_ns[7] - SECOND / 10, 660 * MS, 720 * MS);
    tcp_net_deinit(&n);
}

static void eight_uploads_in_turn_finish_one_by_one(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct finish f = {.want = MB};
    struct tcp_net n;
    struct tcp_end *ends[8];
    struct element *up, *back;

    (void)state;
    tcp_net_init(&n);
    up = tcp_net_link(&n, 100 * MBIT, MS / 10, 1250000, NULL);
    back = tcp_net_link(&n, 0, MS / 10, MB, NULL);
    for (int i = 0; i < 8; i++)
        ends[i] = open_stream(&n, &config, up, back, &f);
    tcp_net_run(&n, SECOND / 10);
    for (uint32_t i = 0; i < 8; i++) {
        tcp_net_write(ends[i], MB);
        while (f.count == i)
            tcp_net_run(&n, n.now_ns + MS / 10);
    }
    show("G7 in turn: first, last, s", (double)(f.at_ns[0] - SECOND / 10) / 1e9,
         (double)(f.at_ns[7] - SECOND / 10) / 1e9, 0);
    assert_in_range(f.at_ns[0] - SECOND / 10, 82 * MS, 90 * MS);
    assert_in_range(f.at_ns[7] - SECOND / 10, 660 * MS, 700 * MS);
    tcp_net_deinit(&n);
}

static void eight_senders_to_one_downlink_all_arrive(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct finish f = {.want = MB};
    struct tcp_net n;
    struct tcp_end *ends[8];
    struct element *down;

    (void)state;
    tcp_net_init(&n);
    down = tcp_net_link(&n, 100 * MBIT, 0, 256 * 1024, NULL);
    for (int i = 0; i < 8; i++)
        ends[i] = open_stream(&n, &config, tcp_net_link(&n, 100 * MBIT, 20 * MS, MB, down),
                              tcp_net_link(&n, 0, 20 * MS, MB, NULL), &f);
    tcp_net_run(&n, SECOND / 10);
    for (int i = 0; i < 8; i++)
        tcp_net_write(ends[i], MB);
    tcp_net_run(&n, 10 * SECOND);
    show("G7 incast: first, last, s; drops", (double)(f.at_ns[0] - SECOND / 10) / 1e9,
         (double)(f.at_ns[7] - SECOND / 10) / 1e9, (double)down->counts.dropped);
    assert_int_equal(f.count, 8);
    assert_true(down->counts.dropped > 0);
    assert_in_range(f.at_ns[7] - SECOND / 10, 660 * MS, 1500 * MS);
    tcp_net_deinit(&n);
}

/* Two long transfers through one link: the bytes of each in the second half of the time. */
static void share(const struct tcp_config *config, const struct queue_config *queue,
                  const uint64_t one_way_ns[2], uint64_t bytes[2])
{
    struct element *down;
    struct tcp_net n;
    struct tcp_end *ends[2];
    uint64_t half[2];

    tcp_net_init(&n);
    down = tcp_net_add(&n, element_link_new(20 * MBIT, 0, queue), NULL);
    for (int i = 0; i < 2; i++) {
        ends[i] = open_stream(&n, config, tcp_net_link(&n, 0, one_way_ns[i], MB, down),
                              tcp_net_link(&n, 0, one_way_ns[i], MB, NULL), NULL);
        tcp_net_run(&n, n.now_ns + SECOND);
        tcp_net_write(ends[i], 1ull << 40);
    }
    tcp_net_run(&n, 15 * SECOND);
    half[0] = ends[0]->peer->received;
    half[1] = ends[1]->peer->received;
    tcp_net_run(&n, 45 * SECOND);
    for (int i = 0; i < 2; i++)
        bytes[i] = ends[i]->peer->received - half[i];
    tcp_net_deinit(&n);
}

static void equal_flows_share_a_link_fairly(void **state)
{
    static const uint64_t same[2] = {20 * MS, 20 * MS}, unequal[2] = {10 * MS, 40 * MS};
    struct queue_config queues[] = {{.kind = QUEUE_DROP_TAIL, .size_max = 100000},
                                    {.kind = QUEUE_CODEL, .size_max = 1000000},
                                    {.kind = QUEUE_FQ_CODEL, .size_max = 1000000}};
    uint64_t bytes[2], all = 20 * MBIT / 8 * 30;

    (void)state;
    for (int i = 0; i < 6; i++) {
        struct tcp_config config = tcp_config_default();
        uint64_t more, less;

        config.congestion = i < 3 ? TCP_CUBIC : TCP_NEWRENO;
        share(&config, &queues[i % 3], same, bytes);
        more = bytes[0] > bytes[1] ? bytes[0] : bytes[1];
        less = bytes[0] + bytes[1] - more;
        show("G8 equal flows: shares, use", (double)bytes[0] / (double)all,
             (double)bytes[1] / (double)all, (double)(more + less) / (double)all);
        assert_true(2 * less > more);
        assert_true((more + less) * 100 > all * (i < 3 ? 90u : 80u)); /* CoDel halves NewReno below the link */
        share(&config, &queues[i % 3], unequal, bytes);
        show("G8 unequal round trips: shares, use", (double)bytes[0] / (double)all,
             (double)bytes[1] / (double)all, (double)(bytes[0] + bytes[1]) / (double)all);
        if (i % 3 == 2) /* fair queueing does not care about the round trip */
            assert_true(bytes[1] * 100 > bytes[0] * 65);
        else
            assert_true(bytes[1] < bytes[0] && bytes[1] * 12 > bytes[0]);
    }
}

static void a_large_transfer_fills_the_buffer_in_front_of_a_slow_link(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct element *up, *back;
    struct tcp_end *large, *small;
    uint64_t start, worst_ns = 0;

    (void)state;
    tcp_net_init(&n);
    up = tcp_net_link(&n, 1 * MBIT, 10 * MS, 31250, NULL); /* 250 ms */
    back = tcp_net_link(&n, 0, 10 * MS, MB, NULL);
    large = open_stream(&n, &config, up, back, NULL);
    small = open_stream(&n, &config, up, back, NULL);
    tcp_net_run(&n, SECOND / 10);
    start = n.now_ns;
    tcp_net_write(large, MB);
    for (uint64_t sent = 100; large->peer->received < MB; sent += 100) {
        uint64_t from = n.now_ns;

        tcp_net_write(small, 100);
        assert_true(tcp_net_run_to(&n, small->peer, sent, from + 20 * SECOND));
        if (small->peer->last_ns - from > worst_ns)
            worst_ns = small->peer->last_ns - from;
        tcp_net_run(&n, from + SECOND / 4 > n.now_ns ? from + SECOND / 4 : n.now_ns);
        assert_true(n.now_ns - start < 30 * SECOND);
    }
    show("G8 bufferbloat: 1 MB, s; worst 100 B, ms", (double)(large->peer->last_ns - start) / 1e9,
         (double)worst_ns / 1e6, (double)up->counts.dropped);
    assert_in_range(large->peer->last_ns - start, 8280 * MS, 9200 * MS);
    assert_true(worst_ns >= 200 * MS);
    tcp_net_deinit(&n);
}

static void a_small_write_waits_behind_a_large_one(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct element *there, *back;
    struct tcp_end *end;
    uint64_t start, alone_ns, behind_ns;

    (void)state;
    tcp_net_init(&n);
    there = tcp_net_link(&n, 50 * MBIT, 25 * MS, MB, NULL);
    back = tcp_net_link(&n, 50 * MBIT, 25 * MS, MB, NULL);
    end = open_stream(&n, &config, there, back, NULL);
    tcp_net_run(&n, SECOND);
    start = n.now_ns;
    tcp_net_write(end, 100);
    assert_true(tcp_net_run_to(&n, end->peer, 100, 2 * SECOND));
    alone_ns = n.now_ns - start;
    tcp_net_run(&n, 3 * SECOND);
    start = n.now_ns;
    tcp_net_write(end, MB);
    tcp_net_write(end, 100);
    assert_true(tcp_net_run_to(&n, end->peer, 100 + MB + 100, 8 * SECOND));
    behind_ns = n.now_ns - start;
    show("G8 100 B: alone, behind 1 MB, ms", (double)alone_ns / 1e6, (double)behind_ns / 1e6, 0);
    assert_in_range(alone_ns, 25 * MS, 26 * MS);
    assert_in_range(behind_ns, 300 * MS, 450 * MS);
    tcp_net_deinit(&n);
}

/* ---- Shadow's matrix ---- */

/* Bytes on the link, sent in vain or not. */
static void use_cell(const struct matrix_cell *c)
{
    struct tcp_config config = tcp_config_default();
    struct element *there, *back;
    uint32_t served = 0;
    struct tcp_net n;
    uint64_t before;

    tcp_net_init(&n);
    there = tcp_net_link(&n, c->rate_bps, c->one_way_ns, matrix_queue_size(c), NULL);
    back = tcp_net_link(&n, c->rate_bps, c->one_way_ns, matrix_queue_size(c), NULL);
    for (uint32_t i = 0; i < c->streams; i++)
        tcp_net_write(open_stream(&n, &config, there, back, NULL), 1ull << 40);
    tcp_net_run(&n, c->duration_ns / 3);
    before = there->counts.bytes;
    tcp_net_run(&n, c->duration_ns);
    for (uint32_t i = 0; i < n.end_count; i++)
        served += n.ends[i]->received > 0;
    matrix_judge(c, there->counts.bytes - before, served);
    tcp_net_deinit(&n);
}

static void transfers_use_the_link(void **state)
{
    (void)state;
    for (size_t i = 0; i < (matrix_whole() ? MATRIX_CELLS : MATRIX_QUICK); i++)
        use_cell(&matrix_cells[i]);
}

/* Shadow's fixed sizes: streams, repetitions, bytes. */
static void every_fixed_transfer_completes(void **state)
{
    static const uint64_t sizes[][3] = {{1, 1000, 1},     {1, 100, 1024},  {1, 10, 1 << 20},
                                        {10, 1, 1 << 20}, {100, 10, 1024}, {1000, 1, 1}};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct tcp_config config = tcp_config_default();
        struct tcp_net n;
        struct element *there, *back;

        tcp_net_init(&n);
        there = tcp_net_link(&n, 100 * MBIT, 10 * MS, 256 * 1024, NULL);
        back = tcp_net_link(&n, 100 * MBIT, 10 * MS, 256 * 1024, NULL);
        for (uint64_t j = 0; j < sizes[i][0]; j++)
            open_stream(&n, &config, there, back, NULL);
        tcp_net_run(&n, 2 * SECOND);
        for (uint64_t k = 0; k < sizes[i][1]; k++) {
            for (uint32_t j = 0; j < n.end_count; j += 2)
                tcp_net_write(n.ends[j], sizes[i][2]);
            for (uint32_t j = 0; j < n.end_count; j += 2)
                assert_true(tcp_net_run_to(&n, n.ends[j]->peer, (k + 1) * sizes[i][2],
                                           n.now_ns + 60 * SECOND));
        }
        tcp_net_deinit(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eight_uploads_at_once_share_the_uplink),
        cmocka_unit_test(eight_uploads_in_turn_finish_one_by_one),
        cmocka_unit_test(eight_senders_to_one_downlink_all_arrive),
        cmocka_unit_test(equal_flows_share_a_link_fairly),
        cmocka_unit_test(a_large_transfer_fills_the_buffer_in_front_of_a_slow_link),
        cmocka_unit_test(a_small_write_waits_behind_a_large_one),
        cmocka_unit_test(transfers_use_the_link),
        cmocka_unit_test(every_fixed_transfer_completes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
