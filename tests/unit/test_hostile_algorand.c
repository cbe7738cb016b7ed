/* Peers of the Algorand message network that misbehave. */
#include "tests/lib/siege.h"

#include "stack/algorand/digests.h"
#include "stack/algorand/handshake.h"
#include "stack/algorand/topics.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/wire/msgpack.h"

#define LITTLE (64 * KIB)
#define FRAME_MAX ((size_t)ALGORAND_FRAME_MAX)
#define WS22 "/algorand-ws/2.2.0"
#define WS10 "/algorand-ws/1.0.0"

static void write_all(struct siege *s, const void *bytes, size_t size)
{
    attacker_write(&s->attacker, s->attacker.stream, slice_of(bytes, size));
}

static void write_buf(struct siege *s, struct buf *b)
{
    attacker_write(&s->attacker, s->attacker.stream, buf_slice(b));
    buf_deinit(b);
}

/* ---- the handshake ---- */

static void say_nothing(struct siege *s)
{
    attacker_open(&s->attacker, WS22);
}

static void drip_handshake(struct siege *s)
{
    attacker_open(&s->attacker, WS22);
    for (int i = 0; i < 11 && !s->attacker.closed; i++) {
        write_all(s, "\x01", 1);
        siege_run(s, SWARM_SECOND);
    }
}

static void largest_handshake_without_end(struct siege *s)
{
    static uint8_t bytes[65536];

    memset(bytes, 0xff, 2);
    attacker_open(&s->attacker, WS22);
    write_all(s, bytes, sizeof bytes);
}

static void say_nothing_in_10(struct siege *s)
{
    attacker_open(&s->attacker, WS10);
}

static void greet_with(struct siege *s, struct buf *map)
{
    struct buf b;

    attacker_open(&s->attacker, WS22);
    buf_init(&b, 2 + HANDSHAKE_SIZE_MAX);
    buf_append_be16(&b, (uint16_t)map->size);
    buf_append_slice(&b, buf_slice(map));
    buf_deinit(map);
    write_buf(s, &b);
}

static void greet_with_nothing(struct siege *s)
{
    struct buf map;

    buf_init(&map, 16);
    greet_with(s, &map);
}

static void greet_with_garbage(struct siege *s)
{
    struct buf map;

    buf_init(&map, 100);
    memset(buf_extend(&map, 100), 0xc1, 100);
    greet_with(s, &map);
}

static void greet_with_a_list(struct siege *s)
{
    struct buf map;

    buf_init(&map, 100);
    msgpack_append_array(&map, 1);
    msgpack_append_str(&map, slice_text("2.2"));
    greet_with(s, &map);
}

static void append_entry(struct buf *map, const char *key, const char *value, size_t count)
{
    msgpack_append_str(map, slice_text(key));
    msgpack_append_array(map, count);
    for (size_t i = 0; i < count; i++)
        msgpack_append_str(map, slice_text(value));
}

static void greet_with_65_keys(struct siege *s)
{
    struct buf map;

    buf_init(&map, 4096);
    msgpack_append_map(&map, 65);
    for (int i = 0; i < 65; i++)
        append_entry(&map, "k", "v", 1);
    greet_with(s, &map);
}

static void greet_with_17_values(struct siege *s)
{
    struct buf map;

    buf_init(&map, 4096);
    msgpack_append_map(&map, 1);
    append_entry(&map, "X-Algorand-Accept-Version", "2.2", 17);
    greet_with(s, &map);
}

static void greet_with_numbers(struct siege *s)
{
    struct buf map;

    buf_init(&map, 4096);
    msgpack_append_map(&map, 1);
    msgpack_append_str(&map, slice_text("X-Algorand-Version"));
    msgpack_append_uint(&map, 22);
    greet_with(s, &map);
}

static void greet_with_numbers_for_keys(struct siege *s)
{
    struct buf map;

    buf_init(&map, 4096);
    msgpack_append_map(&map, 1);
    msgpack_append_uint(&map, 7);
    msgpack_append_array(&map, 0);
    greet_with(s, &map);
}

static void greet_with_a_cut_map(struct siege *s)
{
    struct buf map;

    buf_init(&map, 4096);
    msgpack_append_map(&map, 2);
    append_entry(&map, "X-Algorand-Version", "2.2", 1);
    greet_with(s, &map);
}

static void greet_with_vast_counts(struct siege *s)
{
    struct buf map;

    buf_init(&map, 4096);
    buf_append(&map, "\xdf\xff\xff\xff\xff", 5);
    greet_with(s, &map);
}

