/* The seam: the same echo node behaves the same on the simulator, on ns-3 and on real sockets. */
#include "tests/lib/test.h"

#include "sim/des/des.h"
#include "sim/ns3/ns3.h"
#include "sim/ns3/plugin.h"
#include "sim/tcp/tcp.h"
#include "stack/backend/epoll.h"
#include "stack/base/err.h"
#include "stack/base/heap.h"
#include "stack/base/mem.h"

#include <stdio.h>
#include <unistd.h>
#include <sys/resource.h>

#define SIZE (3 * 1000 * 1000)
#define PORT 4000
#define PATIENCE 400 /* turns: a loaded machine may need many */
#define SECOND 1000000000ull

/* Server: echoes, with a queue of its own where the world has no room. Client: sends SIZE bytes, checks the echo, closes. */
struct echo {
    const struct backend_ops *ops;
    void *host;
    struct backend_conn conn;
    struct chain out;
    struct rng expected;
    size_t received, wakes;
    bool client, open, closed, pausing;
    int closed_err, dial_err;
    uint64_t done_ns;
};

static void flush(struct echo *e)
{
    e->ops->send(e->host, e->conn, &e->out);
}

static void on_accepted(void *app, uint64_t now_ns, struct backend_conn conn, const struct endpoint *from)
{
    struct echo *e = app;

    (void)now_ns;
    assert_false(e->open);
    assert_int_equal(from->ip[3], 1);
    e->conn = conn;
    e->open = true;
}

static void on_dialled(void *app, uint64_t now_ns, struct backend_conn conn, int err)
{
    struct echo *e = app;
    struct blob *b;
    struct rng r;

    (void)now_ns;
    e->dial_err = err;
    if (err)
        return;
    assert_true(backend_conn_equal(conn, e->conn));
    e->open = true;
    rng_init(&r, 1, "payload");
    for (int i = 0; i < 3; i++) {
        b = blob_new(SIZE / 3);
        for (size_t j = 0; j < b->size; j++)
            b->data[j] = (uint8_t)rng_next(&r);
        chain_give(&e->out, span_give(b));
    }
    flush(e);
}

static void on_data(void *app, uint64_t now_ns, struct backend_conn conn, struct chain *bytes)
{
    struct echo *e = app;

    assert_true(e->open && !e->closed);
    e->received += bytes->size;
    if (e->ops->charge)
        e->ops->charge(e->host, WORK_PARSE, bytes->size);
    if (!e->client) {
        chain_move_all(&e->out, bytes);
        flush(e);
        return;
    }
    while (bytes->size) {
        struct span s = chain_take_front(bytes);

        for (size_t i = 0; i < s.size; i++)
            assert_int_equal(s.data[i], (uint8_t)rng_next(&e->expected));
        span_unref(s);
    }
    if (!e->pausing && e->received > SIZE / 2) { /* stop reading for a while, once */
        e->pausing = true;
        e->ops->pause(e->host, conn, true);
        e->ops->wake_at(e->host, now_ns + SECOND / 20);
    }
    if (e->received == SIZE) {
        e->done_ns = now_ns;
        e->ops->close(e->host, conn, BACKEND_CLOSE_FIN);
        e->open = false;
    }
}

static void on_writable(void *app, uint64_t now_ns, struct backend_conn conn)
{
    (void)now_ns;
    (void)conn;
    flush(app);
}

static void on_closed(void *app, uint64_t now_ns, struct backend_conn conn, int err)
{
    struct echo *e = app;

    (void)now_ns;
    (void)conn;
    e->closed = true;
    e->closed_err = err;
}

static void on_wake(void *app, uint64_t now_ns)
{
    struct echo *e = app;

    (void)now_ns;
    e->wakes++;
    e->ops->pause(e->host, e->conn, false);
}

static const struct backend_app echo_app = {
    .accepted = on_accepted,
    .dialled = on_dialled,
    .data = on_data,
    .writable = on_writable,
    .closed = on_closed,
    .wake = on_wake,
};

static struct echo echo_new(const struct backend_ops *ops, void *host, bool client)
{
    struct echo e = {.ops = ops, .host = host, .client = client};

