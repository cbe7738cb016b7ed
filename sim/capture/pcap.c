/* pcap files: TCP over IPv4 and IPv6. */
#include "sim/capture/pcap.h"

#include "stack/base/check.h"
#include "stack/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define MAGIC_US 0xa1b2c3d4u
#define MAGIC_NS 0xa1b23c4du
#define SNAP_MAX 262144
#define LINK_NULL 0u
#define LINK_ETHERNET 1u
#define LINK_RAW 101u
#define LINK_SLL 113u
#define FILE_HEAD_SIZE 24
#define RECORD_HEAD_SIZE 16
#define IP4_HEAD_SIZE 20
#define IP6_HEAD_SIZE 40
#define TCP_HEAD_SIZE 20
#define PROTOCOL_TCP 6
#define WINDOW 65535
#define NS_PER_S UINT64_C(1000000000)

/* ---- writing ---- */

static void store_le32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

/* A file that shows what peers said is for its owner only. */
bool pcap_create(struct pcap *p, const char *path, uint64_t epoch_ns)
{
    uint8_t head[FILE_HEAD_SIZE] = {0};
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0)
        return false;
    p->file = fdopen(fd, "wb");
    p->epoch_ns = epoch_ns;
    p->failed = false;
    if (!p->file) {
        close(fd);
        return false;
    }
    store_le32(head, MAGIC_NS);
    head[4] = 2; /* version 2.4 */
    head[6] = 4;
    store_le32(head + 16, SNAP_MAX);
    store_le32(head + 20, LINK_RAW);
    return fwrite(head, sizeof head, 1, p->file) == 1;
}

bool pcap_finish(struct pcap *p)
{
    bool ok = !p->failed && !ferror(p->file);

    ok = fclose(p->file) == 0 && ok;
    p->file = NULL;
    return ok;
}

/* The internet checksum's sum of big-endian words, an odd byte padded. */
static uint32_t sum_words(uint32_t sum, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i + 1 < size; i += 2)
        sum += load_be16(data + i);
    if (size % 2)
        sum += (uint32_t)data[size - 1] << 8;
    return sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static size_t write_ip(uint8_t *out, const struct endpoint *from, const struct endpoint *to,
                       size_t size)
{
    memset(out, 0, IP6_HEAD_SIZE);
    if (from->is_ip6) {
        out[0] = 0x60;
        store_be16(out + 4, (uint16_t)size);
        out[6] = PROTOCOL_TCP;
        out[7] = 64; /* hops */
        memcpy(out + 8, from->ip, 16);
        memcpy(out + 24, to->ip, 16);
        return IP6_HEAD_SIZE;
    }
    out[0] = 0x45;
    store_be16(out + 2, (uint16_t)(IP4_HEAD_SIZE + size));
    out[6] = 0x40; /* don't fragment */
    out[8] = 64;
    out[9] = PROTOCOL_TCP;
    memcpy(out + 12, from->ip, 4);
    memcpy(out + 16, to->ip, 4);
    store_be16(out + 10, fold(sum_words(0, out, IP4_HEAD_SIZE)));
    return IP4_HEAD_SIZE;
}

