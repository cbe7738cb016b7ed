#include "tests/fidelity/model.h"

#include "tests/fidelity/exchange.h"

const struct model models[] = {
    {"ideal", DES_TCP_IDEAL},
    {"flight", DES_TCP_FLIGHT},
    {"packet", DES_TCP_PACKET},
};
const uint32_t model_count = sizeof models / sizeof models[0];

static void *host(void *ctx, uint32_t host)
{
    return des_host(ctx, host);
}

static struct endpoint address(void *ctx, uint32_t host)
{
    (void)ctx;
    return endpoint_ip4(0x0a000001u + host, EXCHANGE_PORT);
}

static void place(void *ctx, uint32_t host, const struct backend_app *app, void *app_ctx)
{
    des_host_run(ctx, host, app, app_ctx);
}

static void schedule(void *ctx, uint32_t host, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg)
{
    des_schedule(ctx, host, at_ns, fn, arg);
}

struct cell_result model_run(const struct model *model, const struct cell *cell)
{
    uint64_t latency_ns[] = {cell->rtt_ns / 2};
    struct gilbert loss = {.good_loss_ppm = cell->loss_ppm};
    struct des_config config = {.seed = cell->seed,
                                .region_count = 1,
                                .latency_ns = latency_ns,
                                .queue_ns = cell->queue_ns,
                                .loss = cell->loss_ppm ? &loss : NULL,
                                .tcp = model->tcp};
    struct des *d = des_new(&config);
    struct exchange_world world = {d, &des_ops, host, address, place, schedule};
    struct exchange *x = exchange_new(cell, &world);
    struct cell_result result;

    for (uint32_t i = 0; i < cell_host_count(cell); i++) {
        struct des_host_config h = {
            .address = address(d, i), .up_bps = cell->rate_bps, .down_bps = cell->rate_bps};

        des_host_add(d, &h);
    }
    while (exchange_step(x, des_now_ns(d)))
        des_run(d, des_now_ns(d) + EXCHANGE_STEP_NS);
    result = exchange_result(x);
    exchange_free(x);
    des_free(d);
    return result;
}
