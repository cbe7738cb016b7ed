/* Counting, and an HTTP server as small as it can be. */
#include "sim/live/metrics.h"

#include "stack/base/check.h"
#include "stack/base/err.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define PAGE_MAX (1u << 20)

void metrics_trace(struct metrics *m, const struct trace_event *e)
{
    m->events[e->kind][e->protocol]++;
    m->bytes[e->kind][e->protocol] += e->size;
    if (e->kind == TRACE_REJECT)
        m->rejected[e->protocol][e->code]++;
    if (e->kind == TRACE_DROP)
        m->dropped += e->count;
    if (e->kind == TRACE_CONTROL_SENT || e->kind == TRACE_CONTROL_RECEIVED)
        m->control[e->kind == TRACE_CONTROL_RECEIVED][e->code] += e->count;
}

/* ---- the page ---- */

__attribute__((format(printf, 2, 3))) static void put(struct buf *out, const char *format, ...)
{
    char line[512];
    va_list args;
    int size;

    va_start(args, format);
    size = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    CHECK(size >= 0 && (size_t)size < sizeof line);
    buf_append(out, line, (size_t)size);
}

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
    put(out, "# HELP hearsay_%s %s\n# TYPE hearsay_%s %s\n", name, help, name, type);
}

static void single(struct buf *out, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    head(out, name, type, help);
    put(out, "hearsay_%s %" PRIu64 "\n", name, value);
}

static const char *const protocols[] = {
    [TRACE_GOSSIPSUB] = "gossipsub", [TRACE_ALGORAND] = "algorand"};

static const struct {
    enum trace_kind kind;
    const char *text;
} message_kinds[] = {{TRACE_PUBLISH, "published"}, {TRACE_ARRIVE, "received"},
                     {TRACE_DELIVER, "delivered"}, {TRACE_DUPLICATE, "duplicate"},
                     {TRACE_REJECT, "rejected"},   {TRACE_SEND, "sent"}};

static void put_messages(struct buf *out, const char *name, const char *help,
                         const uint64_t table[][2])
{

    head(out, name, "counter", help);
    for (size_t i = 0; i < sizeof message_kinds / sizeof *message_kinds; i++)
        for (int p = 0; p < 2; p++)
            put(out, "hearsay_%s{protocol=\"%s\",kind=\"%s\"} %" PRIu64 "\n", name, protocols[p],
                message_kinds[i].text, table[message_kinds[i].kind][p]);
}

static void put_control(const struct metrics *m, struct buf *out)
{
    static const char *const directions[] = {"sent", "received"};

    head(out, "control_items_total", "counter", "Items of GossipSub control messages.");
    for (int d = 0; d < 2; d++)
        for (int k = 0; k < TRACE_CONTROL_COUNT; k++)
            put(out, "hearsay_control_items_total{direction=\"%s\",kind=\"%s\"} %" PRIu64 "\n",
                directions[d], trace_control_text((enum trace_control)k), m->control[d][k]);
}

static void put_rejected(const struct metrics *m, struct buf *out)
{
    head(out, "rejected_total", "counter", "Messages that did not pass validation.");
    for (int p = 0; p < 2; p++)
        for (int r = 0; r < TRACE_REJECT_COUNT; r++)
            put(out, "hearsay_rejected_total{protocol=\"%s\",reason=\"%s\"} %" PRIu64 "\n",
                protocols[p], trace_reject_text((enum trace_reject)r), m->rejected[p][r]);
}

static void put_label(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buf_append_u8(out, '\\');
        if (*text == '\n')
            buf_append(out, "\\n", 2);
        else
            buf_append_u8(out, (uint8_t)*text);
    }
}

static void put_meshes(const struct metrics *m, struct buf *out)
{
    head(out, "mesh_peers", "gauge", "Peers in our mesh of a topic.");
    for (uint32_t i = 0; i < m->topic_count; i++) {
        put(out, "hearsay_mesh_peers{topic=\"");
        put_label(out, m->topics[i]);
        put(out, "\"} %u\n", node_mesh_size(m->node, slice_text(m->topics[i])));
    }
}

