/* sim/des: CPUs that take time, against the closed forms of queueing theory. */
#include "tests/lib/test.h"

#include "sim/des/cpu.h"
#include "sim/des/des.h"
#include "sim/scenario/sample.h"
#include "stack/base/err.h"
#include "stack/base/heap.h"
#include "stack/base/mem.h"

#include <math.h>

#define US 1000u
#define MS 1000000u
#define SECOND UINT64_C(1000000000)
#define ARRIVALS 1000000

static const struct work_cost costs[WORK_KINDS] = {
    {.base_ns = 100 * US},                      /* parse */
    {.base_ns = 1000, .per_kib_ns = 2048},      /* hash */
    {0}, {0}, {0},
    {.base_ns = 30 * US, .per_kib_ns = 1024},   /* verify */
    {.per_kib_ns = 1024 * 1000},                /* validate: 1 us a byte */
};

static void assert_near(double got, double wanted, double share)
{
    if (fabs(got - wanted) > wanted * share)
        fail_msg("%g is not within %g%% of %g", got, share * 100, wanted);
}

static void a_set_costs_the_sum_of_its_works_at_the_cores_speed(void **state)
{
    struct cpu c;

    (void)state;
    cpu_init(&c, costs, 1, 1000000);
    assert_int_equal(cpu_cost_ns(&c, WORK_PARSE, 5000), 100 * US);
    assert_int_equal(cpu_cost_ns(&c, WORK_HASH, 5000), 1000 + 10000);
    assert_int_equal(cpu_cost_ns(&c, WORK_PARSE | WORK_HASH, 5000), 111 * US);
    c.speed_ppm = 2500000;
    assert_int_equal(cpu_cost_ns(&c, WORK_PARSE | WORK_HASH, 5000), 111 * US * 10 / 25);
    cpu_deinit(&c);
}

/* D/D/1: with time to spare nobody waits; with more work than time the n-th waits n (D - interval). */
static void regular_work_waits_only_when_there_is_too_much_of_it(void **state)
{
    struct cpu c;

    (void)state;
    cpu_init(&c, costs, 1, 1000000);
    for (uint64_t n = 0; n < 1000; n++)
        assert_int_equal(cpu_charge(&c, n * 101 * US, WORK_PARSE, 0), n * 101 * US + 100 * US);
    cpu_reset(&c);
    for (uint64_t n = 0; n < 1000; n++)
        assert_int_equal(cpu_charge(&c, n * 90 * US, WORK_PARSE, 0), (n + 1) * 100 * US);
    cpu_deinit(&c);
}

/* M/D/1 (Pollaczek and Khinchine): the mean wait is rho D / (2 (1 - rho)). */
static void random_work_waits_as_in_an_m_d_1_queue(void **state)
{
    static const uint64_t intervals_us[] = {400, 200, 140}; /* rho 0.25, 0.5, 0.714 */

    (void)state;
    for (size_t i = 0; i < sizeof intervals_us / sizeof *intervals_us; i++) {
        double rho = 100.0 / (double)intervals_us[i], waited = 0;
        uint64_t now_ns = 0;
        struct rng r;
        struct cpu c;

        rng_init(&r, i, "arrivals");
        cpu_init(&c, costs, 1, 1000000);
        for (int k = 0; k < ARRIVALS; k++) {
            now_ns += sample_exponential(&r, intervals_us[i] * US);
            waited += (double)(cpu_charge(&c, now_ns, WORK_PARSE, 0) - now_ns - 100 * US);
        }
        assert_near(waited / ARRIVALS, rho * 100 * US / (2 * (1 - rho)), 0.02);
        cpu_deinit(&c);
    }
}

/* Erlang's C: the chance to wait in M/M/c with offered load a. */
static double erlang_c(int servers, double a)
{
    double term = 1, sum = 1;

    for (int k = 1; k < servers; k++)
        sum += term *= a / k;
    term *= a / servers;
    term *= servers / (servers - a);
    return term / (sum + term);
}

/* M/M/c: exponential sizes make exponential times. The mean wait is C(c, a) D / (c - a). */
static void offloaded_work_waits_as_in_an_m_m_c_queue(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 4; workers++) {
        double a = 0.75 * workers, waited = 0; /* mean time 10 ms */
        uint64_t now_ns = 0;
        struct rng r;
        struct cpu c;

        rng_init(&r, (uint64_t)workers, "arrivals");
        cpu_init(&c, costs, (uint32_t)workers + 1, 1000000);
        for (int k = 0; k < ARRIVALS; k++) {
            uint64_t bytes = sample_exponential(&r, 10000);

            now_ns += sample_exponential(&r, (uint64_t)(10 * MS / a));
            waited += (double)(cpu_charge(&c, now_ns, WORK_VALIDATE, bytes) - now_ns) - (double)bytes * US;
        }
        assert_near(waited / ARRIVALS, erlang_c(workers, a) * 10 * MS / (workers - a), 0.05);
        cpu_deinit(&c);
    }
}

