/* Three files to a scenario with a behaviour. */
#include "sim/suite/experiment.h"

#include "sim/suite/actor.h"
#include "sim/suite/hosts.h"
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define EPOCH_NS UINT64_C(946684800000000000) /* 2000-01-01, Shadow's beginning */
#define AFTERMATH_NS UINT64_C(1000000000)     /* simulated after the last node's end */
#define LOG_NAME "hearsay.1000.stdout"
#define LOG_PATH_MAX 4096

struct experiment {
    struct suite_script script;
    struct suite_hosts hosts;
    struct scenario scenario;
    struct run_behaviour behaviour;
    struct run *run; /* once it is under way */
    struct actor *actors;
    uint32_t logs_open;
    char failure[400], warning[400];
};

/* ---- the behaviour ---- */

static void identity(void *ctx, uint32_t node, uint8_t seed[static 32])
{
    (void)ctx;
    suite_identity_seed(node, seed);
}

static void place(void *ctx, struct scenario_node *nodes)
{
    const struct experiment *e = ctx;

    for (uint32_t i = 0; i < e->hosts.count; i++) {
        const struct suite_host *h = &e->hosts.items[i];
        const struct scenario_region *region = &e->scenario.network.regions[h->vertex];

        nodes[i].region = h->vertex;
        nodes[i].up_bps = h->up_bps ? h->up_bps : region->up_bps;
        nodes[i].down_bps = h->down_bps ? h->down_bps : region->down_bps;
    }
}

static void begin(void *ctx, struct run *run)
{
    ((struct experiment *)ctx)->run = run;
}

static void configure(void *ctx, uint32_t node, struct node_config *config,
                      struct node_events *events)
{
    actor_configure(&((struct experiment *)ctx)->actors[node], config, events);
}

static void started(void *ctx, uint32_t node, uint64_t now_ns, struct node *is)
{
    actor_start(&((struct experiment *)ctx)->actors[node], now_ns, is);
}

static void traced(void *ctx, uint32_t node, uint64_t now_ns, const struct trace_event *event)
{
    actor_trace(&((struct experiment *)ctx)->actors[node], now_ns, event);
}

/* The first script that failed speaks for all; of several at one time that of the lowest node. */
static const char *failure(void *ctx)
{
    struct experiment *e = ctx;
    const struct actor *first = NULL;

    for (uint32_t i = 0; i < e->hosts.count; i++) {
        const struct actor *a = &e->actors[i];

        if (a->player.state == PLAYER_FAILED && (!first || a->ended_ns < first->ended_ns))
            first = a;
    }
    if (!first)
        return NULL;
    snprintf(e->failure, sizeof e->failure, "node%" PRIu32 ": %s", first->player.node, first->player.error);
    return e->failure;
}

/* ---- the world of an actor ---- */

static bool locate(void *ctx, uint32_t node, struct endpoint *out)
{
    const struct experiment *e = ctx;

    CHECK(node < e->hosts.count); /* checked when the script was read */
    *out = *run_address(e->run, node);
    return true;
}

static void wake(void *arg, uint64_t now_ns)
{
    actor_wake(arg, now_ns);
}

static void call_at(void *ctx, struct actor *a, uint64_t at_ns)
{
    run_schedule(((struct experiment *)ctx)->run, a->player.node, at_ns, wake, a);
}

static void ended(void *ctx, struct actor *a, uint64_t now_ns)
{
    struct experiment *e = ctx;
    bool failed = a->player.state == PLAYER_FAILED;

    run_retire(e->run, a->player.node, now_ns, "script-failed", failed ? a->player.error : NULL);
}

/* ---- setting it up ---- */

static int invalid(struct scenario_error *err, const char *file, const char *what)
{
    snprintf(err->text, sizeof err->text, "%.300s: %.600s", file, what);
    return ERR_INVALID;
}

/* Adds the dials that an instruction makes of one node. */
static bool put_edges(struct buf *text, const struct suite_script *s,
                      const struct suite_instruction *i, uint32_t node, uint32_t node_count)
{
    char edge[64];

    for (uint32_t k = 0; k < i->size; k++) {
        uint32_t to = s->targets[i->value + k];

        if (to >= node_count)
            return false;
        if (to == node)
            continue; /* fails when it is its turn */
        snprintf(edge, sizeof edge, "%s  [node-%" PRIu32 ", node-%" PRIu32 "]",
                 text->data[text->size - 1] == '[' ? "\n" : ",\n", node, to);
        buf_append_slice(text, slice_text(edge));
    }
    return true;
}

