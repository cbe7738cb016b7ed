/* Reading shadow.yaml with the scenario's reader. */
#include "sim/suite/hosts.h"

#include "sim/scenario/gml.h"
#include "sim/scenario/units.h"
#include "sim/scenario/yaml.h"
#include "sim/suite/params.h"
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANY(key)                                                                                   \
    {                                                                                              \
        key, FIELD_OTHER, false, 0, 0, 0, NULL                                                     \
    }
#define NEEDED(key)                                                                                \
    {                                                                                              \
        key, FIELD_OTHER, true, 0, 0, 0, NULL                                                      \
    }
#define CHECK_KEYS(r, t, table)                                                                    \
    reader_fields(r, t, table, sizeof table / sizeof *table, &(char){0}) /* nothing is written */

struct graph_ids {
    uint64_t *ids; /* by position in the file */
    uint32_t count;
};

/* Shadow's times: "10 min", "90s", or a number of seconds. */
static void read_time(struct reader *r, const struct tree *t, uint64_t *ns)
{
    static const char *const units[][2] = {
        {"", "s"},        {"s", "s"},  {"sec", "s"},  {"secs", "s"},  {"second", "s"},
        {"seconds", "s"}, {"m", "m"},  {"min", "m"},  {"mins", "m"},  {"minute", "m"},
        {"minutes", "m"}, {"h", "h"},  {"hour", "h"}, {"hours", "h"}, {"ms", "ms"},
        {"us", "us"},     {"ns", "ns"}};
    size_t digits, blanks, i = 0;
    const char *wrong = "is not a time of Shadow's (as \"10 min\")";
    char text[48];

    if (!reader_is(r, t, TREE_SCALAR, 0))
        return;
    digits = strspn(t->text, "0123456789");
    blanks = strspn(t->text + digits, " ");
    while (i < sizeof units / sizeof *units && strcmp(units[i][0], t->text + digits + blanks) != 0)
        i++;
    if (i < sizeof units / sizeof *units && digits > 0 && digits < 20) {
        snprintf(text, sizeof text, "%.*s%s", (int)digits, t->text, units[i][1]);
        wrong = units_duration(text, ns);
    }
    if (wrong)
        reader_fail(r, t, "\"%.40s\" %s", t->text, wrong);
    else if (*ns == 0)
        reader_fail(r, t, "must be more than 0");
}

/* The settings that tell Shadow how to work and what to show are allowed: they change nothing of
 * the network. */
static void read_general(struct reader *r, const struct tree *t, struct suite_hosts *h)
{
    static const struct field fields[] = {
        NEEDED("stop_time"),       ANY("model_unblocked_syscall_latency"),
        ANY("progress"),           ANY("log_level"),
        ANY("heartbeat_interval"), ANY("parallelism"),
        ANY("data_directory")};

    CHECK_KEYS(r, t, fields);
    if (!r->failed)
        read_time(r, tree_find(t, "stop_time"), &h->stop_ns);
}

static void read_experimental(struct reader *r, const struct tree *t, struct suite_hosts *h)
{
    static const struct field fields[] = {ANY("socket_recv_buffer"), ANY("socket_send_buffer"),
                                          ANY("socket_recv_autotune"), ANY("socket_send_autotune")};

    CHECK_KEYS(r, t, fields);
    h->has_buffers = !r->failed && t->count > 0;
}

/* The graph is the one that was given; the file named here may be elsewhere. */
static void check_network(struct reader *r, const struct tree *t)
{
    static const struct field network[] = {NEEDED("graph")};
    static const struct field graph[] = {NEEDED("type"), ANY("file")};
    const struct tree *type;

    CHECK_KEYS(r, t, network);
    if (!r->failed)
        CHECK_KEYS(r, tree_find(t, "graph"), graph);
    if (r->failed)
        return;
    type = tree_find(tree_find(t, "graph"), "type");
    if (reader_is(r, type, TREE_SCALAR, 0) && strcmp(type->text, "gml") != 0)
        reader_fail(r, type, "\"%.40s\" is not supported (gml)", type->text);
}

static void read_graph_ids(struct reader *r, const char *path, struct graph_ids *out)
{
    char *text = arena_text(r->scratch, path, strlen(path));
    const struct tree file = {.kind = TREE_SCALAR, .source = text, .text = text};
    struct gml_graph g;

    gml_read(r, &file, &g);
    out->count = g.vertex_count;
    out->ids = arena_alloc(r->scratch, (size_t)g.vertex_count + 1, sizeof *out->ids);
    for (uint32_t i = 0; i < g.vertex_count && !r->failed; i++) {
        const struct tree *id = gml_attribute(r, g.vertices[i].at, "id");

        out->ids[i] = id ? strtoull(id->text, NULL, 10) : 0; /* a number, or gml_read had failed */
    }
    gml_free(&g);
}

