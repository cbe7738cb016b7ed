#include "tests/lib/tcp_net.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#define PATTERN_PERIOD 65521u /* a prime: no segment or buffer size divides it */
#define PATTERN_SIZE (16 * PATTERN_PERIOD)

struct tcp_packet {
    struct element_packet header;
    struct tcp_end *to;
    struct tcp_segment segment;
};

static void packet_drop(void *ctx, struct element_packet *header)
{
    struct tcp_packet *p = CONTAINER_OF(header, struct tcp_packet, header);
    struct tcp_net *n = ctx;

    tcp_segment_free(&p->segment);
    mem_free(p);
    n->packets--;
}

static void serve(struct tcp_end *end);

static void send_packet(struct tcp_end *end, const struct tcp_segment *s)
{
    struct tcp_packet *p = mem_zalloc(sizeof *p);

    p->segment = *s;
    p->to = end->peer;
    p->header.size = tcp_segment_size(s);
    p->header.flow = end->index;
    end->net->packets++;
    end->out->accept(end->out, end->net->now_ns, &p->header);
}

static void send_twice(struct tcp_end *end, const struct tcp_segment *s)
{
    struct tcp_segment twin = *s;

    chain_init(&twin.bytes);
    for (uint32_t i = 0; i < s->bytes.count; i++)
        chain_push(&twin.bytes, *chain_span(&s->bytes, i));
    send_packet(end, s);
    send_packet(end, &twin);
}

static void flush(struct tcp_end *end)
{
    struct tcp_net *n = end->net;
    struct tcp_segment s;

    while (end->tcp && tcp_output(end->tcp, n->now_ns, &s)) {
        if (n->filter && !n->filter(end, &s))
            tcp_segment_free(&s);
        else if (n->duplicate_ppm && rng_chance(&n->rng, n->duplicate_ppm, 1000000))
            send_twice(end, &s);
        else
            send_packet(end, &s);
    }
}

static void rearm_elements(struct tcp_net *n)
{
    for (uint32_t i = 0; i < n->element_count; i++) {
        struct tcp_net_element *e = &n->elements[i];
        uint64_t next = e->element->next_ns(e->element);

        if (next == TIME_NEVER)
            timer_disarm(&n->timers, &e->timer);
        else if (!timer_armed(&e->timer) || e->timer.deadline_ns != next)
            timer_arm(&n->timers, &e->timer, next);
    }
}

static void write_some(struct tcp_end *end)
{
    while (end->tcp && end->connected && end->to_write) {
        uint32_t at = (uint32_t)(end->written % PATTERN_PERIOD);
        size_t size = PATTERN_SIZE - at < end->to_write ? PATTERN_SIZE - at : (size_t)end->to_write,
               taken;
        struct chain bytes;

        chain_init(&bytes);
        chain_give(&bytes, span_part((struct span){end->net->pattern, end->net->pattern->data,
                                                   PATTERN_SIZE},
                                     at, size));
        taken = tcp_write(end->tcp, end->net->now_ns, &bytes);
        chain_deinit(&bytes);
        end->to_write -= taken;
        end->written += taken;
        if (taken < size)
            break;
    }
    if (end->tcp && end->connected && end->finishing && end->to_write == 0) {
        end->finishing = false;
        tcp_finish(end->tcp, end->net->now_ns, false);
    }
}

static void read_some(struct tcp_end *end)
{
    struct chain bytes;
    size_t size;

    if (end->paused || !end->tcp)
        return;
    chain_init(&bytes);
    size = tcp_read(end->tcp, end->net->now_ns, &bytes);
    for (uint32_t i = 0; i < bytes.count; i++) {
        struct slice s = chain_at(&bytes, i);
        uint32_t at = (uint32_t)(end->received % PATTERN_PERIOD);

        CHECK(s.size <= PATTERN_SIZE - at);
        CHECK(memcmp(s.data, end->net->pattern->data + at, s.size) == 0);
        end->received += s.size;
    }
    chain_deinit(&bytes);
    if (size == 0)
        return;
    end->last_ns = end->net->now_ns;
    if (end->first_ns == 0)
        end->first_ns = end->net->now_ns;
    if (end->on_data)
        end->on_data(end, end->net->now_ns, size);
}

static void note_memory(struct tcp_end *end)
{
    size_t size = tcp_memory(end->tcp);

    if (size > end->memory_max)
        end->memory_max = size;
}

static bool note_events(struct tcp_end *end)
{
    uint32_t events = tcp_events(end->tcp);

    if (events & TCP_CONNECTED) {
        end->connected = true;
        end->connected_ns = end->net->now_ns;
    }
    if (events & TCP_READABLE)
        read_some(end);
    if (events & TCP_FINISHED)
        end->finished = true;
    if (events & TCP_FAILED) {
        end->failed = true;
        end->error = tcp_error(end->tcp);
    }
    if (events & TCP_DONE)
        end->done = true;
    write_some(end);
    return events != 0;
}

static void serve(struct tcp_end *end)
{
    bool again = true;

    if (!end->tcp)
        return;
    flush(end);
    while (again) {
        again = note_events(end);
        flush(end);
    }
    note_memory(end);
    if (end->done || end->failed) {
        timer_disarm(&end->net->timers, &end->timer);
        tcp_free(end->tcp);
        end->tcp = NULL;
        return;
    }
    if (tcp_deadline_ns(end->tcp) == TIME_NEVER)
        timer_disarm(&end->net->timers, &end->timer);
    else if (!timer_armed(&end->timer) || end->timer.deadline_ns != tcp_deadline_ns(end->tcp))
        timer_arm(&end->net->timers, &end->timer, tcp_deadline_ns(end->tcp));
}

