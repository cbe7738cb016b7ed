/* The settings of scores, the gater, and what came with gossipsub v1.2 and v1.3: every key lands where it belongs, presets bring
 * what they promise. */
#include "sim/scenario/scenario.h"
#include "sim/scenario/units.h"
#include "stack/gossipsub/gater.h"
#include "tests/lib/test.h"

#include <math.h>

static void load(struct scenario *s)
{
    struct scenario_error err;

    if (scenario_load("tests/scenarios/valid/scores.yaml", NULL, 0, s, &err) != 0)
        fail_msg("%s", err.text);
}

static void assert_near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-9))
        fail_msg("%.12g, not %.12g", got, want);
}

static void keys_of_a_score_land_where_they_belong(void **state)
{
    const struct score_params *p;
    struct scenario s;

    (void)state;
    load(&s);
    p = s.groups[0].score;
    assert_near(p->gossip_threshold, -4000);
    assert_near(p->publish_threshold, -5000);
    assert_near(p->graylist_threshold, -10000);
    assert_near(p->accept_px_threshold, 10);
    assert_near(p->opportunistic_graft_threshold, 1.5);
    assert_near(p->topic_score_cap, 100);
    assert_near(p->app_specific_weight, 2);
    assert_near(p->ip_colocation_factor_weight, -10);
    assert_int_equal(p->ip_colocation_factor_threshold, 3);
    assert_int_equal(p->whitelist_count, 2);
    assert_int_equal(p->whitelist[1].bits, 24);
    assert_int_equal(p->whitelist[1].ip[1], 168);
    assert_near(p->behaviour_penalty_weight, -15.92);
    assert_near(p->behaviour_penalty_threshold, 6);
    assert_near(p->behaviour_penalty_decay, pow(0.02, 1.0 / 1920)); /* 64 m in ticks of 2 s, to 0.02 */
    assert_int_equal(p->decay_interval_ns, 2 * NS_PER_S);
    assert_near(p->decay_to_zero, 0.02);
    assert_int_equal(p->retain_score_ns, 30 * NS_PER_S);
    assert_int_equal(p->seen_msg_ttl_ns, 120 * NS_PER_S);
    assert_int_equal(s.groups[0].app_score_count, 2);
    assert_int_equal(s.groups[0].app_scores[1].group, 1);
    assert_near(s.groups[0].app_scores[1].value, -2.5);
    assert_int_equal(s.scores_every_ns, 10 * NS_PER_S);
    assert_int_equal(s.scores_of, 2);
    scenario_free(&s);
}

static void keys_of_a_topic_land_where_they_belong(void **state)
{
    const struct score_topic_params *t;
    struct scenario s;

    (void)state;
    load(&s);
    assert_int_equal(s.groups[0].score->topic_count, 2);
    assert_string_equal(s.groups[0].score->topics[0].name, "a");
    assert_string_equal(s.groups[0].score->topics[1].name, SCORE_ANY_TOPIC);
    t = &s.groups[0].score->topics[0].params;
    assert_near(t->topic_weight, 0.25);
    assert_near(t->time_in_mesh_weight, 0.0027);
    assert_int_equal(t->time_in_mesh_quantum_ns, NS_PER_S);
    assert_near(t->time_in_mesh_cap, 3600);
    assert_near(t->first_message_deliveries_weight, 0.664);
    assert_near(t->first_message_deliveries_decay, 0.9916);
    assert_near(t->first_message_deliveries_cap, 1500);
    assert_near(t->mesh_message_deliveries_weight, -0.25);
    assert_near(t->mesh_message_deliveries_decay, 0.997);
    assert_near(t->mesh_message_deliveries_cap, 400);
    assert_near(t->mesh_message_deliveries_threshold, 10);
    assert_int_equal(t->mesh_message_deliveries_window_ns, 5 * NS_PER_MS);
    assert_int_equal(t->mesh_message_deliveries_activation_ns, 60 * NS_PER_S);
    assert_near(t->mesh_failure_penalty_weight, -0.25);
    assert_near(t->mesh_failure_penalty_decay, 0.997);
    assert_near(t->invalid_message_deliveries_weight, -99);
    assert_near(t->invalid_message_deliveries_decay, 0.9994);
    scenario_free(&s);
}

