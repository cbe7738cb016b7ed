/* sim/des with the `ideal` model: what partitions do to connections. */
#include "tests/lib/des_net.h"
#include "tests/lib/test.h"

#define LATENCY_NS (100 * DES_MS)

struct cut {
    struct des *d;
    int slot;
};

static void begin(void *arg, uint64_t now_ns)
{
    struct cut *c = arg;
    bool member[2] = {true, false};

    (void)now_ns;
    c->slot = des_partition(c->d, member, DES_CUT_BOTH);
}

static void end(void *arg, uint64_t now_ns)
{
    struct cut *c = arg;

    (void)now_ns;
    des_heal(c->d, c->slot);
}

/* The heal makes the dialler send its SYN again, although the first is under way. */
static void a_dial_that_a_short_partition_hits_is_one_connection(void **state)
{
    struct des_config config = {.seed = 1, .tcp = DES_TCP_IDEAL};
    struct des_net_host hosts[2] = {{0}};
    struct cut cut;
    struct des_net n;
    struct des_end *dialler;

    (void)state;
    des_net_init(&n, &config, LATENCY_NS, hosts, 2);
    cut.d = n.d;
    dialler = des_net_dial(&n, 0, 1);
    des_schedule_global(n.d, 50 * DES_MS, begin, &cut);
    des_schedule_global(n.d, 60 * DES_MS, end, &cut);
    des_net_run(&n, LATENCY_NS + DES_MS); /* the first SYN is there, its twin is not */
    assert_int_equal(n.peers[1].count, 1);
    des_net_write(n.peers[1].ends[0], 100000);
    des_net_run(&n, DES_SECOND);
    assert_int_equal(n.peers[1].count, 1);
    assert_true(dialler->open && !dialler->closed);
    assert_true(n.peers[1].ends[0]->open && !n.peers[1].ends[0]->closed);
    assert_int_equal(dialler->received, 100000);
    assert_int_equal(des_counts(n.d).connections, 1);
    des_net_deinit(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dial_that_a_short_partition_hits_is_one_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
