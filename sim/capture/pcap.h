/* Captures: classic pcap files (nanoseconds, LINKTYPE_RAW), of segments, or of byte streams around which packets are made up.
 *
 * What is captured at the seam has no packets; each piece is wrapped in IP and TCP headers with
 * right lengths, sequence numbers and checksums, so that other tools follow the streams. Times are
 * unix times. */
#ifndef SIM_CAPTURE_PCAP_H
#define SIM_CAPTURE_PCAP_H

#include "stack/base/chain.h"
#include "stack/base/endpoint.h"

#include <stdio.h>

#define PCAP_SEGMENT_MAX 16384 /* payload of a packet that is made up */
#define PCAP_PAYLOAD_MAX 65435 /* of any: an IP packet has 65535 bytes */
#define PCAP_OPTIONS_MAX 40    /* of TCP */

/* ---- writing ---- */

struct pcap {
    FILE *file;
    bool failed; /* a packet could not be written */
    uint64_t epoch_ns; /* unix time of time 0 */
};

/* One connection. */
struct pcap_flow {
    struct endpoint local, remote; /* of one family */
    uint32_t sequence[2];          /* next one of ours, of theirs */
};

bool pcap_create(struct pcap *p, const char *path, uint64_t epoch_ns); /* false with errno set */
bool pcap_finish(struct pcap *p); /* false when the disk was full */

enum pcap_flag { PCAP_FIN = 1, PCAP_SYN = 2, PCAP_RST = 4, PCAP_PSH = 8, PCAP_ACK = 16 }; /* as on the wire */

struct pcap_segment {
    struct endpoint from, to; /* of one family */
    uint32_t sequence, acknowledged;
    uint8_t flags;
    uint16_t window;                   /* as on the wire */
    uint8_t options[PCAP_OPTIONS_MAX]; /* a multiple of 4 bytes */
    uint8_t options_size;
};

/* A packet as it is, with the first `size` bytes of a chain; `payload` may be NULL when size is 0. */
void pcap_put(struct pcap *p, uint64_t now_ns, const struct pcap_segment *segment, const struct chain *payload, size_t size);

/* The three packets of a handshake. */
void pcap_open_flow(struct pcap *p, struct pcap_flow *f, uint64_t now_ns, bool dialled);
/* The first `size` bytes of a chain; ours when `sent`. */
void pcap_bytes(struct pcap *p, struct pcap_flow *f, uint64_t now_ns, bool sent,
                const struct chain *bytes, size_t size);
/* FIN or RST, of ours when `sent`. */
void pcap_close_flow(struct pcap *p, struct pcap_flow *f, uint64_t now_ns, bool sent, bool reset);

/* ---- reading ---- */

struct pcap_packet {
    uint64_t time_ns; /* unix */
    struct endpoint from, to;
    uint32_t sequence;
    bool syn, ack, fin, rst;
    struct slice payload;
};

struct pcap_reader {
    struct cursor at;
    bool swapped, nanoseconds;
    uint32_t link; /* LINKTYPE_ */
};

/* The text of a whole file: NULL, or what is wrong ("is no pcap file"). */
const char *pcap_reader_init(struct pcap_reader *r, struct slice file);
/* The next TCP packet: 1, 0 at the end, ERR_TRUNCATED in the middle of a packet. Others are passed
 * over. */
int pcap_next(struct pcap_reader *r, struct pcap_packet *packet);

#endif
