/* Setting a node up on the sockets backend, and taking it down. */
#include "sim/live/live.h"

#include "sim/live/commands.h"
#include "sim/capture/keylog.h"
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define SCORE_EVERY_NS 1000000000ull /* between two tellings of the scores */
#define KEPT_BLOCK_SIZE (1 << 20) /* larger blocks go back to the system at once */
#define KEPT_SIZE (8 << 20)       /* as does free memory beyond so many bytes */
#define PING_INTERVAL_NS UINT64_C(1000000000)

/* ---- what the node tells ---- */

static void on_trace(void *ctx, uint32_t host, uint64_t now_ns, const struct trace_event *e)
{
    struct live *l = ctx;
    struct node_peer peer;

    (void)host;
    metrics_trace(&l->metrics, e);
    journal_trace(&l->journal, now_ns, e);
    if (e->kind == TRACE_PEER_GONE)
        parts_peer_gone(&l->parts, e->peer);
    if (e->kind == TRACE_PEER_READY && l->options->ping_on && node_peer(l->node, e->peer, &peer) &&
        peer.dialled && endpoint_equal(&peer.remote, &l->options->ping.at))
        pinger_start(&l->pinger, now_ns, &peer.id, 0, PING_INTERVAL_NS);
    if (l->journal.broken)
        sockets_stop(l->sockets);
}

static void on_delivered(void *ctx, uint64_t now_ns, const struct gossipsub_message *m)
{
    struct live *l = ctx;

    journal_delivered(&l->journal, now_ns, m);
    flood_delivered(&l->flood, now_ns, m);
}

static void on_algorand(void *ctx, uint64_t now_ns, const struct algorand_message *m)
{
    journal_algorand(&((struct live *)ctx)->journal, now_ns, m);
}

static void on_identified(void *ctx, uint64_t now_ns, uint32_t peer, const struct identify *id,
                          bool pushed)
{
    journal_identified(&((struct live *)ctx)->journal, now_ns, peer, id, pushed);
}

static void on_peer_topic(void *ctx, uint64_t now_ns, uint32_t peer, struct slice topic,
                          bool joined)
{
    journal_peer_topic(&((struct live *)ctx)->journal, now_ns, peer, topic, joined);
}

static void on_secured(void *ctx, uint64_t now_ns, uint32_t slot,
                       const struct noise_session *session)
{
    struct live *l = ctx;
    struct keylog_entry e = {0};
    struct node_peer peer;

    (void)now_ns;
    if (!l->keylog || !node_peer(l->node, slot, &peer))
        return;
    sockets_conn_local(l->host, peer.conn, &e.local);
    e.remote = peer.remote;
    e.initiator = peer.dialled;
    e.peer = peer.id;
    memcpy(e.send_key, session->send_key, AEAD_KEY_SIZE);
    memcpy(e.receive_key, session->receive_key, AEAD_KEY_SIZE);
    keylog_write(l->keylog, &e);
    crypto_wipe(&e, sizeof e);
}

/* ---- topics ---- */

static uint32_t topic_find(const struct live *l, struct slice topic)
{
    uint32_t i = 0;

    while (i < l->topic_count && !slice_equal(slice_text(l->topics[i]), topic))
        i++;
    return i;
}

int live_subscribe(struct live *l, uint64_t now_ns, struct slice topic)
{
    char *copy;

    if (topic.size == 0 || topic.size > 1024)
        return ERR_INVALID;
    if (topic_find(l, topic) < l->topic_count)
        return ERR_DUPLICATE;
    if (l->topic_count == LIVE_TOPICS_MAX)
        return ERR_LIMIT;
    copy = mem_zalloc(topic.size + 1);
    memcpy(copy, topic.data, topic.size);
    l->topics[l->topic_count++] = copy;
    l->metrics.topic_count = l->topic_count;
    node_subscribe(l->node, now_ns, topic);
    return ERR_OK;
}

