/* `hearsay node` in a host: a group's settings as options, dials and messages as commands, its journal as traces. */
#include "sim/posix/tenant.h"

#include "sim/live/address.h"
#include "sim/live/jsonl.h"
#include "sim/live/keyfile.h"
#include "sim/live/live.h"
#include "sim/live/retell.h"
#include "sim/scenario/sections.h"
#include "sim/scenario/units.h"
#include "stack/base/check.h"
#include "stack/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#define BODY_SIZE_MAX ((uint64_t)3 << 20) /* in hex it has to fit a line of input */
#define COMMAND_MAX ((size_t)8 << 20)

/* ---- what cannot be told ---- */

static bool algorand_default(const struct algorand_config *a)
{
    struct algorand_config d = algorand_config_default();

    return a->queue_max == d.queue_max && a->queue_stale_ns == d.queue_stale_ns && a->seen_ttl_ns == d.seen_ttl_ns &&
           a->handshake_timeout_ns == d.handshake_timeout_ns;
}

static uint64_t largest(const struct sample *size)
{
    uint64_t most = size->kind == SAMPLE_FIXED ? size->mean : size->max;

    for (uint32_t i = 0; size->kind == SAMPLE_CHOICE && i < size->value_count; i++)
        most = i == 0 || size->values[i] > most ? size->values[i] : most;
    return most;
}

const char *exec_node_refuses(const struct scenario *s, char *out)
{
    for (uint32_t i = 0; i < s->group_count; i++) {
        const struct scenario_group *g = &s->groups[i];

        if (!g->gossipsub_on)
            snprintf(out, 256, "nodes.%u.gossipsub: `hearsay node` always speaks it (leave \"off\" out)", i);
        else if (g->score || g->gater || g->app_score_count || g->topics_allowed_count)
            snprintf(out, 256, "nodes.%u.gossipsub.%s: `hearsay node` gets no mappings and lists as arguments (leave it out)", i,
                     g->score || g->app_score_count ? "score" : g->gater ? "gater" : "subscription_filter");
        else if (g->algorand_on && !algorand_default(&g->algorand))
            snprintf(out, 256, "nodes.%u.algorand: `hearsay node` has no options for queue, queue_stale, seen_ttl, handshake_timeout", i);
        else if (g->topic_count > LIVE_TOPICS_MAX)
            snprintf(out, 256, "nodes.%u.subscribe: `hearsay node` takes at most %d topics", i, LIVE_TOPICS_MAX);
        else
            continue;
        return out;
    }
    if (s->scores_every_ns)
        return "record.scores: programs tell none (leave it out)";
    for (uint32_t i = 0; i < s->traffic_count; i++)
        if (largest(&s->traffic[i].size) > BODY_SIZE_MAX) {
            snprintf(out, 256, "traffic.%u.size: `hearsay node` is told messages of at most 3 MiB", i);
            return out;
        }
    return NULL;
}

/* ---- arguments ---- */

static void add_setting(void *ctx, const char *key, const char *value)
{
    struct words *w = ctx;
    const char *option = strcmp(key, "signing") == 0      ? "--signing"
                         : strcmp(key, "message_id") == 0 ? "--message-id"
                         : strcmp(key, "versions") == 0   ? "--gossipsub-versions"
                                                          : "--set";

    words_add(w, "%s", option);
    if (strcmp(option, "--set") == 0)
        words_add(w, "%s=%s", key, value);
    else
        words_add(w, "%s", value);
}

static void add_duration(struct words *w, const char *option, uint64_t ns)
{
    words_add(w, "%s", option);
    words_add(w, "%lluns", (unsigned long long)ns);
}

static bool write_key(const struct tenant *t, char *error)
{
    char name[SCENARIO_NODE_NAME_SIZE], path[3000], text[KEYFILE_TEXT_MAX];
    uint8_t seed[32];
    size_t size;
    FILE *f;
    bool ok;

    run_identity(t->exec->run, t->node, seed);
    size = keyfile_encode(seed, text);
    exec_host_name(t->exec, t->node, name);
    snprintf(path, sizeof path, "%.2048s/hosts/%s/key.pem", t->exec->config.folder, name);
    f = fopen(path, "w");
    ok = f && fchmod(fileno(f), 0600) == 0 && fwrite(text, 1, size, f) == size;
    if (f && fclose(f) != 0)
        ok = false;
    if (!ok)
        snprintf(error, EXEC_ERROR_MAX, "cannot write %.400s: %s", path, strerror(errno));
    return ok;
}