static void greet_in_another_version(struct siege *s)
{
    struct buf map;

    buf_init(&map, 4096);
    msgpack_append_map(&map, 2);
    append_entry(&map, "X-Algorand-Accept-Version", "9.9", 3);
    append_entry(&map, "X-Algorand-Version", "9.9", 1);
    greet_with(s, &map);
}

/* ---- frames ---- */

static void frame(struct siege *s, uint32_t length, const char *tag)
{
    uint8_t head[6];

    store_be32(head, length);
    memcpy(head + 4, tag, 2);
    attacker_greet(&s->attacker);
    write_all(s, head, sizeof head);
}

static void send_length_0(struct siege *s)
{
    frame(s, 0, "AV");
}

static void send_length_1(struct siege *s)
{
    frame(s, 1, "AV");
}

static void send_length_over_limit(struct siege *s)
{
    frame(s, ALGORAND_FRAME_MAX + 1, "PP");
}

static void send_length_4_gib(struct siege *s)
{
    frame(s, UINT32_MAX, "PP");
}

static void send_vote_over_limit(struct siege *s)
{
    frame(s, 2 + 1229, "AV");
}

static void send_proposal_over_limit(struct siege *s)
{
    frame(s, 2 + 5250619, "PP");
}

static void send_interest_over_limit(struct siege *s)
{
    frame(s, 2 + 49, "MI");
}

static void send_response_unasked(struct siege *s)
{
    frame(s, 1000, "TS");
}

static void send_most_of_a_large_frame(struct siege *s)
{
    static uint8_t bytes[2 * 1000 * 1000];

    frame(s, 5 * 1000 * 1000, "TX");
    write_all(s, bytes, sizeof bytes);
}

static void flood_unknown_tags(struct siege *s)
{
    static uint8_t bytes[100 * 1000];

    attacker_greet(&s->attacker);
    for (size_t i = 0; i < 10000; i++) {
        store_be32(bytes + 10 * i, 6);
        memcpy(bytes + 10 * i + 4, "ZZ", 2);
    }
    write_all(s, bytes, sizeof bytes);
}

static void send_large_unknown(struct siege *s)
{
    static uint8_t bytes[MIB];

    attacker_greet(&s->attacker);
    attacker_message(&s->attacker, "\xff\x00", slice_of(bytes, sizeof bytes));
}

static void flood_requests(struct siege *s)
{
    static const char *const tags[] = {"UE", "NI", "NP", "VP"};
    uint8_t bytes[60] = {0};

    attacker_greet(&s->attacker);
    for (int i = 0; i < 1000; i++)
        attacker_message(&s->attacker, tags[i % 4], slice_of(bytes, sizeof bytes));
}

static void send_interest_nonsense(struct siege *s)
{
    attacker_greet(&s->attacker);
    attacker_message(&s->attacker, "MI", slice_text("nonsense"));
}

static void send_interest_with_many_topics(struct siege *s)
{
    uint8_t bytes[48];

    memset(bytes, 0, sizeof bytes);
    bytes[0] = 33;
    attacker_greet(&s->attacker);
    attacker_message(&s->attacker, "MI", slice_of(bytes, sizeof bytes));
}

static void send_interest_in_nothing(struct siege *s)
{
    static const uint8_t bytes[] = {1, 4, 't', 'a', 'g', 's', 0};

    attacker_greet(&s->attacker);
    attacker_message(&s->attacker, "MI", slice_of(bytes, sizeof bytes));
}

static void flood_digests(struct siege *s)
{
    uint8_t digest[DIGESTS_SIZE] = {0};

    attacker_greet(&s->attacker);
    for (uint32_t i = 0; i < 3000; i++) {
        store_be32(digest, i);
        attacker_message(&s->attacker, "MS", slice_of(digest, sizeof digest));
    }
    attacker_message(&s->attacker, "MS", slice_of(digest, 1));
    attacker_message(&s->attacker, "MS", slice_of(digest, 0));
}

static void flood_duplicates(struct siege *s)
{
    attacker_greet(&s->attacker);
    for (uint32_t i = 0; i < SIEGE_NODES; i++)
        s->swarm.nodes[i].foreign = 1;
    for (int i = 0; i < 2000; i++)
        attacker_message(&s->attacker, "AV", slice_text("the same"));
    siege_run(s, SWARM_SECOND / 2);
    assert_int_equal(s->swarm.nodes[1].received, s->broadcasts - s->broadcast[1] + 1);
}