bool live_unsubscribe(struct live *l, uint64_t now_ns, struct slice topic)
{
    uint32_t i = topic_find(l, topic);

    if (i == l->topic_count)
        return false;
    node_unsubscribe(l->node, now_ns, topic);
    mem_free(l->topics[i]);
    memmove(l->topics + i, l->topics + i + 1, (l->topic_count - i - 1) * sizeof *l->topics);
    l->metrics.topic_count = --l->topic_count;
    return true;
}

/* ---- what comes from outside ---- */

static void publish_line(struct live *l, uint64_t now_ns, struct slice line)
{
    struct span data = span_give(blob_copy(line));
    int err = node_publish(l->node, now_ns, slice_text(l->options->topics[0]), data);

    span_unref(data);
    if (err)
        journal_error(&l->journal, now_ns, "publish", err_text(err));
}

static void on_line(void *ctx, uint64_t now_ns, struct slice line)
{
    struct live *l = ctx;

    l->tap.now_ns = now_ns;
    if (l->options->publish_lines)
        publish_line(l, now_ns, line);
    else
        commands_run(l, now_ns, line);
}

static void on_overlong(void *ctx, uint64_t now_ns)
{
    journal_error(&((struct live *)ctx)->journal, now_ns, NULL,
                  "a line of input is too long (8 MiB)");
}

static void on_stop(void *ctx, uint64_t now_ns)
{
    (void)now_ns;
    sockets_stop(((struct live *)ctx)->sockets);
}

void live_tell_counts(struct live *l, uint64_t now_ns, enum journal_event event)
{
    struct node_counts c = node_counts(l->node);
    struct jsonl *j = &l->journal.json;

    if (!journal_begin(&l->journal, now_ns, event))
        return;
    jsonl_number(j, "connections", c.connections);
    jsonl_number(j, "bytes_sent", c.bytes_sent);
    jsonl_number(j, "bytes_received", c.bytes_received);
    for (int kind = TRACE_PUBLISH; kind <= TRACE_SEND;
         kind++) /* publish, arrive, deliver, duplicate, reject, send */
        jsonl_number(j, trace_kind_text((enum trace_kind)kind),
                     l->metrics.events[kind][TRACE_GOSSIPSUB] +
                         l->metrics.events[kind][TRACE_ALGORAND]);
    jsonl_number(j, "dropped", l->metrics.dropped);
    jsonl_number(j, "transfer_bytes_in", l->transfers.bytes_in);
    jsonl_number(j, "transfer_bytes_out", l->transfers.bytes_out);
    jsonl_open(j, "mesh", '{');
    for (uint32_t i = 0; i < l->topic_count; i++) {
        /* A topic is no key of ours: it is written as text and the colon behind it. */
        jsonl_text(j, NULL, slice_text(l->topics[i]));
        buf_append_u8(&j->line, ':');
        j->comma = false;
        jsonl_number(j, NULL, node_mesh_size(l->node, slice_text(l->topics[i])));
    }
    jsonl_close(j, '}');
    journal_end(&l->journal);
}

/* ---- up and down ---- */

static bool fail(char *error, const char *what, const char *which, const char *why)
{
    snprintf(error, LIVE_ERROR_MAX, "%s %.200s: %s", what, which, why);
    return false;
}

static uint64_t unix_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A descriptor each connection: as many as the system lets us have. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Bulk data passes through blocks of 64 KiB that come and go many times a millisecond: without this glibc gives their memory
 * back to the system and asks for it again each time. */
static void keep_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, KEPT_BLOCK_SIZE);
    mallopt(M_TRIM_THRESHOLD, KEPT_SIZE);
}

static bool open_files(struct live *l, char *error)
{
    if (l->options->pcap && !pcap_create(&l->pcap, l->options->pcap, l->epoch_ns))
        return fail(error, "cannot write", l->options->pcap, strerror(errno));
    if (l->options->keylog) {
        l->keylog = keylog_create(l->options->keylog);
        if (!l->keylog)
            return fail(error, "cannot write", l->options->keylog, strerror(errno));
    }
    return true;
}

static bool local_endpoint(const void *host, struct backend_conn conn, struct endpoint *out)
{
    return sockets_conn_local(host, conn, out);
}

