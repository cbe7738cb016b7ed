/* A C API over ns-3 3.37: hosts with access links in a cloud of regions, TCP sockets, timers, captures, counters.
 *
 * It has no other dependency than ns-3, and no C++ shows: link a program with build/hearsay-ns3.so, or load that with dlopen and
 * ask its `ns3c_api` for all of this as pointers. tests/ns3/pingpong.c is a program in plain C that does the first.
 *
 * The network: host i has the address ns3c_address(i), a link up and one down (a FIFO of packets each, drop-tail in bytes), and
 * every packet takes the latency between the two regions in between. There are no routers. TCP, IP and the events are ns-3's.
 *
 * The rules:
 *  - ns-3 simulates one network a process at a time, on one thread: ns3c_begin, ..., ns3c_end, and again. Programs that want
 *    several at once use several processes.
 *  - Times are nanoseconds since ns3c_begin. They pass in ns3c_run only, and so do the calls to the program (struct ns3c_upcalls
 *    and timers): none comes from inside another function of this file.
 *  - Sockets are streams, as in POSIX without blocking: send takes what there is room for, receive gives what there is. Who does
 *    not receive lets the window close. Every socket that the program was given it closes once; then the pointer is gone, and
 *    ns-3 does the rest in the background (what was sent arrives, retransmissions, TIME_WAIT).
 *  - The same calls give the same run to the nanosecond. Nothing is random unless the program draws it (`path`).
 *  - Wrong arguments (no such host, a socket that is gone) are bugs of the caller: they are not looked for. */
#ifndef SIM_NS3_NS3C_H
#define SIM_NS3_NS3C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define NS3C_VERSION 1
#define NS3C_NONE UINT32_MAX

/* ---- a network ---- */

enum ns3c_congestion { NS3C_CUBIC, NS3C_NEWRENO }; /* ns3::TcpCubic, ns3::TcpLinuxReno */

/* Of all sockets. Attributes of ns-3 are named where it is one of them; the rest is added by stream.cc. */
struct ns3c_tcp {
    enum ns3c_congestion congestion;
    bool hystart, fast_convergence; /* ns3::TcpCubic */
    bool sack, timestamps, limited_transmit;
    bool prr;                /* ns3::TcpPrrRecovery, else TcpClassicRecovery */
    bool idle_restart;       /* added: after a pause the window halves for each timeout, as Linux's does */
    uint32_t mss;            /* SegmentSize: payload of a full segment */
    uint32_t initial_window; /* InitialCwnd, segments */
    uint32_t dupthresh;      /* ReTxThreshold */
    uint32_t delayed_acks;   /* DelAckCount: segments for an ACK; 1: every one */
    uint64_t delayed_ack_ns; /* DelAckTimeout */
    uint64_t rto_initial_ns; /* ConnTimeout */
    uint64_t rto_min_ns;     /* MinRto */
    uint32_t syn_retries;    /* ConnCount less one */
    uint32_t retries;        /* DataRetries */
    /* Bytes. What a socket takes is twice its congestion window, between `initial` and `send_buffer` (SndBufSize), as Linux's
     * buffer grows; initial = send_buffer: fixed. RcvBufSize is always what is said here. */
    uint32_t send_buffer_initial, send_buffer, receive_buffer;
    uint64_t time_wait_ns;   /* 2 MaxSegLifetime; also how long a socket that was closed waits for the far side's end */
};

/* The kernel's defaults: CUBIC, MSS 1448, 10 segments, 40 ms, 200 ms, 1 s, 4 and 6 MiB with overhead, 60 s. */
struct ns3c_tcp ns3c_tcp_default(void);

/* A packet that leaves an uplink, or a downlink. */
struct ns3c_packet {
    uint32_t from, to; /* hosts */
    uint32_t size;     /* with IP header */
};

/* The way of a packet between two access links. */
struct ns3c_way {
    uint64_t delay_ns;
    uint32_t middle;  /* a link of ns3c_middle_add that it passes after delay_ns; NS3C_NONE */
    uint64_t rest_ns; /* after that link */
};

struct ns3c_config {
    struct ns3c_tcp tcp;
    uint32_t region_count;      /* at least 1 */
    const uint64_t *latency_ns; /* one way, [from * region_count + to]; copied */
    bool in_order;              /* packets from one host to another never overtake, whatever `path` says */
    bool checksums;             /* compute them, so that captures show them right; changes nothing else */
    void *ctx;
    /* NULL, or asked for every packet that leaves an uplink: false and it is lost, else *way may be changed (it comes as the
     * latency of the regions). */
    bool (*path)(void *ctx, const struct ns3c_packet *packet, struct ns3c_way *way);
    /* NULL, or asked for every packet that leaves a downlink: false and it is lost. */
    bool (*arrives)(void *ctx, const struct ns3c_packet *packet);
};

/* 0, or a negative number and a sentence in `error`: there is a network already, or a setting is out of ns-3's range. */
int ns3c_begin(const struct ns3c_config *config, char *error, size_t error_size);
void ns3c_end(void); /* sockets and timers go with it; captures are complete */

struct ns3c_link {
    uint64_t bps;        /* 0: unlimited, nothing waits */
    uint64_t queue_size; /* bytes waiting or being sent; a packet that finds no room is dropped */
};

struct ns3c_host {
    uint32_t region;
    struct ns3c_link up, down;
    bool unreachable; /* connections to it get no answer, its own work */
};