    chain_init(&e.out);
    rng_init(&e.expected, 1, "payload");
    return e;
}

static struct endpoint address(int node)
{
    /* 127.64.0.0 to 127.127.255.255, by process: several may run these tests at the same time. */
    return endpoint_ip4(0x7f400000u + (((uint32_t)getpid() & 0x3fff) << 8) + (uint32_t)node, PORT);
}

/* Runs the exchange; the two hosts have addresses 1 and 2. */
static void exchange(struct echo *client, struct echo *server, void (*run)(void *world), void *world)
{
    struct endpoint nobody = address(2), to = address(2);

    nobody.port = PORT + 1;
    assert_int_equal(server->ops->listen(server->host, &to), 0);
    client->dial_err = 1;
    assert_int_equal(client->ops->dial(client->host, &nobody, &client->conn), 0);
    for (int i = 0; i < PATIENCE && client->dial_err == 1; i++)
        run(world);
    assert_int_equal(client->dial_err, ERR_REFUSED);
    assert_int_equal(client->ops->dial(client->host, &to, &client->conn), 0);
    for (int i = 0; i < PATIENCE && !server->closed; i++)
        run(world);
    assert_int_equal(client->dial_err, 0);
    assert_int_equal(server->received, SIZE);
    assert_int_equal(client->received, SIZE);
    assert_int_equal(client->wakes, 1);
    assert_true(server->closed);
    assert_int_equal(server->closed_err, ERR_CLOSED);
    assert_false(client->closed);
    assert_int_equal(client->ops->send(client->host, client->conn, &client->out), 0);
    chain_deinit(&client->out);
    chain_deinit(&server->out);
}

static void run_des(void *world)
{
    des_run(world, des_now_ns(world) + 20 * SECOND);
}

static const struct work_cost slow[WORK_KINDS] = {{.base_ns = 20000, .per_kib_ns = 10000}};

static uint64_t des_exchange(enum des_tcp tcp, uint64_t bps, uint32_t jitter_ppm, uint32_t cores)
{
    uint64_t latency[] = {SECOND / 100};
    struct des_config config = {
        .seed = 5, .region_count = 1, .latency_ns = latency, .jitter_ppm = jitter_ppm, .tcp = tcp, .costs = slow};
    struct des *d = des_new(&config);
    struct echo e[2];

    for (int i = 0; i < 2; i++) {
        struct des_host_config host = {.address = address(i + 1), .up_bps = bps, .down_bps = bps, .cores = cores,
                                       .speed_ppm = 1000000};

        des_host_add(d, &host);
        e[i] = echo_new(&des_ops, des_host(d, (uint32_t)i), i == 0);
        des_host_run(d, (uint32_t)i, &echo_app, &e[i]);
    }
    exchange(&e[0], &e[1], run_des, d);
    des_free(d);
    return e[0].done_ns;
}

static void the_echo_node_works_in_the_simulator(void **state)
{
    (void)state;
    for (int i = DES_TCP_IDEAL; i <= DES_TCP_PACKET; i++) {
        enum des_tcp tcp = (enum des_tcp)i;

        des_exchange(tcp, 0, 0, 0);
        des_exchange(tcp, 0, 500000, 0);
        des_exchange(tcp, 1000000000, 0, 0);
        des_exchange(tcp, 20 * 1000 * 1000, 100000, 0);
        des_exchange(tcp, 20 * 1000 * 1000, 100000, 1); /* where work takes time */
        des_exchange(tcp, 0, 0, 2);
    }
}

static void the_simulator_repeats_itself_to_the_nanosecond(void **state)
{
    (void)state;
    for (int i = DES_TCP_IDEAL; i <= DES_TCP_PACKET; i++)
        assert_int_equal(des_exchange((enum des_tcp)i, 20 * 1000 * 1000, 100000, 0),
                         des_exchange((enum des_tcp)i, 20 * 1000 * 1000, 100000, 0));
}

