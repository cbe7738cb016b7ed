/* sim/live: captures, key logs, and what can be read from both. */
#include "tests/lib/test.h"

#include "sim/live/decrypt.h"
#include "sim/capture/keylog.h"
#include "sim/live/tap.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/transport/noise.h"
#include "stack/transport/yamux_frame.h"
#include "tests/lib/swarm.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A file in memory that a FILE writes to. */
struct memory_file {
    char *text;
    size_t size;
    FILE *file;
};

static void memory_open(struct memory_file *m)
{
    *m = (struct memory_file){0};
    m->file = open_memstream(&m->text, &m->size);
    assert_non_null(m->file);
}

static struct slice memory_close(struct memory_file *m)
{
    fclose(m->file);
    return slice_of(m->text, m->size);
}

static struct slice read_whole(const char *path)
{
    static uint8_t bytes[4 << 20];
    FILE *file = fopen(path, "rb");
    size_t size;

    assert_non_null(file);
    size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    return slice_of(bytes, size);
}

static const struct endpoint left_end = {.ip = {127, 0, 0, 1}, .port = 4001};
static const struct endpoint right_end = {.ip = {127, 0, 0, 2}, .port = 40000};

static struct keylog_entry entry(struct rng *r)
{
    struct keylog_entry e = {.local = left_end, .remote = right_end, .initiator = true};
    struct identity id;
    uint8_t seed[ED25519_SEED_SIZE];

    rng_fill(r, seed, sizeof seed);
    identity_from_seed(&id, seed);
    e.peer = id.id;
    rng_fill(r, e.send_key, sizeof e.send_key);
    rng_fill(r, e.receive_key, sizeof e.receive_key);
    return e;
}

/* ---- key logs ---- */

static void key_logs_come_back(void **state)
{
    struct memory_file m;
    struct cursor text;
    struct keylog_entry e, back;
    uint32_t line = 0;
    struct rng r;

    (void)state;
    rng_init(&r, 1, "test");
    e = entry(&r);
    memory_open(&m);
    fputs("# remark\n\n", m.file);
    keylog_write(m.file, &e);
    e.local.is_ip6 = e.remote.is_ip6 = true;
    e.initiator = false;
    e.modelled = true;
    keylog_write(m.file, &e);
    text = cursor_of(memory_close(&m));
    assert_int_equal(keylog_next(&text, &line, &back), 1);
    assert_true(endpoint_equal(&back.local, &left_end) && endpoint_equal(&back.remote, &right_end));
    assert_true(back.initiator && !back.modelled && peerid_equal(&back.peer, &e.peer));
    assert_memory_equal(back.send_key, e.send_key, AEAD_KEY_SIZE);
    assert_memory_equal(back.receive_key, e.receive_key, AEAD_KEY_SIZE);
    assert_int_equal(keylog_next(&text, &line, &back), 1);
    assert_true(back.local.is_ip6 && !back.initiator && back.modelled);
    assert_int_equal(keylog_next(&text, &line, &back), 0);
    assert_int_equal(line, 4);
    free(m.text);
}

static void key_logs_that_are_none_are_refused(void **state)
{
    struct keylog_entry e;
    struct memory_file m;
    struct slice good;
    struct rng r;

    (void)state;
    rng_init(&r, 2, "test");
    e = entry(&r);
    memory_open(&m);
    keylog_write(m.file, &e);
    good = memory_close(&m);
    for (size_t cut = 1; cut < good.size - 1; cut++) {
        struct cursor text = cursor_of(slice_of(good.data, cut));
        uint32_t line = 0;

        assert_int_equal(keylog_next(&text, &line, &e), ERR_MALFORMED);
    }
    for (int round = 0; round < 5000; round++) {
        char *copy = malloc(good.size);
        struct cursor text = cursor_of(slice_of(copy, good.size));
        uint32_t line = 0;

        memcpy(copy, good.data, good.size);
        for (uint64_t i = rng_below(&r, 5); i > 0; i--)
            copy[rng_below(&r, good.size)] = (char)rng_below(&r, 256);
        while (keylog_next(&text, &line, &e) > 0)
            assert_true(line < 100);
        free(copy);
    }
    free(m.text);
}

