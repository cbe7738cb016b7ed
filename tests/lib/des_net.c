#include "tests/lib/des_net.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#define PATTERN_PERIOD 65521u /* a prime: no segment or buffer size divides it */
#define PATTERN_SIZE (16 * PATTERN_PERIOD)
#define PORT 4001
#define STEP_NS 100000u

static struct des_end *end_new(struct des_peer *p, struct backend_conn conn)
{
    struct des_end *end = mem_zalloc(sizeof *end);

    end->net = p->net;
    end->host = p->index;
    end->number = p->count;
    end->conn = conn;
    p->ends = mem_grow(p->ends, p->count + 1, sizeof(struct des_end *));
    p->ends[p->count++] = end;
    return end;
}

static struct des_end *end_find(const struct des_peer *p, struct backend_conn conn)
{
    for (uint32_t i = p->count; i-- > 0;)
        if (backend_conn_equal(p->ends[i]->conn, conn) && !p->ends[i]->closed)
            return p->ends[i];
    CHECK(false); /* an upcall for a connection that is over */
    return NULL;
}

static void write_some(struct des_end *end)
{
    struct des_net *n = end->net;

    while (end->open && !end->closed && end->to_write) {
        uint32_t at = (uint32_t)(end->written % PATTERN_PERIOD);
        size_t size = PATTERN_SIZE - at < end->to_write ? PATTERN_SIZE - at : (size_t)end->to_write, taken;
        struct chain bytes;

        chain_init(&bytes);
        chain_give(&bytes, span_part((struct span){n->pattern, n->pattern->data, PATTERN_SIZE}, at, size));
        taken = des_ops.send(n->peers[end->host].host, end->conn, &bytes);
        CHECK(taken + bytes.size == size);
        chain_deinit(&bytes);
        end->to_write -= taken;
        end->written += taken;
        if (taken < size)
            break;
    }
}

static void on_accepted(void *app, uint64_t now_ns, struct backend_conn conn, const struct endpoint *from)
{
    struct des_end *end = end_new(app, conn);

    (void)from;
    end->open = true;
    end->opened_ns = now_ns;
}

static void on_dialled(void *app, uint64_t now_ns, struct backend_conn conn, int err)
{
    struct des_end *end = end_find(app, conn);

    end->open = err == 0;
    end->closed = err != 0;
    end->err = err;
    end->opened_ns = now_ns;
    write_some(end);
}

static void on_data(void *app, uint64_t now_ns, struct backend_conn conn, struct chain *bytes)
{
    struct des_end *end = end_find(app, conn);
    size_t size = bytes->size;

    CHECK(end->open && !end->paused && size > 0);
    while (bytes->size) {
        struct span s = chain_take_front(bytes);
        uint32_t at = (uint32_t)(end->received % PATTERN_PERIOD);

        CHECK(s.size <= PATTERN_SIZE - at);
        CHECK(memcmp(s.data, end->net->pattern->data + at, s.size) == 0);
        end->received += s.size;
        span_unref(s);
    }
    end->last_ns = now_ns;
    if (end->first_ns == 0)
        end->first_ns = now_ns;
    if (end->on_data)
        end->on_data(end, now_ns, size);
}

static void on_writable(void *app, uint64_t now_ns, struct backend_conn conn)
{
    (void)now_ns;
    write_some(end_find(app, conn));
}

static void on_closed(void *app, uint64_t now_ns, struct backend_conn conn, int err)
{
    struct des_end *end = end_find(app, conn);

    end->closed = true;
    end->err = err;
    end->closed_ns = now_ns;
}

static void on_wake(void *app, uint64_t now_ns)
{
    (void)app;
    (void)now_ns;
}

static const struct backend_app app = {.accepted = on_accepted,
                                       .dialled = on_dialled,
                                       .data = on_data,
                                       .writable = on_writable,
                                       .closed = on_closed,
                                       .wake = on_wake};

/* One for all nets of the program. */
static struct blob *pattern_get(void)
{
    static struct blob *pattern;
    struct rng r;

    if (pattern)
        return pattern;
    rng_init(&r, 1, "pattern");
    pattern = blob_new(PATTERN_SIZE);
    for (uint32_t i = 0; i < PATTERN_SIZE; i++)
        pattern->data[i] = i < PATTERN_PERIOD ? (uint8_t)rng_next(&r) : pattern->data[i - PATTERN_PERIOD];
    return pattern;
}

static struct endpoint address(uint32_t host)
{
    return endpoint_ip4(0x0a000001u + host, PORT);
}

void des_net_init(struct des_net *n, const struct des_config *config, uint64_t one_way_ns, const struct des_net_host *hosts,
                  uint32_t host_count)
{
    struct des_config c = *config;

    *n = (struct des_net){.peer_count = host_count, .pattern = blob_ref(pattern_get())};
    c.region_count = 1;
    c.latency_ns = &one_way_ns;
    n->d = des_new(&c);
    n->peers = mem_zalloc(host_count * sizeof *n->peers);
    for (uint32_t i = 0; i < host_count; i++) {
        struct endpoint at = address(i);
        struct des_host_config h = {.address = at, .up_bps = hosts[i].up_bps, .down_bps = hosts[i].down_bps};

        des_host_add(n->d, &h);
        n->peers[i] = (struct des_peer){.net = n, .index = i, .host = des_host(n->d, i)};
        des_host_run(n->d, i, &app, &n->peers[i]);
        CHECK(des_ops.listen(n->peers[i].host, &at) == 0);
    }
}

void des_net_deinit(struct des_net *n)
{
    des_free(n->d);
    for (uint32_t i = 0; i < n->peer_count; i++) {
        for (uint32_t j = 0; j < n->peers[i].count; j++)
            mem_free(n->peers[i].ends[j]);
        mem_free(n->peers[i].ends);
    }
    mem_free(n->peers);
    blob_unref(n->pattern);
}

struct des_end *des_net_dial(struct des_net *n, uint32_t from, uint32_t to)
{
    struct endpoint at = address(to);
    struct backend_conn conn;

    CHECK(des_ops.dial(n->peers[from].host, &at, &conn) == 0);
    return end_new(&n->peers[from], conn);
}

void des_net_write(struct des_end *end, uint64_t size)
{
    end->to_write += size;
    write_some(end);
}

void des_net_lose(struct des_net *n, uint32_t ppm)
{
    struct gilbert loss = {.good_loss_ppm = ppm};

    des_loss_set(n->d, 0, 0, &loss);
}

void des_net_pause(struct des_end *end, bool paused)
{
    end->paused = paused;
    des_ops.pause(end->net->peers[end->host].host, end->conn, paused);
}

void des_net_close(struct des_end *end, enum backend_close how)
{
    end->closed = true;
    des_ops.close(end->net->peers[end->host].host, end->conn, how);
}

void des_net_run(struct des_net *n, uint64_t until_ns)
{
    des_run(n->d, until_ns);
}

bool des_net_run_to(struct des_net *n, const struct des_end *end, uint64_t received, uint64_t until_ns)
{
    while (end->received < received && des_now_ns(n->d) < until_ns)
        des_run(n->d, des_now_ns(n->d) + STEP_NS);
    return end->received >= received;
}