/* A batch at one time: the j-th is done after ceil(j / workers) times. The loop is free all the while. */
static void a_batch_is_shared_out_among_the_workers(void **state)
{
    struct cpu c;

    (void)state;
    cpu_init(&c, costs, 4, 1000000);
    for (uint64_t j = 1; j <= 20; j++)
        assert_int_equal(cpu_charge(&c, 5 * MS, WORK_VALIDATE, 1000), 5 * MS + (j + 2) / 3 * MS);
    assert_int_equal(cpu_charge(&c, 5 * MS, WORK_PARSE, 0), 5 * MS + 100 * US);
    /* The loop hands over what it has come to: after its own work. */
    cpu_reset(&c);
    cpu_charge(&c, 0, WORK_PARSE, 0);
    assert_int_equal(cpu_charge(&c, 0, WORK_VERIFY | WORK_VALIDATE, 1024), 100 * US + 31024 + 1024 * US);
    cpu_deinit(&c);
    cpu_init(&c, costs, 1, 1000000); /* alone, the loop does it all */
    cpu_charge(&c, 0, WORK_VALIDATE, 1000);
    assert_int_equal(cpu_charge(&c, 0, WORK_PARSE, 0), MS + 100 * US);
    cpu_deinit(&c);
}

/* ---- in the simulator: a sender, and a server that takes 100 us for each message of SIZE bytes and answers it ---- */

#define SIZE 100
#define LATENCY_NS (5 * MS)

struct server {
    void *host;
    struct backend_conn conn;
    struct chain out; /* answers, not sent yet */
    uint64_t *sent_ns;
    size_t sent, heard, taken, answered;
    double waited, answer_late;
};

static void send_one(struct server *s, size_t size)
{
    struct blob *b = blob_new(size);

    memset(b->data, 0, size);
    chain_give(&s->out, span_give(b));
    des_ops.send(s->host, s->conn, &s->out);
}

static void server_accepted(void *app, uint64_t now_ns, struct backend_conn conn, const struct endpoint *from)
{
    (void)now_ns;
    (void)from;
    ((struct server *)app)->conn = conn;
}

static void server_data(void *app, uint64_t now_ns, struct backend_conn conn, struct chain *bytes)
{
    struct server *s = app;

    (void)conn;
    s->taken += bytes->size;
    chain_drop(bytes, bytes->size);
    for (; s->heard < s->taken / SIZE; s->heard++) {
        uint64_t arrived = s->sent_ns[s->heard] + LATENCY_NS, done = des_ops.charge(s->host, WORK_PARSE, SIZE);

        assert_true(now_ns >= arrived);
        s->waited += (double)(done - arrived - 100 * US);
        send_one(s, 1);
    }
}

static void server_writable(void *app, uint64_t now_ns, struct backend_conn conn)
{
    struct server *s = app;

    (void)now_ns;
    des_ops.send(s->host, conn, &s->out);
}

static void client_dialled(void *app, uint64_t now_ns, struct backend_conn conn, int err)
{
    (void)app;
    (void)now_ns;
    (void)conn;
    assert_int_equal(err, 0);
}

static uint64_t answered_ns;

static void client_data(void *app, uint64_t now_ns, struct backend_conn conn, struct chain *bytes)
{
    struct server *c = app;

    (void)conn;
    c->answered += bytes->size;
    answered_ns = now_ns;
    chain_drop(bytes, bytes->size);
}

static const struct backend_app server_app = {
    .accepted = server_accepted, .data = server_data, .writable = server_writable};
static const struct backend_app client_app = {
    .dialled = client_dialled, .data = client_data, .writable = server_writable};

static void ask(void *arg, uint64_t now_ns)
{
    struct server *c = arg;

    c->sent_ns[c->sent++] = now_ns;
    send_one(c, SIZE);
}

