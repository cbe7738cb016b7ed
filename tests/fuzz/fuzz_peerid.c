/* Peer ids and keys: text and bytes there and back. */
#include "tests/fuzz/fuzz.h"

#include "stack/base/err.h"
#include "stack/wire/peerid.h"
#include "stack/wire/text.h"

static void check_id(const struct peerid *id)
{
    char text[PEERID_TEXT_MAX];
    uint8_t key[ED25519_PUBLIC_SIZE];
    struct peerid again;

    CHECK(id->size <= PEERID_SIZE_MAX);
    peerid_text(id, text);
    CHECK(peerid_parse(&again, slice_text(text)) == ERR_OK && peerid_equal(id, &again));
    peerid_cid_text(id, text);
    CHECK(peerid_parse(&again, slice_text(text)) == ERR_OK && peerid_equal(id, &again));
    CHECK(peerid_from_bytes(&again, peerid_slice(id)) == ERR_OK && peerid_equal(id, &again));
    peerid_ed25519_key(id, key);
}

static void check_text(struct slice input, enum text_base base)
{
    uint8_t bytes[2 * TEXT_NUMBER_SIZE_MAX];
    char text[8 * TEXT_NUMBER_SIZE_MAX];
    int size = text_decode(base, input, bytes, TEXT_NUMBER_SIZE_MAX);
    size_t written;
    uint8_t again[2 * TEXT_NUMBER_SIZE_MAX];

    if (size < 0)
        return;
    written = text_encode(base, slice_of(bytes, (size_t)size), text, sizeof text);
    CHECK(base == TEXT_HEX || slice_equal(slice_of(text, written), input));
    CHECK(text_decode(base, slice_of(text, written), again, sizeof again) == size);
    CHECK(memcmp(bytes, again, (size_t)size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size), key;
    uint8_t bytes[TEXT_NUMBER_SIZE_MAX];
    enum key_type type;
    struct peerid id;

    if (peerid_parse(&id, input) == ERR_OK)
        check_id(&id);
    if (peerid_from_bytes(&id, input) == ERR_OK)
        check_id(&id);
    if (public_key_pb_read(input, &type, &key) == ERR_OK) {
        CHECK(peerid_from_public_key(&id, input) == ERR_OK);
        check_id(&id);
    }
    public_key_verify(input, slice_text("m"), input);
    for (enum text_base base = TEXT_HEX; base <= TEXT_BASE64URL; base++)
        check_text(input, base);
    text_multibase_decode(input, bytes, sizeof bytes);
    return 0;
}
