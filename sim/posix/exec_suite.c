/* `hearsay interop` in a host: its log as traces.
 *
 * The log says less than a journal. What follows from it: a copy that a node sends of a message that it never got is the message's
 * publication; the first copy that it gets is its delivery (the validation comes after it and is not logged); who tells a
 * neighbour that it joined a topic has joined it. Connections are not logged: the first word about a peer stands for its. */
#include "sim/posix/tenant.h"

#include "sim/suite/params.h"
#include "sim/suite/relog.h"
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/map.h"
#include "stack/base/mem.h"

#include <stdio.h>

struct suite_feed {
    struct map sizes; /* bytes of a message, by its id (8 bytes) */
    struct map known; /* node (4 bytes) and id: it published the message or got it */
    struct map joined; /* peer id, a byte 0, topic */
};

struct suite_feed *suite_feed_new(const char *params, char error[static EXEC_ERROR_MAX])
{
    struct suite_feed *f = mem_zalloc(sizeof *f);
    struct suite_script script;
    struct scenario_error err;

    if (suite_script_load(params, &script, &err) != ERR_OK) {
        snprintf(error, EXEC_ERROR_MAX, "%.500s", err.text);
        mem_free(f);
        return NULL;
    }
    map_init(&f->sizes, 1);
    map_init(&f->known, 2);
    map_init(&f->joined, 3);
    for (uint32_t i = 0; i < script.count; i++) {
        uint8_t id[8];
        bool fresh;

        if (script.items[i].kind != SUITE_PUBLISH)
            continue;
        store_be64(id, script.items[i].value);
        *map_insert(&f->sizes, slice_of(id, sizeof id), &fresh) = script.items[i].size;
    }
    suite_script_free(&script);
    return f;
}

void suite_feed_free(struct suite_feed *f)
{
    if (!f)
        return;
    map_deinit(&f->sizes);
    map_deinit(&f->known);
    map_deinit(&f->joined);
    mem_free(f);
}

void exec_suite_arguments(const struct tenant *t, struct words *arguments)
{
    words_add(arguments, "interop");
    words_add(arguments, "--params");
    words_add(arguments, "%s", t->exec->config.params);
}

/* ---- its log ---- */

static void report(struct tenant *t, uint64_t now_ns, struct trace_event *e)
{
    run_report(t->exec->run, t->node, now_ns, e);
}

static uint32_t slot_of(struct tenant *t, uint64_t now_ns, const struct relogged *r)
{
    bool is_new;
    uint32_t slot;

    if (!r->has_peer)
        return TRACE_NO_PEER;
    slot = tenant_slot(t, &r->peer, &is_new);
    if (is_new)
        report(t, now_ns, &(struct trace_event){.kind = TRACE_PEER_READY, .peer = slot, .id = peerid_slice(&r->peer)});
    return slot;
}

/* Whether the node had the message before; from now on it has. */
static bool knew(struct tenant *t, struct slice id)
{
    uint8_t key[4 + sizeof((struct relogged *)0)->id_bytes];
    bool fresh;

    store_be32(key, t->node);
    memcpy(key + 4, id.data, id.size);
    *map_insert(&t->exec->suite->known, slice_of(key, 4 + id.size), &fresh) = 1;
    return !fresh;
}

static void take_copy(struct tenant *t, uint64_t now_ns, const struct relogged *r)
{
    const uint64_t *size = map_find(&t->exec->suite->sizes, r->id);
    struct trace_event e = {.peer = slot_of(t, now_ns, r), .id = r->id, .topic = r->topic, .size = size ? (uint32_t)*size : 0};
    bool known = knew(t, r->id);

    if (r->kind == RELOG_SENT && !known) {
        struct trace_event published = e;

        published.kind = TRACE_PUBLISH;
        published.peer = TRACE_NO_PEER;
        report(t, now_ns, &published);
    }
    e.kind = r->kind == RELOG_SENT ? TRACE_SEND : known ? TRACE_DUPLICATE : TRACE_ARRIVE;
    report(t, now_ns, &e);
    if (e.kind != TRACE_ARRIVE)
        return;
    e.kind = TRACE_DELIVER;
    report(t, now_ns, &e);
}

/* Tells it of the peer, the first time that anybody hears of it. */
static void take_subscription(struct tenant *t, uint64_t now_ns, const struct relogged *r)
{
    struct exec *e = t->exec;
    struct trace_event join = {.kind = r->joined ? TRACE_JOIN : TRACE_LEAVE, .peer = TRACE_NO_PEER, .topic = r->topic};
    uint8_t key[PEERID_SIZE_MAX + 1 + sizeof r->topic_text];
    uint64_t *joined;
    uint32_t node = 0;
    bool fresh;

    memcpy(key, r->peer.bytes, r->peer.size);
    key[r->peer.size] = 0;
    memcpy(key + r->peer.size + 1, r->topic.data, r->topic.size);
    joined = map_insert(&e->suite->joined, slice_of(key, (size_t)r->peer.size + 1 + r->topic.size), &fresh);
    if (*joined == r->joined)
        return;
    *joined = r->joined;
    while (node < e->count && !peerid_equal(run_peer(e->run, node), &r->peer))
        node++;
    if (node < e->count)
        run_report(e->run, node, now_ns, &join);
}

bool exec_suite_line(struct tenant *t, uint64_t now_ns, struct slice line)
{
    static struct relogged r;
    struct trace_event e = {0};

    switch (relog(line, &r)) {
    case RELOG_RECEIVED:
    case RELOG_SENT:
        take_copy(t, now_ns, &r);
        return true;
    case RELOG_CONTROL:
        e = (struct trace_event){.kind = r.sent ? TRACE_CONTROL_SENT : TRACE_CONTROL_RECEIVED, .peer = slot_of(t, now_ns, &r), .code = (int)r.control, .count = r.count};
        report(t, now_ns, &e);
        return true;
    case RELOG_SUBSCRIPTION:
        if (r.has_peer)
            take_subscription(t, now_ns, &r);
        return true;
    case RELOG_OTHER:
        return true;
    case RELOG_BROKEN:
        break;
    }
    return false;
}