static void on_test_extension(void *ctx, uint64_t now_ns, uint32_t peer)
{
    journal_test_extension(&((struct live *)ctx)->journal, now_ns, peer);
}

static void on_parts(void *ctx, uint64_t now_ns, struct slice topic, uint64_t group, uint8_t have)
{
    journal_parts(&((struct live *)ctx)->journal, now_ns, topic, group, have);
}

static void make_node(struct live *l)
{
    const struct node_events events = {.ctx = l,
                                       .delivered = on_delivered,
                                       .received = on_algorand,
                                       .identified = on_identified,
                                       .peer_topic = on_peer_topic,
                                       .secured = on_secured,
                                       .test_extension = on_test_extension,
                                       .partial = &l->parts.env,
                                       .secured_ctx = l};
    const struct endpoint any = {0};
    struct node_config config = l->options->node;
    uint64_t seed;

    config.gossipsub.seqno_first = l->epoch_ns;
    config.gossipsub.score_report_ns = config.gossipsub.score ? SCORE_EVERY_NS : 0;
    parts_init(&l->parts);
    l->parts.ctx = l;
    l->parts.extended = on_parts;
    l->host = sockets_host_add(l->sockets, &any);
    sockets_ops.random(l->host, (uint8_t *)&seed, sizeof seed);
    if (l->pcap.file) {
        l->tap.ops = &sockets_ops;
        l->tap.host = l->host;
        l->tap.app = &node_app;
        l->tap.pcap = &l->pcap;
        l->tap.local = local_endpoint;
        l->tap.node = l->node = node_new(&config, &tap_ops, &l->tap, &events);
        sockets_host_run(l->host, &tap_app, &l->tap);
    } else {
        l->node = node_new(&config, &sockets_ops, l->host, &events);
        sockets_host_run(l->host, &node_app, l->node);
    }
    crypto_wipe(&config.identity_seed, sizeof config.identity_seed);
    l->journal.node = l->metrics.node = l->parts.node = l->node;
    l->metrics.topics = l->topics;
    pinger_init(&l->pinger, l->node, l->sockets, &l->journal, seed);
    transfers_init(&l->transfers, l->node, l->sockets, &l->journal, l->options->sink_pause_ns);
    flood_init(&l->flood, l->node, l->sockets, &l->journal);
}

static void tell_listening(struct live *l, const struct endpoint *at)
{
    char text[ADDRESS_TEXT_MAX], peer[PEERID_TEXT_MAX];

    if (!journal_begin(&l->journal, 0, JOURNAL_LISTENING))
        return;
    peerid_text(node_peerid(l->node), peer);
    jsonl_text(&l->journal.json, "peer", slice_text(peer));
    if (at)
        jsonl_text(&l->journal.json, "address",
                   slice_text(address_text(at, node_peerid(l->node), text)));
    journal_end(&l->journal);
}

/* The port may have been the system's choice, and the address all of this machine's. */
static void announce(struct live *l)
{
    struct endpoint at[NODE_ANNOUNCED_MAX] = {l->options->node.listen};
    uint32_t count = 1;

    if (!l->options->node.listens) {
        tell_listening(l, NULL);
        return;
    }
    at[0].port = sockets_host_port(l->host);
    if (endpoint_unspecified(&at[0])) {
        struct endpoint unspecified = at[0];

        count = address_interfaces(&unspecified, at, NODE_ANNOUNCED_MAX);
    }
    node_announce(l->node, 0, at, count);
    for (uint32_t i = 0; i < count; i++)
        tell_listening(l, &at[i]);
}

static bool start_metrics(struct live *l, char *error)
{
    struct endpoint at = l->options->metrics;
    char text[ADDRESS_TEXT_MAX];
    int err = metrics_listen(&l->metrics, l->sockets, &at);

    if (err)
        return fail(error, "cannot serve metrics on", address_text(&at, NULL, text), err_text(err));
    at.port = sockets_host_port(l->metrics.host);
    if (journal_begin(&l->journal, 0, JOURNAL_METRICS)) {
        jsonl_text(&l->journal.json, "address", slice_text(address_text(&at, NULL, text)));
        journal_end(&l->journal);
    }
    return true;
}

