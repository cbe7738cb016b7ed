/* Test protocols. One struct a stream, for both sides: what it still has to write, what it has
 * read. */
#include "sim/live/transfer.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/int128.h"
#include "stack/base/mem.h"

#define CHUNK_SIZE (64 * 1024)
#define COUNT_SIZE 8

const char *const transfer_names[] = {"send", "receive", "echo", "perf"};
static const char *const protocol_ids[] = {"/hearsay/sink/1.0.0", "/hearsay/source/1.0.0",
                                           "/hearsay/echo/1.0.0", "/perf/1.0.0"};
_Static_assert(sizeof protocol_ids / sizeof *protocol_ids == TRANSFER_KIND_COUNT, "one each");

struct transfer {
    enum transfer_kind kind;
    struct app_stream *stream;     /* once open */
    struct transfer *next_resting; /* while resume_ns is set */
    uint64_t pause_ns, resume_ns;  /* 0: reads without a rest; not resting */
    uint64_t started_ns;
    uint64_t size; /* asked for */
    uint64_t left; /* still to be written of the body */
    uint64_t read; /* of the body */
    uint8_t head[COUNT_SIZE];
    uint32_t head_size; /* bytes of a count that have arrived */
    bool reset, wrong, finish_due;
};

static const uint8_t zeros[CHUNK_SIZE];

static uint8_t pattern(uint64_t position)
{
    return (uint8_t)(position ^ position >> 8 ^ position >> 16);
}

/* The next bytes of the body. An echo must be able to see that bytes were lost or swapped. */
static struct span chunk(const struct transfer *x, uint64_t at, size_t size)
{
    struct blob *b;

    if (x->kind != TRANSFER_ECHO)
        return span_static(zeros, size);
    b = blob_new(size);
    for (size_t i = 0; i < size; i++)
        b->data[i] = pattern(at + i);
    return span_give(b);
}

/* Writes as much of the body as there is room for, and the end behind it. */
static void pump(struct transfers *t, struct app_stream *s, uint64_t now_ns)
{
    struct transfer *x = app_stream_user(s);

    while (x->left > 0) {
        size_t size = x->left < CHUNK_SIZE ? (size_t)x->left : CHUNK_SIZE, sent;
        struct chain out;

        chain_init(&out);
        chain_give(&out, chunk(x, x->size - x->left, size));
        sent = app_stream_write(s, now_ns, &out);
        chain_deinit(&out);
        x->left -= sent;
        t->bytes_out += sent;
        if (x->reset && x->left <= x->size / 2) {
            app_stream_reset(s, now_ns);
            return;
        }
        if (sent < size)
            return;
    }
    if (x->finish_due) {
        x->finish_due = false;
        app_stream_finish(s, now_ns);
    }
}

static void on_writable(void *ctx, uint64_t now_ns, struct app_stream *s)
{
    pump(ctx, s, now_ns);
}

/* Reads a count from the front of `in`, bit by bit if need be: true once it is whole. */
static bool take_count(struct transfer *x, struct chain *in, uint64_t *count)
{
    size_t missing = COUNT_SIZE - x->head_size;
    size_t size = in->size < missing ? in->size : missing;

    chain_peek(in, 0, x->head + x->head_size, size);
    chain_drop(in, size);
    x->head_size += (uint32_t)size;
    *count = load_be64(x->head);
    return x->head_size == COUNT_SIZE;
}

/* Takes one out of those that rest, if it is there. */
static void wake(struct transfers *t, struct transfer *x)
{
    struct transfer **at = &t->resting;

    x->resume_ns = 0;
    while (*at && *at != x)
        at = &(*at)->next_resting;
    if (*at)
        *at = x->next_resting;
}

/* Timers cannot be taken back: each looks for what is due, and may find nothing. */
static void resume_due(void *arg, uint64_t now_ns)
{
    struct transfers *t = arg;
    struct transfer *x = t->resting;

    while (x) {
        bool due = x->resume_ns <= now_ns;

        if (due) {
            wake(t, x);
            app_stream_resume(x->stream, now_ns);
        }
        x = due ? t->resting : x->next_resting; /* the list may have changed */
    }
}

static void rest(struct transfers *t, struct transfer *x, uint64_t now_ns)
{
    x->resume_ns = now_ns + x->pause_ns;
    x->next_resting = t->resting;
    t->resting = x;
    sockets_schedule(t->sockets, x->resume_ns, resume_due, t);
}

/* How many bytes of those that are there may be read now. */
static size_t appetite(const struct transfer *x, size_t there)
{
    uint64_t left = TRANSFER_STEP_SIZE - x->read % TRANSFER_STEP_SIZE;

    if (x->resume_ns)
        return 0;
    return x->pause_ns && left < there ? (size_t)left : there;
}

static void take_body(struct transfers *t, struct transfer *x, uint64_t now_ns, struct chain *in)
{
    size_t size = appetite(x, in->size);

    x->read += size;
    t->bytes_in += size;
    chain_drop(in, size);
    if (x->pause_ns && size > 0 && x->read % TRANSFER_STEP_SIZE == 0)
        rest(t, x, now_ns);
}

