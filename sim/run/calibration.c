/* One function a kind of work, which does it a given number of times. */
#include "sim/run/calibration.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/gossipsub/signing.h"
#include "stack/transport/noise.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAMPLES 41
#define WARMUP 5
#define SAMPLE_NS 300000.0 /* long enough for the clock not to matter */
#define BATCH_MAX 256u
#define TOPIC "calibration"

/* What the works are done on. */
struct bench {
    struct identity ours, theirs;
    struct gossipsub_config author; /* of the messages */
    struct gossipsub *router;
    struct chain frames[BATCH_MAX]; /* for WORK_PARSE: made before the clock runs */
    uint64_t seqno, delivered, now_ns;
    struct noise_session session;
    struct span data;
    uint8_t secret[ED25519_SECRET_SIZE], public_key[ED25519_PUBLIC_SIZE], signature[ED25519_SIGNATURE_SIZE];
};

static double cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void nothing(void *ctx, uint32_t peer)
{
    (void)ctx;
    (void)peer;
}

static void count_delivery(void *ctx, uint64_t now_ns, const struct gossipsub_message *m)
{
    (void)now_ns;
    (void)m;
    ((struct bench *)ctx)->delivered++;
}

static void bench_init(struct bench *b)
{
    const struct gossipsub_env env = {.ctx = b, .wants_write = nothing, .deliver = count_delivery};
    uint8_t seed[2][ED25519_SEED_SIZE] = {{1}, {2}};
    struct gossipsub_config reader;

    *b = (struct bench){.now_ns = 1};
    identity_from_seed(&b->ours, seed[0]);
    identity_from_seed(&b->theirs, seed[1]);
    ed25519_keypair(b->public_key, b->secret, seed[0]);
    b->author = (struct gossipsub_config){.params = gossipsub_params_default(),
                                          .signing = GOSSIPSUB_STRICT_NO_SIGN,
                                          .message_id = gossipsub_id_default,
                                          .identity = &b->theirs};
    reader = b->author;
    reader.identity = &b->ours;
    b->router = gossipsub_new(&reader, &env, 0);
    gossipsub_subscribe(b->router, 0, slice_text(TOPIC));
}

static void bench_resize(struct bench *b, size_t size)
{
    struct blob *blob = blob_new(size);

    for (size_t i = 0; i < size; i++)
        blob->data[i] = (uint8_t)(i * 131 >> 3);
    span_unref(b->data);
    b->data = span_give(blob);
    ed25519_sign(b->signature, span_slice(b->data), b->secret);
}

static void bench_deinit(struct bench *b)
{
    CHECK(b->delivered == b->seqno); /* each was news, and went all the way */
    gossipsub_free(b->router);
    span_unref(b->data);
    for (uint32_t i = 0; i < BATCH_MAX; i++)
        chain_deinit(&b->frames[i]);
    crypto_wipe(b->secret, sizeof b->secret);
}

/* New messages for the router, and room in it for them. */
static void prepare_parse(struct bench *b, uint32_t count)
{
    b->now_ns += 1000000000;
    gossipsub_tick(b->router, b->now_ns);
    for (uint32_t i = 0; i < count; i++)
        chain_give(&b->frames[i], signing_compose(&b->author, slice_text(TOPIC), span_slice(b->data), ++b->seqno));
}

static void work_parse(struct bench *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        CHECK(gossipsub_feed(b->router, b->now_ns, 0, &b->theirs.id, &b->frames[i]) == 0);
}

static void work_hash(struct bench *b, uint32_t count)
{
    const struct gossipsub_message m = {.data = span_slice(b->data)};
    uint8_t id[GOSSIPSUB_ID_MAX];

    for (uint32_t i = 0; i < count; i++)
        gossipsub_id_blake2b256(&m, id);
}

static void work_aead(struct bench *b, uint32_t count)
{
    b->session.mode = NOISE_REAL;
    for (uint32_t i = 0; i < count; i++) {
        struct chain plain, wire;

        chain_init(&plain);
        chain_init(&wire);
        chain_push(&plain, b->data);
        noise_seal(&b->session, &plain, &wire);
        chain_deinit(&wire);
    }
}

