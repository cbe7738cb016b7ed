/* A yamux session that is read, written and used: any split of the input gives the same events, and
 * streams stay within their limit. */
#include "tests/fuzz/fuzz.h"

#include "stack/base/err.h"
#include "stack/transport/yamux.h"

#define STREAMS_MAX 8

struct run {
    struct yamux *y;
    uint64_t digest, now_ns;
    uint64_t data_id, data_size; /* of DATA events on one stream, taken together */
    uint8_t choice;
    int result;
};

static void close_data(struct run *r)
{
    if (r->data_size) {
        fuzz_note(&r->digest, r->data_id);
        fuzz_note(&r->digest, r->data_size);
    }
    r->data_size = 0;
}

static void on_data(struct run *r, struct yamux_stream *s)
{
    if (s->id != r->data_id)
        close_data(r);
    r->data_id = s->id;
    r->data_size += s->in.size;
    chain_drop(&s->in, s->in.size); /* without credit: its moment depends on the split */
}

static void on_event(struct run *r, const struct yamux_event *ev)
{
    if (ev->kind == YAMUX_EVENT_DATA) {
        on_data(r, ev->stream);
        return;
    }
    close_data(r);
    fuzz_note(&r->digest, (uint64_t)ev->kind << 32 | ev->code);
    fuzz_note(&r->digest, ev->stream ? ev->stream->id : 0);
    if (ev->kind == YAMUX_EVENT_OPENED && (r->choice & 2)) {
        struct chain hello;

        chain_init(&hello);
        chain_append(&hello, slice_text("hello"));
        yamux_send(r->y, ev->stream, &hello);
    }
    if (ev->kind == YAMUX_EVENT_RESET)
        yamux_release(r->y, ev->stream);
    if (ev->kind == YAMUX_EVENT_FIN) {
        if (r->choice & 4)
            yamux_reset(r->y, ev->stream, YAMUX_RESET_LIMIT);
        yamux_release(r->y, ev->stream);
    }
}

static void drain(struct run *r)
{
    struct yamux_stream *drained;
    struct chain out;

    chain_init(&out);
    while (yamux_write(r->y, &out, &drained))
        CHECK(!drained || drained->out.size == 0);
    chain_deinit(&out);
}

static void read_all(struct run *r, struct chain *in)
{
    struct yamux_event ev;

    while ((r->result = yamux_read(r->y, r->now_ns, in, &ev)) > 0)
        on_event(r, &ev);
    CHECK(r->result < 0 || in->size < YAMUX_HEADER_SIZE);
    CHECK(yamux_stream_count(r->y) <= STREAMS_MAX + 3);
}

static struct run run(struct slice input, uint8_t choice, bool split)
{
    struct run r = {.choice = choice, .now_ns = 1};
    static struct yamux_config config; /* outlives the session */
    struct chain in;
    struct rng rng;

    config = yamux_config_default();
    config.streams_in_max = STREAMS_MAX;
    config.control_max = 32;
    rng_init(&rng, input.size, "split");
    chain_init(&in);
    r.y = yamux_new(&config, choice & 1, r.now_ns);
    for (int i = 0; i < 3; i++)
        yamux_open(r.y);
    yamux_ping(r.y, r.now_ns);
    drain(&r);
    while (input.size && r.result >= 0) {
        struct slice piece = split ? fuzz_piece(&rng, &input) : input;

        if (!split)
            input = slice_of(NULL, 0);
        chain_append(&in, piece);
        read_all(&r, &in);
    }
    close_data(&r);
    drain(&r);
    yamux_tick(r.y, yamux_deadline(r.y));
    drain(&r);
    chain_deinit(&in);
    yamux_free(r.y);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    uint8_t choice = fuzz_choice(&input);
    struct run whole = run(input, choice, false), split = run(input, choice, true);

    CHECK(whole.result == split.result && whole.digest == split.digest);
    return 0;
}
