/* Signed peer records: any envelope is read or refused; what is sealed opens again. */
#include "tests/fuzz/fuzz.h"

#include "stack/base/err.h"
#include "stack/wire/multiaddr.h"
#include "stack/wire/record.h"

/* A record whose addresses are the pieces of the input. */
static void seal_and_open(struct slice input)
{
    static struct identity identity;
    struct record r = {.seq = input.size}, again;
    struct buf envelope;
    size_t valid = 0;

    if (identity.id.size == 0)
        identity_from_seed(&identity, (const uint8_t[ED25519_SEED_SIZE]){1});
    while (input.size && r.addr_count < RECORD_ADDRS_MAX) {
        size_t size = input.data[0] % 40u;

        size = size < input.size - 1 ? size : input.size - 1;
        r.addrs[r.addr_count++] = slice_of(input.data + 1, size);
        input = slice_of(input.data + 1 + size, input.size - 1 - size);
    }
    buf_init(&envelope, 2 * RECORD_SIZE_MAX);
    CHECK(record_seal(&r, &identity, &envelope) == ERR_OK);
    CHECK(record_open(buf_slice(&envelope), &again) == ERR_OK);
    CHECK(peerid_equal(&again.peer, &identity.id) && again.seq == r.seq);
    for (size_t i = 0; i < r.addr_count; i++)
        if (multiaddr_check(r.addrs[i]) == ERR_OK)
            CHECK(valid < again.addr_count && slice_equal(r.addrs[i], again.addrs[valid++]));
    CHECK(valid == again.addr_count);
    buf_deinit(&envelope);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    struct record r;
    bool seals = fuzz_choice(&input) % 8 == 1;

    if (record_open(input, &r) == ERR_OK)
        CHECK(r.addr_count <= RECORD_ADDRS_MAX);
    if (seals)
        seal_and_open(input);
    return 0;
}
