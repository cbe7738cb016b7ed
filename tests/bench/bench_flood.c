/* A plain flood on the seam, without the protocol stack: what the simulator's own TCP costs. tests/bench/ns3/flood.cc is the
 * same program on ns-3. usage: bench_flood [packet|ideal NODES MESSAGES SIZE]; one JSON object on stdout. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/des/des.h"
#include "sim/tcp/tcp.h"
#include "stack/base/check.h"
#include "stack/base/mem.h"
#include "tests/bench/flood_plan.h"

#define PORT 4000

struct link {
    struct backend_conn conn;
    bool up, told, carries; /* told: the dialler's first byte is known */
    struct chain in, out;
};

struct flood_node {
    struct world *world;
    void *host;
    uint32_t index, link_count;
    struct link *links; /* by index of the handle */
    bool *seen;         /* by message */
};

struct world {
    struct des *des;
    struct flood_node *nodes;
    uint32_t node_count, message_count, message_size;
    uint64_t connected, deliveries, copies, latency_ns;
};

struct publication {
    struct flood_node *node;
    uint32_t message;
};

static double cpu_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct endpoint address(uint32_t node)
{
    return endpoint_ip4(0x0a000001u + node, PORT);
}

static struct link *link_of(struct flood_node *n, struct backend_conn conn)
{
    if (conn.index >= n->link_count) {
        uint32_t count = conn.index + 8;

        n->links = mem_grow(n->links, count, sizeof *n->links);
        memset(n->links + n->link_count, 0, (count - n->link_count) * sizeof *n->links);
        n->link_count = count;
    }
    return &n->links[conn.index];
}

static void push(struct flood_node *n, struct link *l)
{
    if (l->out.size)
        des_ops.send(n->host, l->conn, &l->out);
}

static void pass_on(struct flood_node *n, uint32_t message, struct span frame, const struct link *from)
{
    n->seen[message] = true;
    for (uint32_t i = 0; i < n->link_count; i++) {
        struct link *l = &n->links[i];

        if (!l->up || !l->carries || l == from)
            continue;
        chain_push(&l->out, frame);
        push(n, l);
    }
}

static void receive(struct flood_node *n, uint64_t now_ns, struct link *l)
{
    struct world *w = n->world;
    uint8_t head[2 * FLOOD_HEAD_SIZE];

    while (l->in.size >= sizeof head) {
        size_t size;
        uint32_t message;
        struct span frame;

        chain_peek(&l->in, 0, head, sizeof head);
        size = FLOOD_HEAD_SIZE + load_be32(head);
        message = load_be32(head + FLOOD_HEAD_SIZE);
        CHECK(message < w->message_count);
        if (l->in.size < size)
            return;
        frame = chain_take(&l->in, size);
        w->copies++;
        if (!n->seen[message]) {
            w->deliveries++;
            w->latency_ns += now_ns - (FLOOD_START_NS + message * FLOOD_INTERVAL_NS);
            pass_on(n, message, frame, l);
        }
        span_unref(frame);
    }
}

/* ---- upcalls ---- */

static void on_accepted(void *app, uint64_t now_ns, struct backend_conn conn, const struct endpoint *from)
{
    struct link *l = link_of(app, conn);

    (void)now_ns;
    (void)from;
    *l = (struct link){.conn = conn, .up = true};
}

static void on_dialled(void *app, uint64_t now_ns, struct backend_conn conn, int err)
{
    struct flood_node *n = app;
    struct link *l = link_of(n, conn);
    uint8_t carries = l->carries;

    (void)now_ns;
    CHECK(err == 0);
    n->world->connected++;
    l->up = l->told = true;
    chain_append(&l->out, slice_of(&carries, 1));
    push(n, l);
}

static void on_data(void *app, uint64_t now_ns, struct backend_conn conn, struct chain *bytes)
{
    struct flood_node *n = app;
    struct link *l = link_of(n, conn);

    chain_move_all(&l->in, bytes);
    if (!l->told) {
        l->told = true;
        l->carries = chain_front(&l->in).data[0];
        chain_drop(&l->in, 1);
    }
    receive(n, now_ns, l);
}

static void on_writable(void *app, uint64_t now_ns, struct backend_conn conn)
{
    (void)now_ns;
    push(app, link_of(app, conn));
}

static void on_closed(void *app, uint64_t now_ns, struct backend_conn conn, int err)
{
    (void)now_ns;
    (void)err;
    link_of(app, conn)->up = false;
}

static void on_wake(void *app, uint64_t now_ns)
{
    (void)app;
    (void)now_ns;
}

static const struct backend_app flood_app = {
    .accepted = on_accepted, .dialled = on_dialled, .data = on_data, .writable = on_writable, .closed = on_closed, .wake = on_wake};

/* ---- the plan ---- */

static void dial(void *arg, uint64_t now_ns)
{
    struct flood_node *n = arg;
    uint32_t number = 0;
    struct endpoint to;
    struct backend_conn conn;

    while (flood_dial_ns(n->index, number) != now_ns) /* whose turn it is, the clock tells */
        number++;
    CHECK(number < FLOOD_DIALS);
    to = address(flood_dialled(n->world->node_count, n->index, number));
    CHECK(des_ops.dial(n->host, &to, &conn) == 0);
    *link_of(n, conn) = (struct link){.conn = conn, .carries = flood_carries(number)};
}