static void the_newer_settings_land_where_they_belong(void **state)
{
    const struct scenario_group *g;
    struct scenario s;

    (void)state;
    load(&s);
    g = &s.groups[0];
    assert_int_equal(g->versions, 1u << GOSSIPSUB_V13 | 1u << GOSSIPSUB_V12 | 1u << GOSSIPSUB_V11 | 1u << GOSSIPSUB_FLOODSUB);
    assert_int_equal(g->extensions, GOSSIPSUB_EXTENSION_TEST);
    assert_int_equal(g->gossipsub.idontwant_threshold, 2048);
    assert_int_equal(g->gossipsub.max_idontwant_messages, 100);
    assert_int_equal(g->gossipsub.max_idontwant_length, 20);
    assert_int_equal(g->gossipsub.idontwant_ttl, 4);
    assert_int_equal(g->gossipsub.opportunistic_graft_ticks, 10);
    assert_int_equal(g->gossipsub.opportunistic_graft_peers, 3);
    assert_int_equal(g->gossipsub.direct_connect_ticks, 20);
    assert_int_equal(g->gossipsub.direct_connect_initial_delay_ns, 2000000000);
    assert_true(s.topologies[0].direct);
    assert_true(g->gossipsub.do_px);
    assert_int_equal(g->gossipsub.validation_throttle, 100);
    assert_int_equal(g->gossipsub.topic_throttle, 50);
    assert_int_equal(g->gossipsub.subscriptions_per_rpc_max, 100);
    assert_int_equal(g->topics_allowed_count, 2);
    assert_string_equal(g->topics_allowed[1], "b");
    assert_true(g->gossipsub.seqno_check);
    assert_near(g->gater->threshold, 0.5);
    assert_near(g->gater->global_decay, pow(0.01, 1.0 / 180));
    assert_near(g->gater->source_decay, 0.999);
    assert_int_equal(g->gater->quiet_ns, 120 * NS_PER_S);
    assert_near(g->gater->duplicate_weight, 0.25);
    assert_near(g->gater->ignore_weight, 2);
    assert_near(g->gater->reject_weight, 8);
    scenario_free(&s);
}

static void presets_bring_the_scores_of_their_networks(void **state)
{
    const struct score_params *p;
    struct scenario s;

    (void)state;
    load(&s);
    p = s.groups[1].score; /* algorand */
    assert_near(p->graylist_threshold, -2500);
    assert_near(p->topics[0].params.first_message_deliveries_decay, pow(0.01, 1.0 / 600));
    assert_near(p->topics[0].params.invalid_message_deliveries_weight, -1000);
    assert_near(p->app_specific_weight, 0);
    p = s.groups[2].score; /* eth2, with another weight of one topic */
    assert_near(p->topic_score_cap, 32.72);
    assert_int_equal(p->decay_interval_ns, 12 * NS_PER_S);
    assert_int_equal(p->topic_count, 1);
    assert_near(p->topics[0].params.topic_weight, 0.5);
    assert_near(p->topics[0].params.first_message_deliveries_cap, 23);
    assert_int_equal(s.groups[2].gossipsub.heartbeat_interval_ns, 700 * NS_PER_MS);
    assert_int_equal(s.groups[2].message_id, SCENARIO_ID_ETH2);
    scenario_free(&s);
}

static void scores_are_off_unless_asked_for(void **state)
{
    struct scenario_error err;
    struct scenario s;

    (void)state;
    assert_int_equal(scenario_load_text("s", slice_text("scenario: s\nduration: 1m\nnodes: [{group: a, count: 2, gossipsub: "
                                                        "{preset: eth2}}, {group: b, count: 2, gossipsub: {score: off}}]\n"
                                                        "topology: {kind: ring}\n"),
                                        NULL, 0, &s, &err),
                     0);
    for (uint32_t i = 0; i < 2; i++) {
        assert_null(s.groups[i].score);
        assert_null(s.groups[i].gater);
    }
    scenario_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_a_score_land_where_they_belong),
        cmocka_unit_test(keys_of_a_topic_land_where_they_belong),
        cmocka_unit_test(the_newer_settings_land_where_they_belong),
        cmocka_unit_test(presets_bring_the_scores_of_their_networks),
        cmocka_unit_test(scores_are_off_unless_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
