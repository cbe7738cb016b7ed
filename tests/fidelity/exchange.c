#include "tests/fidelity/exchange.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#include <string.h>

enum flow_state { FLOW_DIALLING, FLOW_OPEN, FLOW_STARTING, FLOW_SENDING, FLOW_FAILED };

struct flow {
    struct exchange *exchange;
    uint32_t from, to; /* hosts */
    struct backend_conn client, server;
    bool dialled, accepted;
    enum flow_state state;
    struct chain rest; /* not taken by the world yet */
    uint64_t start_ns, first_ns, last_ns, received;
};

/* One host of the exchange: the `app` of its upcalls. */
struct site {
    struct exchange *exchange;
    uint32_t index;
};

enum exchange_state { EXCHANGE_NEW, EXCHANGE_DIALLING, EXCHANGE_RUNNING, EXCHANGE_PAUSING, EXCHANGE_OVER };

struct exchange {
    struct cell cell;
    struct exchange_world world;
    struct site sites[CELL_HOSTS_MAX];
    struct flow flows[CELL_FLOWS_MAX];
    uint32_t flow_count;
    enum exchange_state state;
    enum phase phase;
    uint64_t deadline_ns, pause_end_ns;
    struct blob *payload;
    struct cell_result result;
};

static void *host_of(struct exchange *x, uint32_t host)
{
    return x->world.host(x->world.ctx, host);
}

static void send_rest(struct flow *f)
{
    f->exchange->world.ops->send(host_of(f->exchange, f->from), f->client, &f->rest);
}

static void begin_flow(void *arg, uint64_t now_ns)
{
    struct flow *f = arg;
    struct blob *payload = f->exchange->payload;

    if (f->state != FLOW_STARTING)
        return; /* it failed meanwhile */
    f->state = FLOW_SENDING;
    f->start_ns = now_ns;
    chain_give(&f->rest, span_give(blob_ref(payload)));
    send_rest(f);
}

/* ---- upcalls ---- */

static struct flow *flow_at(struct site *site, struct backend_conn conn)
{
    struct exchange *x = site->exchange;

    for (uint32_t i = 0; i < x->flow_count; i++) {
        struct flow *f = &x->flows[i];

        if ((f->from == site->index && backend_conn_equal(f->client, conn)) ||
            (f->to == site->index && f->accepted && backend_conn_equal(f->server, conn)))
            return f;
    }
    UNREACHABLE();
}

static void on_accepted(void *app, uint64_t now_ns, struct backend_conn conn, const struct endpoint *from)
{
    struct site *site = app;
    struct exchange *x = site->exchange;

    (void)now_ns;
    for (uint32_t i = 0; i < x->flow_count; i++) {
        struct endpoint client = x->world.address(x->world.ctx, x->flows[i].from);

        if (x->flows[i].to == site->index && memcmp(client.ip, from->ip, sizeof client.ip) == 0) {
            x->flows[i].server = conn;
            x->flows[i].accepted = true;
        }
    }
}

static void on_dialled(void *app, uint64_t now_ns, struct backend_conn conn, int err)
{
    struct flow *f = flow_at(app, conn);

    (void)now_ns;
    f->dialled = err == 0;
    f->state = err ? FLOW_FAILED : FLOW_OPEN;
}

static void receive(struct flow *f, uint64_t now_ns, size_t size)
{
    struct exchange *x = f->exchange;
    struct chain answer;

    if (f->received == 0)
        f->first_ns = now_ns;
    f->received += size;
    if (f->received < x->cell.size)
        return;
    f->last_ns = now_ns;
    chain_init(&answer);
    chain_append(&answer, slice_of((const uint8_t *)"!", 1));
    x->world.ops->send(host_of(x, f->to), f->server, &answer);
    CHECK(answer.size == 0);
}

static void on_data(void *app, uint64_t now_ns, struct backend_conn conn, struct chain *bytes)
{
    struct site *site = app;
    struct flow *f = flow_at(site, conn);
    size_t size = bytes->size;

    chain_drop(bytes, size);
    if (site->index == f->to)
        receive(f, now_ns, size);
    else
        f->state = FLOW_OPEN; /* the answer */
}

static void on_writable(void *app, uint64_t now_ns, struct backend_conn conn)
{
    (void)now_ns;
    send_rest(flow_at(app, conn));
}

static void on_closed(void *app, uint64_t now_ns, struct backend_conn conn, int err)
{
    (void)now_ns;
    (void)err;
    flow_at(app, conn)->state = FLOW_FAILED;
}

static void on_wake(void *app, uint64_t now_ns)
{
    (void)app;
    (void)now_ns;
}

static const struct backend_app exchange_app = {.accepted = on_accepted,
                                                .dialled = on_dialled,
                                                .data = on_data,
                                                .writable = on_writable,
                                                .closed = on_closed,
                                                .wake = on_wake};

