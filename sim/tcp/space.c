/* The room that a receiver has for bytes, and its growth: it offers more as segments come, and once a round trip makes the
 * buffer twice what the reader took in it (Linux's dynamic right-sizing). */
#include "sim/tcp/window.h"

#define RECEIVE_OVERHEAD 904 /* what Linux charges the receive buffer for a segment besides its payload */
#define SYN_WINDOW_MAX 65535u
#define WINDOW_SCALE 7       /* windows are multiples of 128 bytes, as with 6 MiB buffers */
#define GROWING_SIZE_MIN 128 /* smaller segments do not open the window */

/* What fits into a buffer that is charged for each segment's overhead as well. */
static uint64_t payload_of(uint32_t mss, uint64_t buffer)
{
    return buffer * mss / (mss + RECEIVE_OVERHEAD);
}

void space_init(const struct tcp_config *config, struct space *s, uint32_t mss)
{
    *s = (struct space){.size = (uint32_t)(config->receive_buffer ? config->receive_buffer
                                                                  : payload_of(mss, config->receive_buffer_initial))};
    s->limit = s->size < SYN_WINDOW_MAX ? s->size : SYN_WINDOW_MAX;
    if (s->limit > mss)
        s->limit -= s->limit % mss;
    s->tune_size = config->initial_window * mss;
    if (s->tune_size > s->limit)
        s->tune_size = s->limit;
}

static uint64_t space_free(const struct space *s, uint64_t held)
{
    return held < s->size ? s->size - held : 0;
}

uint64_t space_window(const struct space *s, uint64_t held, uint64_t least)
{
    uint64_t full = s->size, room = space_free(s, held), unit = 1u << WINDOW_SCALE;

    if (least > full)
        least = full;
    if (room < full / 16 || room < least)
        return 0;
    if (room > s->limit)
        room = s->limit;
    return (room + unit - 1) / unit * unit;
}

bool space_open(struct space *s, uint64_t held, uint32_t mss, size_t size)
{
    uint64_t room = space_free(s, held), step = 2ull * mss;

    if (size < GROWING_SIZE_MIN || room <= s->limit)
        return false;
    room -= s->limit;
    if (step < 2 * size)
        step = 2 * size;
    s->limit += (uint32_t)(step < room ? step : room);
    return true;
}

void space_note_rtt(struct space *s, uint32_t sample_us, bool smooth)
{
    uint32_t eight = sample_us * 8;

    if (s->rtt_us == 0 || eight < s->rtt_us)
        s->rtt_us = eight;
    else if (smooth)
        s->rtt_us += sample_us - s->rtt_us / 8;
}

void space_tune(const struct tcp_config *config, struct space *s, uint64_t now_ns, uint32_t mss, uint64_t read_seq)
{
    uint64_t copied = read_seq - s->tune_seq, window, most;

    if (s->rtt_us == 0 || now_ns - s->tune_ns < s->rtt_us / 8 * NS_PER_US)
        return;
    if (copied > s->tune_size && config->receive_buffer == 0) {
        most = payload_of(mss, config->receive_buffer_max);
        window = 2 * copied;
        window += 2 * (window * (copied - s->tune_size) / s->tune_size) + s->early_size;
        if (window > most)
            window = most;
        if (window > s->size)
            s->size = (uint32_t)window;
    }
    if (copied > s->tune_size)
        s->tune_size = (uint32_t)copied;
    s->tune_seq = read_seq;
    s->tune_ns = now_ns;
}
