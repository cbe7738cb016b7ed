/* Captures of simulated nodes: a pcap file of a node's packets, which the world writes, and the keys of its connections beside it. */
#include "sim/run/internal.h"

#include "sim/capture/keylog.h"
#include "stack/base/check.h"
#include "stack/base/mem.h"

#include <errno.h>
#include <stdio.h>

#define CAPTURES_MAX 256u /* two files each */

struct capture {
    uint32_t node;
    FILE *keys; /* NULL: not begun */
};

static bool add(struct run *run, const char *name, size_t size, struct run_result *result)
{
    char text[SCENARIO_NODE_NAME_SIZE];
    uint32_t node = SCENARIO_NONE;

    if (size < sizeof text) {
        memcpy(text, name, size);
        text[size] = '\0';
        node = scenario_node_find(run->scenario, text);
    }
    if (node == SCENARIO_NONE)
        snprintf(result->error, sizeof result->error, "--pcap: there is no node \"%.*s\" (names of nodes, as %s-0)", (int)size,
                 name, run->scenario->groups[0].name);
    else if (run->residents[node].capture)
        snprintf(result->error, sizeof result->error, "--pcap: %s is named twice", text);
    else if (run->capture_count == CAPTURES_MAX)
        snprintf(result->error, sizeof result->error, "--pcap: %u nodes at most", CAPTURES_MAX);
    else
        run->residents[node].capture = &run->captures[run->capture_count++];
    if (!result->error[0])
        run->residents[node].capture->node = node;
    return !result->error[0];
}

enum run_status captures_plan(struct run *run, struct run_result *result)
{
    const struct world_captures *ops = run->ops->captures;
    const char *name = run->options->captured, *refused = NULL;

    if (!name)
        return RUN_OK;
    if (ops)
        refused = ops->refuses(run->scenario);
    if (!ops || refused) {
        snprintf(result->error, sizeof result->error, "--pcap: %s%s", ops ? refused : run->ops->name,
                 ops ? "" : " has the machine's own packets; capture those (des with network.tcp: packet, ns3)");
        return RUN_USAGE;
    }
    run->captures = mem_zalloc(CAPTURES_MAX * sizeof *run->captures);
    for (;;) {
        size_t size = strcspn(name, ",");

        if (!add(run, name, size, result))
            return RUN_USAGE;
        if (name[size] == '\0')
            return RUN_OK;
        name += size + 1;
    }
}

/* DIR/pcap/peers-0.pcap and .keys */
static void path_of(const struct run *run, uint32_t node, const char *ending, char *out, size_t size)
{
    char name[SCENARIO_NODE_NAME_SIZE];

    snprintf(out, size, "%s/%s.%s", run->options->capture_folder, scenario_node_name(run->scenario, node, name), ending);
}

enum run_status captures_open(struct run *run, struct run_result *result)
{
    for (uint32_t i = 0; i < run->capture_count; i++) {
        struct capture *c = &run->captures[i];
        char path[1024];
        bool ok;

        path_of(run, c->node, "pcap", path, sizeof path);
        ok = run->ops->captures->start(run->world, c->node, path);
        if (ok) {
            path_of(run, c->node, "keys", path, sizeof path);
            c->keys = keylog_create(path);
            ok = c->keys != NULL;
        }
        if (!ok) {
            snprintf(result->error, sizeof result->error, "cannot write %s: %s", path, strerror(errno));
            return RUN_FAILED;
        }
    }
    return RUN_OK;
}

static void on_secured(void *ctx, uint64_t now_ns, uint32_t slot, const struct noise_session *session)
{
    struct resident *r = ctx;
    struct keylog_entry e = {.modelled = session->mode == NOISE_MODELLED};
    struct node_peer peer;

    (void)now_ns;
    if (!node_peer(r->node, slot, &peer) ||
        !r->run->ops->captures->ends(r->run->world, r->index, peer.conn, &e.local, &e.remote))
        return;
    e.initiator = peer.dialled;
    e.peer = peer.id;
    memcpy(e.send_key, session->send_key, AEAD_KEY_SIZE);
    memcpy(e.receive_key, session->receive_key, AEAD_KEY_SIZE);
    keylog_write(r->capture->keys, &e);
}

void capture_listen(struct resident *r, struct node_events *events)
{
    if (!r->capture)
        return;
    events->secured = on_secured;
    events->secured_ctx = r;
}

static bool close_keys(struct run *run)
{
    bool ok = true;

    for (uint32_t i = 0; i < run->capture_count; i++) {
        struct capture *c = &run->captures[i];

        if (c->keys) {
            ok = !ferror(c->keys) && ok;
            ok = fclose(c->keys) == 0 && ok;
        }
        c->keys = NULL;
    }
    return ok;
}

bool captures_finish(struct run *run)
{
    bool ok = close_keys(run);

    return (run->capture_count == 0 || run->ops->captures->finish(run->world)) && ok;
}

void captures_free(struct run *run)
{
    close_keys(run);
    mem_free(run->captures);
}