static int put_topology(struct buf *text, const struct experiment *e, const char *file,
                        struct scenario_error *err)
{
    char what[120];
    size_t start;

    buf_append_slice(text, slice_text("topology: {kind: list, edges: ["));
    start = text->size;
    for (uint32_t i = 0; i < e->script.count; i++) {
        const struct suite_instruction *in = &e->script.items[i];
        bool all = in->node == SUITE_ALL, known = true;

        for (uint32_t n = all ? 0 : in->node;
             in->kind == SUITE_CONNECT && known && n < e->hosts.count; n++) {
            known = put_edges(text, &e->script, in, n, e->hosts.count);
            if (!all)
                break;
        }
        if (!known) {
            snprintf(what, sizeof what,
                     "script[%" PRIu32
                     "]: connects to a node that has no host (node0 to node%" PRIu32 ")",
                     in->number, e->hosts.count - 1);
            return invalid(err, file, what);
        }
    }
    if (text->size == start && e->hosts.count > 1)
        return invalid(err, file, "no instruction connects any nodes");
    buf_append_slice(text, slice_text("]}\n"));
    return ERR_OK;
}

static uint64_t duration_ns(const struct experiment *e)
{
    uint64_t last_ns = 0;

    for (uint32_t i = 0; i < e->script.count; i++)
        if (e->script.items[i].kind == SUITE_WAIT && e->script.items[i].value > last_ns)
            last_ns = e->script.items[i].value;
    last_ns += AFTERMATH_NS;
    return last_ns < e->hosts.stop_ns ? last_ns : e->hosts.stop_ns;
}

/* The experiment in the words of a scenario: what is recorded with the run, and read back here. */
static int write_scenario(const struct experiment *e, const struct experiment_files *f,
                          struct buf *text, struct scenario_error *err)
{
    const char *slash = strrchr(f->graph, '/'), *graph = slash ? slash + 1 : f->graph;
    char head[900];

    if (strlen(graph) > 255 || strpbrk(graph, "\"\\\n"))
        return invalid(err, f->graph, "is a name of a kind that is not supported");
    snprintf(head, sizeof head,
             "# An experiment of libp2p's gossipsub-interop suite. Its nodes follow their script, "
             "whose connects are the\n"
             "# topology here, and are at the places that shadow.yaml gives them.\n"
             "scenario: interop\n"
             "duration: %" PRIu64 "ms\n"
             "network: {regions: \"%s\"}\n"
             "nodes:\n"
             "  - group: node\n"
             "    count: %" PRIu32 "\n"
             "    subscribe: []\n"
             "    gossipsub: {signing: no-author, message_id: first8, outbound_queue: 600, "
             "validation_queue: 600, rpc_max: 10 MiB}\n",
             duration_ns(e) / 1000000, graph, e->hosts.count);
    buf_append_slice(text, slice_text(head));
    return e->hosts.count > 1 ? put_topology(text, e, f->params, err) : ERR_OK;
}

static int load_scenario(struct experiment *e, const struct experiment_files *f,
                         const char *const *sets, size_t set_count, struct scenario_error *err)
{
    char *name = mem_alloc(strlen(f->graph) + 32), *slash;
    struct buf text;
    int result;

    strcpy(name, f->graph);
    slash = strrchr(name, '/');
    strcpy(slash ? slash + 1 : name, "(experiment)"); /* files are looked for beside it */
    buf_init(&text, TREE_FILE_SIZE_MAX);
    result = write_scenario(e, f, &text, err);
    if (result == ERR_OK && text.overflow)
        result = invalid(err, f->params, "connects too many nodes");
    if (result == ERR_OK)
        result = scenario_load_text(name, buf_slice(&text), sets, set_count, &e->scenario, err);
    if (result == ERR_OK && e->scenario.node_count != e->hosts.count)
        result = invalid(err, "--set nodes.node.count", "the hosts are counted in shadow.yaml");
    buf_deinit(&text);
    mem_free(name);
    return result;
}

