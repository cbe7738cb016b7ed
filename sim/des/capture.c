/* Segments of sim/tcp as packets of a capture: offsets become sequence numbers of 32 bits (the SYN's is 0), windows are scaled,
 * times are milliseconds, as Linux has them. */
#include "sim/des/internal.h"

#include "sim/tcp/tcp.h"
#include "stack/base/check.h"

#define SCALE 7       /* sim/tcp's windows are multiples of 128 bytes */
#define SCALE_MAX 14
#define WINDOW_MAX 65535u
#define NS_PER_MS 1000000u

enum option { NOP = 1, MSS = 2, WINDOW_SCALE = 3, SACK_PERMITTED = 4, SACK = 5, TIMESTAMP = 8 };

/* The scale that the largest window needs. */
static uint8_t scale_of(const struct tcp_config *tcp)
{
    uint64_t most = tcp->receive_buffer ? tcp->receive_buffer : tcp->receive_buffer_max;
    uint8_t scale = SCALE;

    while (scale < SCALE_MAX && most >> scale > WINDOW_MAX)
        scale++;
    return scale;
}

static uint16_t window_of(const struct tcp_segment *s, uint8_t scale)
{
    uint32_t window = s->flags & TCP_SYN ? s->window : s->window >> scale;

    return (uint16_t)(window < WINDOW_MAX ? window : WINDOW_MAX);
}

static uint8_t *put_timestamp(uint8_t *at, const struct tcp_segment *s)
{
    *at++ = TIMESTAMP;
    *at++ = 10;
    store_be32(at, (uint32_t)(s->sent_ns / NS_PER_MS));
    store_be32(at + 4, s->echo_ns == TIME_NEVER ? 0 : (uint32_t)(s->echo_ns / NS_PER_MS));
    return at + 8;
}

static uint8_t *put_nops(uint8_t *at, int count)
{
    memset(at, NOP, (size_t)count);
    return at + count;
}

/* As Linux lays them out. */
static uint8_t *put_syn_options(uint8_t *at, const struct tcp_segment *s, uint8_t scale)
{
    const uint8_t mss[] = {MSS, 4, (uint8_t)(s->mss >> 8), (uint8_t)s->mss}, permitted[] = {SACK_PERMITTED, 2},
                  scaling[] = {NOP, WINDOW_SCALE, 3, scale};
    bool sack = s->flags & TCP_SACK_PERMITTED, timestamp = s->flags & TCP_TIMESTAMP;

    memcpy(at, mss, sizeof mss);
    at += sizeof mss;
    if (sack != timestamp)
        at = put_nops(at, 2);
    if (sack) {
        memcpy(at, permitted, sizeof permitted);
        at += sizeof permitted;
    }
    if (timestamp)
        at = put_timestamp(at, s);
    memcpy(at, scaling, sizeof scaling);
    return at + sizeof scaling;
}

static uint8_t *put_options(uint8_t *at, const struct tcp_segment *s, uint8_t scale)
{
    if (s->flags & TCP_SYN)
        return put_syn_options(at, s, scale);
    if (s->flags & TCP_TIMESTAMP)
        at = put_timestamp(put_nops(at, 2), s);
    if (s->sack_count == 0)
        return at;
    at = put_nops(at, 2);
    *at++ = SACK;
    *at++ = (uint8_t)(2 + 8 * s->sack_count);
    for (uint32_t i = 0; i < s->sack_count; i++, at += 8) {
        store_be32(at, (uint32_t)s->ack + (uint32_t)s->sacks[i].start);
        store_be32(at + 4, (uint32_t)s->ack + (uint32_t)s->sacks[i].end);
    }
    return at;
}

static uint8_t flags_of(const struct tcp_segment *s)
{
    static const struct {
        uint8_t ours, wire;
    } flags[] = {{TCP_SYN, PCAP_SYN}, {TCP_ACK, PCAP_ACK}, {TCP_FIN, PCAP_FIN}, {TCP_RST, PCAP_RST}, {TCP_PUSH, PCAP_PSH}};
    uint8_t out = 0;

    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (s->flags & flags[i].ours)
            out |= flags[i].wire;
    return out;
}

void capture_segment(const struct host *h, const struct capture_ends *ends, const struct tcp_segment *s)
{
    uint8_t scale = scale_of(h->des->transport_world);
    struct pcap_segment out = {.from = ends->from->address,
                               .to = ends->to->address,
                               .sequence = (uint32_t)s->seq,
                               .acknowledged = s->flags & TCP_ACK ? (uint32_t)s->ack : 0,
                               .flags = flags_of(s),
                               .window = window_of(s, scale)};

    out.from.port = ends->from_port;
    out.to.port = ends->to_port;
    out.options_size = (uint8_t)(put_options(out.options, s, scale) - out.options);
    pcap_put(h->capture, h->lane->now_ns, &out, &s->bytes, s->bytes.size);
}

void des_capture(struct des *d, uint32_t host, struct pcap *file)
{
    CHECK(host < d->host_count && des_tcp_honours(d->config.tcp, DES_CAPTURE));
    d->hosts[host]->capture = file;
}
