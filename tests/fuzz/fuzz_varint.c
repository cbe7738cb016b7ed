/* multiformats varints: what is read is written back as it was. */
#include "tests/fuzz/fuzz.h"

#include "stack/base/err.h"
#include "stack/wire/varint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    struct cursor c = cursor_of(input);
    uint8_t out[VARINT_SIZE_MAX];
    uint64_t v = 0;
    int used = varint_read(input, &v);
    uint64_t by_cursor = cursor_varint(&c);

    CHECK(used >= 0 || used == ERR_MALFORMED);
    CHECK(c.bad == (used <= 0));
    if (used <= 0)
        return 0;
    CHECK(by_cursor == v && v >> 63 == 0);
    CHECK(varint_write(out, v) == (size_t)used && varint_size(v) == (size_t)used);
    CHECK(memcmp(out, data, (size_t)used) == 0);
    return 0;
}
