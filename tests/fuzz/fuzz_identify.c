/* identify: any split of a stream gives the same; what was read can be written and read again. */
#include "tests/fuzz/fuzz.h"

#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/identify/identify.h"

static int read_stream(struct identify_reader *r, struct slice input, bool split)
{
    struct chain in;
    struct rng rng;
    int err = ERR_OK;

    rng_init(&rng, input.size, "split");
    chain_init(&in);
    identify_reader_init(r);
    while (input.size && err == ERR_OK) {
        struct slice piece = split ? fuzz_piece(&rng, &input) : input;

        if (!split)
            input = slice_of(NULL, 0);
        chain_append(&in, piece);
        err = identify_reader_feed(r, &in);
        CHECK(err != ERR_OK || in.size < IDENTIFY_MESSAGE_MAX + 10);
    }
    CHECK(r->bytes.size <= (size_t)IDENTIFY_MESSAGES_MAX * IDENTIFY_MESSAGE_MAX);
    chain_deinit(&in);
    return err;
}

static void write_again(const struct identify *id)
{
    struct identify *again = mem_alloc(sizeof *again);
    struct identify_reader r;
    struct buf out;

    buf_init(&out, (size_t)IDENTIFY_MESSAGES_MAX * IDENTIFY_MESSAGE_MAX);
    if (identify_write(id, &out) == ERR_OK) {
        CHECK(read_stream(&r, buf_slice(&out), true) == ERR_OK);
        CHECK(identify_reader_finish(&r, again) == ERR_OK);
        CHECK(slice_equal(id->public_key, again->public_key));
        CHECK(slice_equal(id->agent_version, again->agent_version));
        CHECK(slice_equal(id->signed_record, again->signed_record));
        CHECK(id->protocol_count == again->protocol_count);
        CHECK(again->listen_addr_count <= id->listen_addr_count);
        identify_reader_deinit(&r);
    } else {
        CHECK(out.size == 0);
    }
    buf_deinit(&out);
    mem_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    struct identify_reader whole, split;
    struct identify *id = mem_alloc(sizeof *id);
    int err = read_stream(&whole, input, false);

    CHECK(read_stream(&split, input, true) == err && split.messages == whole.messages);
    CHECK(slice_equal(buf_slice(&whole.bytes), buf_slice(&split.bytes)));
    if (err == ERR_OK && identify_reader_finish(&whole, id) == ERR_OK) {
        CHECK(id->listen_addr_count <= IDENTIFY_ADDRS_MAX);
        CHECK(id->protocol_count <= IDENTIFY_PROTOCOLS_MAX);
        write_again(id);
    }
    identify_reader_deinit(&whole);
    identify_reader_deinit(&split);
    mem_free(id);
    return 0;
}
