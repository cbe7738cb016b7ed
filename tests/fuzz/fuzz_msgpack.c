/* msgpack: passing over a value and reading it agree; scalars are written back to the same value.
 */
#include "tests/fuzz/fuzz.h"

#include "stack/wire/msgpack.h"

static void check_string(struct cursor c, bool bin)
{
    struct slice s = bin ? msgpack_read_bin(&c, SIZE_MAX) : msgpack_read_str(&c, SIZE_MAX), t;
    struct cursor again;
    struct buf b;

    if (c.bad)
        return;
    buf_init(&b, s.size + MSGPACK_HEAD_SIZE_MAX);
    if (bin)
        msgpack_append_bin(&b, s);
    else
        msgpack_append_str(&b, s);
    CHECK(!b.overflow);
    again = cursor_of(buf_slice(&b));
    t = bin ? msgpack_read_bin(&again, s.size) : msgpack_read_str(&again, s.size);
    CHECK(!again.bad && cursor_at_end(&again) && slice_equal(s, t));
    buf_deinit(&b);
}

static void check_uint(struct cursor c)
{
    uint64_t v = msgpack_read_uint(&c);
    struct cursor again;
    struct buf b;

    if (c.bad)
        return;
    buf_init(&b, MSGPACK_UINT_SIZE_MAX);
    msgpack_append_uint(&b, v);
    again = cursor_of(buf_slice(&b));
    CHECK(msgpack_read_uint(&again) == v && !again.bad && cursor_at_end(&again));
    buf_deinit(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor c = cursor_of(slice_of(data, size));
    uint8_t fixed[32];

    while (!c.bad && !cursor_at_end(&c)) {
        struct cursor skipped = c, any = c, list = c;
        struct slice whole = msgpack_read_any(&any);

        msgpack_skip(&skipped);
        CHECK(skipped.bad == any.bad && (skipped.bad || skipped.at == any.at));
        CHECK(any.bad || (whole.data == c.at && whole.size > 0));
        check_uint(c);
        check_string(c, true);
        check_string(c, false);
        CHECK(msgpack_read_array(&list, 1000) <= 1000);
        list = c;
        CHECK(msgpack_read_map(&list, 1000) <= 1000);
        list = c;
        msgpack_read_fixed(&list, fixed, sizeof fixed);
        list = c;
        msgpack_read_bool(&list);
        c = skipped;
    }
    return 0;
}