/* ---- captures ---- */

struct capture {
    char path[40];
    struct pcap pcap;
    struct pcap_flow flow;
};

static void capture_open(struct capture *c, bool ip6)
{
    strcpy(c->path, "/tmp/hearsay-test-XXXXXX");
    close(mkstemp(c->path));
    assert_true(pcap_create(&c->pcap, c->path, 1000000000));
    c->flow = (struct pcap_flow){.local = left_end, .remote = right_end};
    c->flow.local.is_ip6 = c->flow.remote.is_ip6 = ip6;
    pcap_open_flow(&c->pcap, &c->flow, 5, true);
}

static struct slice capture_close(struct capture *c)
{
    struct slice text;

    assert_true(pcap_finish(&c->pcap));
    text = read_whole(c->path);
    unlink(c->path);
    return text;
}

static void captured_bytes_come_back(void **state)
{
    (void)state;
    for (int ip6 = 0; ip6 < 2; ip6++) {
        static uint8_t bytes[50000];
        struct pcap_reader reader;
        struct pcap_packet p;
        struct capture c;
        struct chain chain;
        size_t got = 0;
        struct rng r;

        rng_init(&r, 3, "test");
        rng_fill(&r, bytes, sizeof bytes);
        capture_open(&c, ip6);
        chain_init(&chain);
        chain_append(&chain, slice_of(bytes, sizeof bytes));
        pcap_bytes(&c.pcap, &c.flow, 7, true, &chain, sizeof bytes);
        pcap_bytes(&c.pcap, &c.flow, 8, false, &chain, 10);
        pcap_close_flow(&c.pcap, &c.flow, 9, false, false);
        chain_deinit(&chain);
        assert_null(pcap_reader_init(&reader, capture_close(&c)));
        for (int i = 0; i < 3; i++) {
            assert_int_equal(pcap_next(&reader, &p), 1);
            assert_int_equal(p.time_ns, 1000000005);
            assert_int_equal(p.syn, i < 2);
            assert_int_equal(p.from.port, i == 1 ? right_end.port : left_end.port);
        }
        while (pcap_next(&reader, &p) > 0 && p.from.port == left_end.port) {
            assert_int_equal(p.sequence, 1 + got);
            assert_memory_equal(p.payload.data, bytes + got, p.payload.size);
            got += p.payload.size;
        }
        assert_int_equal(got, sizeof bytes);
        assert_int_equal(p.payload.size, 10);
        assert_int_equal(pcap_next(&reader, &p), 1);
        assert_true(p.fin && p.sequence == 11);
        assert_int_equal(pcap_next(&reader, &p), 0);
    }
}

static void files_that_are_no_captures_are_refused(void **state)
{
    struct pcap_reader reader;

    (void)state;
    assert_string_equal(pcap_reader_init(&reader, slice_of(NULL, 0)),
                        "is no pcap file (pcapng is not understood)");
    assert_string_equal(pcap_reader_init(&reader, slice_text("\x0a\x0d\x0d\x0a and more of it")),
                        "is no pcap file (pcapng is not understood)");
    assert_string_equal(pcap_reader_init(&reader, slice_text("\xa1\xb2\xc3\xd4....")),
                        "is no pcap file: its head is cut short");
    assert_null(
        pcap_reader_init(&reader, slice_of("\xa1\xb2\xc3\xd4........\0\0\0\0....\0\0\0\1", 24)));
    assert_non_null(
        pcap_reader_init(&reader, slice_of("\xa1\xb2\xc3\xd4........\0\0\0\0....\0\0\0\x69", 24)));
}

/* ---- decryption ---- */