static void write_count(struct app_stream *s, uint64_t now_ns, uint64_t count)
{
    uint8_t bytes[COUNT_SIZE];
    struct chain out;

    store_be64(bytes, count);
    chain_init(&out);
    chain_append(&out, slice_of(bytes, sizeof bytes));
    app_stream_write(s, now_ns, &out);
    CHECK(out.size == 0); /* first or last on its stream, whose queue is empty */
}

static struct transfer *transfer_new(struct transfers *t, enum transfer_kind kind, uint64_t now_ns)
{
    struct transfer *x = mem_zalloc(sizeof *x);

    x->kind = kind;
    x->started_ns = now_ns;
    t->active++;
    return x;
}

static void transfer_free(struct transfers *t, struct transfer *x)
{
    wake(t, x);
    t->active--;
    mem_free(x);
}

/* ---- the side that answers ---- */

static void serve_sink_opened(void *ctx, uint64_t now_ns, struct app_stream *s)
{
    struct transfers *t = ctx;
    struct transfer *x = transfer_new(t, TRANSFER_SEND, now_ns);

    x->stream = s;
    x->pause_ns = t->sink_pause_ns;
    app_stream_set_user(s, x);
}

static void serve_sink_data(void *ctx, uint64_t now_ns, struct app_stream *s, struct chain *in)
{
    take_body(ctx, app_stream_user(s), now_ns, in);
}

static void serve_sink_finished(void *ctx, uint64_t now_ns, struct app_stream *s)
{
    struct transfer *x = app_stream_user(s);

    (void)ctx;
    write_count(s, now_ns, x->read);
    app_stream_finish(s, now_ns);
}

static void serve_source_opened(void *ctx, uint64_t now_ns, struct app_stream *s)
{
    app_stream_set_user(s, transfer_new(ctx, TRANSFER_RECEIVE, now_ns));
}

static void serve_source_data(void *ctx, uint64_t now_ns, struct app_stream *s, struct chain *in)
{
    struct transfer *x = app_stream_user(s);

    if (x->head_size < COUNT_SIZE)
        take_count(x, in, &x->size);
    take_body(ctx, x, now_ns, in);
}

static void serve_source_finished(void *ctx, uint64_t now_ns, struct app_stream *s)
{
    struct transfer *x = app_stream_user(s);

    if (x->head_size < COUNT_SIZE) {
        app_stream_reset(s, now_ns);
        return;
    }
    x->left = x->size;
    x->finish_due = true;
    pump(ctx, s, now_ns);
}

static void serve_echo_opened(void *ctx, uint64_t now_ns, struct app_stream *s)
{
    app_stream_set_user(s, transfer_new(ctx, TRANSFER_ECHO, now_ns));
}

static void serve_echo_data(void *ctx, uint64_t now_ns, struct app_stream *s, struct chain *in)
{
    struct transfers *t = ctx;
    size_t sent = app_stream_write(s, now_ns, in); /* what is left waits, and so does the peer */

    t->bytes_in += sent;
    t->bytes_out += sent;
}

static void serve_echo_writable(void *ctx, uint64_t now_ns, struct app_stream *s)
{
    (void)ctx;
    app_stream_resume(s, now_ns);
}

static void serve_echo_finished(void *ctx, uint64_t now_ns, struct app_stream *s)
{
    (void)ctx;
    app_stream_finish(s, now_ns);
}

static void serve_closed(void *ctx, uint64_t now_ns, struct app_stream *s, int err)
{
    (void)now_ns;
    (void)err;
    transfer_free(ctx, app_stream_user(s));
}

/* ---- the side that asks ---- */

static void ask_opened(void *ctx, uint64_t now_ns, struct app_stream *s)
{
    struct transfer *x = app_stream_user(s);

    x->stream = s;
    x->started_ns = now_ns;
    if (x->kind == TRANSFER_RECEIVE || x->kind == TRANSFER_PERF) {
        write_count(s, now_ns, x->size);
        app_stream_finish(s, now_ns);
        return;
    }
    x->left = x->size;
    x->finish_due = true;
    pump(ctx, s, now_ns);
}

static void check_pattern(struct transfer *x, const struct chain *in)
{
    uint64_t at = x->read;

    for (uint32_t i = 0; i < in->count; i++) {
        struct slice piece = chain_at(in, i);

        for (size_t k = 0; k < piece.size; k++)
            x->wrong |= piece.data[k] != pattern(at + k);
        at += piece.size;
    }
}

static void ask_data(void *ctx, uint64_t now_ns, struct app_stream *s, struct chain *in)
{
    struct transfer *x = app_stream_user(s);

    if (x->kind == TRANSFER_SEND) {
        uint64_t count;

        if (x->head_size < COUNT_SIZE && take_count(x, in, &count))
            x->read = count;
        x->wrong |= in->size > 0;
        chain_drop(in, in->size);
        return;
    }
    if (x->kind == TRANSFER_ECHO)
        check_pattern(x, in);
    take_body(ctx, x, now_ns, in);
}