static void a_transfer_takes_latency_plus_serialisation(void **state)
{
    /* A refused dial (1 round trip, 20 s of waiting), SYN + SYN_ACK 20 ms; 3 MB at 80 Mbit/s are 300 ms each way, the echo
     * streaming one train (16 KiB: 1.6384 ms) behind; 10 ms each way; the reader's pause of 50 ms is absorbed by queues. */
    uint64_t took = des_exchange(DES_TCP_IDEAL, 80 * 1000 * 1000, 0, 0) - 20 * SECOND;
    uint64_t ideal = (20 + 10 + 300 + 10) * SECOND / 1000;

    (void)state;
    assert_true(took >= ideal);
    assert_true(took <= ideal + 60 * SECOND / 1000);
}

static void run_ns3(void *world)
{
    ns3_run(world, ns3_now_ns(world) + 20 * SECOND);
}

static uint64_t ns3_exchange(uint64_t bps, uint32_t jitter_ppm)
{
    uint64_t latency[] = {SECOND / 100};
    struct ns3_config config = {.seed = 5, .region_count = 1, .latency_ns = latency, .jitter_ppm = jitter_ppm};
    char error[256];
    struct ns3 *n = ns3_new(&config, error, sizeof error);
    struct echo e[2];

    assert_non_null(n);
    for (int i = 0; i < 2; i++) {
        struct ns3_host_config host = {.address = address(i + 1), .up_bps = bps, .down_bps = bps};

        ns3_host_add(n, &host);
        e[i] = echo_new(&ns3_ops, ns3_host(n, (uint32_t)i), i == 0);
        ns3_host_run(n, (uint32_t)i, &echo_app, &e[i]);
    }
    exchange(&e[0], &e[1], run_ns3, n);
    ns3_free(n);
    return e[0].done_ns;
}

static void the_echo_node_works_on_ns3_and_repeats_itself(void **state)
{
    char error[256];

    (void)state;
    if (!ns3_plugin(error, sizeof error)) {
        printf("skipped: %s\n", error);
        skip();
    }
    ns3_exchange(0, 0);
    ns3_exchange(0, 500000);
    ns3_exchange(1000000000, 0);
    assert_int_equal(ns3_exchange(20 * 1000 * 1000, 100000), ns3_exchange(20 * 1000 * 1000, 100000));
}

static void run_sockets(void *world)
{
    sockets_run(world, sockets_now_ns(world) + SECOND / 20);
}

static void the_echo_node_works_on_real_sockets(void **state)
{
    struct sockets_config config = {.seed = 5, .seeded = true};
    struct sockets *s;
    struct echo e[2];
    struct sockets_host *hosts[2];

    (void)state;
    assert_int_equal(sockets_new(&config, &s), 0);
    for (int i = 0; i < 2; i++) {
        struct endpoint at = address(i + 1);

        hosts[i] = sockets_host_add(s, &at);
        e[i] = echo_new(&sockets_ops, hosts[i], i == 0);
        sockets_host_run(hosts[i], &echo_app, &e[i]);
    }
    exchange(&e[0], &e[1], run_sockets, s);
    sockets_free(s);
}

/* ---- reading and sending on real sockets ---- */

#define WRITERS 3
#define KEPT_SIZE 1500000

/* Keeps every span that it is given, as long as it lives. */
struct keeper {
    struct backend_conn conns[WRITERS];
    struct chain kept[WRITERS]; /* of conns */
    int count;
    size_t received;
};

static void keeper_accepted(void *app, uint64_t now_ns, struct backend_conn conn, const struct endpoint *from)
{
    struct keeper *k = app;

    (void)now_ns;
    (void)from;
    assert_in_range(k->count, 0, WRITERS - 1);
    k->conns[k->count++] = conn;
}

static void keeper_data(void *app, uint64_t now_ns, struct backend_conn conn, struct chain *bytes)
{
    struct keeper *k = app;
    int i = 0;

    (void)now_ns;
    while (!backend_conn_equal(k->conns[i], conn))
        i++;
    k->received += bytes->size;
    chain_move(&k->kept[i], bytes, bytes->size);
}

static const struct backend_app keeper_app = {
    .accepted = keeper_accepted, .data = keeper_data, .writable = on_writable, .closed = on_closed, .wake = on_wake};

static void dialled_only(void *app, uint64_t now_ns, struct backend_conn conn, int err)
{
    (void)now_ns;
    (void)conn;
    ((struct echo *)app)->open = err == 0;
}