static void put_frame(struct noise_session *s, struct chain *wire, struct yamux_header h,
                      struct slice payload)
{
    uint8_t head[YAMUX_HEADER_SIZE];
    struct chain plain;

    yamux_header_write(head, &h);
    chain_init(&plain);
    chain_append(&plain, slice_of(head, sizeof head));
    chain_append(&plain, payload);
    noise_seal(s, &plain, wire);
}

static void put_handshake(struct chain *wire, struct rng *r)
{
    uint8_t message[200];
    size_t size = 32 + rng_below(r, sizeof message - 34);

    rng_fill(r, message, sizeof message);
    store_be16(message, (uint16_t)size);
    chain_append(wire, slice_of(message, 2 + size));
}

/* What one side of a connection sends: a proposal that is refused, Noise, frames. */
static void put_side(struct chain *wire, const uint8_t *key, bool initiator, bool early,
                     struct rng *r)
{
    struct noise_session session = {.mode = NOISE_REAL};
    struct chain plain;

    memcpy(session.send_key, key, AEAD_KEY_SIZE);
    chain_append(wire, slice_text("\x13/multistream/1.0.0\n"));
    chain_append(wire, initiator ? slice_text("\x0b/tls/1.0.0\n\x07/noise\n")
                                 : slice_text("\x03na\n\x07/noise\n"));
    put_handshake(wire, r);
    if (initiator)
        put_handshake(wire, r);
    chain_init(&plain);
    if (!early) {
        chain_append(&plain, slice_text("\x13/multistream/1.0.0\n\x0d/yamux/1.0.0\n"));
        noise_seal(&session, &plain, wire);
    }
    put_frame(&session, wire,
              (struct yamux_header){YAMUX_WINDOW_UPDATE, YAMUX_SYN, initiator ? 1 : 2, 0},
              slice_of(NULL, 0));
    put_frame(&session, wire, (struct yamux_header){YAMUX_DATA, 0, 1, 5}, slice_text("hello"));
    put_frame(&session, wire, (struct yamux_header){YAMUX_GO_AWAY, 0, 0, 0}, slice_of(NULL, 0));
}

/* Both sides into a capture, in segments of random sizes; some are there twice. */
static void capture_sides(struct capture *c, struct chain *left, struct chain *right, struct rng *r)
{
    while (left->size || right->size) {
        bool sent = right->size == 0 || (left->size && rng_chance(r, 1, 2));
        struct chain *from = sent ? left : right;
        size_t size = 1 + rng_below(r, from->size < 90 ? from->size : 90);

        pcap_bytes(&c->pcap, &c->flow, 10, sent, from, size);
        if (rng_chance(r, 1, 4)) {
            c->flow.sequence[!sent] -= (uint32_t)size;
            pcap_bytes(&c->pcap, &c->flow, 11, sent, from, size);
        }
        chain_drop(from, size);
    }
}

struct sample {
    struct capture capture;
    struct keylog_entry keys;
    struct memory_file log;
    struct slice log_text, capture_text;
};

static void sample_make(struct sample *s, bool early, struct rng *r)
{
    struct chain left, right;

    chain_init(&left);
    chain_init(&right);
    s->keys = entry(r);
    put_side(&left, s->keys.send_key, true, early, r);
    put_side(&right, s->keys.receive_key, false, early, r);
    capture_open(&s->capture, false);
    capture_sides(&s->capture, &left, &right, r);
    s->capture_text = capture_close(&s->capture);
    memory_open(&s->log);
    keylog_write(s->log.file, &s->keys);
    s->log_text = memory_close(&s->log);
}