static void flood_empty_votes(struct siege *s)
{
    static uint8_t bytes[6000];

    for (uint32_t i = 0; i < SIEGE_NODES; i++)
        s->swarm.nodes[i].foreign = 1;
    for (size_t i = 0; i < sizeof bytes; i += 6) {
        store_be32(bytes + i, 2);
        memcpy(bytes + i + 4, "AV", 2);
    }
    attacker_greet(&s->attacker);
    write_all(s, bytes, sizeof bytes);
}

static void greet_twice(struct siege *s)
{
    struct handshake_offer offer = {"siege-v1", ""};
    struct span hello = handshake_write(&offer);

    attacker_greet(&s->attacker);
    write_all(s, hello.data, hello.size); /* its length reads as one over the limit */
    span_unref(hello);
}

static void open_stream_after_stream(struct siege *s)
{
    for (int i = 0; i < 100; i++) {
        uint32_t before = s->attacker.stream;

        attacker_open(&s->attacker, i % 2 ? WS22 : WS10);
        siege_run(s, SWARM_SECOND / 20);
        assert_true(!before || attacker_find(&s->attacker, before)->reset);
    }
}

static void finish(struct siege *s)
{
    attacker_greet(&s->attacker);
    attacker_frame(&s->attacker,
                   (struct yamux_header){YAMUX_WINDOW_UPDATE, YAMUX_FIN, s->attacker.stream, 0},
                   slice_of(NULL, 0));
}

static void reset(struct siege *s)
{
    attacker_greet(&s->attacker);
    attacker_frame(&s->attacker,
                   (struct yamux_header){YAMUX_WINDOW_UPDATE, YAMUX_RST, s->attacker.stream, 0},
                   slice_of(NULL, 0));
}

static void short_queue(struct node_config *c)
{
    c->algorand.queue_max = 20;
}

/* Takes what it is sent until its window is full; then its queue drops. */
static void read_nothing(struct siege *s)
{
    struct blob *payload = blob_new(20000);
    uint32_t before;

    memset(payload->data, 0, payload->size);
    s->attacker.stingy = true;
    attacker_greet(&s->attacker);
    before = s->swarm.nodes[0].drops;
    for (uint32_t i = 0; i < 60; i++) {
        store_be32(payload->data, i);
        assert_int_equal(node_broadcast(s->swarm.nodes[1].node, des_now_ns(s->swarm.des), "TX",
                                        span_give(payload)),
                         ERR_OK);
        s->broadcasts++;
        s->broadcast[1]++;
        siege_run(s, SWARM_SECOND / 20);
    }
    blob_unref(payload);
    assert_true(s->swarm.nodes[0].drops > before);
    assert_int_equal(s->swarm.nodes[2].drops, 0);
}

#define ROW(name, act, outcome, code, within, memory)                                              \
    {                                                                                              \
        name, ATTACKER_READY, act, outcome, code, within, memory, NULL                             \
    }