/* Each stream tells its number in its first byte, and goes on as no other does. */
static uint8_t byte_of(int writer, size_t at)
{
    return at == 0 ? (uint8_t)writer : (uint8_t)((at ^ at >> 8 ^ at >> 16) * 31 + (size_t)writer);
}

static void write_some(struct echo *e, int writer, size_t *at, struct rng *r)
{
    size_t size = rng_below(r, 8) ? rng_below(r, 3000) : rng_below(r, 200000);
    struct blob *b = blob_new(size < KEPT_SIZE - *at ? size : KEPT_SIZE - *at);

    for (size_t i = 0; i < b->size; i++)
        b->data[i] = byte_of(writer, (*at)++);
    chain_give(&e->out, span_give(b));
    flush(e);
}

static void what_was_received_and_kept_is_never_written_over(void **state)
{
    static const struct backend_app writer_app = {.dialled = dialled_only, .writable = on_writable, .closed = on_closed};
    struct sockets_config config = {.seed = 5, .seeded = true};
    struct endpoint any = {0}, to = address(2);
    struct keeper k = {0};
    struct echo writers[WRITERS];
    size_t written[WRITERS] = {0};
    struct sockets_host *host;
    struct sockets *s;
    struct rng r;

    (void)state;
    rng_init(&r, 9, "sizes");
    assert_int_equal(sockets_new(&config, &s), 0);
    host = sockets_host_add(s, &to);
    sockets_host_run(host, &keeper_app, &k);
    assert_int_equal(sockets_ops.listen(host, &to), 0);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = echo_new(&sockets_ops, sockets_host_add(s, &any), true);
        sockets_host_run(writers[i].host, &writer_app, &writers[i]);
        assert_int_equal(sockets_ops.dial(writers[i].host, &to, &writers[i].conn), 0);
    }
    for (int i = 0; i < PATIENCE && !(k.count == WRITERS && writers[0].open && writers[1].open && writers[2].open); i++)
        run_sockets(s);
    for (int turn = 0; k.received < WRITERS * KEPT_SIZE && turn < 100000; turn++) {
        for (int i = 0; i < WRITERS; i++)
            if (written[i] < KEPT_SIZE && rng_below(&r, 2))
                write_some(&writers[i], i, &written[i], &r);
        sockets_run(s, sockets_now_ns(s) + 1);
    }
    assert_int_equal(k.received, WRITERS * KEPT_SIZE);
    for (int i = 0; i < WRITERS; i++) {
        uint8_t writer = chain_front(&k.kept[i]).data[0];
        size_t at = 0;

        for (uint32_t j = 0; j < k.kept[i].count; j++) {
            struct slice piece = chain_at(&k.kept[i], j);

            for (size_t n = 0; n < piece.size; n++, at++)
                if (piece.data[n] != byte_of(writer, at))
                    fail_msg("byte %zu of stream %d is wrong", at, writer);
        }
        assert_int_equal(at, KEPT_SIZE);
        chain_deinit(&k.kept[i]);
        chain_deinit(&writers[i].out);
    }
    sockets_free(s);
}

static void serve_ball(void *app, uint64_t now_ns, struct backend_conn conn, int err)
{
    struct echo *e = app;

    dialled_only(app, now_ns, conn, err);
    chain_append(&e->out, slice_text("o"));
    flush(e);
}

/* Sends one byte, and sends it back for ever. */
static const struct backend_app ball_app = {
    .dialled = serve_ball, .data = on_data, .writable = on_writable, .closed = on_closed, .wake = on_wake};

