/* sim/des in several lanes: how hosts are divided, how a crew works, and that no host can tell how many lanes there are. */
#include "tests/lib/test.h"

#include "sim/des/crew.h"
#include "sim/des/des.h"
#include "sim/des/divide.h"
#include "stack/base/endpoint.h"
#include "stack/base/err.h"
#include "stack/base/heap.h"
#include "stack/base/mem.h"

#include <stdatomic.h>
#include <string.h>

#define MS 1000000ull
#define HOSTS_MAX 40
#define LANES_MAX 48

/* ---- dividing ---- */

struct map_of_regions {
    uint32_t count;
    const uint64_t *latency_ns; /* [from * count + to] */
};

static uint64_t least_ns(const void *ctx, uint32_t from, uint32_t to)
{
    const struct map_of_regions *m = ctx;

    return m->latency_ns[from * m->count + to];
}

/* Regions of `each` hosts of weight 1. */
static uint64_t divide_equal(const struct map_of_regions *m, uint32_t each, uint32_t lane_count, uint64_t enough_ns,
                             uint32_t *lanes)
{
    uint32_t regions[HOSTS_MAX], weights[HOSTS_MAX];
    struct divide_problem p = {m->count * each, m->count, lane_count, regions, weights, least_ns, m, enough_ns};

    assert_true(p.host_count <= HOSTS_MAX);
    for (uint32_t i = 0; i < p.host_count; i++) {
        regions[i] = i % m->count;
        weights[i] = 1;
    }
    return divide(&p, lanes);
}

static void regions_that_are_near_share_a_lane(void **state)
{
    /* 0 and 2 are neighbours, 1 and 3 too; everything else is far */
    const uint64_t latency[] = {1, 90, 5, 80, 90, 1, 70, 6, 5, 70, 1, 60, 80, 6, 60, 1};
    const struct map_of_regions m = {4, latency};
    uint32_t lanes[HOSTS_MAX];

    (void)state;
    assert_int_equal(divide_equal(&m, 5, 2, UINT64_MAX, lanes), 60);
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(lanes[i], lanes[i % 2]);
    assert_int_not_equal(lanes[0], lanes[1]);
}

static void a_region_is_cut_up_only_when_lanes_would_be_uneven(void **state)
{
    const uint64_t latency[] = {2, 50, 50, 3};
    const struct map_of_regions m = {2, latency};
    uint32_t lanes[HOSTS_MAX], counts[3] = {0};

    (void)state;
    assert_int_equal(divide_equal(&m, 6, 2, UINT64_MAX, lanes), 50);
    assert_int_equal(divide_equal(&m, 6, 3, UINT64_MAX, lanes), 2); /* three lanes of four: neither region can stay whole */
    for (uint32_t i = 0; i < 12; i++)
        counts[lanes[i]]++;
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(counts[i], 4);
}

/* As fine as the lookahead that is asked for allows: single hosts, then regions, then neighbours. */
static void hosts_are_dealt_out_as_finely_as_the_lookahead_allows(void **state)
{
    const uint64_t latency[] = {2, 50, 9, 50, 50, 2, 50, 9, 9, 50, 2, 50, 50, 9, 50, 2};
    const struct map_of_regions m = {4, latency};
    uint32_t lanes[HOSTS_MAX];

    (void)state;
    assert_int_equal(divide_equal(&m, 8, 2, 1, lanes), 2);
    for (uint32_t i = 0; i < 32; i++)
        assert_int_equal(lanes[i], i / 4 % 2); /* each region in both */
    assert_int_equal(divide_equal(&m, 8, 4, 3, lanes), 9);
    for (uint32_t i = 0; i < 32; i++)
        assert_int_equal(lanes[i], i % 4);
    assert_int_equal(divide_equal(&m, 8, 2, 10, lanes), 50);
    for (uint32_t i = 0; i < 32; i++)
        assert_int_equal(lanes[i], lanes[i % 2]);
    assert_int_equal(divide_equal(&m, 8, 3, 3, lanes), 2); /* four regions do not go into three lanes */
}

static void the_lookahead_is_the_shorter_way_of_a_lopsided_pair(void **state)
{
    const uint64_t latency[] = {1, 50, 20, 1};
    const struct map_of_regions m = {2, latency};
    uint32_t lanes[HOSTS_MAX];

    (void)state;
    assert_int_equal(divide_equal(&m, 3, 2, UINT64_MAX, lanes), 20);
    assert_int_equal(divide_equal(&m, 3, 1, UINT64_MAX, lanes), UINT64_MAX);
}

