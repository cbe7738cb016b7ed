/* A tiny discrete-event flood: copies in flight lie in a binary heap. */
#include "tests/lib/flood.h"

#include <stdio.h>

#include "stack/base/check.h"
#include "stack/base/mem.h"

#define MILLISECOND_NS ((uint64_t)1000000)

struct copy {
    uint64_t at_ns;
    uint32_t to, slot, message; /* slot: of the sender, at the receiver */
};

struct flight {
    struct copy *copies;
    uint32_t count, capacity;
};

static void add(struct flood *f, uint64_t now_ns, uint32_t node, uint32_t slot, uint32_t message,
                enum trace_kind kind)
{
    if (f->count == f->capacity) {
        f->capacity = f->capacity ? f->capacity * 2 : 1024;
        f->events = mem_grow(f->events, f->capacity, sizeof *f->events);
    }
    f->events[f->count++] = (struct flood_event){now_ns, node, slot, message, (uint8_t)kind};
}

static uint32_t neighbour(const struct flood *f, uint32_t node, uint32_t slot)
{
    uint32_t half = f->degree / 2, chord = slot % half,
             step = chord ? chord * chord * 7 + chord : 1;

    step %= f->nodes;
    return slot < half ? (node + step) % f->nodes : (node + f->nodes - step) % f->nodes;
}

static uint64_t latency_ns(const struct flood *f, uint32_t a, uint32_t b)
{
    uint32_t low = a < b ? a : b, high = a < b ? b : a;

    return (10 + (low * 31 + high * 17) % 90 + (low % 2 != high % 2 ? 60 : 0)) * MILLISECOND_NS +
           f->degree;
}

static bool before(const struct copy *a, const struct copy *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns
                                : (a->to != b->to ? a->to < b->to : a->slot < b->slot);
}

static void push(struct flight *q, struct copy c)
{
    uint32_t at = q->count++;

    if (q->count > q->capacity) {
        q->capacity = q->count * 2;
        q->copies = mem_grow(q->copies, q->capacity, sizeof *q->copies);
    }
    for (; at > 0 && before(&c, &q->copies[(at - 1) / 2]); at = (at - 1) / 2)
        q->copies[at] = q->copies[(at - 1) / 2];
    q->copies[at] = c;
}

static struct copy pop(struct flight *q)
{
    struct copy top = q->copies[0], last = q->copies[--q->count];
    uint32_t at = 0, child;

    while ((child = 2 * at + 1) < q->count) {
        if (child + 1 < q->count && before(&q->copies[child + 1], &q->copies[child]))
            child++;
        if (!before(&q->copies[child], &last))
            break;
        q->copies[at] = q->copies[child];
        at = child;
    }
    q->copies[at] = last;
    return top;
}

static void forward(struct flood *f, struct flight *q, const struct copy *c, uint64_t now_ns)
{
    for (uint32_t slot = 0; slot < f->degree; slot++) {
        uint32_t to = neighbour(f, c->to, slot), half = f->degree / 2;

        if (slot == c->slot)
            continue;
        add(f, now_ns, c->to, slot, c->message, TRACE_SEND);
        push(q, (struct copy){now_ns + latency_ns(f, c->to, to), to,
                              slot < half ? slot + half : slot - half, c->message});
    }
}

static void receive(struct flood *f, struct flight *q, uint8_t *seen, const struct copy *c)
{
    uint8_t *mine = &seen[(size_t)c->message * f->nodes + c->to];

    if (*mine) {
        add(f, c->at_ns, c->to, c->slot, c->message, TRACE_DUPLICATE);
        return;
    }
    *mine = 1;
    if (c->slot == UINT32_MAX) {
        add(f, c->at_ns, c->to, TRACE_NO_PEER, c->message, TRACE_PUBLISH);
    } else {
        add(f, c->at_ns, c->to, c->slot, c->message, TRACE_ARRIVE);
        add(f, c->at_ns, c->to, c->slot, c->message, TRACE_DELIVER);
    }
    forward(f, q, c, c->at_ns);
}

