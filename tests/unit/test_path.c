/* sim/des/path: what lies between two hosts. */
#include "tests/lib/test.h"

#include "sim/des/internal.h"

#include "stack/base/mem.h"

#include <math.h>
#include <string.h>

#define MS 1000000ull

static const struct backend_app no_app = {0};

static const uint64_t two_regions[] = {2 * MS, 40 * MS, 50 * MS, 3 * MS};

static struct des *world(struct des_config *config, uint32_t hosts, const uint32_t *regions)
{
    struct des *d;

    config->region_count = 2;
    if (!config->latency_ns)
        config->latency_ns = two_regions;
    d = des_new(config);
    for (uint32_t i = 0; i < hosts; i++) {
        struct des_host_config host = {.address = endpoint_ip4(0x0a000001u + i, 1), .region = regions[i]};

        des_host_add(d, &host);
        des_host_run(d, i, &no_app, NULL);
    }
    return d;
}

static void latency_has_a_direction(void **state)
{
    struct des_config config = {.seed = 1};
    struct des *d = world(&config, 2, (uint32_t[]){0, 1});

    (void)state;
    assert_int_equal(path_delay_ns(d->hosts[0], 1, 1), 40 * MS);
    assert_int_equal(path_delay_ns(d->hosts[1], 0, 0), 50 * MS);
    des_free(d);
}

static void a_pair_of_hosts_may_have_a_latency_of_its_own(void **state)
{
    struct des_config config = {.seed = 1};
    struct des *d = world(&config, 3, (uint32_t[]){0, 1, 1});

    (void)state;
    des_latency_pair(d, 0, 1, 7 * MS);
    assert_int_equal(path_delay_ns(d->hosts[0], 1, 1), 7 * MS);
    assert_int_equal(path_delay_ns(d->hosts[0], 2, 1), 40 * MS);
    assert_int_equal(path_delay_ns(d->hosts[1], 0, 0), 50 * MS);
    assert_int_equal(path_least_ns(d, 0, 1), 7 * MS);
    assert_int_equal(path_least_ns(d, 1, 0), 50 * MS);
    des_free(d);
}

static void latency_changes_but_never_below_what_was_announced(void **state)
{
    const uint64_t least[] = {2 * MS, 10 * MS, 50 * MS, 3 * MS};
    struct des_config config = {.seed = 1, .latency_least_ns = least};
    struct des *d = world(&config, 2, (uint32_t[]){0, 1});

    (void)state;
    assert_int_equal(path_least_ns(d, 0, 1), 10 * MS);
    des_latency_set(d, 0, 1, 10 * MS);
    assert_int_equal(path_delay_ns(d->hosts[0], 1, 1), 10 * MS);
    des_latency_set(d, 0, 1, 400 * MS);
    assert_int_equal(path_delay_ns(d->hosts[0], 1, 1), 400 * MS);
    assert_int_equal(path_least_ns(d, 0, 1), 10 * MS);
    des_free(d);
}

static void assert_near(double value, double wanted, double share)
{
    if (fabs(value - wanted) > share * fabs(wanted))
        fail_msg("%.9g is not %.9g to %g", value, wanted, share);
}

static void jitter_of_the_network_follows_its_distribution(void **state)
{
    struct jitter_config jitter = {.kind = JITTER_GAMMA, .mean_ppm = 200000, .deviation_ppm = 500000};
    struct des_config config = {.seed = 1, .jitter = &jitter};
    struct des *d = world(&config, 2, (uint32_t[]){0, 1});
    double sum = 0, squares = 0;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        uint64_t ns = path_delay_ns(d->hosts[0], 1, 1);

        assert_true(ns >= 40 * MS);
        sum += (double)(ns - 40 * MS);
        squares += (double)(ns - 40 * MS) * (double)(ns - 40 * MS);
    }
    assert_near(sum / 100000, 8.0 * MS, 0.01);
    assert_near(sqrt(squares / 100000 - sum / 100000 * sum / 100000), 4.0 * MS, 0.02);
    des_free(d);
}

static void a_pair_of_regions_may_have_a_jitter_of_its_own(void **state)
{
    const uint64_t pairs[] = {DES_JITTER_COMMON, 5 * MS, 0, DES_JITTER_COMMON};
    struct des_config config = {.seed = 1, .jitter_ns = 1 * MS, .jitter_pair_ns = pairs};
    struct des *d = world(&config, 3, (uint32_t[]){0, 1, 0});
    uint64_t most = 0, most_common = 0;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        uint64_t own = path_delay_ns(d->hosts[0], 1, 1) - 40 * MS, common = path_delay_ns(d->hosts[0], 2, 0) - 2 * MS;

        most = own > most ? own : most;
        most_common = common > most_common ? common : most_common;
        assert_int_equal(path_delay_ns(d->hosts[1], 0, 0), 50 * MS);
    }
    assert_in_range(most, 49 * MS / 10, 5 * MS);
    assert_in_range(most_common, 9 * MS / 10, MS);
    des_free(d);
}

static struct des *lossy_world(const struct gilbert *pairs, const struct gilbert *up, const struct gilbert *down)
{
    struct des_config config = {
        .seed = 1, .region_count = 2, .latency_ns = two_regions, .loss = pairs, .tcp = DES_TCP_PACKET};
    struct des *d = des_new(&config);

    for (uint32_t i = 0; i < 2; i++) {
        struct des_host_config host = {
            .address = endpoint_ip4(0x0a000001u + i, 1), .region = i, .loss_up = *up, .loss_down = *down};

        des_host_add(d, &host);
    }
    return d;
}