/* The kernel waits 200 ms for more when it is asked to: two connections in step would take 10 s for 50 rounds. */
static void answers_to_several_events_of_a_turn_leave_at_its_end(void **state)
{
    struct sockets_config config = {.seed = 5, .seeded = true};
    struct echo servers[2], clients[2];
    struct endpoint any = {0};
    uint64_t start_ns;
    struct sockets *s;

    (void)state;
    assert_int_equal(sockets_new(&config, &s), 0);
    for (int i = 0; i < 2; i++) {
        struct endpoint at = address(i + 2);

        servers[i] = echo_new(&sockets_ops, sockets_host_add(s, &at), false);
        clients[i] = echo_new(&sockets_ops, sockets_host_add(s, &any), false); /* it echoes too: the byte goes on and on */
        sockets_host_run(servers[i].host, &echo_app, &servers[i]);
        sockets_host_run(clients[i].host, &ball_app, &clients[i]);
        assert_int_equal(sockets_ops.listen(servers[i].host, &at), 0);
        assert_int_equal(sockets_ops.dial(clients[i].host, &at, &clients[i].conn), 0);
    }
    start_ns = sockets_now_ns(s);
    while (sockets_now_ns(s) - start_ns < 5 * SECOND && (servers[0].received < 50 || servers[1].received < 50))
        sockets_run(s, sockets_now_ns(s) + SECOND / 100);
    assert_true(servers[0].received >= 50 && servers[1].received >= 50);
    sockets_free(s);
    for (int i = 0; i < 2; i++) {
        chain_deinit(&servers[i].out);
        chain_deinit(&clients[i].out);
    }
}

static void count_call(void *arg, uint64_t now_ns)
{
    (void)now_ns;
    (*(int *)arg)++;
}

static void cut_and_heal(enum des_tcp tcp)
{
    uint64_t latency[] = {SECOND / 100};
    struct des_config config = {.seed = 5, .region_count = 1, .latency_ns = latency, .tcp = tcp};
    struct des *d = des_new(&config);
    struct echo e[2];
    bool member[] = {true, false};
    struct endpoint to = address(2);
    int calls = 0, slot;

    for (int i = 0; i < 2; i++) {
        struct des_host_config host = {.address = address(i + 1)};

        des_host_add(d, &host);
        e[i] = echo_new(&des_ops, des_host(d, (uint32_t)i), i == 0);
        des_host_run(d, (uint32_t)i, &echo_app, &e[i]);
    }
    des_ops.listen(e[1].host, &to);
    slot = des_partition(d, member, DES_CUT_BOTH);
    assert_int_equal(des_ops.dial(e[0].host, &to, &e[0].conn), 0);
    des_schedule(d, 1, SECOND, count_call, &calls);
    des_run(d, 5 * SECOND);
    assert_int_equal(calls, 1);
    assert_false(e[1].open);
    des_heal(d, slot);
    /* The dial is through, the transfer begins: with `packet` when the SYN is sent again. */
    for (int i = 0; i < 100 && !e[1].open; i++)
        des_run(d, des_now_ns(d) + SECOND / 20);
    assert_true(e[1].open);
    slot = des_partition(d, member, DES_CUT_BOTH);
    des_run(d, des_now_ns(d) + SECOND);
    des_heal(d, slot);
    des_run(d, des_now_ns(d) + 20 * SECOND);
    assert_int_equal(e[0].received, SIZE);
    chain_deinit(&e[0].out);
    chain_deinit(&e[1].out);
    des_free(d);
}

static void on_writable_ignored(void *app, uint64_t now_ns, struct backend_conn conn)
{
    (void)app;
    (void)now_ns;
    (void)conn;
}

/* Counts what arrives. */
struct meter {
    void *host;
    struct backend_conn conn;
    size_t received;
};

static void meter_accepted(void *app, uint64_t now_ns, struct backend_conn conn, const struct endpoint *from)
{
    (void)now_ns;
    (void)from;
    ((struct meter *)app)->conn = conn;
}

static void meter_dialled(void *app, uint64_t now_ns, struct backend_conn conn, int err)
{
    (void)app;
    (void)now_ns;
    (void)conn;
    assert_int_equal(err, 0);
}

static void meter_data(void *app, uint64_t now_ns, struct backend_conn conn, struct chain *bytes)
{
    (void)now_ns;
    (void)conn;
    ((struct meter *)app)->received += bytes->size;
    chain_drop(bytes, bytes->size);
}

static const struct backend_app meter_app = {
    .accepted = meter_accepted, .dialled = meter_dialled, .data = meter_data, .writable = on_writable_ignored};

