/* What the adversaries of a group share: whom they silence, whom they send peers to. */
#include "sim/adversary/adversary.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/base/rng.h"
#include "stack/wire/multiaddr.h"
#include "stack/wire/record.h"

#define FABRICATED 256u             /* identities that nobody has, */
#define FABRICATED_IP 0xcb007100u   /* at 203.0.113.0/24, which is for documentation: nobody is there */
#define PORT 4001

static void collect_publishers(struct adversary_plan *p, const struct adversary_census *census)
{
    const struct scenario_behaviour *b = p->group->behaviour;

    for (uint32_t i = 0; i < b->publisher_count; i++)
        for (uint32_t k = 0; k < b->publishers[i].count; k++) {
            struct identity id;
            bool fresh;

            census->identity(census->ctx, b->publishers[i].first + k, &id);
            map_insert(&p->publishers, peerid_slice(&id.id), &fresh);
        }
}

static void record_of(struct adversary_plan *p, uint32_t at, const struct identity *who, const struct endpoint *where)
{
    struct record *r = mem_zalloc(sizeof *r);
    struct buf address;

    buf_init(&address, MULTIADDR_SIZE_MAX);
    multiaddr_from_endpoint(&address, where, NULL);
    r->seq = 1;
    r->addrs[0] = buf_slice(&address);
    r->addr_count = 1;
    buf_init(&p->records[at], RECORD_SIZE_MAX);
    CHECK(record_seal(r, who, &p->records[at]) == ERR_OK);
    p->named[at] = who->id;
    buf_deinit(&address);
    mem_free(r);
}

static void write_records(struct adversary_plan *p, const struct adversary_census *census)
{
    const struct scenario_group *lure = p->group->behaviour->lure == SCENARIO_NONE
                                            ? NULL
                                            : &p->scenario->groups[p->group->behaviour->lure];
    struct rng r;

    rng_init(&r, rng_derive(p->scenario->seed, "fabricated", p->group->node_first), "identity");
    p->record_count = lure ? lure->count : FABRICATED;
    p->records = mem_zalloc(p->record_count * sizeof *p->records);
    p->named = mem_zalloc(p->record_count * sizeof *p->named);
    for (uint32_t i = 0; i < p->record_count; i++) {
        struct endpoint where = endpoint_ip4(FABRICATED_IP + i, PORT);
        struct identity who;
        uint8_t seed[ED25519_SEED_SIZE];

        if (lure) {
            census->identity(census->ctx, lure->node_first + i, &who);
            where = census->address(census->ctx, lure->node_first + i);
        } else {
            rng_fill(&r, seed, sizeof seed);
            identity_from_seed(&who, seed);
        }
        record_of(p, i, &who, &where);
    }
}

void adversary_plan_init(struct adversary_plan *p, const struct scenario *s, const struct scenario_group *g,
                         gossipsub_id_fn *message_id, const struct adversary_census *census)
{
    *p = (struct adversary_plan){.scenario = s, .group = g, .message_id = message_id};
    map_init(&p->publishers, s->seed);
    collect_publishers(p, census);
    if (g->behaviour->kind == BEHAVIOUR_PX_POISON)
        write_records(p, census);
}

void adversary_plan_deinit(struct adversary_plan *p)
{
    map_deinit(&p->publishers);
    for (uint32_t i = 0; i < p->record_count; i++)
        buf_deinit(&p->records[i]);
    mem_free(p->records);
    mem_free(p->named);
    *p = (struct adversary_plan){0};
}
