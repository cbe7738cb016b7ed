/* How connections end in the simulator's TCP models when their nodes have closed them, or are gone. */
#include "tests/lib/des_net.h"
#include "tests/lib/test.h"

#include "stack/base/err.h"

#define SECOND DES_SECOND

/* A process that closes and ends: its kernel sends what was written, and the FIN behind it. */
static void what_was_written_before_an_orderly_end_arrives(void **state)
{
    static const enum des_tcp models[] = {DES_TCP_FLIGHT, DES_TCP_PACKET};
    struct des_net_host hosts[2] = {{10000000, 10000000}, {10000000, 10000000}};

    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        struct des_config config = {.seed = 1, .tcp = models[i]};
        struct des_net n;
        struct des_end *end, *far;

        des_net_init(&n, &config, SECOND / 50, hosts, 2);
        end = des_net_dial(&n, 0, 1);
        des_net_run(&n, SECOND);
        far = n.peers[1].ends[0];
        des_net_write(end, 40000);
        assert_int_equal(end->written, 40000);
        des_net_close(end, BACKEND_CLOSE_FIN);
        des_host_run(n.d, 0, NULL, NULL);
        des_net_run(&n, 2 * SECOND);
        assert_int_equal(far->received, 40000);
        assert_true(far->closed);
        assert_int_equal(far->err, ERR_CLOSED);
        des_net_run(&n, 200 * SECOND); /* nothing is left that would call the node which is gone */
        des_net_deinit(&n);
    }
}

/* Both nodes close while bytes are under way both ways, and packets are lost: nobody reads them any more, yet each FIN waits for all
 * before it. */
static void connections_that_both_ends_closed_end_although_packets_are_lost(void **state)
{
    static const enum des_tcp models[] = {DES_TCP_FLIGHT, DES_TCP_PACKET};
    struct des_net_host hosts[2] = {{10000000, 10000000}, {10000000, 10000000}};

    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct des_config config = {.seed = seed / 2, .tcp = models[seed % 2]};
        struct des_net n;
        struct des_end *ends[2];

        des_net_init(&n, &config, SECOND / 50, hosts, 2);
        ends[0] = des_net_dial(&n, 0, 1);
        des_net_run(&n, SECOND);
        ends[1] = n.peers[1].ends[0];
        des_net_lose(&n, 200000);
        for (int i = 0; i < 2; i++) {
            des_net_write(ends[i], 1000 * (1 + seed / 2 % 40));
            des_net_close(ends[i], BACKEND_CLOSE_FIN);
            if (seed & 2)
                des_host_run(n.d, (uint32_t)i, NULL, NULL);
        }
        des_net_run(&n, 2000 * SECOND);
        des_net_deinit(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_before_an_orderly_end_arrives),
        cmocka_unit_test(connections_that_both_ends_closed_end_although_packets_are_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