static void frames_are_listed_however_they_were_cut(void **state)
{
    struct rng r;

    (void)state;
    rng_init(&r, 9, "test");
    for (int round = 0; round < 40; round++) {
        struct decrypt_totals totals;
        char error[DECRYPT_ERROR_MAX];
        struct memory_file out;
        struct sample s;
        struct slice text;

        sample_make(&s, round % 2, &r);
        memory_open(&out);
        assert_true(decrypt_capture(s.capture_text, s.log_text, true, out.file, &totals, error));
        text = memory_close(&out);
        assert_int_equal(totals.frames, 6);
        assert_int_equal(totals.connections, 1);
        assert_int_equal(totals.broken + totals.skipped, 0);
        assert_non_null(memmem(text.data, text.size, "\"length\":5,\"hex\":\"68656c6c6f\"}", 30));
        assert_non_null(memmem(text.data, text.size, "\"flags\":[\"SYN\"],\"stream\":2", 26));
        free(out.text);
        free(s.log.text);
    }
}

/* As a peer does who dials again from the port on which it listens. */
static void connections_between_the_same_ports_follow_each_other(void **state)
{
    struct decrypt_totals totals;
    char error[DECRYPT_ERROR_MAX];
    struct memory_file out, capture, log;
    struct rng r;

    (void)state;
    rng_init(&r, 12, "test");
    memory_open(&out);
    for (int keyed = 3; keyed >= 2; keyed--) { /* of three; then the last one has no keys */
        memory_open(&capture);
        memory_open(&log);
        for (int i = 0; i < 3; i++) {
            const size_t head = i ? 24 : 0; /* of a pcap file */
            struct sample s;

            sample_make(&s, i % 2, &r);
            fwrite(s.capture_text.data + head, 1, s.capture_text.size - head, capture.file);
            if (i < keyed)
                fwrite(s.log_text.data, 1, s.log_text.size, log.file);
            free(s.log.text);
        }
        assert_true(decrypt_capture(memory_close(&capture), memory_close(&log), true, out.file, &totals, error));
        assert_int_equal(totals.frames, 6 * keyed);
        assert_int_equal(totals.connections, keyed);
        assert_int_equal(totals.broken, 0);
        assert_int_equal(totals.skipped, 3 - keyed);
        free(capture.text);
        free(log.text);
    }
    memory_close(&out);
    free(out.text);
}

static void wrong_keys_and_gaps_are_told(void **state)
{
    struct decrypt_totals totals;
    char error[DECRYPT_ERROR_MAX];
    struct memory_file out;
    struct sample s;
    struct rng r;

    (void)state;
    rng_init(&r, 10, "test");
    sample_make(&s, true, &r);
    memory_open(&out);
    assert_false(decrypt_capture(slice_text("x"), s.log_text, false, out.file, &totals, error));
    assert_string_equal(error, "the capture is no pcap file (pcapng is not understood)");
    assert_false(
        decrypt_capture(s.capture_text, slice_text("#\nx\n"), false, out.file, &totals, error));
    assert_string_equal(error, "the key log is malformed in line 2");
    assert_false(decrypt_capture(slice_of(s.capture_text.data, s.capture_text.size - 1), s.log_text,
                                 false, out.file, &totals, error));
    assert_string_equal(error, "the capture ends in the middle of a packet");
    assert_true(decrypt_capture(s.capture_text, slice_text(""), false, out.file, &totals, error));
    assert_int_equal(totals.skipped, 1);
    s.log.text[s.log.size - 2] = s.log.text[s.log.size - 2] == '0' ? '1' : '0';
    assert_true(decrypt_capture(s.capture_text, s.log_text, false, out.file, &totals, error));
    assert_int_equal(totals.broken, 1);
    assert_int_equal(totals.frames, 3);
    memory_close(&out);
    free(out.text);
    free(s.log.text);
}