void pcap_put(struct pcap *p, uint64_t now_ns, const struct pcap_segment *s, const struct chain *payload, size_t payload_size)
{
    uint8_t packet[RECORD_HEAD_SIZE + IP6_HEAD_SIZE + TCP_HEAD_SIZE + PCAP_OPTIONS_MAX + PCAP_PAYLOAD_MAX];
    uint8_t *ip = packet + RECORD_HEAD_SIZE, *tcp;
    size_t head_size = TCP_HEAD_SIZE + s->options_size, tcp_size = head_size + payload_size, size;
    size_t address_size = s->from.is_ip6 ? 16 : 4;
    uint64_t time_ns = p->epoch_ns + now_ns;
    uint32_t sum;

    CHECK(payload_size <= PCAP_PAYLOAD_MAX && s->options_size <= PCAP_OPTIONS_MAX && s->options_size % 4 == 0 &&
          s->from.is_ip6 == s->to.is_ip6);
    tcp = ip + write_ip(ip, &s->from, &s->to, tcp_size);
    size = (size_t)(tcp - ip) + tcp_size;
    store_le32(packet, (uint32_t)(time_ns / NS_PER_S));
    store_le32(packet + 4, (uint32_t)(time_ns % NS_PER_S));
    store_le32(packet + 8, (uint32_t)size);
    store_le32(packet + 12, (uint32_t)size);
    memset(tcp, 0, TCP_HEAD_SIZE);
    store_be16(tcp, s->from.port);
    store_be16(tcp + 2, s->to.port);
    store_be32(tcp + 4, s->sequence);
    store_be32(tcp + 8, s->acknowledged);
    tcp[12] = (uint8_t)(head_size / 4 << 4);
    tcp[13] = s->flags;
    store_be16(tcp + 14, s->window);
    memcpy(tcp + TCP_HEAD_SIZE, s->options, s->options_size);
    if (payload_size)
        chain_peek(payload, 0, tcp + head_size, payload_size);
    sum = sum_words(PROTOCOL_TCP + (uint32_t)tcp_size, s->from.ip, address_size);
    sum = sum_words(sum, s->to.ip, address_size);
    store_be16(tcp + 16, fold(sum_words(sum, tcp, tcp_size)));
    p->failed |= fwrite(packet, RECORD_HEAD_SIZE + size, 1, p->file) != 1;
}

/* ---- flows ---- */

/* A packet of a flow with the bytes [at, at + size) of a chain. */
static void put_of_flow(struct pcap *p, struct pcap_flow *f, uint64_t now_ns, bool sent, uint8_t flags, struct slice payload)
{
    struct pcap_segment s = {.from = sent ? f->local : f->remote,
                             .to = sent ? f->remote : f->local,
                             .sequence = f->sequence[!sent],
                             .acknowledged = flags & PCAP_ACK ? f->sequence[sent] : 0,
                             .flags = flags,
                             .window = WINDOW};
    struct chain bytes;

    chain_init(&bytes);
    if (payload.size)
        chain_append(&bytes, payload);
    pcap_put(p, now_ns, &s, &bytes, payload.size);
    chain_deinit(&bytes);
    f->sequence[!sent] += (uint32_t)payload.size + ((flags & (PCAP_SYN | PCAP_FIN)) != 0);
}

void pcap_open_flow(struct pcap *p, struct pcap_flow *f, uint64_t now_ns, bool dialled)
{
    const struct slice nothing = {0};

    f->sequence[0] = f->sequence[1] = 0;
    put_of_flow(p, f, now_ns, dialled, PCAP_SYN, nothing);
    put_of_flow(p, f, now_ns, !dialled, PCAP_SYN | PCAP_ACK, nothing);
    put_of_flow(p, f, now_ns, dialled, PCAP_ACK, nothing);
}

void pcap_bytes(struct pcap *p, struct pcap_flow *f, uint64_t now_ns, bool sent,
                const struct chain *bytes, size_t size)
{
    uint8_t payload[PCAP_SEGMENT_MAX];

    CHECK(size <= bytes->size);
    for (size_t at = 0; at < size;) {
        size_t piece = size - at < PCAP_SEGMENT_MAX ? size - at : PCAP_SEGMENT_MAX;

        chain_peek(bytes, at, payload, piece);
        put_of_flow(p, f, now_ns, sent, PCAP_PSH | PCAP_ACK, slice_of(payload, piece));
        at += piece;
    }
}

void pcap_close_flow(struct pcap *p, struct pcap_flow *f, uint64_t now_ns, bool sent, bool reset)
{
    put_of_flow(p, f, now_ns, sent, (uint8_t)((reset ? PCAP_RST : PCAP_FIN) | PCAP_ACK),
                 slice_of(NULL, 0));
}

/* ---- reading ---- */

static uint32_t read_u32(struct pcap_reader *r)
{
    uint32_t big = cursor_be32(&r->at);

    return r->swapped ? __builtin_bswap32(big) : big;
}

