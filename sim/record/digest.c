/* Two lanes of multiply-and-fold hashing with different constants and pairings; BLAKE2b-256 at the
 * end. */
#include "sim/record/digest.h"

#include "stack/base/check.h"
#include "stack/base/int128.h"
#include "stack/base/mem.h"
#include "stack/crypto/crypto.h"

_Static_assert(DIGEST_SIZE == BLAKE2B256_SIZE, "the fold is BLAKE2b-256");

static inline uint64_t mix(uint64_t a, uint64_t b)
{
    uint128 product = (uint128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline struct digest_hash absorb(struct digest_hash h, uint64_t word)
{
    h.a = mix(h.a ^ word, 0xa0761d6478bd642fu);
    h.b = mix(h.b + word, 0xe7037ed1a0b428dbu) ^ h.a;
    return h;
}

struct digest_hash digest_hash_of(struct slice bytes)
{
    struct digest_hash h = {0x8ebc6af09c88c6e3u ^ bytes.size, 0x589965cc75374cc3u};
    size_t at = 0;

    for (; bytes.size - at >= 8; at += 8)
        h = absorb(h, load_le64(bytes.data + at));
    return absorb(h, at < bytes.size ? load_le_tail(bytes.data + at, bytes.size - at) : 0);
}

void digest_lane_init(struct digest_lane *l)
{
    *l = (struct digest_lane){0x1d8e4e27c47d124fu, 0xeb44accab455d165u, 0};
}

void digest_lane_add(struct digest_lane *l, uint64_t now_ns, const struct trace_event *e,
                     uint32_t remote, struct digest_hash id, struct digest_hash topic)
{
    uint64_t what =
        (uint64_t)e->kind | (uint64_t)e->protocol << 8 | (uint64_t)(uint32_t)e->code << 32;
    uint64_t size = remote | (uint64_t)e->size << 32;
    uint64_t a = l->a, b = l->b;

    a = mix(a ^ what, now_ns ^ 0x2d358dccaa6c78a5u);
    b = mix(b ^ now_ns, what ^ 0x8bb84b93962eacc9u);
    a = mix(a ^ size, e->count ^ 0x4b33a62ed433d4a3u);
    b = mix(b ^ e->count, size ^ 0x4d5a2da51de1aa47u);
    a = mix(a ^ id.a, topic.a ^ 0xa0761d6478bd642fu);
    b = mix(b ^ topic.b, id.b ^ 0xe7037ed1a0b428dbu);
    l->a = a + 0x9e3779b97f4a7c15u; /* so that a lane which became 0 moves on */
    l->b = b + 0xd1342543de82ef95u;
    l->events++;
}

#define TEXT_MARK 17 /* in the place of a kind; for ever, so that digests stay what they were */

void digest_lane_add_text(struct digest_lane *l, uint64_t now_ns, struct slice a, struct slice b)
{
    const struct trace_event none = {.kind = (enum trace_kind)TEXT_MARK};

    digest_lane_add(l, now_ns, &none, UINT32_MAX, digest_hash_of(a), digest_hash_of(b));
}

static uint8_t *put(uint8_t *at, const struct digest_lane *l)
{
    store_le64(at, l->a);
    store_le64(at + 8, l->b);
    store_le64(at + 16, l->events);
    return at + 24;
}

void digest_fold(uint8_t out[static DIGEST_SIZE], const struct digest_lane *scenario,
                 const void *lanes, size_t stride, uint32_t count)
{
    size_t size = ((size_t)count + 1) * 24;
    uint8_t *bytes = mem_alloc(size), *at = put(bytes, scenario);

    CHECK(stride >= sizeof(struct digest_lane));
    for (uint32_t i = 0; i < count; i++)
        at = put(at, (const void *)((const uint8_t *)lanes + i * stride));
    blake2b256(out, slice_text("hearsay digest 1"), slice_of(bytes, size));
    mem_free(bytes);
}