void flood_init(struct flood *f, uint32_t nodes, uint32_t degree, uint32_t messages)
{
    uint8_t *seen = mem_zalloc((size_t)nodes * messages);
    struct flight q = {0};

    CHECK(degree % 2 == 0 && degree > 0);
    *f = (struct flood){.nodes = nodes, .degree = degree, .messages = messages};
    for (uint32_t i = 0; i < nodes; i++)
        add(f, i, i, TRACE_NO_PEER, 0, TRACE_JOIN);
    for (uint32_t slot = 0; slot < degree; slot++)
        for (uint32_t i = 0; i < nodes; i++) {
            uint64_t now_ns = (slot + 1) * 50 * MILLISECOND_NS + i;

            add(f, now_ns, i, slot, 0, TRACE_PEER_READY);
            add(f, now_ns, i, slot, 0, TRACE_CONTROL_SENT);
            add(f, now_ns, i, slot, 0, TRACE_GRAFT);
        }
    for (uint32_t i = 0; i < messages; i++)
        push(&q, (struct copy){(1000 + i * 100) * MILLISECOND_NS, i * 13 % nodes, UINT32_MAX, i});
    while (q.count) {
        struct copy c = pop(&q);

        receive(f, &q, seen, &c);
    }
    mem_free(q.copies);
    mem_free(seen);
}

void flood_deinit(struct flood *f)
{
    mem_free(f->events);
}

struct record_run flood_run(const struct flood *f)
{
    return (struct record_run){
        .scenario_name = "flood_of_'ring'",
        .scenario_text = "scenario: flood",
        .question = "How fast does a flood flood?",
        .backend = "des",
        .tcp_model = "ideal",
        .encryption = "modelled",
        .replay = "hearsay run flood.yaml --seed 7",
        .version = "test",
        .seed = 7,
        .threads = 1,
        .node_count = f->nodes,
        .duration_ns = (uint64_t)20 * 1000 * MILLISECOND_NS,
        .warmup_ns = 1150 * MILLISECOND_NS,
    };
}

static size_t peer_id_of(uint32_t node, uint8_t out[static 12])
{
    memcpy(out, "peer id ", 8);
    store_be32(out + 8, node);
    return 12;
}

void flood_register(const struct flood *f, struct recorder *r)
{
    for (uint32_t i = 0; i < f->nodes; i++) {
        uint8_t id[12];
        char name[24];
        struct record_node n = {.index = i, .name = name, .group = "peers"};

        snprintf(name, sizeof name, "node-%u", i);
        n.region = i % 2 ? "south" : "north";
        n.class_name = "home";
        n.peer_id = "12D3KooW...";
        n.peer_id_bytes = slice_of(id, peer_id_of(i, id));
        n.up_bps = n.down_bps = 50000000;
        recorder_node(r, &n);
    }
}

void flood_feed(const struct flood *f, struct recorder *r, uint32_t event)
{
    const struct flood_event *from = &f->events[event];
    uint8_t id[20] = "message id ...";
    struct trace_event e = {.kind = (enum trace_kind)from->kind, .peer = from->slot};

    if (e.kind == TRACE_PEER_READY) {
        e.id = slice_of(id, peer_id_of(neighbour(f, from->node, from->slot), id));
    } else if (e.kind == TRACE_CONTROL_SENT) {
        e.code = TRACE_CONTROL_GRAFT;
        e.count = 1;
        e.size = 30;
    } else if (e.kind != TRACE_JOIN && e.kind != TRACE_GRAFT) {
        store_be32(id + 16, from->message);
        e.id = slice_of(id, sizeof id);
        e.size = 1000 + from->message;
    }
    e.topic = slice_text("blobs");
    recorder_trace(r, from->node, from->now_ns, &e);
}

void flood_feed_all(const struct flood *f, struct recorder *r)
{
    for (uint32_t i = 0; i < f->count; i++)
        flood_feed(f, r, i);
}