static void serve(enum des_tcp tcp, uint64_t interval_ns, size_t count, struct server s[static 2])
{
    uint64_t latency[] = {LATENCY_NS}, at_ns = SECOND;
    struct des_config config = {.seed = 5, .region_count = 1, .latency_ns = latency, .tcp = tcp, .costs = costs};
    struct des *d = des_new(&config);
    struct endpoint to = endpoint_ip4(2, 4000);
    struct rng r;

    rng_init(&r, 9, "asking");
    memset(s, 0, 2 * sizeof *s);
    s[0].sent_ns = s[1].sent_ns = mem_grow(NULL, count, sizeof(uint64_t));
    for (uint32_t i = 0; i < 2; i++) {
        struct des_host_config host = {.address = endpoint_ip4(i + 1, 4000), .cores = i, .speed_ppm = 1000000};

        des_host_add(d, &host);
        s[i].host = des_host(d, i);
        des_host_run(d, i, i ? &server_app : &client_app, &s[i]);
    }
    des_ops.listen(s[1].host, &to);
    assert_int_equal(des_ops.dial(s[0].host, &to, &s[0].conn), 0);
    for (size_t i = 0; i < count; i++) {
        des_schedule(d, 0, at_ns, ask, &s[0]);
        at_ns += sample_exponential(&r, interval_ns);
    }
    des_run(d, at_ns + 10 * SECOND);
    assert_int_equal(s[1].heard, count);
    assert_int_equal(s[0].answered, count); /* an answer is a byte */
    for (int i = 0; i < 2; i++)
        chain_deinit(&s[i].out);
    mem_free(s[0].sent_ns);
    des_free(d);
}

static void messages_wait_for_a_busy_loop_as_in_an_m_d_1_queue(void **state)
{
    struct server s[2];

    (void)state;
    serve(DES_TCP_IDEAL, 160 * US, 200000, s); /* rho 0.625 */
    assert_near(s[1].waited / 200000, 0.625 * 100 * US / (2 * (1 - 0.625)), 0.03);
}

static void an_answer_leaves_when_its_work_is_done(void **state)
{
    struct server s[2];

    (void)state;
    for (enum des_tcp tcp = DES_TCP_IDEAL; tcp <= DES_TCP_PACKET; tcp++) {
        serve(tcp, SECOND, 1, s);
        assert_int_equal(answered_ns, SECOND + 2 * LATENCY_NS + 100 * US);
        serve(tcp, 90 * US, 3000, s); /* more than it can do: it gets there in the end */
    }
}

/* ---- a host whose timer comes due while it is busy ---- */

struct sleeper {
    void *host;
    uint64_t again_ns; /* the deadline that it sets meanwhile */
    uint64_t woken_ns;
    unsigned wakes;
};

static void sleeper_wake(void *app, uint64_t now_ns)
{
    struct sleeper *s = app;

    s->woken_ns = now_ns;
    s->wakes++;
}

static void work(void *arg, uint64_t now_ns)
{
    struct sleeper *s = arg;

    des_ops.wake_at(s->host, now_ns + 50 * US);
    des_ops.charge(s->host, WORK_PARSE, 0);
}

static void rearm(void *arg, uint64_t now_ns)
{
    struct sleeper *s = arg;

    (void)now_ns;
    des_ops.wake_at(s->host, s->again_ns);
}

/* Due at 1.05 ms, busy until 1.1 ms, and at 1.07 ms another deadline. */
static struct sleeper oversleep(uint64_t again_ns)
{
    static const struct backend_app app = {.wake = sleeper_wake};
    uint64_t latency[] = {LATENCY_NS};
    struct des_config config = {.seed = 5, .region_count = 1, .latency_ns = latency, .costs = costs};
    struct des_host_config host = {.address = endpoint_ip4(1, 4000), .cores = 1, .speed_ppm = 1000000};
    struct des *d = des_new(&config);
    struct sleeper s = {.again_ns = again_ns};

    des_host_add(d, &host);
    s.host = des_host(d, 0);
    des_host_run(d, 0, &app, &s);
    des_schedule(d, 0, MS, work, &s);
    des_schedule(d, 0, MS + 70 * US, rearm, &s);
    des_run(d, SECOND);
    des_free(d);
    return s;
}

static void a_deadline_that_is_moved_while_the_loop_is_busy_wakes_at_its_new_time_only(void **state)
{
    struct sleeper s = oversleep(5 * MS);

    (void)state;
    assert_int_equal(s.wakes, 1);
    assert_int_equal(s.woken_ns, 5 * MS);
    assert_int_equal(oversleep(TIME_NEVER).wakes, 0);
    s = oversleep(MS); /* that is over: it keeps its place */
    assert_int_equal(s.wakes, 1);
    assert_int_equal(s.woken_ns, MS + 100 * US);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_costs_the_sum_of_its_works_at_the_cores_speed),
        cmocka_unit_test(regular_work_waits_only_when_there_is_too_much_of_it),
        cmocka_unit_test(random_work_waits_as_in_an_m_d_1_queue),
        cmocka_unit_test(offloaded_work_waits_as_in_an_m_m_c_queue),
        cmocka_unit_test(a_batch_is_shared_out_among_the_workers),
        cmocka_unit_test(messages_wait_for_a_busy_loop_as_in_an_m_d_1_queue),
        cmocka_unit_test(an_answer_leaves_when_its_work_is_done),
        cmocka_unit_test(a_deadline_that_is_moved_while_the_loop_is_busy_wakes_at_its_new_time_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
