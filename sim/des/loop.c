/* The event loop of a host whose CPU takes time. It stands between the TCP model and the node:
 *
 *  - While the loop is busy upcalls wait, in order; bytes of a connection that has some waiting are joined, and the
 *    connection is paused, so that what the node does not read fills the receive buffer as it would a kernel's.
 *  - What the node does takes effect when its work is done: `send` takes nothing before that, then `writable` comes and the
 *    first send passes. What it has to say goes before what waits to be heard.
 *  - The end of a connection, or of a dial, comes at once, after what waits of it: the handle is gone in the TCP model, and
 *    its number may be given out again.
 *
 * Calls of the owner do not wait; the work they make is done after what is under way. The kernel's own work is free. */
#include "sim/des/internal.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

enum upcall_kind { UPCALL_ACCEPTED, UPCALL_DIALLED, UPCALL_DATA, UPCALL_WAKE };

struct upcall {
    enum upcall_kind kind;
    bool dead; /* overtaken by the end of its connection, or by a later deadline */
    struct backend_conn conn;
    struct endpoint from;
    struct chain bytes;
};

struct loop_conn {
    uint32_t generation;
    bool paused;    /* by the node */
    bool held_back; /* paused by us, since bytes of it wait */
    bool output;    /* in the list of those that wait to send */
    bool released;  /* its next send passes */
    struct chain stash; /* bytes that came before the node paused it */
};

struct loop {
    struct host *host;
    struct cpu cpu;
    const struct backend_app *app; /* the node; NULL: none */
    void *app_ctx;
    struct upcall *upcalls; /* a ring; its capacity is a power of two */
    uint32_t head, count, capacity;
    struct loop_conn *conns;
    uint32_t conn_capacity;
    struct backend_conn *outputs;
    uint32_t output_count, output_capacity;
    bool wake_waits;
    uint64_t posted_ns; /* of the event on its way; TIME_NEVER: none */
};

static bool is_busy(const struct loop *l)
{
    return l->cpu.free_ns[0] > l->host->lane->now_ns;
}

/* Sees to it that an event comes when the loop is free again, if something waits for that. */
static void post(struct loop *l)
{
    struct host *h = l->host;
    uint64_t at_ns = is_busy(l) ? l->cpu.free_ns[0] : h->lane->now_ns;

    if ((!l->count && !l->output_count) || at_ns >= l->posted_ns)
        return;
    l->posted_ns = at_ns;
    des_post(h, h->index, at_ns, EVENT_LOOP, NULL);
}

static struct loop_conn *conn_of(struct loop *l, struct backend_conn conn)
{
    struct loop_conn *c;

    if (conn.index >= l->conn_capacity) {
        uint32_t capacity = l->conn_capacity ? l->conn_capacity : 8;

        while (capacity <= conn.index)
            capacity *= 2;
        l->conns = mem_grow(l->conns, capacity, sizeof *l->conns);
        memset(l->conns + l->conn_capacity, 0, (capacity - l->conn_capacity) * sizeof *l->conns);
        l->conn_capacity = capacity;
    }
    c = &l->conns[conn.index];
    if (c->generation != conn.generation) {
        chain_deinit(&c->stash);
        *c = (struct loop_conn){.generation = conn.generation};
        chain_init(&c->stash);
    }
    return c;
}

static struct upcall *upcall_at(const struct loop *l, uint32_t index)
{
    return &l->upcalls[(l->head + index) & (l->capacity - 1)];
}

static struct upcall *wait_in_line(struct loop *l, enum upcall_kind kind, struct backend_conn conn)
{
    struct upcall *u;

    if (l->count == l->capacity) {
        uint32_t capacity = l->capacity ? l->capacity * 2 : 8;
        struct upcall *ring = mem_grow(NULL, capacity, sizeof *ring);

        for (uint32_t i = 0; i < l->count; i++)
            ring[i] = *upcall_at(l, i);
        mem_free(l->upcalls);
        l->upcalls = ring;
        l->capacity = capacity;
        l->head = 0;
    }
    u = upcall_at(l, l->count++);
    *u = (struct upcall){.kind = kind, .conn = conn};
    chain_init(&u->bytes);
    post(l);
    return u;
}

static bool must_wait(const struct loop *l)
{
    return is_busy(l) || l->count > 0;
}

/* ---- what the TCP model calls ---- */

static void on_accepted(void *app, uint64_t now_ns, struct backend_conn conn, const struct endpoint *from)
{
    struct loop *l = app;

    if (must_wait(l))
        wait_in_line(l, UPCALL_ACCEPTED, conn)->from = *from;
    else
        l->app->accepted(l->app_ctx, now_ns, conn, from);
}