const char *pcap_reader_init(struct pcap_reader *r, struct slice file)
{
    uint32_t magic;

    *r = (struct pcap_reader){.at = cursor_of(file)};
    magic = cursor_be32(&r->at);
    r->swapped = magic == __builtin_bswap32(MAGIC_US) || magic == __builtin_bswap32(MAGIC_NS);
    magic = r->swapped ? __builtin_bswap32(magic) : magic;
    if (r->at.bad || (magic != MAGIC_US && magic != MAGIC_NS))
        return "is no pcap file (pcapng is not understood)";
    r->nanoseconds = magic == MAGIC_NS;
    cursor_bytes(&r->at, FILE_HEAD_SIZE - 8);
    r->link = read_u32(r) & 0xffff; /* the rest is about frame checks */
    if (r->at.bad)
        return "is no pcap file: its head is cut short";
    if (r->link != LINK_RAW && r->link != LINK_ETHERNET && r->link != LINK_NULL &&
        r->link != LINK_SLL)
        return "has a link type that is not understood (raw IP, Ethernet, loopback, Linux cooked)";
    return NULL;
}

static size_t link_head_size(uint32_t link)
{
    switch (link) {
    case LINK_ETHERNET:
        return 14;
    case LINK_NULL:
        return 4;
    case LINK_SLL:
        return 16;
    default:
        return 0;
    }
}

/* What TCP carries, out of an IP packet; false when it is no whole TCP segment. */
static bool read_ip(struct slice frame, struct pcap_packet *p, struct slice *segment)
{
    const uint8_t *d = frame.data;
    size_t head, size, address;

    if (frame.size < IP4_HEAD_SIZE)
        return false;
    p->from = p->to = (struct endpoint){.is_ip6 = d[0] >> 4 == 6};
    if (p->from.is_ip6) {
        if (frame.size < IP6_HEAD_SIZE || d[6] != PROTOCOL_TCP)
            return false;
        head = IP6_HEAD_SIZE;
        size = head + load_be16(d + 4);
        address = 8;
    } else {
        head = (size_t)(d[0] & 15) * 4;
        size = load_be16(d + 2);
        address = 12;
        if (d[0] >> 4 != 4 || head < IP4_HEAD_SIZE || d[9] != PROTOCOL_TCP ||
            (load_be16(d + 6) & 0x3fff) != 0)
            return false;
    }
    if (size == (p->from.is_ip6 ? head : 0))
        size = frame.size; /* left to the network card (segmentation offload) */
    if (size > frame.size || head > size)
        return false;
    memcpy(p->from.ip, d + address, p->from.is_ip6 ? 16 : 4);
    memcpy(p->to.ip, d + address + (p->from.is_ip6 ? 16 : 4), p->from.is_ip6 ? 16 : 4);
    *segment = slice_of(d + head, size - head);
    return true;
}

static bool read_tcp(struct slice segment, struct pcap_packet *p)
{
    const uint8_t *d = segment.data;
    size_t head;

    if (segment.size < TCP_HEAD_SIZE)
        return false;
    head = (size_t)(d[12] >> 4) * 4;
    if (head < TCP_HEAD_SIZE || head > segment.size)
        return false;
    p->from.port = load_be16(d);
    p->to.port = load_be16(d + 2);
    p->sequence = load_be32(d + 4);
    p->syn = d[13] & PCAP_SYN;
    p->ack = d[13] & PCAP_ACK;
    p->fin = d[13] & PCAP_FIN;
    p->rst = d[13] & PCAP_RST;
    p->payload = slice_of(d + head, segment.size - head);
    return true;
}

int pcap_next(struct pcap_reader *r, struct pcap_packet *packet)
{
    while (!cursor_at_end(&r->at)) {
        uint64_t seconds = read_u32(r), fraction = read_u32(r);
        size_t size = read_u32(r), skip = link_head_size(r->link);
        struct slice frame, segment;

        read_u32(r); /* the packet's size on the wire */
        frame = cursor_bytes(&r->at, size);
        if (r->at.bad)
            return ERR_TRUNCATED;
        if (frame.size < skip)
            continue;
        packet->time_ns = seconds * NS_PER_S + fraction * (r->nanoseconds ? 1 : 1000);
        if (read_ip(slice_of(frame.data + skip, frame.size - skip), packet, &segment) &&
            read_tcp(segment, packet))
            return 1;
    }
    return 0;
}
