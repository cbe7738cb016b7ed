/* One endpoint of a TCP connection as a pure machine: bytes, segments and time in; segments, bytes,
 * events and the next deadline out. It behaves as Linux does by default (CUBIC, HyStart, SACK,
 * RACK, tail loss probes, PRR, delayed ACKs, slow start after idle, autotuned buffers); README.md
 * says where it differs.
 *
 * After every call that takes `now_ns` the owner pulls segments with tcp_output until there is
 * none, looks at tcp_events, and arranges to call tcp_timeout at tcp_deadline_ns. Time never goes
 * back.
 *
 * Sequence numbers are offsets in the stream that do not wrap: SYN is 0, the first byte 1, FIN
 * follows the last byte. Bytes are shared, never copied: a segment carries a view of what was
 * written. Memory: tcp_memory. */
#ifndef SIM_TCP_TCP_H
#define SIM_TCP_TCP_H

#include "stack/base/chain.h"
#include "stack/base/heap.h" /* TIME_NEVER */

enum tcp_congestion { TCP_CUBIC, TCP_NEWRENO };

/* Everything that can be set; shared by any number of endpoints, which it must outlive. */
struct tcp_config {
    enum tcp_congestion congestion;
    uint32_t mss;            /* payload of a full segment: 64 to 65000 */
    uint32_t initial_window; /* segments */
    bool idle_restart; /* shrink the window after a pause, and when the application uses little of
                          it */
    bool hystart;      /* CUBIC leaves slow start before the first loss */
    bool fast_convergence, tcp_friendly; /* CUBIC */
    bool sack, timestamps;
    bool rack; /* losses found by time; else by dupthresh SACKed segments above */
    bool prr;  /* proportional rate reduction; else the window halves at once */
    bool tlp;  /* tail loss probe */
    uint32_t dupthresh;
    bool delayed_ack;
    uint64_t delayed_ack_ns;
    uint32_t quick_acks; /* immediate ACKs at the start */
    /* Buffers: of that many payload bytes where not 0, else they begin with `initial` and grow up
     * to `max`, which count as the kernel does (tcp_wmem, tcp_rmem): with each segment's overhead.
     */
    uint64_t send_buffer, send_buffer_initial, send_buffer_max;
    uint64_t receive_buffer, receive_buffer_initial, receive_buffer_max;
    uint64_t rto_initial_ns, rto_min_ns, rto_max_ns;
    uint32_t syn_retries, retries; /* of a SYN, of data, before giving up */
    uint64_t fin_timeout_ns; /* a deaf endpoint waits so long for the far FIN after its own was
                                acknowledged */
};

struct tcp_config tcp_config_default(void);
/* What is wrong with it, in words for the user, or NULL. */
const char *tcp_config_problem(const struct tcp_config *config);

enum tcp_flag {
    TCP_SYN = 1,
    TCP_ACK = 2,
    TCP_FIN = 4,
    TCP_RST = 8,
    TCP_SACK_PERMITTED = 16, /* with SYN */
    TCP_TIMESTAMP = 32,
    TCP_PUSH = 64 /* with the last bytes that were written */
};

#define TCP_SACKS_MAX 4

/* [start, end) relative to the segment's ack; below it: a duplicate arrived (D-SACK, comes first).
 */
struct tcp_sack {
    int32_t start, end;
};

struct tcp_segment {
    uint64_t seq, ack;
    uint64_t sent_ns, echo_ns; /* the timestamp option; echo TIME_NEVER: nothing to echo yet */
    uint32_t window; /* bytes that may follow ack; at most 65535 in a SYN, as it is on the wire */
    uint16_t mss;    /* with SYN */
    uint8_t flags, sack_count;
    struct tcp_sack sacks[TCP_SACKS_MAX];
    struct chain bytes;
};

uint32_t tcp_segment_size(const struct tcp_segment *s); /* in an IPv4 packet, with both headers */
void tcp_segment_free(struct tcp_segment *s);           /* drops its bytes */
/* The answer of a host that has no such connection: a RST, or the ACK that a connection in
 * TIME_WAIT would give to a repeated FIN (so none needs to be kept). False when nothing is to be
 * said. */
bool tcp_segment_refuse(const struct tcp_segment *to, struct tcp_segment *answer);

enum tcp_event {
    TCP_CONNECTED = 1,
    TCP_READABLE = 2, /* bytes wait for tcp_read */
    TCP_WRITABLE = 4, /* there is room again after a tcp_write that took less than all */
    TCP_FINISHED = 8, /* the far side's bytes all came; after the last is read, nothing more will */
    TCP_FAILED = 16,  /* the connection is dead; tcp_error says why */
    TCP_DONE = 32     /* both sides ended it properly: free it */
};

struct tcp;

struct tcp *tcp_new(const struct tcp_config *config);
void tcp_free(struct tcp *t);

void tcp_connect(struct tcp *t, uint64_t now_ns);
void tcp_accept(struct tcp *t, uint64_t now_ns, const struct tcp_segment *syn);

/* Moves bytes from the front of `bytes` as long as the send buffer has room; returns how many. */
size_t tcp_write(struct tcp *t, uint64_t now_ns, struct chain *bytes);
/* Moves all that was received in order to the end of `out`. An owner that does not call it lets the
 * window close. */
size_t tcp_read(struct tcp *t, uint64_t now_ns, struct chain *out);
/* The end of our stream, after what was written; further bytes of the far side are discarded when
 * `deaf`. */
void tcp_finish(struct tcp *t, uint64_t now_ns, bool deaf);
void tcp_abort(struct tcp *t, uint64_t now_ns); /* RST; the last segment of tcp_output */

void tcp_input(struct tcp *t, uint64_t now_ns, struct tcp_segment *s); /* takes the bytes */
bool tcp_output(struct tcp *t, uint64_t now_ns,
                struct tcp_segment *s);           /* false: nothing to send now */
void tcp_timeout(struct tcp *t, uint64_t now_ns); /* does nothing before the deadline */
uint64_t tcp_deadline_ns(const struct tcp *t);    /* TIME_NEVER: none */

uint32_t tcp_events(struct tcp *t); /* enum tcp_event bits since the last call */
int tcp_error(const struct tcp *t); /* err.h; 0 while alive */

enum tcp_phase {
    TCP_PHASE_OPEN,
    TCP_PHASE_DISORDER,
    TCP_PHASE_CWR,
    TCP_PHASE_RECOVERY,
    TCP_PHASE_LOSS
};

/* For tests, traces and figures. */
struct tcp_info {
    enum tcp_phase phase;
    uint32_t cwnd, ssthresh; /* segments */
    uint32_t in_flight, sacked, lost, retransmitted;
    uint32_t srtt_us, rttvar_us, min_rtt_us;
    uint64_t rto_ns;
    uint64_t unacked, unsent; /* bytes written: sent but not acknowledged, not sent yet */
    uint64_t received;        /* bytes in order since the start */
    uint64_t send_buffer, receive_space, window; /* sizes now; what the far side lets us send */
    uint64_t segments_sent, segments_resent, timeouts, probes, undone; /* counters */
};

struct tcp_info tcp_info(const struct tcp *t);
size_t
tcp_memory(const struct tcp *t); /* bytes allocated for it, without the shared message bytes */

#endif