/* Whatever the map: every host has a lane, lanes differ by no more than is allowed or than one host weighs, and the
 * lookahead is the least latency between lanes, by its definition. */
static void a_division_is_even_and_its_lookahead_true(void **state)
{
    struct rng r;

    (void)state;
    rng_init(&r, 1, "divide");
    for (int round = 0; round < 2000; round++) {
        uint32_t regions[HOSTS_MAX], weights[HOSTS_MAX], lanes[HOSTS_MAX], again[HOSTS_MAX];
        uint64_t latency[36], loads[8] = {0}, total = 0, least = UINT64_MAX;
        struct map_of_regions m = {1 + (uint32_t)rng_below(&r, 6), latency};
        struct divide_problem p = {1 + (uint32_t)rng_below(&r, HOSTS_MAX), m.count, 1 + (uint32_t)rng_below(&r, 8),
                                   regions, weights, least_ns, &m, 1 + rng_below(&r, 150)};
        uint32_t heaviest = 0;

        for (uint32_t i = 0; i < m.count * m.count; i++)
            latency[i] = 1 + rng_below(&r, 100);
        for (uint32_t i = 0; i < p.host_count; i++) {
            regions[i] = (uint32_t)rng_below(&r, m.count);
            weights[i] = 1 + (uint32_t)rng_below(&r, 9);
            heaviest = weights[i] > heaviest ? weights[i] : heaviest;
            total += weights[i];
        }
        uint64_t lookahead = divide(&p, lanes);

        assert_int_equal(divide(&p, again), lookahead);
        assert_memory_equal(lanes, again, p.host_count * sizeof *lanes);
        for (uint32_t i = 0; i < p.host_count; i++) {
            assert_true(lanes[i] < p.lane_count);
            loads[lanes[i]] += weights[i];
            for (uint32_t k = 0; k < p.host_count; k++)
                if (lanes[i] != lanes[k] && least_ns(&m, regions[i], regions[k]) < least)
                    least = least_ns(&m, regions[i], regions[k]);
        }
        assert_true(lookahead <= least); /* of regions in several lanes a host more may be thought of */
        assert_true(least < UINT64_MAX || lookahead == UINT64_MAX || p.lane_count > 1);
        for (uint32_t i = 0; i < p.lane_count; i++)
            assert_true(loads[i] <= total / p.lane_count * (1000000 + DIVIDE_UNEVEN_PPM) / 1000000 + heaviest + 1);
    }
}

/* ---- crews ---- */

struct tally {
    uint64_t sums[8]; /* each member its own */
    _Atomic uint32_t calls;
    uint64_t round; /* written between rounds, read in them */
};

static void add(void *ctx, uint32_t member)
{
    struct tally *t = ctx;

    t->sums[member] += t->round;
    atomic_fetch_add(&t->calls, 1);
}

static void every_member_works_once_a_round_and_sees_what_was_before(void **state)
{
    (void)state;
    for (uint32_t count = 1; count <= 8; count++) {
        struct crew *c = crew_new(count, "test");
        struct tally t = {0};

        assert_non_null(c);
        for (t.round = 1; t.round <= 500; t.round++) {
            crew_run(c, add, &t);
            assert_int_equal(atomic_load(&t.calls), t.round * count);
        }
        for (uint32_t i = 0; i < count; i++)
            assert_int_equal(t.sums[i], 500 * 501 / 2);
        crew_free(c);
    }
    crew_free(NULL);
}

/* ---- a world of chatterers ---- */

/* A node that dials, talks, pauses, hangs up and rings off at random, and remembers all that happens to it and when. */
struct chatterer {
    struct world *world;
    void *host;
    uint32_t index, conn_count, budget;
    struct backend_conn conns[64];
    struct rng random;
    uint64_t memory, notes;
};

struct world {
    struct des *d;
    uint32_t host_count;
    bool *member;
    int slot;
    uint64_t global_memory;
    struct {
        uint64_t now_ns;
        uint32_t node;
        char rest[64];
    } last[LANES_MAX]; /* trace of each lane */
    bool open;
    struct chatterer hosts[HOSTS_MAX];
};

static void remember(uint64_t *memory, uint64_t a, uint64_t b)
{
    *memory = (*memory ^ a) * 0x9e3779b97f4a7c15u;
    *memory = ((*memory ^ *memory >> 29) + b) * 0xd1342543de82ef95u;
    *memory ^= *memory >> 32;
}

