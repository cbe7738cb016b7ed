/* Playing a script: the instructions for all and those for this node, merged in their order. */
#include "sim/suite/player.h"

#include "stack/base/check.h"
#include "stack/base/err.h"

#include <inttypes.h>
#include <stdio.h>

static void fail(struct player *p, const struct suite_instruction *i, const char *what)
{
    p->state = PLAYER_FAILED;
    snprintf(p->error, sizeof p->error, "script[%" PRIu32 "]: %s: %s", i->number,
             suite_kind_text(i->kind), what);
}

/* NULL at the end. */
static const struct suite_instruction *next(struct player *p)
{
    const struct suite_script *s = p->script;
    uint32_t own_end = p->node < s->node_limit ? s->first[p->node + 1] : 0;
    bool has_own = p->own_next < own_end, has_common = p->common_next < s->common_count;

    if (has_own && (!has_common || s->own[p->own_next] < s->common[p->common_next]))
        return &s->items[s->own[p->own_next++]];
    return has_common ? &s->items[s->common[p->common_next++]] : NULL;
}

void player_init(struct player *p, const struct suite_script *script, uint32_t node,
                 const struct player_env *env)
{
    *p = (struct player){.script = script, .env = *env, .node = node, .state = PLAYER_RUNNING};
    if (node < script->node_limit)
        p->own_next = script->first[node];
    p->current = next(p);
    if (!p->current) {
        p->state = PLAYER_FAILED;
        snprintf(p->error, sizeof p->error, "the script has nothing for node %" PRIu32, node);
    } else if (p->current->kind != SUITE_INIT) {
        fail(p, p->current, "comes before initGossipSub");
    }
}

const struct gossipsub_params *player_params(const struct player *p)
{
    CHECK(p->state == PLAYER_RUNNING && p->current && p->current->kind == SUITE_INIT);
    return &p->script->params[p->current->value];
}

uint32_t player_target(const struct player *p)
{
    CHECK(p->state == PLAYER_CONNECTING);
    return p->script->targets[p->current->value + p->target_next];
}

static void connect_next(struct player *p, uint64_t now_ns)
{
    if (p->target_next == p->current->size) {
        p->state = PLAYER_RUNNING;
        return;
    }
    p->state = PLAYER_CONNECTING;
    p->env.connect(p->env.ctx, now_ns, player_target(p));
}

static void publish(struct player *p, uint64_t now_ns, const struct suite_instruction *i)
{
    int err = p->env.publish(p->env.ctx, now_ns, slice_text(p->script->topics[i->topic]), i->value,
                             i->size);

    if (err)
        fail(p, i,
             err == ERR_DUPLICATE ? "a message with this id was published before" : err_text(err));
}

static void step(struct player *p, uint64_t now_ns, const struct suite_instruction *i)
{
    switch (i->kind) {
    case SUITE_INIT:
        fail(p, i, "comes a second time");
        break;
    case SUITE_CONNECT:
        p->current = i;
        p->target_next = 0;
        connect_next(p, now_ns);
        break;
    case SUITE_WAIT:
        p->current = i;
        p->state = i->value > now_ns ? PLAYER_WAITING : PLAYER_RUNNING;
        break;
    case SUITE_PUBLISH:
        publish(p, now_ns, i);
        break;
    case SUITE_SUBSCRIBE:
        p->env.subscribe(p->env.ctx, now_ns, slice_text(p->script->topics[i->topic]), i->size);
        break;
    case SUITE_DELAY:
        p->env.delay(p->env.ctx, now_ns, slice_text(p->script->topics[i->topic]), i->value);
        break;
    case SUITE_ADD_PARTIAL:
        p->env.add_parts(p->env.ctx, slice_text(p->script->topics[i->topic]), i->value, i->parts);
        break;
    case SUITE_PUBLISH_PARTIAL:
        p->env.publish_parts(p->env.ctx, now_ns, slice_text(p->script->topics[i->topic]), i->value,
                             p->script->targets + i->first, i->size);
        break;
    }
}

void player_run(struct player *p, uint64_t now_ns)
{
    if (p->state == PLAYER_WAITING && p->current->value <= now_ns)
        p->state = PLAYER_RUNNING;
    if (p->state == PLAYER_RUNNING && p->current->kind == SUITE_CONNECT)
        connect_next(p, now_ns); /* the rest of its list */
    while (p->state == PLAYER_RUNNING) {
        const struct suite_instruction *i = next(p);

        if (!i)
            p->state = PLAYER_ENDED;
        else
            step(p, now_ns, i);
    }
}

void player_connected(struct player *p, int err)
{
    CHECK(p->state == PLAYER_CONNECTING);
    if (err) {
        char what[96];

        snprintf(what, sizeof what, "to node %" PRIu32 ": %s", player_target(p), err_text(err));
        fail(p, p->current, what);
        return;
    }
    p->target_next++;
    p->state = PLAYER_RUNNING;
}

uint64_t player_deadline(const struct player *p)
{
    return p->state == PLAYER_WAITING ? p->current->value : TIME_NEVER;
}
