/* Multiaddrs: binary to text and back, text to binary and back. */
#include "tests/fuzz/fuzz.h"

#include "stack/base/err.h"
#include "stack/wire/multiaddr.h"

#define TEXT_MAX 8192

static void check_binary(struct slice binary)
{
    struct buf text, again;
    struct endpoint at;
    struct peerid peer;
    bool has_peer;

    buf_init(&text, TEXT_MAX);
    buf_init(&again, TEXT_MAX);
    if (multiaddr_check(binary) == ERR_OK) {
        CHECK(multiaddr_text(binary, &text) == ERR_OK);
        CHECK(multiaddr_parse(buf_slice(&text), &again) == ERR_OK);
        CHECK(slice_equal(buf_slice(&again), binary));
        CHECK(multiaddr_decapsulate(binary, MULTIADDR_P2P).size <= binary.size);
        if (multiaddr_to_endpoint(binary, &at, &peer, &has_peer) == ERR_OK) {
            buf_clear(&again);
            multiaddr_from_endpoint(&again, &at, has_peer ? &peer : NULL);
            CHECK(slice_equal(buf_slice(&again), binary));
        }
    } else {
        CHECK(multiaddr_text(binary, &text) != ERR_OK && text.size == 0);
        CHECK(multiaddr_to_endpoint(binary, &at, &peer, &has_peer) != ERR_OK);
    }
    buf_deinit(&text);
    buf_deinit(&again);
}

static void check_text(struct slice text)
{
    struct buf binary;

    buf_init(&binary, MULTIADDR_SIZE_MAX);
    if (multiaddr_parse(text, &binary) == ERR_OK)
        check_binary(buf_slice(&binary));
    else
        CHECK(binary.size == 0);
    buf_deinit(&binary);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_binary(slice_of(data, size));
    check_text(slice_of(data, size));
    return 0;
}