/* (1 - 1 %) (1 - 2 %) get through uplink and path; the downlink loses 3 % of the rest. */
static void losses_of_links_and_paths_add_up(void **state)
{
    struct gilbert pairs[] = {{0}, {.good_loss_ppm = 20000}, {0}, {0}}, up = {.good_loss_ppm = 10000},
                   down = {.good_loss_ppm = 30000};
    struct des *d = lossy_world(pairs, &up, &down);
    uint32_t there = 0, back = 0, in = 0;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        there += (uint32_t)__builtin_popcountll(path_losses(d->hosts[0], 1, 64));
        back += (uint32_t)__builtin_popcountll(path_losses(d->hosts[1], 0, 64));
        in += (uint32_t)__builtin_popcountll(path_losses_down(d->hosts[1], 64));
    }
    assert_near(there / 640000.0, 1 - 0.99 * 0.98, 0.03);
    assert_near(back / 640000.0, 0.01, 0.06);
    assert_near(in / 640000.0, 0.03, 0.04);
    des_free(d);
}

/* Bursts go on from call to call and from mask to mask, and each pair of regions has its own. */
static void bursts_do_not_care_how_packets_are_grouped(void **state)
{
    struct gilbert burst = {.good_to_bad_ppm = 10000, .bad_to_good_ppm = 200000, .bad_loss_ppm = 1000000};
    struct gilbert pairs[] = {burst, burst, burst, burst}, none = {0};
    struct des *one = lossy_world(pairs, &none, &none), *many = lossy_world(pairs, &none, &none);
    uint32_t lost = 0, bursts = 0;
    bool before = false;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        uint64_t mask = path_losses(many->hosts[0], 1, 40);

        for (unsigned k = 0; k < 40; k++) {
            bool is = mask >> k & 1;

            assert_int_equal(path_losses(one->hosts[0], 1, 1), is);
            lost += is;
            bursts += is && !before;
            before = is;
        }
        assert_int_equal(mask >> 40, 0);
    }
    assert_near(lost / 400000.0, 0.01 / 0.21, 0.05);
    assert_near((double)lost / bursts, 5, 0.05);
    des_free(one);
    des_free(many);
}

static void a_path_without_loss_draws_nothing(void **state)
{
    struct gilbert pairs[] = {{0}, {.good_loss_ppm = 1}, {0}, {0}}, none = {0};
    struct des *d = lossy_world(pairs, &none, &none);

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(path_losses(d->hosts[1], 0, 64), 0);
    assert_null(d->hosts[1]->loss);
    des_free(d);
}

static void loss_may_change(void **state)
{
    struct gilbert none = {0}, all = {.good_loss_ppm = 1000000};
    struct des *d = lossy_world(NULL, &none, &none);

    (void)state;
    assert_int_equal(path_losses(d->hosts[0], 1, 64), 0);
    des_loss_set(d, 0, 1, &all);
    assert_true(path_losses(d->hosts[0], 1, 64) == UINT64_MAX);
    assert_int_equal(path_losses(d->hosts[1], 0, 64), 0);
    des_loss_set(d, 0, 1, &none);
    assert_int_equal(path_losses(d->hosts[0], 1, 64), 0);
    des_free(d);
}

/* Half of the latency lies behind a bottleneck; its host belongs to the first region that feeds it. */
static void a_bottleneck_halves_the_lookahead(void **state)
{
    const struct des_pair pairs[] = {{0, 1}};
    struct des_bottleneck middle = {.pairs = pairs, .pair_count = 1, .bps = 1000000};
    struct des_config config = {.seed = 1, .tcp = DES_TCP_PACKET};
    struct des *d = world(&config, 3, (uint32_t[]){0, 1, 1});
    struct path_hop hop;

    (void)state;
    des_bottleneck_add(d, &middle);
    hop = path_hop(d->hosts[0], 1, 1);
    assert_int_equal(hop.host, 3);
    assert_int_equal(hop.delay_ns, 20 * MS);
    assert_int_equal(hop.rest_ns, 20 * MS);
    assert_int_equal(d->hosts[3]->region, 0);
    assert_int_equal(path_least_ns(d, 0, 1), 20 * MS);
    assert_int_equal(path_least_ns(d, 0, 0), 2 * MS);
    hop = path_hop(d->hosts[1], 0, 0);
    assert_int_equal(hop.host, 0);
    assert_int_equal(hop.delay_ns, 50 * MS);
    assert_int_equal(hop.rest_ns, 0);
    des_latency_pair(d, 0, 2, 3 * MS);
    hop = path_hop(d->hosts[0], 2, 1);
    assert_int_equal(hop.host, 3);
    assert_int_equal(hop.delay_ns + hop.rest_ns, 3 * MS);
    assert_int_equal(path_least_ns(d, 0, 1), 3 * MS / 2);
    assert_int_equal(path_least_ns(d, 0, 0), 3 * MS / 2);
    des_latency_set(d, 0, 1, 400 * MS);
    hop = path_hop(d->hosts[0], 1, 1);
    assert_int_equal(hop.delay_ns, 380 * MS);
    assert_int_equal(hop.rest_ns, 20 * MS);
    des_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(latency_has_a_direction),
        cmocka_unit_test(a_pair_of_hosts_may_have_a_latency_of_its_own),
        cmocka_unit_test(latency_changes_but_never_below_what_was_announced),
        cmocka_unit_test(jitter_of_the_network_follows_its_distribution),
        cmocka_unit_test(a_pair_of_regions_may_have_a_jitter_of_its_own),
        cmocka_unit_test(losses_of_links_and_paths_add_up),
        cmocka_unit_test(bursts_do_not_care_how_packets_are_grouped),
        cmocka_unit_test(a_path_without_loss_draws_nothing),
        cmocka_unit_test(loss_may_change),
        cmocka_unit_test(a_bottleneck_halves_the_lookahead),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