/* The last that waits of a connection, when it is bytes. */
static struct upcall *waiting_bytes(const struct loop *l, struct backend_conn conn)
{
    for (uint32_t i = l->count; i-- > 0;) {
        struct upcall *u = upcall_at(l, i);

        if (!u->dead && u->kind != UPCALL_WAKE && backend_conn_equal(u->conn, conn))
            return u->kind == UPCALL_DATA ? u : NULL;
    }
    return NULL;
}

static void on_data(void *app, uint64_t now_ns, struct backend_conn conn, struct chain *bytes)
{
    struct loop *l = app;
    struct upcall *u;

    if (!must_wait(l)) {
        l->app->data(l->app_ctx, now_ns, conn, bytes);
        return;
    }
    u = waiting_bytes(l, conn);
    if (!u)
        u = wait_in_line(l, UPCALL_DATA, conn);
    chain_move_all(&u->bytes, bytes);
    conn_of(l, conn)->held_back = true;
    l->host->des->transport->pause(l->host, conn, true);
}

static void wait_to_send(struct loop *l, struct backend_conn conn)
{
    struct loop_conn *c = conn_of(l, conn);

    if (c->output)
        return;
    c->output = true;
    if (l->output_count == l->output_capacity) {
        l->output_capacity = l->output_capacity ? l->output_capacity * 2 : 8;
        l->outputs = mem_grow(l->outputs, l->output_capacity, sizeof *l->outputs);
    }
    l->outputs[l->output_count++] = conn;
    post(l);
}

static void on_writable(void *app, uint64_t now_ns, struct backend_conn conn)
{
    struct loop *l = app;

    if (is_busy(l))
        wait_to_send(l, conn);
    else
        l->app->writable(l->app_ctx, now_ns, conn);
}

static void deliver(struct loop *l, struct upcall *u)
{
    uint64_t now_ns = l->host->lane->now_ns;

    switch (u->kind) {
    case UPCALL_ACCEPTED:
        l->app->accepted(l->app_ctx, now_ns, u->conn, &u->from);
        break;
    case UPCALL_DIALLED:
        l->app->dialled(l->app_ctx, now_ns, u->conn, ERR_OK);
        break;
    case UPCALL_DATA:
        l->app->data(l->app_ctx, now_ns, u->conn, &u->bytes);
        CHECK(u->bytes.size == 0);
        break;
    case UPCALL_WAKE:
        l->app->wake(l->app_ctx, now_ns);
        break;
    }
}

/* Forgets a connection; what waits of it is delivered first, or dropped. */
static void end_conn(struct loop *l, struct backend_conn conn, bool deliver_first)
{
    struct upcall kept = {.kind = UPCALL_DATA, .conn = conn, .bytes = conn_of(l, conn)->stash};

    chain_init(&l->conns[conn.index].stash);
    if (deliver_first && kept.bytes.size)
        deliver(l, &kept);
    chain_deinit(&kept.bytes);
    for (uint32_t i = 0; i < l->count; i++) {
        struct upcall *at = upcall_at(l, i), u = *at;

        if (u.dead || u.kind == UPCALL_WAKE || !backend_conn_equal(u.conn, conn))
            continue;
        at->dead = true;
        chain_init(&at->bytes);
        if (deliver_first)
            deliver(l, &u); /* may close it: then the rest is dead already */
        chain_deinit(&u.bytes);
    }
    if (l->conns[conn.index].generation == conn.generation)
        l->conns[conn.index].generation = 0; /* nobody's */
}

static void on_dialled(void *app, uint64_t now_ns, struct backend_conn conn, int err)
{
    struct loop *l = app;

    if (err == ERR_OK && must_wait(l)) {
        wait_in_line(l, UPCALL_DIALLED, conn);
        return;
    }
    if (err != ERR_OK)
        end_conn(l, conn, true);
    l->app->dialled(l->app_ctx, now_ns, conn, err);
}

static void on_closed(void *app, uint64_t now_ns, struct backend_conn conn, int err)
{
    struct loop *l = app;

    end_conn(l, conn, true);
    l->app->closed(l->app_ctx, now_ns, conn, err);
}

static void on_wake(void *app, uint64_t now_ns)
{
    struct loop *l = app;

    if (!must_wait(l)) {
        l->app->wake(l->app_ctx, now_ns);
    } else if (!l->wake_waits) {
        l->wake_waits = true;
        wait_in_line(l, UPCALL_WAKE, (struct backend_conn){0});
    }
}

const struct backend_app loop_app = {
    .accepted = on_accepted,
    .dialled = on_dialled,
    .data = on_data,
    .writable = on_writable,
    .closed = on_closed,
    .wake = on_wake,
};

/* ---- when the loop is free ---- */

