/* sim/des/path: what lies between two hosts. */
#include "tests/lib/test.h"

#include "sim/des/internal.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(latency_has_a_direction),
        cmocka_unit_test(a_pair_of_hosts_may_have_a_latency_of_its_own),
        cmocka_unit_test(latency_changes_but_never_below_what_was_announced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