static uint32_t find_vertex(struct reader *r, const struct tree *t, const struct graph_ids *graph)
{
    uint64_t id = 0;
    const char *wrong;

    if (!reader_is(r, t, TREE_SCALAR, 0))
        return 0;
    wrong = units_count(t->text, &id);
    for (uint32_t i = 0; !wrong && i < graph->count; i++)
        if (graph->ids[i] == id)
            return i;
    reader_fail(r, t, "\"%.40s\" is no node of the graph", t->text);
    return 0;
}

/* "node17" */
static bool host_number(const char *name, uint32_t count, uint32_t *number)
{
    unsigned long value;
    char again[32];

    if (strncmp(name, "node", 4) != 0 || !isdigit((unsigned char)name[4]) || strlen(name) > 12)
        return false;
    value = strtoul(name + 4, NULL, 10);
    snprintf(again, sizeof again, "node%lu", value);
    *number = (uint32_t)value;
    return value < count && strcmp(again, name) == 0;
}

static void check_processes(struct reader *r, const struct tree *t)
{
    static const struct field fields[] = {NEEDED("path"), ANY("args"), ANY("environment")};

    if (!reader_is(r, t, TREE_LIST, 1))
        return;
    CHECK_KEYS(r, t->first, fields);
}

static void read_host(struct reader *r, const struct tree *t, const struct graph_ids *graph,
                      struct suite_hosts *h)
{
    static const struct field fields[] = {
        NEEDED("network_node_id"),
        NEEDED("processes"),
        {"bandwidth_up", FIELD_BANDWIDTH, false, offsetof(struct suite_host, up_bps), 1, 0, NULL},
        {"bandwidth_down", FIELD_BANDWIDTH, false, offsetof(struct suite_host, down_bps), 1, 0,
         NULL}};
    struct suite_host host = {0};
    uint32_t number = 0;

    if (!host_number(t->key, h->count, &number)) {
        reader_fail_key(r, t, "is not a name here (node0 to node%" PRIu32 ", one each)",
                        h->count - 1);
        return;
    }
    reader_fields(r, t, fields, sizeof fields / sizeof *fields, &host);
    if (r->failed)
        return;
    host.vertex = find_vertex(r, tree_find(t, "network_node_id"), graph);
    check_processes(r, tree_find(t, "processes"));
    h->items[number] = host;
}

static void read_root(struct reader *r, const struct tree *root, const char *graph_path,
                      struct suite_hosts *h)
{
    static const struct field fields[] = {NEEDED("general"), ANY("experimental"), NEEDED("network"),
                                          NEEDED("hosts")};
    struct graph_ids graph = {0};
    const struct tree *hosts;

    CHECK_KEYS(r, root, fields);
    if (r->failed)
        return;
    read_general(r, tree_find(root, "general"), h);
    if (tree_find(root, "experimental"))
        read_experimental(r, tree_find(root, "experimental"), h);
    check_network(r, tree_find(root, "network"));
    hosts = tree_find(root, "hosts");
    reader_is(r, hosts, TREE_MAP, TREE_KEYS_MAX);
    if (!r->failed)
        read_graph_ids(r, graph_path, &graph);
    if (r->failed)
        return;
    h->count = hosts->count;
    h->items = mem_zalloc(h->count * sizeof *h->items);
    for (const struct tree *t = hosts->first; t && !r->failed; t = t->next)
        read_host(r, t, &graph, h);
}

int suite_hosts_load(const char *shadow_path, const char *graph_path, struct suite_hosts *out,
                     struct scenario_error *err)
{
    struct tree_doc doc = {0};
    struct arena arena = {0};
    struct reader r = {.arena = &arena, .scratch = &doc.arena, .err = err, .folder = ""};
    size_t size = 0;
    char *text = tree_file_read(shadow_path, &size, err);

    *out = (struct suite_hosts){0};
    if (!text)
        return ERR_INVALID;
    doc.root = yaml_parse(&doc, shadow_path, true, slice_of(text, size), err);
    r.failed = !doc.root;
    if (doc.root)
        read_root(&r, doc.root, graph_path, out);
    tree_free(&doc);
    arena_free(&arena);
    mem_free(text);
    if (r.failed)
        suite_hosts_free(out);
    return r.failed ? ERR_INVALID : ERR_OK;
}

void suite_hosts_free(struct suite_hosts *h)
{
    mem_free(h->items);
    *h = (struct suite_hosts){0};
}