static void say(const struct meter *m, size_t size)
{
    struct blob *b = blob_new(size);
    struct chain bytes;

    memset(b->data, 0, size);
    chain_init(&bytes);
    chain_give(&bytes, span_give(b));
    des_ops.send(m->host, m->conn, &bytes);
    chain_deinit(&bytes);
}

/* Host 0 is the member: `cut` loses one of the two directions, the other passes; the heal brings the rest. */
static void one_way(enum des_tcp tcp, enum des_cut cut)
{
    uint64_t latency[] = {SECOND / 100};
    struct des_config config = {.seed = 5, .region_count = 1, .latency_ns = latency, .tcp = tcp};
    struct des *d = des_new(&config);
    struct meter m[2] = {{0}};
    bool member[] = {true, false};
    struct endpoint to = address(2);
    int lost = cut == DES_CUT_OUT ? 1 : 0, slot; /* who does not hear */

    for (int i = 0; i < 2; i++) {
        struct des_host_config host = {.address = address(i + 1)};

        des_host_add(d, &host);
        m[i].host = des_host(d, (uint32_t)i);
        des_host_run(d, (uint32_t)i, &meter_app, &m[i]);
    }
    des_ops.listen(m[1].host, &to);
    assert_int_equal(des_ops.dial(m[0].host, &to, &m[0].conn), 0);
    des_run(d, SECOND);
    slot = des_partition(d, member, cut);
    say(&m[0], 1000);
    say(&m[1], 1000);
    des_run(d, des_now_ns(d) + SECOND);
    assert_int_equal(m[lost].received, 0);
    assert_int_equal(m[1 - lost].received, 1000);
    des_heal(d, slot);
    if (tcp == DES_TCP_IDEAL) /* what found no room was not taken */
        say(&m[1 - lost], 1000);
    des_run(d, des_now_ns(d) + 20 * SECOND);
    assert_int_equal(m[lost].received, 1000);
    assert_int_equal(m[1 - lost].received, 1000);
    des_free(d);
}

static void a_one_way_partition_loses_one_direction_and_spares_the_other(void **state)
{
    (void)state;
    for (enum des_tcp tcp = DES_TCP_IDEAL; tcp <= DES_TCP_PACKET; tcp++) {
        one_way(tcp, DES_CUT_OUT);
        one_way(tcp, DES_CUT_IN);
    }
}

static void running_out_of_descriptors_neither_spins_nor_loses_who_waits(void **state)
{
    struct sockets_config config = {.seed = 5, .seeded = true};
    struct rlimit old, low;
    struct sockets *s;
    struct echo e[2];
    struct sockets_host *hosts[2];
    struct endpoint to = address(2);
    uint64_t turns;

    (void)state;
    assert_int_equal(sockets_new(&config, &s), 0);
    for (int i = 0; i < 2; i++) {
        struct endpoint at = address(i + 1);

        hosts[i] = sockets_host_add(s, &at);
        e[i] = echo_new(&sockets_ops, hosts[i], i == 0);
        sockets_host_run(hosts[i], &echo_app, &e[i]);
    }
    assert_int_equal(e[1].ops->listen(e[1].host, &to), 0);
    assert_int_equal(e[0].ops->dial(e[0].host, &to, &e[0].conn), 0);
    getrlimit(RLIMIT_NOFILE, &old);
    low = old;
    low.rlim_cur = 3; /* below what is open already: no more at all */
    setrlimit(RLIMIT_NOFILE, &low);
    sockets_run(s, sockets_now_ns(s) + SECOND / 4);
    turns = sockets_turns(s);
    setrlimit(RLIMIT_NOFILE, &old);
    assert_false(e[1].open);
    assert_true(turns < 50);
    sockets_run(s, sockets_now_ns(s) + SECOND / 4);
    assert_true(e[1].open);
    chain_deinit(&e[0].out);
    chain_deinit(&e[1].out);
    sockets_free(s);
}

static void a_partition_holds_bytes_back_until_it_heals(void **state)
{
    (void)state;
    for (int i = DES_TCP_IDEAL; i <= DES_TCP_PACKET; i++)
        cut_and_heal((enum des_tcp)i);
}

