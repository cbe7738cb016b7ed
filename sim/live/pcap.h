/* Captures: classic pcap files (nanoseconds, LINKTYPE_RAW) whose packets are made up around byte
 * streams.
 *
 * What is captured at the seam has no packets; each piece is wrapped in IP and TCP headers with
 * right lengths, sequence numbers and checksums, so that other tools follow the streams. Times are
 * unix times. */
#ifndef SIM_LIVE_PCAP_H
#define SIM_LIVE_PCAP_H

#include "stack/base/chain.h"
#include "stack/base/endpoint.h"

#include <stdio.h>

#define PCAP_SEGMENT_MAX 16384 /* payload of a packet */

/* ---- writing ---- */

struct pcap {
    FILE *file;
    uint64_t epoch_ns; /* unix time of time 0 */
};

/* One connection. */
struct pcap_flow {
    struct endpoint local, remote; /* of one family */
    uint32_t sequence[2];          /* next one of ours, of theirs */
};

bool pcap_create(struct pcap *p, const char *path, uint64_t epoch_ns); /* false with errno set */
bool pcap_finish(struct pcap *p); /* false when the disk was full */

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