static const struct attack attacks[] = {
    ROW("a_handshake_that_never_comes_ends_the_connection", say_nothing, SIEGE_GONE, ERR_TIMEOUT,
        11, LITTLE),
    ROW("a_handshake_that_drips_ends_the_connection", drip_handshake, SIEGE_GONE, ERR_TIMEOUT, 1,
        LITTLE),
    ROW("the_largest_handshake_is_waited_for_and_times_out", largest_handshake_without_end,
        SIEGE_GONE, ERR_TIMEOUT, 11, LITTLE + 5 * 64 * KIB),
    ROW("the_byte_of_1_0_that_never_comes_ends_the_connection", say_nothing_in_10, SIEGE_GONE,
        ERR_TIMEOUT, 11, LITTLE),
    ROW("an_empty_map_is_malformed", greet_with_nothing, SIEGE_RESET, YAMUX_RESET_VIOLATION, 1, LITTLE),
    ROW("a_garbage_map_is_malformed", greet_with_garbage, SIEGE_RESET, YAMUX_RESET_VIOLATION, 1, LITTLE),
    ROW("a_list_for_a_map_is_malformed", greet_with_a_list, SIEGE_RESET, YAMUX_RESET_VIOLATION, 1, LITTLE),
    ROW("65_keys_are_malformed", greet_with_65_keys, SIEGE_RESET, YAMUX_RESET_VIOLATION, 1, LITTLE),
    ROW("17_values_are_malformed", greet_with_17_values, SIEGE_RESET, YAMUX_RESET_VIOLATION, 1, LITTLE),
    ROW("numbers_for_values_are_malformed", greet_with_numbers, SIEGE_RESET, YAMUX_RESET_VIOLATION, 1,
        LITTLE),
    ROW("numbers_for_keys_are_malformed", greet_with_numbers_for_keys, SIEGE_RESET, YAMUX_RESET_VIOLATION, 1,
        LITTLE),
    ROW("a_cut_map_is_malformed", greet_with_a_cut_map, SIEGE_RESET, YAMUX_RESET_VIOLATION, 1, LITTLE),
    ROW("a_map_of_2_to_the_32_entries_is_malformed", greet_with_vast_counts, SIEGE_RESET,
        YAMUX_RESET_VIOLATION, 1, LITTLE),
    ROW("another_version_is_unsupported", greet_in_another_version, SIEGE_RESET, YAMUX_RESET_VIOLATION, 1,
        LITTLE),
    ROW("a_frame_of_length_0_is_malformed", send_length_0, SIEGE_GONE, ERR_MALFORMED, 1, LITTLE),
    ROW("a_frame_of_length_1_is_malformed", send_length_1, SIEGE_GONE, ERR_MALFORMED, 1, LITTLE),
    ROW("a_frame_over_6_mib_is_refused_by_its_length", send_length_over_limit, SIEGE_GONE,
        ERR_TOO_LARGE, 1, LITTLE),
    ROW("a_frame_of_4_gib_is_refused_by_its_length", send_length_4_gib, SIEGE_GONE, ERR_TOO_LARGE,
        1, LITTLE),
    ROW("a_vote_over_its_limit_is_refused_by_its_head", send_vote_over_limit, SIEGE_GONE,
        ERR_TOO_LARGE, 1, LITTLE),
    ROW("a_proposal_over_its_limit_is_refused_by_its_head", send_proposal_over_limit, SIEGE_GONE,
        ERR_TOO_LARGE, 1, LITTLE),
    ROW("an_interest_over_its_limit_is_refused_by_its_head", send_interest_over_limit, SIEGE_GONE,
        ERR_TOO_LARGE, 1, LITTLE),
    ROW("a_response_to_nothing_is_a_violation", send_response_unasked, SIEGE_GONE, ERR_PROTOCOL, 1,
        LITTLE),
    ROW("an_incomplete_frame_costs_its_size", send_most_of_a_large_frame, SIEGE_STAYS, 0, 2,
        LITTLE + FRAME_MAX),
    ROW("a_flood_of_unknown_tags_is_dropped", flood_unknown_tags, SIEGE_STAYS, 0, 1,
        LITTLE + 512 * KIB),
    ROW("a_large_message_of_an_unknown_tag_is_dropped", send_large_unknown, SIEGE_STAYS, 0, 1,
        LITTLE + FRAME_MAX),
    ROW("requests_that_nobody_serves_are_dropped", flood_requests, SIEGE_STAYS, 0, 1,
        LITTLE + 512 * KIB),
    ROW("an_interest_of_nonsense_ends_the_connection", send_interest_nonsense, SIEGE_GONE,
        ERR_TOO_LARGE, 1, LITTLE),
    ROW("an_interest_of_33_topics_ends_the_connection", send_interest_with_many_topics, SIEGE_GONE,
        ERR_TOO_LARGE, 1, LITTLE),
    ROW("an_interest_in_nothing_is_malformed", send_interest_in_nothing, SIEGE_GONE, ERR_MALFORMED,
        1, LITTLE),
    ROW("of_a_flood_of_digests_384_are_kept", flood_digests, SIEGE_STAYS, 0, 1, MIB),
    ROW("two_thousand_copies_are_delivered_once", flood_duplicates, SIEGE_STAYS, 0, 1, MIB),
    ROW("votes_without_a_payload_are_all_the_same", flood_empty_votes, SIEGE_STAYS, 0, 1, LITTLE),
    ROW("a_second_handshake_is_a_frame_over_the_limit", greet_twice, SIEGE_GONE, ERR_TOO_LARGE, 1,
        LITTLE),
    ROW("the_newest_stream_wins", open_stream_after_stream, SIEGE_STAYS, 0, 1, 4 * LITTLE),
    ROW("the_end_of_the_stream_ends_the_connection", finish, SIEGE_GONE, ERR_CLOSED, 1, LITTLE),
    ROW("the_reset_of_the_stream_ends_the_connection", reset, SIEGE_GONE, ERR_RESET, 1, LITTLE),
    {"a_peer_that_reads_nothing_loses_messages_alone", ATTACKER_READY, read_nothing, SIEGE_STAYS, 0,
     1, 16 * MIB, short_queue},
};

int main(void)
{
    struct CMUnitTest tests[sizeof attacks / sizeof attacks[0]];

    assert_int_equal(crypto_init(), 0);
    siege_tests(tests, attacks, sizeof attacks / sizeof attacks[0]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
