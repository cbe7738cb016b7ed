/* What lies between two hosts of the `flight` model: uplink, path, bottleneck, downlink; what they lose becomes notices. */
#include "sim/des/flight.h"

#include "stack/base/mem.h"

/* Tells who has to know that something was lost: its source, or of an ACK who waits for it. */
static void tell_lost(struct host *h, struct train *notice)
{
    uint32_t who = notice->refused == TRAIN_ACK ? notice->destination : notice->source;

    if (notice->refused == TRAIN_RST)
        train_free(notice);
    else if (who == h->index)
        flight_notice(h, notice);
    else
        des_post(h, who, h->lane->now_ns + path_least_ns(h->des, h->region, h->des->hosts[who]->region), EVENT_TRAIN,
                 notice);
}

/* Takes out the segments that a queue or a partition swallowed. */
static void drop_segments(struct host *h, struct train *t, uint16_t segments)
{
    struct train *notice;

    if (segments == 0)
        return;
    notice = train_lose(t, segments);
    h->lane->counts.dropped += (uint64_t)__builtin_popcount(segments);
    if (notice)
        tell_lost(h, notice);
}

/* The same for those that were lost on the way: bit i of `losses` is the i-th of what is left of the train. */
static void lose_segments(struct host *h, struct train *t, uint64_t losses)
{
    struct train *notice;
    uint16_t segments = 0;
    uint32_t place = 0;

    if (losses == 0)
        return;
    for (uint32_t i = 0; i < t->segments; i++)
        if (!(t->lost >> i & 1) && losses >> place++ & 1)
            segments |= (uint16_t)(1u << i);
    notice = train_lose(t, segments);
    h->lane->counts.lost += (uint64_t)__builtin_popcount(segments);
    if (notice)
        tell_lost(h, notice);
}

/* The next hop of the train. Each segment has its own jitter, and none overtakes another. */
static struct path_hop next_hop(struct host *h, struct train *t, uint32_t to_region)
{
    struct path_hop hop = path_hop(h, t->destination, to_region);
    uint64_t first_ns = hop.delay_ns;

    for (uint32_t i = 1, live = train_live(t); h->des->jitters && i < live; i++) {
        uint64_t delay_ns = path_hop(h, t->destination, to_region).delay_ns;

        hop.delay_ns = delay_ns > hop.delay_ns ? delay_ns : hop.delay_ns;
    }
    t->spread_ns += hop.delay_ns - first_ns;
    return hop;
}

/* Posts the arrival of the train, which reaches the next host at t->at_ns: through the downlink of its destination, if nothing
 * is before it there. Where several trains left as one event (sender_ack) that time may lie in the past a little; the
 * event comes no earlier than least_ns from now. */
static void post_arrival(struct host *h, struct train *t, uint32_t to, uint64_t least_ns)
{
    uint64_t event_ns;

    t->last_hop_ns = to == t->destination ? link_time_ns(&h->des->hosts[to]->down, train_last_size(t, header_size(h))) : 0;
    event_ns = t->at_ns + t->last_hop_ns;
    if (event_ns < h->lane->now_ns + least_ns)
        event_ns = h->lane->now_ns + least_ns;
    des_post(h, to, event_ns, EVENT_TRAIN, t);
}

/* Puts the train on its way; when its last bit left the uplink. All of what may lie between two hosts comes in here, in
 * forward and in flight_arrive. */
uint64_t flight_launch(struct host *h, struct train *t, uint64_t *last_arrival_ns)
{
    const struct host *peer = h->des->hosts[t->destination];
    uint64_t through_ns = h->lane->now_ns;
    struct path_hop hop;

    if (path_cut(h, peer)) {
        drop_segments(h, t, (uint16_t)((1u << t->segments) - 1));
    } else {
        drop_segments(h, t, train_pass(t, &h->up, t->sent_ns, header_size(h), &through_ns));
        if (train_live(t)) {
            h->lane->counts.bytes += train_wire_size(t, header_size(h));
            lose_segments(h, t, path_losses(h, peer->region, train_live(t)));
        }
    }
    if (train_live(t) == 0) {
        train_free(t);
        return through_ns;
    }
    hop = next_hop(h, t, peer->region);
    t->rest_ns = hop.rest_ns;
    t->at_ns = through_ns + hop.delay_ns;
    if (t->at_ns < *last_arrival_ns)
        t->at_ns = *last_arrival_ns;
    *last_arrival_ns = t->at_ns;
    post_arrival(h, t, hop.host, hop.delay_ns);
    return through_ns;
}

/* A train of others at a bottleneck. */
static void forward(struct host *h, struct train *t)
{
    uint64_t through_ns;

    drop_segments(h, t, train_pass(t, &h->up, t->at_ns, header_size(h), &through_ns));
    if (train_live(t) == 0) {
        train_free(t);
        return;
    }
    t->at_ns = through_ns + t->rest_ns;
    post_arrival(h, t, t->destination, t->rest_ns);
}

struct train *flight_train(const struct host *h, const struct conn *c, enum train_kind kind)
{
    struct train *t = mem_zalloc(sizeof *t);

    t->kind = (uint8_t)kind;
    t->segments = 1;
    t->mss = (uint16_t)config_of(h)->mss;
    t->source = h->index;
    t->destination = c->peer_host;
    t->from = handle_of(c);
    t->to = c->peer;
    t->sent_ns = h->lane->now_ns;
    return t;
}

void flight_send_control(struct host *h, struct conn *c, enum train_kind kind)
{
    flight_launch(h, flight_train(h, c, kind), &c->last_arrival_ns);
}

/* Answers something for which there is no connection here. */
void flight_refuse(struct host *h, const struct train *to)
{
    struct train *t;
    uint64_t last_ns = 0;

    if (to->kind == TRAIN_RST || to->kind == TRAIN_ACK || to->kind == TRAIN_NOTICE)
        return;
    t = mem_zalloc(sizeof *t);
    t->kind = TRAIN_RST;
    t->segments = 1;
    t->source = h->index;
    t->destination = to->source;
    t->sent_ns = h->lane->now_ns;
    t->to = to->from;
    flight_launch(h, t, &last_ns);
}

void flight_arrive(struct host *h, struct train *t)
{
    uint64_t now = h->lane->now_ns, through;

    if (t->kind == TRAIN_NOTICE) {
        flight_notice(h, t);
        return;
    }
    if (h->middle) {
        forward(h, t);
        return;
    }
    drop_segments(h, t, train_pass(t, &h->down, t->at_ns, header_size(h), &through));
    t->at_ns = through;
    if (h->loss && train_live(t))
        lose_segments(h, t, path_losses_down(h, train_live(t)));
    if (t->kind == TRAIN_SYN && h->unreachable)
        drop_segments(h, t, 1);
    if (train_live(t) == 0)
        train_free(t);
    else if (through > now)
        des_post(h, h->index, through, EVENT_THROUGH, t);
    else
        flight_receive(h, t);
}