bool exec_node_prepare(struct tenant *t, struct words *w, char error[static EXEC_ERROR_MAX])
{
    const struct scenario *s = run_scenario_of(t->exec->run);
    const struct scenario_group *g = &s->groups[run_placement(t->exec->run, t->node)->group];
    char address[ADDRESS_TEXT_MAX];

    words_add(w, "node");
    words_add(w, "--listen");
    words_add(w, "%s", address_text(run_address(t->exec->run, t->node), NULL, address));
    words_add(w, "--key");
    words_add(w, "key.pem");
    words_add(w, "--events");
    words_add(w, "all");
    for (uint32_t i = 0; i < g->topic_count; i++) {
        words_add(w, "--topic");
        words_add(w, "%s", s->topics[g->topics[i]]);
    }
    gossipsub_settings_tell(g, add_setting, w);
    add_duration(w, "--validation", g->validation_ns);
    add_duration(w, "--keepalive", g->keepalive_ns);
    if (g->algorand_on) {
        words_add(w, "--algorand");
        words_add(w, "%s", g->algorand.genesis);
    }
    if (g->algorand_on && g->algorand.relay)
        words_add(w, "--relay");
    return write_key(t, error);
}

/* ---- commands ---- */

static void command(struct tenant *t, uint64_t now_ns, struct jsonl *j)
{
    jsonl_end(j);
    CHECK(!j->line.overflow); /* see exec_node_refuses */
    program_input(t->program, now_ns, buf_slice(&j->line));
    jsonl_deinit(j);
}

void exec_node_connect(struct tenant *t, uint64_t now_ns, uint32_t to)
{
    char address[ADDRESS_TEXT_MAX];
    struct jsonl j;

    jsonl_init(&j, COMMAND_MAX);
    jsonl_begin(&j);
    jsonl_text(&j, "dial", slice_text(address_text(run_address(t->exec->run, to), run_peer(t->exec->run, to), address)));
    command(t, now_ns, &j);
}

void exec_node_publish(struct tenant *t, uint64_t now_ns, const struct scenario_traffic *traffic, struct slice body)
{
    bool gossip = traffic->via == TRAFFIC_GOSSIP;
    struct jsonl j;

    jsonl_init(&j, COMMAND_MAX);
    jsonl_begin(&j);
    jsonl_open(&j, gossip ? "publish" : "broadcast", '{');
    jsonl_text(&j, gossip ? "topic" : "tag", slice_text(traffic->label));
    jsonl_hex(&j, "hex", body);
    jsonl_close(&j, '}');
    command(t, now_ns, &j);
}

/* ---- its journal ---- */

static void note_topic(struct tenant *t, struct slice topic, bool joined)
{
    uint32_t i = 0;

    while (i < t->topic_count && !slice_equal(slice_text(t->topics[i]), topic))
        i++;
    if (joined && i == t->topic_count) {
        t->topics = mem_grow(t->topics, i + 1, sizeof *t->topics);
        t->topics[i] = mem_zalloc(topic.size + 1);
        memcpy(t->topics[i], topic.data, topic.size);
        t->topic_count++;
    } else if (!joined && i < t->topic_count) {
        mem_free(t->topics[i]);
        t->topics[i] = t->topics[--t->topic_count];
    }
}

void exec_node_forget(struct tenant *t)
{
    while (t->topic_count > 0)
        mem_free(t->topics[--t->topic_count]);
    mem_free(t->topics);
    t->topics = NULL;
}

void exec_node_resumed(struct tenant *t, uint64_t now_ns)
{
    for (uint32_t i = 0; i < t->topic_count; i++)
        run_report(t->exec->run, t->node, now_ns,
                   &(struct trace_event){.kind = TRACE_JOIN, .peer = TRACE_NO_PEER, .topic = slice_text(t->topics[i])});
}

static void report(struct tenant *t, uint64_t now_ns, struct retold *r)
{
    bool is_new = false;

    if (r->has_peer)
        r->trace.peer = tenant_slot(t, &r->peer, &is_new);
    if (r->trace.kind == TRACE_PEER_READY)
        r->trace.id = peerid_slice(&r->peer);
    if (is_new && r->trace.kind != TRACE_PEER_READY) { /* not connected: nothing else names it */
        tenant_slot_free(t, r->trace.peer);
        r->trace.peer = TRACE_NO_PEER;
    }
    if (r->trace.kind == TRACE_JOIN || r->trace.kind == TRACE_LEAVE)
        note_topic(t, r->trace.topic, r->trace.kind == TRACE_JOIN);
    run_report(t->exec->run, t->node, now_ns, &r->trace);
    if (r->trace.kind == TRACE_PEER_GONE && r->trace.peer != TRACE_NO_PEER)
        tenant_slot_free(t, r->trace.peer);
}

bool exec_node_line(struct tenant *t, uint64_t now_ns, struct slice line)
{
    static struct retold r;

    switch (retell(line, &r)) {
    case RETELL_TRACE:
        report(t, now_ns, &r);
        return true;
    case RETELL_ERROR:
        run_report_event(t->exec->run, t->node, now_ns, "program-error", r.topic);
        return true;
    case RETELL_OTHER:
        return true;
    case RETELL_BROKEN:
        break;
    }
    return false;
}
