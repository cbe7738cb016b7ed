/* Protobuf fields: what is read and can be written is read the same again. */
#include "tests/fuzz/fuzz.h"

#include "stack/base/err.h"
#include "stack/wire/pb.h"

static bool write_field(struct buf *b, const struct pb_field *f)
{
    size_t before = b->size;

    if (f->type == PB_VARINT) {
        pb_append_varint(b, f->number, f->value);
        CHECK(b->size - before == pb_varint_size(f->number, f->value));
    } else if (f->type == PB_BYTES) {
        pb_append_bytes(b, f->number, f->bytes);
        CHECK(b->size - before == pb_bytes_size(f->number, f->bytes.size));
    }
    return f->type == PB_VARINT || f->type == PB_BYTES;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor c = cursor_of(slice_of(data, size)), again;
    struct pb_field f, g;
    struct buf b;
    int more;

    buf_init(&b, size + 64);
    while ((more = pb_next(&c, &f)) > 0) {
        CHECK(f.number > 0);
        if (f.type == PB_BYTES)
            CHECK(f.bytes.data >= data && f.bytes.size <= size);
        buf_clear(&b);
        if (!write_field(&b, &f))
            continue;
        again = cursor_of(buf_slice(&b));
        CHECK(pb_next(&again, &g) == 1 && cursor_at_end(&again));
        CHECK(g.number == f.number && g.type == f.type && g.value == f.value);
        CHECK(f.type != PB_BYTES || slice_equal(f.bytes, g.bytes));
    }
    CHECK(more == ERR_OK || more == ERR_MALFORMED);
    CHECK(more != ERR_OK || cursor_at_end(&c));
    buf_deinit(&b);
    return 0;
}
