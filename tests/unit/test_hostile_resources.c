/* Many attackers at once, and the same one again and again. */
#include "tests/lib/siege.h"

#include "stack/base/err.h"

#define LITTLE (64 * KIB)
#define CONNECTION_SIZE (12 * KIB) /* a ready one with its streams, at both ends */
#define MANY 60

static void few_connections(struct node_config *c)
{
    c->connections_max = 20;
}

static void connect_many(struct siege *s, uint32_t count, enum attacker_stage last)
{
    struct attacker *all = siege_more(s, count);

    for (uint32_t i = 0; i < count; i++)
        attacker_connect(&all[i], last);
    siege_run(s, SWARM_SECOND / 2);
}

static uint32_t count_open(const struct siege *s)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->other_count; i++)
        count += !s->others[i].closed;
    return count;
}

static void flood_connections(struct siege *s)
{
    connect_many(s, MANY, ATTACKER_TCP);
    assert_int_equal(count_open(s), 20 - (SIEGE_NODES - 1));
}

/* The places are free again when the upgrade has timed out. */
static void flood_connections_and_wait(struct siege *s)
{
    flood_connections(s);
    siege_run(s, 16 * SWARM_SECOND);
    assert_int_equal(count_open(s), 0);
    attacker_reach(&s->attacker, ATTACKER_READY);
    siege_run(s, SWARM_SECOND);
    assert_false(s->attacker.closed);
}

static void flood_handshakes(struct siege *s)
{
    connect_many(s, MANY, ATTACKER_NOISE);
    assert_int_equal(count_open(s), MANY);
}

static void arrive_and_crash_together(struct siege *s)
{
    connect_many(s, MANY, ATTACKER_READY);
    assert_int_equal(count_open(s), MANY);
    for (uint32_t i = 0; i < MANY; i++)
        attacker_crash(&s->others[i]);
}

static void crash_in_every_stage(struct siege *s)
{
    size_t before = meter_live();

    for (int round = 0; round < 3; round++) {
        for (enum attacker_stage stage = ATTACKER_TCP; stage <= ATTACKER_READY; stage++) {
            attacker_reach(&s->attacker, stage);
            attacker_crash(&s->attacker);
            siege_run(s, SWARM_SECOND / 5);
        }
    }
    assert_int_equal(node_counts(s->swarm.nodes[0].node).connections, SIEGE_NODES - 1);
    assert_true(meter_live() < before + LITTLE);
    s->swarm.nodes[0].failed = 0; /* what counts is the last one */
}

static void come_and_go(struct siege *s)
{
    size_t before = meter_live();

    for (int round = 0; round < 50; round++) {
        attacker_reach(&s->attacker, ATTACKER_READY);
        attacker_join(&s->attacker);
        attacker_crash(&s->attacker);
        siege_run(s, SWARM_SECOND / 20);
    }
    assert_true(meter_live() < before + LITTLE);
}

static void come_as_many_peers(struct siege *s)
{
    struct attacker *all = siege_more(s, 10);

    for (uint32_t i = 0; i < 10; i++) {
        attacker_reach(&all[i], ATTACKER_READY);
        attacker_open(&all[i], "/meshsub/1.1.0");
    }
    for (uint32_t i = 0; i < 10; i++)
        attacker_crash(&all[i]);
}

static void come_twice(struct siege *s)
{
    struct attacker *twin = siege_more(s, 1);

    twin->identity = s->attacker.identity;
    attacker_reach(&s->attacker, ATTACKER_READY);
    attacker_connect(twin, ATTACKER_READY);
    siege_run(s, SWARM_SECOND);
    assert_true(twin->closed);
    assert_false(s->attacker.closed);
}

static void come_twice_at_the_same_time(struct siege *s)
{
    struct attacker *twin = siege_more(s, 1);

    twin->identity = s->attacker.identity;
    attacker_connect(&s->attacker, ATTACKER_READY);
    attacker_connect(twin, ATTACKER_READY);
    siege_run(s, SWARM_SECOND);
    assert_int_equal(twin->closed + s->attacker.closed, 1);
}