static uint64_t both(const struct metrics *m, enum trace_kind kind)
{
    return m->events[kind][TRACE_GOSSIPSUB] + m->events[kind][TRACE_ALGORAND];
}

void metrics_write(const struct metrics *m, struct buf *out)
{
    struct node_counts c = node_counts(m->node);

    single(out, "connections", "gauge", "Connections that are ready.", c.connections);
    single(out, "connections_total", "counter", "Connections that became ready.",
           both(m, TRACE_PEER_READY));
    single(out, "connections_failed_total", "counter",
           "Connections that broke before they were ready.", both(m, TRACE_CONN_FAILED));
    single(out, "dials_failed_total", "counter", "Dials that reached nobody.",
           both(m, TRACE_DIAL_FAILED));
    single(out, "bytes_sent_total", "counter", "Bytes on the wire, with all framing.",
           c.bytes_sent);
    single(out, "bytes_received_total", "counter", "Bytes on the wire, with all framing.",
           c.bytes_received);
    put_messages(out, "messages_total", "Messages and copies of them.", m->events);
    put_messages(out, "message_bytes_total", "Bytes of those messages.", m->bytes);
    put_rejected(m, out);
    single(out, "dropped_messages_total", "counter", "Messages in what full queues dropped.",
           m->dropped);
    put_control(m, out);
    single(out, "grafts_total", "counter", "Peers that entered a mesh of ours.",
           both(m, TRACE_GRAFT));
    single(out, "prunes_total", "counter", "Peers that left a mesh of ours.", both(m, TRACE_PRUNE));
    put_meshes(m, out);
}

/* ---- HTTP ---- */

int metrics_judge(struct slice request)
{
    static const char get[] = "GET ", path[] = "/metrics";
    const uint8_t *line_end, *target, *target_end;
    size_t path_size = sizeof path - 1, size;

    if (!request.size || !memmem(request.data, request.size, "\r\n\r\n", 4))
        return request.size > METRICS_REQUEST_MAX ? 431 : 0;
    line_end = memchr(request.data, '\r', request.size);
    size = (size_t)(line_end - request.data);
    if (size < sizeof get - 1 || memcmp(request.data, get, sizeof get - 1) != 0) {
        target_end = memchr(request.data, ' ', size);
        return target_end && target_end > request.data ? 405 : 400;
    }
    target = request.data + sizeof get - 1;
    target_end = memchr(target, ' ', (size_t)(line_end - target));
    if (!target_end || (size_t)(line_end - target_end) < 9 ||
        memcmp(target_end, " HTTP/1.", 8) != 0)
        return 400;
    size = (size_t)(target_end - target);
    if (size < path_size || memcmp(target, path, path_size) != 0)
        return 404;
    return size == path_size || target[path_size] == '?' ? 200 : 404;
}

static const char *status_text(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 431:
        return "Request Header Fields Too Large";
    default:
        return "Bad Request";
    }
}

static void respond(const struct metrics *m, struct metrics_conn *c, int status)
{
    struct buf page, top;

    buf_init(&page, PAGE_MAX);
    buf_init(&top, 1024);
    if (status == 200)
        metrics_write(m, &page);
    else
        put(&page, "%d %s; try GET /metrics\n", status, status_text(status));
    put(&top,
        "HTTP/1.1 %d %s\r\nContent-Type: text/plain; version=0.0.4; "
        "charset=utf-8\r\nContent-Length: %zu\r\n"
        "Connection: close\r\n\r\n",
        status, status_text(status), page.size);
    chain_append(&c->response, buf_slice(&top));
    chain_append(&c->response, buf_slice(&page));
    c->answered = true;
    buf_deinit(&page);
    buf_deinit(&top);
}

static void conn_clear(struct metrics_conn *c)
{
    buf_deinit(&c->request);
    chain_deinit(&c->response);
    *c = (struct metrics_conn){0};
}

static struct metrics_conn *conn_find(struct metrics *m, struct backend_conn handle)
{
    for (int i = 0; i < METRICS_CONNECTIONS_MAX; i++)
        if (m->conns[i].used && backend_conn_equal(m->conns[i].handle, handle))
            return &m->conns[i];
    return NULL;
}

