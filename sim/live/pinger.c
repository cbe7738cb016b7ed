/* The asking side of ping. A run is one stream. Timers cannot be taken back, so each looks through
 * the runs for what is due and may find nothing; one at a time watches for answers that never come.
 */
#include "sim/live/pinger.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/identify/ping.h"

struct pinger_run {
    struct pinger_run *next;
    struct app_stream *stream;
    struct ping ping;
    uint64_t left; /* pings still to be asked; UINT64_MAX: no end */
    uint64_t interval_ns, next_ns, deadline_ns;
};

static void watch(struct pinger *p, uint64_t deadline_ns);

static void ask(struct pinger *p, struct pinger_run *run, uint64_t now_ns)
{
    struct chain out;

    CHECK(run->stream && run->left > 0);
    run->left -= run->left != UINT64_MAX;
    run->next_ns = TIME_NEVER;
    chain_init(&out);
    ping_send(&run->ping, &p->rng, now_ns, &out);
    app_stream_write(run->stream, now_ns, &out);
    CHECK(out.size == 0); /* the one before was answered, so the queue is empty */
    run->deadline_ns = now_ns + PINGER_TIMEOUT_NS;
    watch(p, run->deadline_ns);
}

static void fail(struct pinger *p, struct pinger_run *run, uint64_t now_ns, const char *why)
{
    journal_error(p->journal, now_ns, "ping", why);
    run->deadline_ns = run->next_ns = TIME_NEVER;
    run->left = 0;
    run->ping.waiting = false;
    app_stream_reset(run->stream, now_ns);
}

/* The run whose time is over first. Whatever is done to one may end others, so it is looked for
 * anew each time. */
static struct pinger_run *earliest(const struct pinger *p)
{
    struct pinger_run *first = p->runs;

    for (struct pinger_run *run = p->runs; run; run = run->next)
        if (run->deadline_ns < first->deadline_ns)
            first = run;
    return first;
}

static void check_deadlines(void *arg, uint64_t now_ns)
{
    struct pinger *p = arg;
    struct pinger_run *run;

    p->watching = false;
    while ((run = earliest(p)) != NULL && run->deadline_ns <= now_ns)
        fail(p, run, now_ns, "no answer");
    if (run && run->deadline_ns != TIME_NEVER)
        watch(p, run->deadline_ns);
}

/* Every ping has the same patience, so a watch that is there is early enough for those after it. */
static void watch(struct pinger *p, uint64_t deadline_ns)
{
    if (p->watching)
        return;
    p->watching = true;
    sockets_schedule(p->sockets, deadline_ns, check_deadlines, p);
}

static void ask_due(void *arg, uint64_t now_ns)
{
    struct pinger *p = arg;
    struct pinger_run *run = p->runs;

    while (run) {
        bool due = run->next_ns <= now_ns;

        if (due)
            ask(p, run, now_ns);
        run = due ? p->runs : run->next; /* the list may have changed */
    }
}

static void opened(void *ctx, uint64_t now_ns, struct app_stream *s)
{
    struct pinger_run *run = app_stream_user(s);

    run->stream = s;
    ask(ctx, run, now_ns);
}

static void tell(struct pinger *p, const struct app_stream *s, uint64_t now_ns, uint64_t rtt_ns)
{
    char text[PEERID_TEXT_MAX];

    if (!journal_begin(p->journal, now_ns, JOURNAL_PING))
        return;
    peerid_text(app_stream_peer(s), text);
    jsonl_text(&p->journal->json, "peer", slice_text(text));
    jsonl_milli(&p->journal->json, "rtt_us", rtt_ns);
    journal_end(p->journal);
}

static void data(void *ctx, uint64_t now_ns, struct app_stream *s, struct chain *in)
{
    struct pinger_run *run = app_stream_user(s);
    struct pinger *p = ctx;
    uint64_t rtt_ns;
    int done = ping_feed(&run->ping, now_ns, in, &rtt_ns);

    if (done < 0)
        fail(p, run, now_ns, "the answer is not what was sent");
    if (done <= 0)
        return;
    tell(p, s, now_ns, rtt_ns);
    run->deadline_ns = TIME_NEVER;
    if (run->left == 0) {
        app_stream_finish(s, now_ns);
        return;
    }
    if (run->interval_ns == 0) {
        ask(p, run, now_ns);
        return;
    }
    run->next_ns = now_ns + run->interval_ns;
    sockets_schedule(p->sockets, run->next_ns, ask_due, p);
}

static void finished(void *ctx, uint64_t now_ns, struct app_stream *s)
{
    struct pinger_run *run = app_stream_user(s);

    if (run->left > 0 || run->ping.waiting)
        fail(ctx, run, now_ns, "the peer ended the stream");
}

static void forget(struct pinger *p, struct pinger_run *run)
{
    struct pinger_run **at = &p->runs;

    while (*at != run)
        at = &(*at)->next;
    *at = run->next;
    p->run_count--;
    mem_free(run);
}

static void closed(void *ctx, uint64_t now_ns, struct app_stream *s, int err)
{
    struct pinger_run *run = app_stream_user(s);
    struct pinger *p = ctx;

    if (err != ERR_OK && (run->left > 0 || run->ping.waiting))
        journal_error(p->journal, now_ns, "ping", err_text(err));
    forget(p, run);
}

void pinger_init(struct pinger *p, struct node *node, struct sockets *sockets,
                 struct journal *journal, uint64_t seed)
{
    *p = (struct pinger){.node = node, .sockets = sockets, .journal = journal};
    rng_init(&p->rng, seed, "pinger");
    p->protocol = (struct app_protocol){.id = PING_PROTOCOL,
                                        .ctx = p,
                                        .opened = opened,
                                        .data = data,
                                        .finished = finished,
                                        .closed = closed};
}

void pinger_deinit(struct pinger *p)
{
    CHECK(!p->runs); /* the node closed their streams */
}

int pinger_start(struct pinger *p, uint64_t now_ns, const struct peerid *peer, uint64_t count,
                 uint64_t interval_ns)
{
    struct pinger_run *run;
    int err;

    if (p->run_count >= PINGER_RUNS_MAX)
        return ERR_LIMIT;
    run = mem_zalloc(sizeof *run);
    run->left = count ? count : UINT64_MAX;
    run->interval_ns = interval_ns;
    run->next_ns = run->deadline_ns = TIME_NEVER;
    run->next = p->runs;
    p->runs = run;
    p->run_count++;
    err = app_stream_open(p->node, now_ns, peer, &p->protocol, run);
    if (err)
        forget(p, run); /* there was no stream whose end would do it */
    return err;
}
