#include "sim/des/flight.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#define NONE UINT32_MAX
#define TRAIN_TIME_NS (2 * NS_PER_MS) /* a train takes no longer on the slowest link ... */
#define TRAIN_SEGMENTS_MIN 2          /* ... unless it is as short as this */

static void add_chunk(struct flight_host *fh, uint32_t index)
{
    if (index == CHUNKS_FEW) {
        fh->chunks = mem_grow(NULL, 2 * CHUNKS_FEW, sizeof(struct conn *));
        memcpy(fh->chunks, fh->few, sizeof fh->few);
    } else if (index > CHUNKS_FEW && index % CHUNKS_FEW == 0) {
        fh->chunks = mem_grow(fh->chunks, index + CHUNKS_FEW, sizeof(struct conn *));
    }
    fh->chunks[index] = mem_zalloc(CHUNK * sizeof(struct conn));
}

static uint32_t take_number(struct flight_host *fh)
{
    uint32_t index = fh->first_free;

    if (index != NONE) {
        fh->first_free = conn_at(fh, index)->peer_host;
        return index;
    }
    if (fh->conn_count % CHUNK == 0)
        add_chunk(fh, fh->conn_count / CHUNK);
    return fh->conn_count++;
}

/* Segments that leave as one: no longer than keeps the clock of the ACKs on the slowest link. */
static uint8_t train_length(const struct host *h, const struct host *peer)
{
    const struct tcp_config *config = config_of(h);
    uint64_t bps = path_bps(h, peer), most = TRAIN_SIZE_MAX / config->mss, fit;

    if (most > TRAIN_SEGMENTS_MAX)
        most = TRAIN_SEGMENTS_MAX;
    if (most == 0)
        most = 1;
    if (bps) {
        fit = TRAIN_TIME_NS * (bps / 8) / NS_PER_S / (config->mss + header_size(h));
        if (fit < TRAIN_SEGMENTS_MIN)
            fit = TRAIN_SEGMENTS_MIN;
        most = most < fit ? most : fit;
    }
    return (uint8_t)most;
}

struct conn *flight_conn_new(struct host *h, enum conn_state state, const struct host *peer)
{
    struct flight_host *fh = flight_host(h);
    uint32_t index = take_number(fh);
    struct conn *c = conn_at(fh, index);

    *c = (struct conn){.generation = c->generation + 1,
                       .index = index,
                       .state = (uint8_t)state,
                       .peer_host = peer->index};
    sender_init(&c->sender, config_of(h), h->lane->now_ns);
    c->sender.burst_max = train_length(h, peer);
    receiver_init(&c->receiver);
    return c;
}

void flight_conn_free(struct host *h, struct conn *c)
{
    struct flight_host *fh = flight_host(h);

    CHECK(c->state != CONN_FREE);
    sender_deinit(&c->sender);
    receiver_deinit(&c->receiver);
    c->state = CONN_FREE;
    c->peer_host = fh->first_free;
    fh->first_free = c->index;
}

void flight_host_start(struct host *h)
{
    flight_host(h)->first_free = NONE;
    flight_host(h)->chunks = flight_host(h)->few;
}

void flight_host_stop(struct host *h)
{
    struct flight_host *fh = flight_host(h);

    for (uint32_t i = 0; i < fh->conn_count; i++)
        if (conn_at(fh, i)->state != CONN_FREE)
            flight_conn_free(h, conn_at(fh, i));
    for (uint32_t i = 0; i < fh->conn_count; i += CHUNK)
        mem_free(fh->chunks[i / CHUNK]);
    if (fh->chunks != fh->few)
        mem_free(fh->chunks);
}