/* A reader that pauses stops the sender: what is held is the two buffers, not the whole transfer. */
static void packets_push_back_when_a_reader_pauses(void **state)
{
    uint64_t latency[] = {SECOND / 100};
    struct tcp_config tcp = tcp_config_default();
    struct des_config config = {
        .seed = 5, .region_count = 1, .latency_ns = latency, .tcp = DES_TCP_PACKET, .tcp_config = &tcp};
    struct endpoint to = address(2);
    struct des *d;
    struct echo e[2];

    (void)state;
    tcp.send_buffer = 100000;
    tcp.receive_buffer = 100000;
    d = des_new(&config);
    for (int i = 0; i < 2; i++) {
        struct des_host_config host = {.address = address(i + 1), .up_bps = 50000000, .down_bps = 50000000};

        des_host_add(d, &host);
        e[i] = echo_new(&des_ops, des_host(d, (uint32_t)i), i == 0);
        des_host_run(d, (uint32_t)i, &echo_app, &e[i]);
    }
    des_ops.listen(e[1].host, &to);
    des_ops.dial(e[0].host, &to, &e[0].conn);
    while (!e[1].open)
        des_run(d, des_now_ns(d) + SECOND / 1000);
    des_ops.pause(e[1].host, e[1].conn, true);
    des_run(d, 20 * SECOND);
    assert_in_range(SIZE - e[0].out.size, 140000, 220000); /* one buffer full, two thirds of the other at least */
    assert_true(e[1].received < 20000); /* what came before the pause */
    des_ops.pause(e[1].host, e[1].conn, false);
    des_run(d, 60 * SECOND);
    assert_int_equal(e[0].received, SIZE);
    chain_deinit(&e[0].out);
    chain_deinit(&e[1].out);
    des_free(d);
}

/* A crash resets what was open; the far side hears of it, a new node on the host may be dialled again. */
static void packets_carry_a_reset_when_a_node_crashes(void **state)
{
    uint64_t latency[] = {SECOND / 100};
    struct des_config config = {.seed = 5, .region_count = 1, .latency_ns = latency, .tcp = DES_TCP_PACKET};
    struct des *d = des_new(&config);
    struct endpoint to = address(2);
    struct echo e[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct des_host_config host = {.address = address(i + 1), .up_bps = 20000000};

        des_host_add(d, &host);
        e[i] = echo_new(&des_ops, des_host(d, (uint32_t)i), i == 0);
        des_host_run(d, (uint32_t)i, &echo_app, &e[i]);
    }
    des_ops.listen(e[1].host, &to);
    des_ops.dial(e[0].host, &to, &e[0].conn);
    des_run(d, SECOND / 2);
    assert_true(e[0].open && e[1].open && !e[0].closed);
    des_host_run(d, 1, NULL, NULL);
    des_run(d, SECOND);
    assert_true(e[0].closed);
    assert_int_equal(e[0].closed_err, ERR_RESET);
    assert_int_equal(des_ops.dial(e[0].host, &to, &e[0].conn), 0);
    des_run(d, 2 * SECOND);
    assert_int_equal(e[0].dial_err, ERR_REFUSED);
    for (int i = 0; i < 2; i++)
        chain_deinit(&e[i].out);
    des_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_one_way_partition_loses_one_direction_and_spares_the_other),
        cmocka_unit_test(the_echo_node_works_in_the_simulator),
        cmocka_unit_test(the_simulator_repeats_itself_to_the_nanosecond),
        cmocka_unit_test(a_transfer_takes_latency_plus_serialisation),
        cmocka_unit_test(the_echo_node_works_on_ns3_and_repeats_itself),
        cmocka_unit_test(the_echo_node_works_on_real_sockets),
        cmocka_unit_test(what_was_received_and_kept_is_never_written_over),
        cmocka_unit_test(answers_to_several_events_of_a_turn_leave_at_its_end),
        cmocka_unit_test(running_out_of_descriptors_neither_spins_nor_loses_who_waits),
        cmocka_unit_test(a_partition_holds_bytes_back_until_it_heals),
        cmocka_unit_test(packets_push_back_when_a_reader_pauses),
        cmocka_unit_test(packets_carry_a_reset_when_a_node_crashes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
