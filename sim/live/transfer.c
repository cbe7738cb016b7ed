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

static void take_body(struct transfers *t, struct transfer *x, struct chain *in)
{
    x->read += in->size;
    t->bytes_in += in->size;
    chain_drop(in, in->size);
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

/* ---- the side that answers ---- */

static void serve_sink_opened(void *ctx, uint64_t now_ns, struct app_stream *s)
{
    app_stream_set_user(s, transfer_new(ctx, TRANSFER_SEND, now_ns));
}

static void serve_sink_data(void *ctx, uint64_t now_ns, struct app_stream *s, struct chain *in)
{
    (void)now_ns;
    take_body(ctx, app_stream_user(s), in);
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

    (void)now_ns;
    if (x->head_size < COUNT_SIZE)
        take_count(x, in, &x->size);
    take_body(ctx, x, in);
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
    struct transfers *t = ctx;

    (void)now_ns;
    (void)err;
    t->active--;
    mem_free(app_stream_user(s));
}

/* ---- the side that asks ---- */

static void ask_opened(void *ctx, uint64_t now_ns, struct app_stream *s)
{
    struct transfer *x = app_stream_user(s);

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

    (void)now_ns;
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
    take_body(ctx, x, in);
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
    t->active--;
    mem_free(x);
}

/* ---- the tables ---- */

void transfers_init(struct transfers *t, struct node *node, struct journal *journal)
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

    *t = (struct transfers){
        .node = node, .journal = journal, .serving = {sink, source, echo, source}};
    for (int i = 0; i < TRANSFER_KIND_COUNT; i++) {
        t->asking[i] = ask;
        t->asking[i].id = t->serving[i].id = protocol_ids[i];
    }
}

void transfers_serve(struct transfers *t, uint64_t now_ns)
{
    for (int i = 0; i < TRANSFER_KIND_COUNT; i++)
        app_stream_serve(t->node, now_ns, &t->serving[i]);
}

int transfers_start(struct transfers *t, uint64_t now_ns, const struct transfer_order *order)
{
    CHECK(order->streams <= TRANSFER_STREAMS_MAX);
    for (uint32_t i = 0; i < order->streams; i++) {
        struct transfer *x = transfer_new(t, order->kind, now_ns);
        int err;

        x->size = order->size;
        x->reset = order->reset;
        err = app_stream_open(t->node, now_ns, &order->peer, &t->asking[order->kind], x);
        if (err) {
            t->active--;
            mem_free(x);
            return err;
        }
    }
    return ERR_OK;
}