/* ---- phases ---- */

static void open_flows(struct exchange *x)
{
    for (uint32_t i = 0; i < cell_host_count(&x->cell); i++) {
        x->sites[i] = (struct site){x, i};
        x->world.place(x->world.ctx, i, &exchange_app, &x->sites[i]);
    }
    for (uint32_t i = 0; i < x->flow_count; i++) {
        struct flow *f = &x->flows[i];
        struct endpoint at;

        f->exchange = x;
        cell_flow(&x->cell, i, &f->from, &f->to);
        chain_init(&f->rest);
        at = x->world.address(x->world.ctx, f->to);
        if (x->cell.pattern != PATTERN_INCAST || i == 0)
            if (x->world.ops->listen(host_of(x, f->to), &at) != 0)
                f->state = FLOW_FAILED;
        if (x->world.ops->dial(host_of(x, f->from), &at, &f->client) != 0)
            f->state = FLOW_FAILED;
    }
}

static void begin_phase(struct exchange *x, uint64_t now_ns)
{
    x->state = EXCHANGE_RUNNING;
    x->deadline_ns = now_ns + EXCHANGE_PATIENCE_NS;
    for (uint32_t i = 0; i < x->flow_count; i++) {
        struct flow *f = &x->flows[i];

        f->state = FLOW_STARTING;
        f->received = 0;
        x->world.schedule(x->world.ctx, f->from, now_ns, begin_flow, f);
    }
}

static void end_phase(struct exchange *x, uint64_t now_ns)
{
    struct phase_times *t = &x->result.phases[x->phase];

    t->first_ns = UINT64_MAX;
    for (uint32_t i = 0; i < x->flow_count; i++) {
        const struct flow *f = &x->flows[i];
        uint64_t last_ns = f->last_ns - f->start_ns;
        uint64_t first_ns = x->flow_count == 1 ? f->first_ns - f->start_ns : last_ns;

        t->first_ns = first_ns < t->first_ns ? first_ns : t->first_ns;
        t->last_ns = last_ns > t->last_ns ? last_ns : t->last_ns;
    }
    x->result.done = ++x->phase;
    if (x->phase == PHASE_COUNT) {
        x->state = EXCHANGE_OVER;
    } else if (x->phase == PHASE_IDLE) {
        x->state = EXCHANGE_PAUSING;
        x->pause_end_ns = now_ns + EXCHANGE_PAUSE_NS;
        x->deadline_ns = x->pause_end_ns + EXCHANGE_PATIENCE_NS;
    } else {
        begin_phase(x, now_ns);
    }
}

/* All flows are open and quiet. */
static bool all_open(const struct exchange *x)
{
    for (uint32_t i = 0; i < x->flow_count; i++)
        if (x->flows[i].state != FLOW_OPEN || !x->flows[i].dialled || !x->flows[i].accepted)
            return false;
    return true;
}

static bool any_failed(const struct exchange *x)
{
    for (uint32_t i = 0; i < x->flow_count; i++)
        if (x->flows[i].state == FLOW_FAILED)
            return true;
    return false;
}

bool exchange_step(struct exchange *x, uint64_t now_ns)
{
    if (x->state != EXCHANGE_NEW && (any_failed(x) || now_ns > x->deadline_ns))
        x->state = EXCHANGE_OVER; /* before anything is scheduled for later */
    switch (x->state) {
    case EXCHANGE_NEW:
        open_flows(x);
        x->state = EXCHANGE_DIALLING;
        x->deadline_ns = now_ns + EXCHANGE_PATIENCE_NS;
        break;
    case EXCHANGE_DIALLING:
        if (all_open(x))
            begin_phase(x, now_ns);
        break;
    case EXCHANGE_RUNNING:
        if (all_open(x))
            end_phase(x, now_ns);
        break;
    case EXCHANGE_PAUSING:
        if (now_ns >= x->pause_end_ns)
            begin_phase(x, now_ns);
        break;
    case EXCHANGE_OVER:
        break;
    }
    return x->state != EXCHANGE_OVER;
}

struct exchange *exchange_new(const struct cell *cell, const struct exchange_world *world)
{
    struct exchange *x = mem_zalloc(sizeof *x);

    x->cell = *cell;
    x->world = *world;
    x->flow_count = cell_flow_count(cell);
    x->payload = blob_new(cell->size);
    memset(x->payload->data, 0, x->payload->size);
    return x;
}

struct cell_result exchange_result(const struct exchange *x)
{
    return x->result;
}

void exchange_free(struct exchange *x)
{
    for (uint32_t i = 0; i < cell_host_count(&x->cell) && x->state != EXCHANGE_NEW; i++)
        x->world.place(x->world.ctx, i, NULL, NULL);
    for (uint32_t i = 0; i < x->flow_count; i++)
        chain_deinit(&x->flows[i].rest);
    blob_unref(x->payload);
    mem_free(x);
}
