/* One real node on real sockets, with everything around it: journal, commands, metrics, captures.
 */
#ifndef SIM_LIVE_LIVE_H
#define SIM_LIVE_LIVE_H

#include "sim/live/address.h"
#include "sim/live/flood.h"
#include "sim/live/input.h"
#include "sim/live/journal.h"
#include "sim/live/metrics.h"
#include "sim/live/parts.h"
#include "sim/live/pinger.h"
#include "sim/live/tap.h"
#include "sim/live/transfer.h"

#define LIVE_TOPICS_MAX 256       /* that we are subscribed to */
#define LIVE_DATA_MAX (64u << 20) /* bytes of a message that a command may ask for */

struct live_options {
    struct node_config node; /* with identity and listen address */
    const char *const *topics;
    uint32_t topic_count;
    const struct address *dials;
    uint32_t dial_count;
    bool publish_lines; /* what stands on standard input is published, instead of commands */
    bool show_data;
    uint32_t events; /* mask for the journal */
    bool ping_on, metrics_on;
    struct address ping; /* dialled, and pinged every second */
    struct endpoint metrics;
    const char *pcap, *keylog; /* paths, or NULL */
    uint64_t duration_ns;      /* TIME_NEVER: until told to stop */
    uint64_t sink_pause_ns;    /* transfers_init */
};

struct live {
    const struct live_options *options;
    struct node *node;
    struct sockets *sockets;
    struct sockets_host *host;
    struct journal journal;
    struct metrics metrics;
    struct pinger pinger;
    struct transfers transfers;
    struct flood flood;
    struct parts parts;
    struct input input;
    struct tap tap;
    struct pcap pcap;
    FILE *keylog;
    char *topics[LIVE_TOPICS_MAX];
    uint32_t topic_count;
    uint64_t epoch_ns;   /* unix time of time 0 */
    uint64_t body_count; /* bodies made up for messages of a size */
};

#define LIVE_ERROR_MAX 320
/* Runs until it is told to stop. False with a sentence in `error` when the world did not let it. */
bool live_run(const struct live_options *options, FILE *out, char error[static LIVE_ERROR_MAX]);

/* For commands: 0 or a negative err. */
int live_subscribe(struct live *l, uint64_t now_ns,
                   struct slice topic); /* ERR_LIMIT, ERR_DUPLICATE, ERR_INVALID */
bool live_unsubscribe(struct live *l, uint64_t now_ns, struct slice topic); /* false: we were not */
void live_tell_counts(struct live *l, uint64_t now_ns, enum journal_event event);

#endif