static void note(struct chatterer *c, uint64_t now_ns, uint64_t what, uint64_t value)
{
    const struct trace_event e = {.kind = TRACE_JOIN, .count = (uint32_t)what};

    remember(&c->memory, now_ns, what << 48 | value);
    c->notes++;
    des_ops.trace(c->host, now_ns, &e);
}

static struct endpoint address_of(uint32_t index)
{
    return endpoint_ip4(0x0a000001u + index, 4001);
}

static void say(struct chatterer *c)
{
    struct chain bytes;
    struct blob *b;

    if (!c->conn_count || !c->budget)
        return;
    c->budget--;
    b = blob_new(1 + rng_below(&c->random, 6000));
    memset(b->data, (int)c->budget, b->size);
    chain_init(&bytes);
    chain_give(&bytes, span_give(b));
    des_ops.send(c->host, c->conns[rng_below(&c->random, c->conn_count)], &bytes);
    chain_deinit(&bytes); /* what found no room is lost: it is only talk */
}

static void dial(struct chatterer *c)
{
    struct endpoint to = address_of((uint32_t)rng_below(&c->random, c->world->host_count));
    struct backend_conn conn;

    if (c->budget) {
        c->budget--;
        (void)des_ops.dial(c->host, &to, &conn);
    }
}

static void keep(struct chatterer *c, struct backend_conn conn)
{
    if (c->conn_count == sizeof c->conns / sizeof *c->conns)
        des_ops.close(c->host, conn, BACKEND_CLOSE_RST);
    else
        c->conns[c->conn_count++] = conn;
}

static void forget(struct chatterer *c, struct backend_conn conn)
{
    for (uint32_t i = 0; i < c->conn_count; i++)
        if (backend_conn_equal(c->conns[i], conn)) {
            c->conns[i] = c->conns[--c->conn_count];
            return;
        }
}

static void on_accepted(void *app, uint64_t now_ns, struct backend_conn conn, const struct endpoint *from)
{
    note(app, now_ns, 1, from->ip[3]);
    keep(app, conn);
    say(app);
}

static void on_dialled(void *app, uint64_t now_ns, struct backend_conn conn, int err)
{
    note(app, now_ns, 2, (uint64_t)-err);
    if (!err)
        keep(app, conn);
    say(app);
}

static void on_data(void *app, uint64_t now_ns, struct backend_conn conn, struct chain *bytes)
{
    struct chatterer *c = app;

    note(c, now_ns, 3, (uint64_t)bytes->size << 8 | chain_front(bytes).data[0]);
    chain_drop(bytes, bytes->size);
    say(c);
    if (rng_chance(&c->random, 1, 3))
        say(c);
    if (rng_chance(&c->random, 1, 5))
        des_ops.wake_at(c->host, now_ns + rng_below(&c->random, 20 * MS));
    if (rng_chance(&c->random, 1, 20))
        des_ops.pause(c->host, conn, true);
}

static void on_writable(void *app, uint64_t now_ns, struct backend_conn conn)
{
    (void)conn;
    note(app, now_ns, 4, 0);
    say(app);
}

static void on_closed(void *app, uint64_t now_ns, struct backend_conn conn, int err)
{
    note(app, now_ns, 5, (uint64_t)-err);
    forget(app, conn);
    dial(app);
}

static void on_wake(void *app, uint64_t now_ns)
{
    struct chatterer *c = app;

    note(c, now_ns, 6, c->conn_count);
    for (uint32_t i = 0; i < c->conn_count; i++)
        des_ops.pause(c->host, c->conns[i], false);
    if (c->conn_count && rng_chance(&c->random, 1, 4)) {
        struct backend_conn conn = c->conns[rng_below(&c->random, c->conn_count)];

        forget(c, conn);
        des_ops.close(c->host, conn, rng_chance(&c->random, 1, 2) ? BACKEND_CLOSE_FIN : BACKEND_CLOSE_RST);
    }
    dial(c);
    say(c);
}

static const struct backend_app chatterer_app = {.accepted = on_accepted,
                                                 .dialled = on_dialled,
                                                 .data = on_data,
                                                 .writable = on_writable,
                                                 .closed = on_closed,
                                                 .wake = on_wake};

static void start(void *arg, uint64_t now_ns)
{
    struct chatterer *c = arg;
    struct endpoint at = address_of(c->index);

    note(c, now_ns, 7, 0);
    des_host_run(c->world->d, c->index, &chatterer_app, c);
    des_ops.listen(c->host, &at);
    dial(c);
    dial(c);
}