static void publish(void *arg, uint64_t now_ns)
{
    struct publication *p = arg;
    struct world *w = p->node->world;
    struct blob *b = blob_new(FLOOD_HEAD_SIZE + w->message_size);
    struct span frame = span_give(b);

    (void)now_ns;
    memset(b->data, 0, b->size);
    store_be32(b->data, w->message_size);
    store_be32(b->data + FLOOD_HEAD_SIZE, p->message);
    pass_on(p->node, p->message, frame, NULL);
    span_unref(frame);
}

static void populate(struct world *w, enum des_tcp tcp)
{
    uint64_t latency_ns[FLOOD_REGIONS * FLOOD_REGIONS];
    struct tcp_config buffers = tcp_config_default();
    struct des_config config = {.seed = 1,
                                .region_count = FLOOD_REGIONS,
                                .latency_ns = latency_ns,
                                .queue_size = FLOOD_QUEUE_PACKETS * 1500,
                                .tcp = tcp,
                                .tcp_config = &buffers};

    buffers.send_buffer = buffers.receive_buffer = FLOOD_BUFFER_SIZE;
    for (uint32_t i = 0; i < FLOOD_REGIONS * FLOOD_REGIONS; i++)
        latency_ns[i] = flood_latency_ns(i / FLOOD_REGIONS, i % FLOOD_REGIONS);
    w->des = des_new(&config);
    w->nodes = mem_zalloc(w->node_count * sizeof *w->nodes);
    for (uint32_t i = 0; i < w->node_count; i++) {
        struct des_host_config host = {
            .address = address(i), .region = flood_region(i), .up_bps = FLOOD_LINK_BPS, .down_bps = FLOOD_LINK_BPS};
        struct flood_node *n = &w->nodes[i];
        struct endpoint at = address(i);

        *n = (struct flood_node){.world = w, .host = des_host(w->des, des_host_add(w->des, &host)), .index = i};
        n->seen = mem_zalloc(w->message_count * sizeof *n->seen);
        des_host_run(w->des, i, &flood_app, n);
        CHECK(des_ops.listen(n->host, &at) == 0);
        for (uint32_t k = 0; k < FLOOD_DIALS; k++)
            des_schedule(w->des, i, flood_dial_ns(i, k), dial, n);
    }
}

static void clear(struct world *w)
{
    for (uint32_t i = 0; i < w->node_count; i++) {
        struct flood_node *n = &w->nodes[i];

        for (uint32_t k = 0; k < n->link_count; k++) {
            chain_deinit(&n->links[k].in);
            chain_deinit(&n->links[k].out);
        }
        mem_free(n->links);
        mem_free(n->seen);
    }
    mem_free(w->nodes);
    des_free(w->des);
}

static void flood(struct world *w, enum des_tcp tcp)
{
    struct publication *plan = mem_grow(NULL, w->message_count, sizeof *plan);
    double start_s = cpu_s(), connected_s, end_s;
    uint64_t events;

    populate(w, tcp);
    des_run(w->des, FLOOD_START_NS - 1);
    connected_s = cpu_s();
    events = des_counts(w->des).events;
    for (uint32_t i = 0; i < w->message_count; i++) {
        plan[i] = (struct publication){&w->nodes[flood_publisher(w->node_count, i)], i};
        des_schedule(w->des, plan[i].node->index, FLOOD_START_NS + i * FLOOD_INTERVAL_NS, publish, &plan[i]);
    }
    des_run(w->des, flood_end_ns(w->message_count));
    end_s = cpu_s();
    events = des_counts(w->des).events - events;
    printf("{\"connections\":%llu,\"setup_s\":%.3f,\"run_s\":%.3f,\"events\":%llu,\"deliveries\":%llu,\"copies\":%llu,"
           "\"mean_ms\":%.3f}\n",
           (unsigned long long)w->connected, connected_s - start_s, end_s - connected_s, (unsigned long long)events,
           (unsigned long long)w->deliveries, (unsigned long long)w->copies,
           (double)w->latency_ns / 1e6 / (double)(w->deliveries ? w->deliveries : 1));
    clear(w);
    mem_free(plan);
}

int main(int argc, char **argv)
{
    struct world w = {.node_count = 1000, .message_count = 30, .message_size = 1024};
    bool ideal = argc > 1 && strcmp(argv[1], "ideal") == 0;

    if (argc > 1 && argc != 5) {
        fprintf(stderr, "usage: bench_flood [packet|ideal NODES MESSAGES SIZE]\n");
        return 2;
    }
    if (argc == 5) {
        w.node_count = (uint32_t)strtoul(argv[2], NULL, 10);
        w.message_count = (uint32_t)strtoul(argv[3], NULL, 10);
        w.message_size = (uint32_t)strtoul(argv[4], NULL, 10);
    }
    CHECK(w.node_count > 1 && w.message_count > 0 && w.message_size >= FLOOD_HEAD_SIZE);
    flood(&w, ideal ? DES_TCP_IDEAL : DES_TCP_PACKET);
    return 0;
}
