/* The honest talk, and the frame around an attack. */
#include "tests/lib/siege.h"

#include "stack/base/err.h"
#include "stack/base/mem.h"

#define TALK_NS (SWARM_SECOND / 2)
#define STEP_NS (SWARM_SECOND / 20)
#define QUIET_S 3 /* for the last messages to arrive */

static struct node_config siege_config(void)
{
    struct node_config c = node_config_default();

    c.encryption = NOISE_REAL;
    c.gossipsub_on = true;
    c.algorand_on = true;
    c.algorand.genesis = "siege-v1";
    c.algorand.relay = true;
    return c;
}

static void talk(struct siege *s)
{
    uint32_t from = (uint32_t)(s->number % SIEGE_NODES);
    uint64_t now = des_now_ns(s->swarm.des);
    struct blob *vote = blob_new(100);

    memset(vote->data, 0, vote->size);
    store_be64(vote->data, s->number);
    swarm_publish(&s->swarm, from, "t", s->number++, 200);
    assert_int_equal(node_broadcast(s->swarm.nodes[from].node, now, "AV", span_give(vote)), ERR_OK);
    blob_unref(vote);
    s->gossiped++;
    s->broadcasts++;
    s->broadcast[from]++;
}

void siege_run(struct siege *s, uint64_t duration_ns)
{
    uint64_t end = des_now_ns(s->swarm.des) + duration_ns;

    while (des_now_ns(s->swarm.des) < end) {
        uint64_t left = end - des_now_ns(s->swarm.des);

        if (des_now_ns(s->swarm.des) >= s->next_ns) {
            talk(s);
            s->next_ns = des_now_ns(s->swarm.des) + TALK_NS;
        }
        swarm_run(&s->swarm, left < STEP_NS ? left : STEP_NS);
    }
}

struct attacker *siege_more(struct siege *s, uint32_t count)
{
    assert_null(s->others);
    s->others = mem_grow(NULL, count, sizeof *s->others);
    s->other_count = count;
    for (uint32_t i = 0; i < count; i++)
        attacker_init(&s->others[i], &s->swarm, i + 1);
    return s->others;
}

static size_t calendar_size(const void *des)
{
    return des_calendar_size(des);
}

static void begin(struct siege *s, const struct attack *attack)
{
    struct node_config c = siege_config();

    *s = (struct siege){.number = 0};
    if (attack->configure)
        attack->configure(&c);
    swarm_init(&s->swarm, SIEGE_NODES, &c);
    for (uint32_t i = 0; i < SIEGE_NODES; i++)
        for (uint32_t j = 0; j < i; j++)
            swarm_connect(&s->swarm, i, j);
    swarm_subscribe_all(&s->swarm, "t");
    swarm_run(&s->swarm, 3 * SWARM_SECOND);
    for (uint32_t i = 0; i < SIEGE_NODES; i++)
        assert_int_equal(node_counts(s->swarm.nodes[i].node).connections, SIEGE_NODES - 1);
    siege_run(s, 2 * SWARM_SECOND);
    attacker_init(&s->attacker, &s->swarm, 0);
    meter_exempt(calendar_size, s->swarm.des);
    meter_mark();
}

/* Every message of the honest reached every honest node, and nobody lost a connection. */
static void check_honest(const struct siege *s)
{
    for (uint32_t i = 0; i < SIEGE_NODES; i++) {
        const struct swarm_node *n = &s->swarm.nodes[i];

        assert_true(node_counts(n->node).connections >= SIEGE_NODES - 1);
        assert_in_range(n->delivered, s->gossiped, s->gossiped + n->foreign);
        assert_in_range(n->received, s->broadcasts - s->broadcast[i],
                        s->broadcasts - s->broadcast[i] + n->foreign);
        if (i > 0)
            assert_int_equal(n->gone + n->failed, 0);
    }
}

static void check_outcome(const struct siege *s, const struct attack *attack)
{
    const struct swarm_node *victim = &s->swarm.nodes[0];
    const struct attacker *a = &s->attacker;

    switch (attack->outcome) {
    case SIEGE_FAILS:
        assert_int_equal(victim->last_error, attack->code);
        assert_true(victim->failed > 0);
        assert_int_equal(victim->gone, 0);
        return;
    case SIEGE_GONE:
        assert_int_equal(victim->last_error, attack->code);
        assert_true(victim->gone > 0);
        assert_int_equal(victim->failed, 0);
        return;
    case SIEGE_RESET:
        assert_true(attacker_find(a, a->stream)->reset);
        assert_int_equal(attacker_find(a, a->stream)->reset_code, attack->code);
        break;
    case SIEGE_REJECTS:
        assert_true(victim->rejects > 0);
        assert_int_equal(victim->last_reject, attack->code);
        break;
    case SIEGE_STAYS:
        break;
    }
    assert_int_equal(victim->failed + victim->gone, 0);
    assert_false(a->closed);
}

void siege_attack(void **state)
{
    const struct attack *attack = *state;
    struct siege s;
    size_t before, peak;

    begin(&s, attack);
    before = meter_live();
    assert_true(before > 0);
    if (attack->stage != ATTACKER_AWAY)
        attacker_reach(&s.attacker, attack->stage);
    attack->act(&s);
    siege_run(&s, attack->within_s * SWARM_SECOND);
    peak = meter_peak() - before;
    check_outcome(&s, attack);
    swarm_run(&s.swarm, QUIET_S * SWARM_SECOND);
    check_honest(&s);
    if (peak > attack->memory_max)
        print_error("%zu bytes held, %zu allowed\n", peak, attack->memory_max);
    assert_true(peak <= attack->memory_max);
    for (uint32_t i = 0; i < s.other_count; i++)
        attacker_deinit(&s.others[i]);
    mem_free(s.others);
    attacker_deinit(&s.attacker);
    meter_exempt(NULL, NULL);
    swarm_free(&s.swarm);
}

void siege_tests(struct CMUnitTest *tests, const struct attack *attacks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){.name = attacks[i].name,
                                       .test_func = siege_attack,
                                       .initial_state = (void *)(uintptr_t)&attacks[i]};
}