static void crash(struct chatterer *c, uint64_t now_ns)
{
    note(c, now_ns, 8, c->conn_count);
    des_host_run(c->world->d, c->index, NULL, NULL);
    c->conn_count = 0;
    des_schedule(c->world->d, c->index, now_ns + 15 * MS, start, c);
}

/* What one lane traces is in order of (time, node), and never before what another traced in a window that is over. */
static void on_trace(void *ctx, uint32_t host, uint64_t now_ns, const struct trace_event *event)
{
    struct world *w = ctx;
    uint32_t lane = des_lane(w->d, host);

    (void)event;
    if (!w->open)
        return;
    assert_true(now_ns > w->last[lane].now_ns || (now_ns == w->last[lane].now_ns && host >= w->last[lane].node));
    w->last[lane].now_ns = now_ns;
    w->last[lane].node = host;
}

static void on_window(void *ctx, bool open)
{
    struct world *w = ctx;

    assert_int_not_equal(w->open, open);
    w->open = open;
}

/* Every 7 ms: the network is parted and healed by turns, and someone crashes. All hosts agree on the time. */
static void interfere(void *arg, uint64_t now_ns)
{
    struct world *w = arg;
    struct chatterer *unlucky = &w->hosts[now_ns / MS % w->host_count];
    uint64_t seen = 0;

    assert_false(w->open);
    assert_int_equal(now_ns % (7 * MS), 0);
    for (uint32_t i = 0; i < w->host_count; i++)
        remember(&seen, w->hosts[i].memory, w->hosts[i].notes);
    remember(&w->global_memory, now_ns, seen); /* all that was before, and nothing that comes after */
    if (w->slot < 0) {
        w->slot = des_partition(w->d, w->member, (enum des_cut)(1 + now_ns / MS % 3));
    } else {
        des_heal(w->d, w->slot);
        w->slot = -1;
    }
    if (unlucky->notes)
        crash(unlucky, now_ns);
    des_schedule_global(w->d, now_ns + 7 * MS, interfere, w);
}

struct outcome {
    uint64_t memory[HOSTS_MAX], global_memory, events, connections, bytes, windows, notes, now_ns;
};

/* Losses, latencies of single pairs, and something narrow that lies between regions. */
static void complicate(struct des *d, const struct des_config *config, uint32_t host_count, struct rng *r)
{
    const struct gilbert loss = {.good_loss_ppm = 20000};
    const struct des_pair pair = {0, config->region_count - 1};
    const struct des_bottleneck narrow = {.pairs = &pair, .pair_count = 1, .bps = 5000000};

    if (rng_chance(r, 1, 2) && des_tcp_honours(config->tcp, DES_LOSS))
        des_loss_set(d, 0, config->region_count - 1, &loss);
    else if (des_tcp_honours(config->tcp, DES_BOTTLENECKS))
        des_bottleneck_add(d, &narrow);
    if (rng_chance(r, 1, 2))
        des_latency_pair(d, 0, host_count - 1, 30000 + rng_below(r, MS));
}

static void chatter(uint64_t seed, uint32_t lanes, struct outcome *out)
{
    static const enum des_tcp models[] = {DES_TCP_IDEAL, DES_TCP_FLIGHT, DES_TCP_PACKET};
    struct world *w = mem_zalloc(sizeof *w);
    uint64_t latency[36];
    uint32_t weights[HOSTS_MAX];
    struct des_config config = {.seed = seed, .latency_ns = latency, .trace_ctx = w, .trace = on_trace, .window = on_window};
    struct des_counts counts;
    struct rng r;

    rng_init(&r, seed, "world");
    config.region_count = 1 + (uint32_t)rng_below(&r, 6);
    config.tcp = models[seed % 3];
    config.jitter_ppm = rng_chance(&r, 1, 2) ? 200000 : 0;
    for (uint32_t i = 0; i < 36; i++)
        latency[i] = 50000 + rng_below(&r, rng_chance(&r, 1, 3) ? MS / 2 : 8 * MS);
    w->d = des_new(&config);
    w->slot = -1;
    w->host_count = 2 + (uint32_t)rng_below(&r, HOSTS_MAX - 1);
    w->member = mem_zalloc(w->host_count * sizeof *w->member);
    for (uint32_t i = 0; i < w->host_count; i++) {
        struct des_host_config host = {.address = address_of(i), .region = (uint32_t)rng_below(&r, config.region_count)};

        host.up_bps = host.down_bps = rng_chance(&r, 1, 2) ? 20000000 : 0;
        w->member[i] = rng_chance(&r, 1, 3);
        weights[i] = 1 + (uint32_t)rng_below(&r, 5);
        des_host_add(w->d, &host);
    }
    complicate(w->d, &config, w->host_count, &r);
    assert_int_equal(des_divide(w->d, lanes, weights), ERR_OK);
    assert_int_equal(des_lane_count(w->d), lanes < w->host_count ? lanes : w->host_count);
    for (uint32_t i = 0; i < w->host_count; i++) {
        struct chatterer *c = &w->hosts[i];

        *c = (struct chatterer){.world = w, .host = des_host(w->d, i), .index = i, .budget = 60};
        rng_init(&c->random, seed, "chatterer");
        for (uint32_t k = 0; k < i; k++)
            rng_next(&c->random);
        des_schedule(w->d, i, rng_below(&r, 5 * MS), start, c);
    }
    des_schedule_global(w->d, 7 * MS, interfere, w);
    for (uint64_t at = 0; at < 150 * MS; at += 1 + rng_below(&r, 40 * MS))
        des_run(w->d, at);
    counts = des_counts(w->d);
    *out = (struct outcome){.global_memory = w->global_memory,
                            .events = counts.events,
                            .connections = counts.connections,
                            .bytes = counts.bytes,
                            .windows = counts.windows,
                            .now_ns = des_now_ns(w->d)};
    for (uint32_t i = 0; i < w->host_count; i++) {
        out->memory[i] = w->hosts[i].memory;
        out->notes += w->hosts[i].notes;
    }
    des_free(w->d);
    mem_free(w->member);
    mem_free(w);
}