static bool start(struct live *l, char *error)
{
    const struct live_options *o = l->options;
    char text[ADDRESS_TEXT_MAX];
    int err = node_start(l->node, 0);

    if (err)
        return fail(error, "cannot listen on", address_text(&o->node.listen, NULL, text),
                    err_text(err));
    transfers_serve(&l->transfers, 0);
    announce(l);
    if (o->metrics_on && !start_metrics(l, error))
        return false;
    for (uint32_t i = 0; i < o->topic_count; i++)
        live_subscribe(l, 0, slice_text(o->topics[i])); /* checked where they were read */
    for (uint32_t i = 0; i < o->dial_count; i++)
        node_connect(l->node, 0, &o->dials[i].at, o->dials[i].has_peer ? &o->dials[i].peer : NULL);
    if (o->ping_on)
        node_connect(l->node, 0, &o->ping.at, o->ping.has_peer ? &o->ping.peer : NULL);
    return true;
}

/* Before anything is told: whoever has read the first line may send a signal. */
static bool open_input(struct live *l, char *error)
{
    const struct input_events events = {
        .ctx = l, .line = on_line, .overlong = on_overlong, .stop = on_stop};

    if (input_open(&l->input, l->sockets, STDIN_FILENO, &events) == ERR_OK)
        return true;
    return fail(error, "cannot wait for", "signals", strerror(errno));
}

static bool run(struct live *l, char *error)
{
    if (sockets_run(l->sockets, l->options->duration_ns) == ERR_OK)
        return true;
    return fail(error, "cannot wait for", "events", strerror(errno));
}

static bool close_files(struct live *l, char *error)
{
    bool ok = true;

    if (l->pcap.file && !pcap_finish(&l->pcap))
        ok = fail(error, "cannot write", l->options->pcap, "the disk is full or broken");
    if (l->keylog && fclose(l->keylog) != 0)
        ok = fail(error, "cannot write", l->options->keylog, strerror(errno));
    if (l->journal.broken && ok)
        ok = fail(error, "cannot write", "standard output", "nobody reads it, or the disk is full");
    return ok;
}

static void tear_down(struct live *l)
{
    if (l->node) {
        sockets_host_run(l->host, NULL, NULL);
        node_free(l->node);
    parts_deinit(&l->parts);
        pinger_deinit(&l->pinger);
        transfers_deinit(&l->transfers);
    }
    if (l->metrics.host)
        sockets_host_run(l->metrics.host, NULL, NULL);
    metrics_deinit(&l->metrics);
    sockets_free(l->sockets);
    tap_deinit(&l->tap);
    for (uint32_t i = 0; i < l->topic_count; i++)
        mem_free(l->topics[i]);
    journal_deinit(&l->journal);
}

bool live_run(const struct live_options *options, FILE *out, char error[static LIVE_ERROR_MAX])
{
    struct live *l = mem_zalloc(sizeof *l);
    struct sockets_config config = {.trace_ctx = l, .trace = on_trace};
    bool ok;

    signal(SIGPIPE, SIG_IGN); /* a reader that went away is noticed by the write */
    raise_descriptor_limit();
    keep_memory();
    if (sockets_new(&config, &l->sockets) != ERR_OK) {
        mem_free(l);
        return fail(error, "cannot set up", "epoll", strerror(errno));
    }
    l->options = options;
    l->epoch_ns = unix_ns();
    journal_init(&l->journal, out, l->epoch_ns);
    l->journal.mask = options->events;
    l->journal.show_data = options->show_data;
    ok = open_input(l, error) && open_files(l, error);
    if (ok) {
        make_node(l);
        ok = start(l, error) && run(l, error);
        node_stop(l->node, sockets_now_ns(l->sockets));
        if (ok)
            live_tell_counts(l, sockets_now_ns(l->sockets), JOURNAL_STOPPED);
    }
    ok = close_files(l, error) && ok;
    input_close(&l->input);
    tear_down(l);
    mem_free(l);
    return ok;
}