uint32_t ns3c_host_add(const struct ns3c_host *host); /* they are numbered from 0 */
/* From now on; what waits already leaves at the old rate. */
void ns3c_host_links(uint32_t host, const struct ns3c_link *up, const struct ns3c_link *down);
uint32_t ns3c_middle_add(const struct ns3c_link *link); /* for ns3c_way; from 0 */
uint32_t ns3c_address(uint32_t host);                   /* 10.0.0.1 + host, as a number */
void ns3c_latency(uint32_t from_region, uint32_t to_region, uint64_t latency_ns); /* of what is sent from now on */

/* ---- sockets ---- */

struct ns3c_socket;

enum ns3c_reason {
    NS3C_FINISHED, /* the far side ended its stream and all of it was received */
    NS3C_REFUSED,
    NS3C_RESET,
    NS3C_TIMEOUT
};

/* `user` is the socket's. In any of them the program may do what it likes, also close the socket. */
struct ns3c_upcalls {
    /* The listener has a connection, which has the same upcalls and user until ns3c_adopt. */
    void (*accepted)(void *user, struct ns3c_socket *socket, uint32_t from_host, uint16_t from_port);
    void (*connected)(void *user, struct ns3c_socket *socket);
    void (*readable)(void *user, struct ns3c_socket *socket); /* more bytes wait than before */
    void (*writable)(void *user, struct ns3c_socket *socket); /* a third of the room is free after a send that took less */
    /* Nothing more will come, or the connection never came about. The socket has to be closed all the same. */
    void (*ended)(void *user, struct ns3c_socket *socket, enum ns3c_reason how);
};

struct ns3c_socket *ns3c_listen(uint32_t host, uint16_t port, const struct ns3c_upcalls *upcalls, void *user); /* NULL: taken */
struct ns3c_socket *ns3c_connect(uint32_t host, uint32_t to, uint16_t port, const struct ns3c_upcalls *upcalls, void *user);
void ns3c_adopt(struct ns3c_socket *socket, const struct ns3c_upcalls *upcalls, void *user);
size_t ns3c_send(struct ns3c_socket *socket, const void *bytes, size_t size);  /* how many it took */
size_t ns3c_room(const struct ns3c_socket *socket);                            /* how many it would */
size_t ns3c_receive(struct ns3c_socket *socket, void *bytes, size_t size);     /* how many there were */
size_t ns3c_waiting(const struct ns3c_socket *socket);
uint16_t ns3c_port(const struct ns3c_socket *socket); /* its own */

enum ns3c_closing {
    NS3C_FIN, /* what was sent still arrives, then the end; what still comes is read and forgotten */
    NS3C_RST  /* at once; what waits is lost */
};

void ns3c_close(struct ns3c_socket *socket, enum ns3c_closing how);
/* RST to all that the host still has, its process is gone: pointers to its sockets are void. What was closed goes on closing. */
void ns3c_reset(uint32_t host);

/* ---- time ---- */

/* Calls fn in the context of the host (NS3C_NONE: of none). Of calls and packets at the same time, the one that was asked for first comes first. */
void ns3c_call(uint32_t host, uint64_t at_ns, void (*fn)(void *arg), void *arg);
void ns3c_run(uint64_t until_ns); /* all events up to and including then */
uint64_t ns3c_now(void);

/* ---- what happened ---- */

/* A capture of the host's packets: nanosecond pcap, raw IP. One that is sent is in it when it enters the uplink's queue, if it
 * finds room; one that arrives when it has left the downlink. `path` NULL ends it. 0, or an errno, also when it ends and could not
 * be written whole. */
int ns3c_pcap(uint32_t host, const char *path);

struct ns3c_counts {
    uint64_t events;      /* of ns-3 */
    uint64_t connections; /* accepted */
    uint64_t packets, bytes; /* that entered an uplink */
    uint64_t dropped;     /* by full queues */
    uint64_t lost;        /* by `path` and `arrives` */
};

struct ns3c_counts ns3c_count(void);

/* Statistics of a flow: one socket, both directions. */
struct ns3c_flow {
    uint64_t sent, received;       /* bytes taken from and given to the program */
    uint64_t segments, retransmitted; /* with data, sent */
    uint64_t unacked, unsent;      /* bytes */
    uint32_t cwnd, ssthresh;       /* bytes */
    uint64_t rtt_ns, rto_ns;       /* of the last sample; 0: none yet */
    uint64_t window;               /* that the far side offers */
};

void ns3c_look(const struct ns3c_socket *socket, struct ns3c_flow *out);

/* ---- all of it, for dlopen ---- */

struct ns3c_table {
    uint32_t version; /* NS3C_VERSION */
    __typeof__(ns3c_tcp_default) *tcp_default;
    __typeof__(ns3c_begin) *begin;
    __typeof__(ns3c_end) *end;
    __typeof__(ns3c_host_add) *host_add;
    __typeof__(ns3c_host_links) *host_links;
    __typeof__(ns3c_middle_add) *middle_add;
    __typeof__(ns3c_address) *address;
    __typeof__(ns3c_latency) *latency;
    __typeof__(ns3c_listen) *listen;
    __typeof__(ns3c_connect) *connect;
    __typeof__(ns3c_adopt) *adopt;
    __typeof__(ns3c_send) *send;
    __typeof__(ns3c_room) *room;
    __typeof__(ns3c_receive) *receive;
    __typeof__(ns3c_waiting) *waiting;
    __typeof__(ns3c_port) *port;
    __typeof__(ns3c_close) *close;
    __typeof__(ns3c_reset) *reset;
    __typeof__(ns3c_call) *call;
    __typeof__(ns3c_run) *run;
    __typeof__(ns3c_now) *now;
    __typeof__(ns3c_pcap) *pcap;
    __typeof__(ns3c_count) *count;
    __typeof__(ns3c_look) *look;
};

const struct ns3c_table *ns3c_api(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