/* Both sides of one. */
static void shake_hands(struct bench *b)
{
    struct noise_config ours = {.initiator = true, .identity = &b->ours}, theirs = {.identity = &b->theirs};
    struct chain there, back;
    struct noise_session session;
    struct noise_handshake *a, *z;
    struct noise_peer peer;
    struct drbg keys;
    uint8_t seed[32] = {3};

    drbg_init(&keys, seed, "handshake");
    chain_init(&there);
    chain_init(&back);
    a = noise_handshake_new(&ours, &keys, &there);
    z = noise_handshake_new(&theirs, &keys, &back);
    CHECK(noise_handshake_feed(z, &there, &back, NULL, &peer, &session) == NOISE_MORE);
    CHECK(noise_handshake_feed(a, &back, &there, NULL, &peer, &session) == NOISE_DONE);
    CHECK(noise_handshake_feed(z, &there, &back, NULL, &peer, &session) == NOISE_DONE);
    noise_handshake_free(a);
    noise_handshake_free(z);
    chain_deinit(&there);
    chain_deinit(&back);
}

static void work_handshake(struct bench *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        shake_hands(b);
}

static void work_sign(struct bench *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        ed25519_sign(b->signature, span_slice(b->data), b->secret);
}

static void work_verify(struct bench *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        CHECK(ed25519_verify(b->signature, span_slice(b->data), b->public_key));
}

static const struct subject {
    void (*prepare)(struct bench *b, uint32_t count); /* NULL: nothing to prepare */
    void (*work)(struct bench *b, uint32_t count);
    double pieces; /* of the charged kind that one makes */
    bool fixed;    /* the size does not matter */
} subjects[WORK_KINDS] = {
    {prepare_parse, work_parse, 1, false}, {NULL, work_hash, 1, false}, {NULL, work_aead, 1, false},
    {NULL, work_handshake, 2, true},       {NULL, work_sign, 1, false}, {NULL, work_verify, 1, false},
};

static double sample(struct bench *b, const struct subject *s, uint32_t count)
{
    double start;

    if (s->prepare)
        s->prepare(b, count);
    start = cpu_ns();
    s->work(b, count);
    return (cpu_ns() - start) / count / s->pieces;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median_ns(struct bench *b, const struct subject *s)
{
    double samples[SAMPLES], once = sample(b, s, 1), wanted;
    uint32_t count = 1;

    for (int i = 0; i < WARMUP; i++) {
        wanted = SAMPLE_NS / (once * s->pieces + 1);
        count = wanted < 1 ? 1 : wanted > BATCH_MAX ? BATCH_MAX : (uint32_t)wanted;
        once = sample(b, s, count);
    }
    for (int i = 0; i < SAMPLES; i++)
        samples[i] = sample(b, s, count);
    qsort(samples, SAMPLES, sizeof *samples, compare);
    return samples[SAMPLES / 2];
}

struct work_cost calibration_fit(const uint64_t sizes[static CALIBRATION_SIZES], const double ns[static CALIBRATION_SIZES])
{
    double slopes[CALIBRATION_SIZES * (CALIBRATION_SIZES - 1) / 2], slope, base;
    int count = 0;

    for (int i = 0; i < CALIBRATION_SIZES; i++)
        for (int j = 0; j < i; j++)
            slopes[count++] = (ns[i] - ns[j]) / (double)(sizes[i] - sizes[j]);
    qsort(slopes, (size_t)count, sizeof *slopes, compare);
    slope = (slopes[(count - 1) / 2] + slopes[count / 2]) / 2;
    slope = slope < 0 ? 0 : slope;
    base = ns[0] - slope * (double)sizes[0];
    return (struct work_cost){base < 0 ? 0 : (uint64_t)(base + 0.5), (uint64_t)(slope * 1024 + 0.5)};
}

void calibrate(struct calibration *c)
{
    static const uint64_t sizes[CALIBRATION_SIZES] = {64, 1024, 8192, 65000};
    struct bench *b = mem_alloc(sizeof *b);

    *c = (struct calibration){0};
    memcpy(c->sizes, sizes, sizeof sizes);
    bench_init(b);
    for (int i = 0; i < CALIBRATION_SIZES; i++) {
        bench_resize(b, sizes[i]);
        for (int kind = 0; kind < WORK_KINDS; kind++) {
            if (!subjects[kind].work)
                continue;
            c->measured_ns[kind][i] =
                subjects[kind].fixed && i > 0 ? c->measured_ns[kind][0] : median_ns(b, &subjects[kind]);
        }
    }
    for (int kind = 0; kind < WORK_KINDS; kind++)
        c->costs[kind] = calibration_fit(c->sizes, c->measured_ns[kind]);
    bench_deinit(b);
    mem_free(b);
}