static const char *outcome(const struct transfer *x, int err)
{
    if (err == ERR_RESET && x->reset)
        return "reset as asked";
    if (err != ERR_OK)
        return err_text(err);
    return x->wrong || x->read != x->size ? "the answer is wrong" : "ok";
}

static void ask_closed(void *ctx, uint64_t now_ns, struct app_stream *s, int err)
{
    struct transfer *x = app_stream_user(s);
    struct transfers *t = ctx;
    struct jsonl *json = &t->journal->json;
    char peer[PEERID_TEXT_MAX];
    uint64_t took_ns = now_ns - x->started_ns;

    if (journal_begin(t->journal, now_ns, JOURNAL_TRANSFER)) {
        peerid_text(app_stream_peer(s), peer);
        jsonl_text(json, "kind", slice_text(transfer_names[x->kind]));
        jsonl_text(json, "peer", slice_text(peer));
        jsonl_text(json, "result", slice_text(outcome(x, err)));
        jsonl_number(json, "size", x->size);
        jsonl_number(json, "acknowledged", x->read);
        jsonl_milli(json, "duration_us", took_ns);
        if (took_ns > 0)
            jsonl_milli(json, "mbyte_per_s", mul_div(x->read, 1000000, took_ns));
        journal_end(t->journal);
    }
    transfer_free(t, x);
}

/* ---- the tables ---- */

void transfers_init(struct transfers *t, struct node *node, struct sockets *sockets,
                    struct journal *journal, uint64_t sink_pause_ns)
{
    const struct app_protocol ask = {.ctx = t,
                                     .opened = ask_opened,
                                     .data = ask_data,
                                     .writable = on_writable,
                                     .closed = ask_closed};
    const struct app_protocol sink = {.ctx = t,
                                      .opened = serve_sink_opened,
                                      .data = serve_sink_data,
                                      .finished = serve_sink_finished,
                                      .closed = serve_closed};
    const struct app_protocol source = {.ctx = t,
                                        .opened = serve_source_opened,
                                        .data = serve_source_data,
                                        .finished = serve_source_finished,
                                        .writable = on_writable,
                                        .closed = serve_closed};
    const struct app_protocol echo = {.ctx = t,
                                      .opened = serve_echo_opened,
                                      .data = serve_echo_data,
                                      .finished = serve_echo_finished,
                                      .writable = serve_echo_writable,
                                      .closed = serve_closed};

    *t = (struct transfers){.node = node,
                            .sockets = sockets,
                            .journal = journal,
                            .serving = {sink, source, echo, source},
                            .sink_pause_ns = sink_pause_ns};
    for (int i = 0; i < TRANSFER_KIND_COUNT; i++) {
        t->asking[i] = ask;
        t->asking[i].id = t->serving[i].id = protocol_ids[i];
    }
}

void transfers_deinit(const struct transfers *t)
{
    CHECK(t->active == 0 && !t->resting); /* the node closed their streams */
}

void transfers_serve(struct transfers *t, uint64_t now_ns)
{
    for (int i = 0; i < TRANSFER_KIND_COUNT; i++)
        CHECK(app_stream_serve(t->node, now_ns, &t->serving[i]) == ERR_OK);
}

static bool is_name(struct slice name)
{
    if (name.size < 2 || name.size > TRANSFER_NAME_MAX || name.data[0] != '/')
        return false;
    for (size_t i = 0; i < name.size; i++)
        if (name.data[i] <= ' ' || name.data[i] > '~')
            return false;
    return true;
}

int transfers_serve_echo(struct transfers *t, uint64_t now_ns, struct slice name)
{
    struct app_protocol *p = &t->echoes[t->echo_count];
    char *copy = t->echo_names[t->echo_count];
    int err;

    if (!is_name(name))
        return ERR_INVALID;
    if (t->echo_count == TRANSFER_ECHOES_MAX)
        return ERR_LIMIT;
    memcpy(copy, name.data, name.size);
    copy[name.size] = '\0';
    *p = t->serving[TRANSFER_ECHO];
    p->id = copy;
    err = app_stream_serve(t->node, now_ns, p);
    t->echo_count += err == ERR_OK;
    return err;
}

int transfers_start(struct transfers *t, uint64_t now_ns, const struct transfer_order *order)
{
    CHECK(order->streams <= TRANSFER_STREAMS_MAX);
    for (uint32_t i = 0; i < order->streams; i++) {
        struct transfer *x = transfer_new(t, order->kind, now_ns);
        int err;

        x->size = order->size;
        x->reset = order->reset;
        x->pause_ns = order->pause_ns;
        err = app_stream_open(t->node, now_ns, &order->peer, &t->asking[order->kind], x);
        if (err) {
            transfer_free(t, x);
            return err;
        }
    }
    return ERR_OK;
}