static void no_host_can_tell_how_many_lanes_there_are(void **state)
{
    static const uint32_t lanes[] = {2, 3, 5, LANES_MAX - 1};
    uint64_t notes = 0, windows = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 24; seed++) {
        struct outcome one, many;

        chatter(seed, 1, &one);
        assert_int_equal(one.windows, 0);
        notes += one.notes;
        for (size_t i = 0; i < sizeof lanes / sizeof *lanes; i++) {
            chatter(seed, lanes[i], &many);
            assert_memory_equal(one.memory, many.memory, sizeof one.memory);
            assert_int_equal(one.global_memory, many.global_memory);
            assert_int_equal(one.events, many.events);
            assert_int_equal(one.connections, many.connections);
            assert_int_equal(one.bytes, many.bytes);
            assert_int_equal(one.now_ns, many.now_ns);
            windows += many.windows;
        }
    }
    assert_true(notes > 10000); /* there was something to tell */
    assert_true(windows > 1000);
}

static void count_up(void *arg, uint64_t now_ns)
{
    (void)now_ns;
    (*(int *)arg)++;
}

/* A second of silence between two calls takes two windows, however short the lookahead. */
static void windows_jump_over_idle_time(void **state)
{
    const uint64_t latency[] = {1000};
    const uint32_t weights[] = {1, 1};
    struct des_config config = {.seed = 1, .region_count = 1, .latency_ns = latency};
    struct des *d = des_new(&config);
    int calls[2] = {0};

    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        struct des_host_config host = {.address = address_of(i)};

        des_host_add(d, &host);
    }
    assert_int_equal(des_divide(d, 2, weights), ERR_OK);
    assert_int_equal(des_lookahead_ns(d), 1000);
    assert_int_not_equal(des_lane(d, 0), des_lane(d, 1));
    des_schedule(d, 0, 1, count_up, &calls[0]);
    des_schedule(d, 1, 1000 * MS, count_up, &calls[1]);
    assert_true(des_run(d, 999 * MS));
    assert_int_equal(calls[0], 1);
    assert_int_equal(calls[1], 0);
    assert_false(des_run(d, 2000 * MS));
    assert_int_equal(calls[1], 1);
    assert_int_equal(des_counts(d).windows, 2);
    assert_int_equal(des_now_ns(d), 2000 * MS);
    des_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regions_that_are_near_share_a_lane),
        cmocka_unit_test(a_region_is_cut_up_only_when_lanes_would_be_uneven),
        cmocka_unit_test(hosts_are_dealt_out_as_finely_as_the_lookahead_allows),
        cmocka_unit_test(the_lookahead_is_the_shorter_way_of_a_lopsided_pair),
        cmocka_unit_test(a_division_is_even_and_its_lookahead_true),
        cmocka_unit_test(every_member_works_once_a_round_and_sees_what_was_before),
        cmocka_unit_test(no_host_can_tell_how_many_lanes_there_are),
        cmocka_unit_test(windows_jump_over_idle_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