/* The one timer: the earliest deadline. */
static void rearm(struct metrics *m)
{
    uint64_t next = TIME_NEVER;

    for (int i = 0; i < METRICS_CONNECTIONS_MAX; i++)
        if (m->conns[i].used && m->conns[i].deadline_ns < next)
            next = m->conns[i].deadline_ns;
    sockets_ops.wake_at(m->host, next);
}

static void flush(struct metrics *m, struct metrics_conn *c)
{
    sockets_ops.send(m->host, c->handle, &c->response);
    if (c->response.size)
        return; /* `writable` follows */
    sockets_ops.close(m->host, c->handle, BACKEND_CLOSE_FIN);
    conn_clear(c);
    rearm(m);
}

static void on_accepted(void *app, uint64_t now_ns, struct backend_conn handle,
                        const struct endpoint *from)
{
    struct metrics *m = app;
    int i = 0;

    (void)from;
    while (i < METRICS_CONNECTIONS_MAX && m->conns[i].used)
        i++;
    if (i == METRICS_CONNECTIONS_MAX) {
        sockets_ops.close(m->host, handle, BACKEND_CLOSE_RST);
        return;
    }
    m->conns[i] = (struct metrics_conn){
        .handle = handle, .used = true, .deadline_ns = now_ns + METRICS_TIMEOUT_NS};
    buf_init(&m->conns[i].request, METRICS_REQUEST_MAX + 1);
    chain_init(&m->conns[i].response);
    rearm(m);
}

static void on_dialled(void *app, uint64_t now_ns, struct backend_conn handle, int err)
{
    (void)app;
    (void)now_ns;
    (void)handle;
    (void)err;
    UNREACHABLE(); /* nobody dials from here */
}

static void on_data(void *app, uint64_t now_ns, struct backend_conn handle, struct chain *bytes)
{
    struct metrics *m = app;
    struct metrics_conn *c = conn_find(m, handle);
    size_t room, size;
    int status;

    (void)now_ns;
    CHECK(c);
    room = METRICS_REQUEST_MAX + 1 - c->request.size;
    size = bytes->size < room ? bytes->size : room;
    if (!c->answered && size > 0)
        chain_peek(bytes, 0, buf_extend(&c->request, size), size);
    chain_drop(bytes, bytes->size);
    status = c->answered ? 0 : metrics_judge(buf_slice(&c->request));
    if (status == 0)
        return;
    respond(m, c, status);
    flush(m, c);
}

static void on_writable(void *app, uint64_t now_ns, struct backend_conn handle)
{
    struct metrics *m = app;

    (void)now_ns;
    flush(m, conn_find(m, handle));
}

static void on_closed(void *app, uint64_t now_ns, struct backend_conn handle, int err)
{
    struct metrics *m = app;

    (void)now_ns;
    (void)err;
    conn_clear(conn_find(m, handle));
    rearm(m);
}

static void on_wake(void *app, uint64_t now_ns)
{
    struct metrics *m = app;

    for (int i = 0; i < METRICS_CONNECTIONS_MAX; i++) {
        struct metrics_conn *c = &m->conns[i];

        if (!c->used || c->deadline_ns > now_ns)
            continue;
        sockets_ops.close(m->host, c->handle, BACKEND_CLOSE_RST);
        conn_clear(c);
    }
    rearm(m);
}

static const struct backend_app metrics_app = {
    .accepted = on_accepted,
    .dialled = on_dialled,
    .data = on_data,
    .writable = on_writable,
    .closed = on_closed,
    .wake = on_wake,
};

int metrics_listen(struct metrics *m, struct sockets *world, const struct endpoint *at)
{
    m->host = sockets_host_add(world, at);
    sockets_host_run(m->host, &metrics_app, m);
    return sockets_ops.listen(m->host, at);
}

void metrics_deinit(struct metrics *m)
{
    for (int i = 0; i < METRICS_CONNECTIONS_MAX; i++)
        if (m->conns[i].used)
            conn_clear(&m->conns[i]);
}