static void damaged_captures_are_survived(void **state)
{
    struct decrypt_totals totals;
    char error[DECRYPT_ERROR_MAX];
    struct memory_file out;
    struct sample s;
    struct rng r;
    uint8_t *copy;

    (void)state;
    rng_init(&r, 11, "test");
    sample_make(&s, false, &r);
    copy = malloc(s.capture_text.size);
    memory_open(&out);
    for (int round = 0; round < 2000; round++) {
        size_t size =
            rng_chance(&r, 1, 3) ? rng_below(&r, s.capture_text.size + 1) : s.capture_text.size;

        memcpy(copy, s.capture_text.data, s.capture_text.size);
        for (uint64_t i = rng_below(&r, 6); i > 0; i--)
            copy[rng_below(&r, s.capture_text.size)] = (uint8_t)rng_below(&r, 256);
        decrypt_capture(slice_of(copy, size), s.log_text, true, out.file, &totals, error);
        assert_true(totals.frames <= 6);
    }
    memory_close(&out);
    free(out.text);
    free(copy);
    free(s.log.text);
}

/* ---- the tap ---- */

static bool tap_local(const void *host, struct backend_conn conn, struct endpoint *out)
{
    (void)host;
    (void)conn;
    *out = swarm_address(0);
    return true;
}

/* A node with the tap around it behaves as without, and every byte is in the file. */
static void the_tap_sees_every_byte_and_changes_nothing(void **state)
{
    struct node_config c = node_config_default();
    const struct node_events none = {0};
    struct pcap_reader reader;
    struct pcap_packet p;
    uint64_t bytes[2] = {0};
    struct capture capture;
    struct node_counts counts;
    struct swarm s;
    struct tap tap = {.ops = &des_ops, .app = &node_app, .pcap = &capture.pcap, .local = tap_local};
    bool ended = false;

    (void)state;
    c.encryption = NOISE_REAL;
    c.gossipsub_on = true;
    swarm_init(&s, 2, &c);
    swarm_crash(&s, 0);
    strcpy(capture.path, "/tmp/hearsay-test-XXXXXX");
    close(mkstemp(capture.path));
    assert_true(pcap_create(&capture.pcap, capture.path, 0));
    tap.host = des_host(s.des, 0);
    c.listens = true;
    c.listen = swarm_address(0);
    store_le64(c.identity_seed, 77);
    s.nodes[0].node = tap.node = node_new(&c, &tap_ops, &tap, &none);
    s.nodes[0].down = false;
    des_host_run(s.des, 0, &tap_app, &tap);
    assert_int_equal(node_start(s.nodes[0].node, des_now_ns(s.des)), 0);
    swarm_connect(&s, 0, 1);
    swarm_subscribe_all(&s, "t");
    swarm_run(&s, 3 * SWARM_SECOND);
    swarm_publish(&s, 0, "t", 1, 300000);
    swarm_run(&s, 3 * SWARM_SECOND);
    assert_int_equal(s.nodes[1].delivered, 1);
    node_stop(s.nodes[0].node, des_now_ns(s.des));
    swarm_run(&s, SWARM_SECOND);
    counts = node_counts(s.nodes[0].node);
    assert_null(pcap_reader_init(&reader, capture_close(&capture)));
    while (pcap_next(&reader, &p) > 0) {
        bytes[p.from.ip[3] - 1] += p.payload.size;
        ended |= p.fin;
    }
    assert_int_equal(bytes[0], counts.bytes_sent);
    assert_int_equal(bytes[1], counts.bytes_received);
    assert_true(counts.bytes_sent > 300000 && ended);
    swarm_free(&s);
    tap_deinit(&tap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_logs_come_back),
        cmocka_unit_test(key_logs_that_are_none_are_refused),
        cmocka_unit_test(captured_bytes_come_back),
        cmocka_unit_test(files_that_are_no_captures_are_refused),
        cmocka_unit_test(frames_are_listed_however_they_were_cut),
        cmocka_unit_test(connections_between_the_same_ports_follow_each_other),
        cmocka_unit_test(wrong_keys_and_gaps_are_told),
        cmocka_unit_test(damaged_captures_are_survived),
        cmocka_unit_test(the_tap_sees_every_byte_and_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