static int make_actors(struct experiment *e, const char *file, struct scenario_error *err)
{
    const struct actor_world world = {e, locate, call_at, ended};

    if (e->script.node_limit > e->hosts.count) {
        char what[96];

        snprintf(what, sizeof what, "names node %" PRIu32 ", and there are %" PRIu32 " hosts",
                 e->script.node_limit - 1, e->hosts.count);
        return invalid(err, file, what);
    }
    e->actors = mem_zalloc(e->hosts.count * sizeof *e->actors);
    for (uint32_t i = 0; i < e->hosts.count; i++) {
        actor_init(&e->actors[i], &e->script, i, &world);
        if (e->actors[i].player.state == PLAYER_FAILED)
            return invalid(err, file, e->actors[i].player.error);
    }
    return ERR_OK;
}

int experiment_open(const struct experiment_files *files, const char *const *sets, size_t set_count,
                    struct experiment **out, struct scenario_error *err)
{
    struct experiment *e = mem_zalloc(sizeof *e);
    int result = suite_script_load(files->params, &e->script, err);

    e->behaviour = (struct run_behaviour){e, identity, place, begin, configure, started, traced, failure};
    if (result == ERR_OK)
        result = suite_hosts_load(files->hosts, files->graph, &e->hosts, err);
    if (result == ERR_OK)
        result = make_actors(e, files->params, err);
    if (result == ERR_OK)
        result = load_scenario(e, files, sets, set_count, err);
    if (result == ERR_OK && e->hosts.has_buffers && e->scenario.network.tcp == SCENARIO_TCP_IDEAL)
        snprintf(e->warning, sizeof e->warning,
                 "%.200s: experimental: socket buffers have no effect on network.tcp = ideal, "
                 "which has no windows",
                 files->hosts);
    if (result != ERR_OK) {
        experiment_free(e);
        return result;
    }
    *out = e;
    return ERR_OK;
}

const struct scenario *experiment_scenario(const struct experiment *e)
{
    return &e->scenario;
}

const struct run_behaviour *experiment_behaviour(const struct experiment *e)
{
    return &e->behaviour;
}

const char *experiment_warning(const struct experiment *e)
{
    return e->warning[0] ? e->warning : NULL;
}

/* ---- logs ---- */

static bool make_folder(const char *path)
{
    return mkdir(path, 0777) == 0 || errno == EEXIST;
}

/* Logs that an earlier experiment with more nodes left here would be taken for this one's. */
static void remove_strangers(const char *folder, uint32_t first)
{
    char path[LOG_PATH_MAX];

    for (uint32_t i = first; i < SUITE_NODES_MAX; i++) {
        snprintf(path, sizeof path, "%s/hosts/node%" PRIu32 "/" LOG_NAME, folder, i);
        if (unlink(path) != 0)
            return;
    }
}

bool experiment_log_to(struct experiment *e, const char *folder)
{
    char path[LOG_PATH_MAX];

    CHECK(e->logs_open == 0);
    if (strlen(folder) > LOG_PATH_MAX - 64) {
        errno = ENAMETOOLONG;
        return false;
    }
    snprintf(path, sizeof path, "%s/hosts", folder);
    if (!make_folder(path))
        return false;
    for (uint32_t i = 0; i < e->hosts.count; i++) {
        snprintf(path, sizeof path, "%s/hosts/node%" PRIu32, folder, i);
        if (!make_folder(path))
            return false;
        snprintf(path, sizeof path, "%s/hosts/node%" PRIu32 "/" LOG_NAME, folder, i);
        e->logs_open++;
        if (!suite_log_to_file(&e->actors[i].log, path, EPOCH_NS))
            return false;
    }
    remove_strangers(folder, e->hosts.count);
    return true;
}

bool experiment_finish(struct experiment *e)
{
    int error = 0;

    for (uint32_t i = 0; i < e->logs_open; i++)
        if (!suite_log_close(&e->actors[i].log))
            error = errno;
    e->logs_open = 0;
    errno = error;
    return error == 0;
}

void experiment_free(struct experiment *e)
{
    experiment_finish(e);
    for (uint32_t i = 0; e->actors && i < e->scenario.node_count; i++)
        actor_deinit(&e->actors[i]);
    mem_free(e->actors);
    scenario_free(&e->scenario);
    suite_hosts_free(&e->hosts);
    suite_script_free(&e->script);
    mem_free(e);
}