static void never_read_a_byte(struct siege *s)
{
    attacker_connect(&s->attacker, ATTACKER_TCP);
    siege_run(s, SWARM_SECOND / 10);
    des_ops.pause(s->attacker.host, s->attacker.conn, true);
    attacker_raw(&s->attacker, slice_text("\x13/multistream/1.0.0\n\x07/noise\n"));
}

static void never_read_as_a_peer(struct siege *s)
{
    attacker_reach(&s->attacker, ATTACKER_READY);
    des_ops.pause(s->attacker.host, s->attacker.conn, true);
}

/* Everybody is in the mesh, and nobody of them answers or reads. */
static void surround(struct siege *s)
{
    struct attacker *all = siege_more(s, 8);

    for (uint32_t i = 0; i < 8; i++) {
        attacker_reach(&all[i], ATTACKER_READY);
        all[i].stingy = true;
        attacker_join(&all[i]);
    }
    for (uint32_t i = 0; i < 20; i++) {
        swarm_publish(&s->swarm, 1 + i % 3, "t", s->number++, 20000);
        s->gossiped++;
        siege_run(s, SWARM_SECOND / 10);
    }
}

static const struct attack attacks[] = {
    {"connections_over_the_maximum_are_reset", ATTACKER_AWAY, flood_connections, SIEGE_FAILS,
     ERR_LIMIT, 1, MANY *CONNECTION_SIZE, few_connections},
    {"places_are_free_again_after_the_upgrade_timeout", ATTACKER_AWAY, flood_connections_and_wait,
     SIEGE_FAILS, ERR_TIMEOUT, 1, MANY *CONNECTION_SIZE, few_connections},
    {"unfinished_handshakes_time_out", ATTACKER_AWAY, flood_handshakes, SIEGE_FAILS, ERR_TIMEOUT,
     16, MANY *CONNECTION_SIZE, NULL},
    {"a_crowd_that_crashes_leaves_nothing", ATTACKER_AWAY, arrive_and_crash_together, SIEGE_GONE,
     ERR_RESET, 1, MANY *CONNECTION_SIZE, NULL},
    {"a_crash_in_any_stage_leaves_nothing", ATTACKER_AWAY, crash_in_every_stage, SIEGE_GONE,
     ERR_RESET, 1, LITTLE, NULL},
    {"coming_and_going_leaves_nothing", ATTACKER_AWAY, come_and_go, SIEGE_GONE, ERR_RESET, 1,
     2 * LITTLE, NULL},
    {"many_peers_of_one_attacker_leave_nothing", ATTACKER_AWAY, come_as_many_peers, SIEGE_GONE,
     ERR_RESET, 1, 10 * CONNECTION_SIZE + LITTLE, NULL},
    {"a_second_connection_of_a_peer_is_a_duplicate", ATTACKER_AWAY, come_twice, SIEGE_FAILS,
     ERR_DUPLICATE, 1, LITTLE, NULL},
    {"of_two_connections_at_the_same_time_one_is_kept", ATTACKER_AWAY, come_twice_at_the_same_time,
     SIEGE_FAILS, ERR_DUPLICATE, 1, LITTLE, NULL},
    {"who_reads_nothing_never_becomes_a_peer", ATTACKER_AWAY, never_read_a_byte, SIEGE_FAILS,
     ERR_TIMEOUT, 16, LITTLE, NULL},
    {"a_peer_that_stops_reading_is_found_dead", ATTACKER_AWAY, never_read_as_a_peer, SIEGE_GONE,
     ERR_TIMEOUT, 45, MIB, NULL},
    {"a_mesh_full_of_the_silent_still_delivers", ATTACKER_AWAY, surround, SIEGE_STAYS, 0, 1,
     16 * MIB, NULL},
};

int main(void)
{
    struct CMUnitTest tests[sizeof attacks / sizeof attacks[0]];

    assert_int_equal(crypto_init(), 0);
    siege_tests(tests, attacks, sizeof attacks / sizeof attacks[0]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