static void sink_accept(struct element *e, uint64_t now_ns, struct element_packet *header)
{
    struct tcp_net *n = CONTAINER_OF(e, struct tcp_net, sink);
    struct tcp_packet *p = CONTAINER_OF(header, struct tcp_packet, header);
    struct tcp_end *end = p->to;
    struct tcp_segment answer;

    CHECK(now_ns == n->now_ns);
    n->packets--;
    n->events++;
    if (end->tcp) {
        if ((p->segment.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && !end->connected &&
            tcp_deadline_ns(end->tcp) == TIME_NEVER)
            tcp_accept(end->tcp, now_ns, &p->segment);
        tcp_input(end->tcp, now_ns, &p->segment);
        serve(end);
    } else if (tcp_segment_refuse(&p->segment, &answer)) {
        send_packet(end, &answer);
    }
    tcp_segment_free(&p->segment);
    mem_free(p);
}

static void end_fire(struct timer *t, uint64_t now_ns)
{
    struct tcp_end *end = CONTAINER_OF(t, struct tcp_end, timer);

    end->net->events++;
    tcp_timeout(end->tcp, now_ns);
    serve(end);
}

static void element_fire(struct timer *t, uint64_t now_ns)
{
    struct tcp_net_element *e = CONTAINER_OF(t, struct tcp_net_element, timer);

    e->element->run(e->element, now_ns);
}

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
        pattern->data[i] =
            i < PATTERN_PERIOD ? (uint8_t)rng_next(&r) : pattern->data[i - PATTERN_PERIOD];
    return pattern;
}

void tcp_net_init(struct tcp_net *n)
{
    *n = (struct tcp_net){.sink = {.accept = sink_accept}};
    timers_init(&n->timers);
    rng_init(&n->rng, 1, "tcp net");
    n->pattern = blob_ref(pattern_get());
}

void tcp_net_deinit(struct tcp_net *n)
{
    timers_deinit(&n->timers); /* before what the timers are part of */
    for (uint32_t i = 0; i < n->end_count; i++) {
        tcp_free(n->ends[i]->tcp);
        mem_free(n->ends[i]);
    }
    mem_free(n->ends);
    for (uint32_t i = 0; i < n->element_count; i++)
        n->elements[i].element->free(n->elements[i].element);
    CHECK(n->packets == 0);
    blob_unref(n->pattern);
}

struct element *tcp_net_add(struct tcp_net *n, struct element *e, struct element *after)
{
    struct tcp_net_element *slot = &n->elements[n->element_count++];

    CHECK(n->element_count <= TCP_NET_ELEMENTS_MAX);
    slot->element = e;
    timer_init(&slot->timer, element_fire);
    e->after = after ? after : &n->sink;
    e->drop = packet_drop;
    e->drop_ctx = n;
    return e;
}

struct element *tcp_net_link(struct tcp_net *n, uint64_t rate_bps, uint64_t delay_ns,
                             uint64_t queue_size, struct element *after)
{
    struct queue_config queue = {.kind = QUEUE_DROP_TAIL, .size_max = queue_size};

    return tcp_net_add(n, element_link_new(rate_bps, delay_ns, &queue), after);
}

static struct tcp_end *end_new(struct tcp_net *n, const struct tcp_config *config,
                               struct element *out)
{
    struct tcp_end *end = mem_zalloc(sizeof *end);

    if (n->end_count == n->end_capacity) {
        n->end_capacity = n->end_capacity ? n->end_capacity * 2 : 8;
        n->ends = mem_grow(n->ends, n->end_capacity, sizeof(struct tcp_end *));
    }
    end->net = n;
    end->index = n->end_count;
    end->tcp = tcp_new(config);
    end->out = out;
    timer_init(&end->timer, end_fire);
    n->ends[n->end_count++] = end;
    return end;
}

struct tcp_end *tcp_net_pair(struct tcp_net *n, const struct tcp_config *config,
                             struct element *there, struct element *back)
{
    struct tcp_end *first = end_new(n, config, there), *second = end_new(n, config, back);

    first->peer = second;
    second->peer = first;
    return first;
}

static void touch(struct tcp_end *end)
{
    serve(end);
    rearm_elements(end->net);
}

void tcp_net_dial(struct tcp_end *end)
{
    tcp_connect(end->tcp, end->net->now_ns);
    touch(end);
}

void tcp_net_write(struct tcp_end *end, uint64_t size)
{
    end->to_write += size;
    if (end->tcp)
        write_some(end);
    touch(end);
}

void tcp_net_finish(struct tcp_end *end)
{
    end->finishing = true;
    write_some(end);
    touch(end);
}

void tcp_net_abort(struct tcp_end *end)
{
    tcp_abort(end->tcp, end->net->now_ns);
    touch(end);
}

void tcp_net_pause(struct tcp_end *end, bool paused)
{
    end->paused = paused;
    read_some(end);
    touch(end);
}

static bool step(struct tcp_net *n, uint64_t until_ns)
{
    uint64_t next = timers_deadline(&n->timers);
    struct timer *t;

    if (next > until_ns)
        return false;
    n->now_ns = next;
    t = n->timers.items[0];
    timer_disarm(&n->timers, t);
    t->fire(t, next);
    rearm_elements(n);
    return true;
}

void tcp_net_run(struct tcp_net *n, uint64_t until_ns)
{
    while (step(n, until_ns))
        ;
    n->now_ns = until_ns;
}

bool tcp_net_run_to(struct tcp_net *n, const struct tcp_end *end, uint64_t received,
                    uint64_t until_ns)
{
    while (end->received < received)
        if (!step(n, until_ns))
            return false;
    return true;
}