/* What was ready to go when the loop became busy goes now; more of it is work that comes after. */
static void release_outputs(struct loop *l)
{
    uint32_t count = l->output_count;

    for (uint32_t i = 0; i < count; i++) {
        struct backend_conn conn = l->outputs[i];

        if (l->conns[conn.index].generation != conn.generation)
            continue;
        l->conns[conn.index].output = false;
        l->conns[conn.index].released = true;
        l->app->writable(l->app_ctx, l->host->lane->now_ns, conn);
        if (l->conns[conn.index].generation == conn.generation)
            l->conns[conn.index].released = false;
    }
    l->output_count -= count;
    if (l->output_count)
        memmove(l->outputs, l->outputs + count, l->output_count * sizeof *l->outputs);
}

static void read_on(struct loop *l, struct backend_conn conn)
{
    struct loop_conn *c = &l->conns[conn.index];

    if (c->generation != conn.generation || !c->held_back || waiting_bytes(l, conn))
        return;
    c->held_back = false;
    if (!c->paused)
        l->host->des->transport->pause(l->host, conn, false);
}

static void run_first(struct loop *l)
{
    struct upcall u = *upcall_at(l, 0);

    l->head = (l->head + 1) & (l->capacity - 1);
    l->count--;
    if (u.dead)
        return;
    if (u.kind == UPCALL_WAKE)
        l->wake_waits = false;
    if (u.kind == UPCALL_DATA && conn_of(l, u.conn)->paused)
        chain_move_all(&conn_of(l, u.conn)->stash, &u.bytes);
    else
        deliver(l, &u);
    if (u.kind == UPCALL_DATA)
        read_on(l, u.conn);
}

void loop_event(struct loop *l, uint64_t time_ns)
{
    if (time_ns != l->posted_ns)
        return; /* overtaken by an earlier one */
    l->posted_ns = TIME_NEVER;
    if (!is_busy(l))
        release_outputs(l);
    while (l->count && !is_busy(l))
        run_first(l);
    post(l);
}

/* ---- what the node calls ---- */

uint64_t loop_charge(struct loop *l, unsigned works, uint64_t bytes)
{
    return cpu_charge(&l->cpu, l->host->lane->now_ns, works, bytes);
}

bool loop_holds(struct loop *l, struct backend_conn conn)
{
    struct loop_conn *c;

    if (!is_busy(l))
        return false;
    c = conn_of(l, conn);
    if (c->released) {
        c->released = false;
        return false;
    }
    wait_to_send(l, conn);
    return true;
}

void loop_pause(struct loop *l, struct backend_conn conn, bool paused)
{
    struct loop_conn *c = conn_of(l, conn);

    c->paused = paused;
    if (paused) {
        l->host->des->transport->pause(l->host, conn, true);
    } else if (c->stash.size) { /* no upcall inside a downcall */
        struct chain stash = c->stash;

        chain_init(&c->stash);
        c->held_back = true;
        chain_move_all(&wait_in_line(l, UPCALL_DATA, conn)->bytes, &stash);
        chain_deinit(&stash);
    } else if (!c->held_back) {
        l->host->des->transport->pause(l->host, conn, false);
    }
}

void loop_rearm(struct loop *l, uint64_t deadline_ns)
{
    if (!l->wake_waits || deadline_ns <= l->host->lane->now_ns)
        return; /* one that is due keeps its place in the line */
    for (uint32_t i = 0; i < l->count; i++)
        if (upcall_at(l, i)->kind == UPCALL_WAKE)
            upcall_at(l, i)->dead = true;
    l->wake_waits = false;
}

void loop_forget(struct loop *l, struct backend_conn conn)
{
    end_conn(l, conn, false);
}

/* ---- life ---- */

struct loop *loop_new(struct host *h, const struct work_cost *costs, uint32_t core_count, uint32_t speed_ppm)
{
    struct loop *l = mem_zalloc(sizeof *l);

    l->host = h;
    l->posted_ns = TIME_NEVER;
    cpu_init(&l->cpu, costs, core_count, speed_ppm);
    return l;
}

void loop_place(struct loop *l, const struct backend_app *app, void *ctx)
{
    for (uint32_t i = 0; i < l->count; i++)
        chain_deinit(&upcall_at(l, i)->bytes);
    for (uint32_t i = 0; i < l->conn_capacity; i++) {
        chain_deinit(&l->conns[i].stash);
        l->conns[i] = (struct loop_conn){0};
    }
    l->count = l->output_count = 0;
    l->wake_waits = false;
    cpu_reset(&l->cpu);
    l->app = app;
    l->app_ctx = ctx;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    loop_place(l, NULL, NULL);
    cpu_deinit(&l->cpu);
    mem_free(l->upcalls);
    mem_free(l->conns);
    mem_free(l->outputs);
    mem_free(l);
}
