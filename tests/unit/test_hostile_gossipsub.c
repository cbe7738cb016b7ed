/* Members of the mesh that misbehave. */
#include "tests/lib/siege.h"

#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/gossipsub/rpc.h"
#include "stack/gossipsub/signing.h"
#include "stack/wire/pb.h"
#include "stack/wire/varint.h"
#define MESHSUB_11 "/meshsub/1.1.0"
#define MESHSUB_10 "/meshsub/1.0.0"

#define LITTLE (64 * KIB)
#define RPC_MAX MIB
#define TOPICS_MAX 1024 /* that a peer may be subscribed to */
/* An RPC of the largest size: at the attacker, in flight, in pieces and put together. */
#define LARGE (LITTLE + 5 * RPC_MAX)

static const struct slice none;

static uint32_t join(struct siege *s)
{
    attacker_join(&s->attacker);
    return s->attacker.stream;
}

static void rpc(struct siege *s, struct buf *b)
{
    attacker_rpc(&s->attacker, buf_slice(b));
    buf_deinit(b);
}

/* An RPC of one control message that holds these items. */
static void control(struct siege *s, struct buf *items)
{
    struct buf b;

    buf_init(&b, items->size + 16);
    pb_append_bytes(&b, RPC_FIELD_CONTROL, buf_slice(items));
    buf_deinit(items);
    rpc(s, &b);
}

/* ---- framing ---- */

static void send_oversized_rpc(struct siege *s)
{
    uint8_t head[VARINT_SIZE_MAX];

    attacker_write(&s->attacker, join(s), slice_of(head, varint_write(head, RPC_MAX + 1)));
}

static void send_endless_length(struct siege *s)
{
    attacker_write(&s->attacker, join(s),
                   slice_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11));
}

static void send_most_of_an_rpc(struct siege *s)
{
    uint8_t *bytes = mem_zalloc(RPC_MAX);

    varint_write(bytes, RPC_MAX);
    attacker_write(&s->attacker, join(s), slice_of(bytes, RPC_MAX - 1));
    mem_free(bytes);
}

static void send_byte_by_byte(struct siege *s)
{
    uint32_t id = join(s);
    uint8_t bytes[4000] = {0xb0, 0x6d}; /* 14000 */

    for (size_t i = 0; i < sizeof bytes; i++) {
        attacker_data(&s->attacker, id, slice_of(bytes + i, 1));
        if (i % 20 == 0)
            siege_run(s, SWARM_SECOND / 1000);
    }
}

static void send_empty_rpcs(struct siege *s)
{
    static uint8_t zeros[64 * 1024];

    attacker_write(&s->attacker, join(s), slice_of(zeros, sizeof zeros));
}

static void send_empty_fields(struct siege *s, uint32_t number)
{
    uint8_t *bytes = mem_zalloc(RPC_MAX);

    for (size_t i = 0; i < RPC_MAX; i += 2)
        bytes[i] = (uint8_t)(number << 3 | PB_BYTES);
    join(s);
    attacker_rpc(&s->attacker, slice_of(bytes, RPC_MAX));
    mem_free(bytes);
}

static void send_empty_messages(struct siege *s)
{
    send_empty_fields(s, RPC_FIELD_PUBLISH);
}

static void send_empty_controls(struct siege *s)
{
    send_empty_fields(s, RPC_FIELD_CONTROL);
}

static void send_nested_fields(struct siege *s)
{
    uint8_t bytes[9000];

    for (size_t i = 0; i < sizeof bytes; i += 3) {
        size_t left = sizeof bytes - i - 3;

        bytes[i] = i % 2 ? 0x7a : 0x1a; /* unknown, control */
        bytes[i + 1] = (uint8_t)(0x80 | (left & 0x7f));
        bytes[i + 2] = (uint8_t)(left >> 7);
    }
    join(s);
    attacker_rpc(&s->attacker, slice_of(bytes, sizeof bytes));
}

static void send_garbage(struct siege *s)
{
    uint8_t bytes[500];

    memset(bytes, 0xee, sizeof bytes);
    join(s);
    attacker_rpc(&s->attacker, slice_of(bytes, sizeof bytes));
}

static void send_wrong_wire_type(struct siege *s)
{
    join(s);
    attacker_rpc(&s->attacker, slice_of("\x10\x05", 2)); /* publish as a number */
}

/* ---- subscriptions ---- */

static void subscribe_many(struct siege *s, uint32_t count, size_t name_size, bool leave)
{
    char name[2048];
    struct buf b;

    join(s);
    memset(name, 'n', sizeof name);
    buf_init(&b, RPC_MAX);
    for (uint32_t i = 0; i < count; i++) {
        store_be32((uint8_t *)name, i);
        rpc_append_subscription(&b, true, slice_of(name, name_size));
        if (leave)
            rpc_append_subscription(&b, false, slice_of(name, name_size));
        if (b.size > RPC_MAX / 2 || i + 1 == count) {
            rpc(s, &b);
            buf_init(&b, RPC_MAX);
        }
    }
    buf_deinit(&b);
}

static void subscribe_a_hundred_thousand_times(struct siege *s)
{
    subscribe_many(s, 100000, 10, false);
}

static void subscribe_with_long_names(struct siege *s)
{
    subscribe_many(s, 3000, 1024, false);
}

static void subscribe_with_too_long_names(struct siege *s)
{
    subscribe_many(s, 1000, 1025, false);
}

static void subscribe_and_leave(struct siege *s)
{
    subscribe_many(s, 50000, 10, true);
}

static void subscribe_to_no_text(struct siege *s)
{
    struct buf b;

    join(s);
    buf_init(&b, 100);
    rpc_append_subscription(&b, true, slice_of("\xff\xfe\xc0\x80\0x", 6));
    rpc_append_subscription(&b, true, none);
    rpc_append_graft(&b, none);
    rpc(s, &b);
}

/* ---- control ---- */

static void ids_item(struct buf *items, enum trace_control kind, const char *topic, uint32_t first,
                     uint32_t count, size_t size)
{
    uint8_t id[256] = {0};
    struct buf body;

    buf_init(&body, RPC_MAX);
    if (topic)
        pb_append_bytes(&body, 1, slice_text(topic));
    for (uint32_t i = 0; i < count; i++) {
        store_be32(id, first + i);
        pb_append_bytes(&body, topic ? RPC_IHAVE_IDS : RPC_IWANT_IDS, slice_of(id, size));
    }
    pb_append_bytes(items, kind, buf_slice(&body));
    buf_deinit(&body);
}

static void flood_ihave(struct siege *s)
{
    join(s);
    for (uint32_t i = 0; i < 20; i++) {
        struct buf items;

        buf_init(&items, RPC_MAX);
        ids_item(&items, TRACE_CONTROL_IHAVE, "t", i * 10000, 10000, 20);
        control(s, &items);
    }
}

static void flood_ihave_of_other_topics(struct siege *s)
{
    join(s);
    for (uint32_t i = 0; i < 20; i++) {
        struct buf items;

        buf_init(&items, RPC_MAX);
        ids_item(&items, TRACE_CONTROL_IHAVE, "nobody's", i, 10000, 20);
        ids_item(&items, TRACE_CONTROL_IHAVE, "t", 0, 1000, 200);
        control(s, &items);
    }
}

static void flood_ids(struct siege *s, enum trace_control kind)
{
    join(s);
    for (uint32_t i = 0; i < 20; i++) {
        struct buf items;

        buf_init(&items, RPC_MAX);
        ids_item(&items, kind, NULL, i * 10000, 10000, 20);
        control(s, &items);
    }
}

static void flood_iwant(struct siege *s)
{
    flood_ids(s, TRACE_CONTROL_IWANT);
}

/* The stream that the victim opened for its RPCs. */
static struct attacker_stream *its_stream(const struct siege *s)
{
    const struct attacker *a = &s->attacker;

    for (uint32_t i = a->stream_count; i-- > 0;)
        if (!a->streams[i].ours && a->streams[i].agreed && !a->streams[i].reset &&
            strcmp(a->streams[i].protocol, MESHSUB_11) == 0)
            return &a->streams[i];
    return NULL;
}

/* The id of a message that the victim sent, from || seqno. */
static size_t overhear(struct siege *s, uint8_t *id)
{
    struct gossipsub_message m;
    struct slice message;
    size_t size = 0;

    s->attacker.keeps = true;
    siege_run(s, SWARM_SECOND);
    while (size == 0 && its_stream(s)->in.size) {
        struct chain *in = &its_stream(s)->in;
        uint8_t head[VARINT_SIZE_MAX];
        size_t peeked = in->size < sizeof head ? in->size : sizeof head;
        uint64_t length;
        struct span whole;
        int used;

        chain_peek(in, 0, head, peeked);
        used = varint_read(slice_of(head, peeked), &length);
        chain_drop(in, (size_t)used);
        whole = chain_take(in, (size_t)length);
        if (rpc_sole_publish(span_slice(whole), &message) &&
            rpc_message_read(message, &m) == ERR_OK) {
            memcpy(id, m.from.data, m.from.size);
            memcpy(id + m.from.size, m.seqno.data, m.seqno.size);
            size = m.from.size + m.seqno.size;
        }
        span_unref(whole);
    }
    s->attacker.keeps = false;
    assert_true(size > 0);
    return size;
}

static void ask_for_one_message_again_and_again(struct siege *s)
{
    uint8_t id[128];
    uint64_t before;
    size_t size;

    join(s);
    size = overhear(s, id);
    before = its_stream(s)->received;
    for (int i = 0; i < 200; i++) {
        struct buf items, body;

        buf_init(&items, RPC_MAX);
        buf_init(&body, RPC_MAX);
        for (int j = 0; j < 50; j++)
            pb_append_bytes(&body, RPC_IWANT_IDS, slice_of(id, size));
        pb_append_bytes(&items, TRACE_CONTROL_IWANT, buf_slice(&body));
        buf_deinit(&body);
        control(s, &items);
    }
    swarm_run(&s->swarm, SWARM_SECOND / 5);
    assert_in_range(its_stream(s)->received - before, 200, 10 * 500);
}

static void flood_idontwant(struct siege *s)
{
    flood_ids(s, TRACE_CONTROL_IDONTWANT);
}

static void flood_graft(struct siege *s)
{
    struct buf items;

    join(s);
    buf_init(&items, RPC_MAX);
    for (uint32_t i = 0; i < 100000; i++)
        rpc_append_graft(&items, slice_text("t"));
    control(s, &items);
}

static void flood_graft_of_unknown_topics(struct siege *s)
{
    struct buf items;

    join(s);
    buf_init(&items, RPC_MAX);
    for (uint32_t i = 0; i < 100000; i++) {
        uint8_t name[4];

        store_be32(name, i);
        rpc_append_graft(&items, slice_of(name, sizeof name));
    }
    control(s, &items);
}

static void graft_and_prune(struct siege *s)
{
    struct buf items;

    join(s);
    for (int round = 0; round < 20; round++) {
        buf_init(&items, RPC_MAX);
        for (uint32_t i = 0; i < 1000; i++) {
            rpc_append_prune(&items, slice_text("t"), 1);
            rpc_append_graft(&items, slice_text("t"));
        }
        control(s, &items);
        siege_run(s, SWARM_SECOND / 20);
    }
    assert_int_equal(node_mesh_size(s->swarm.nodes[0].node, slice_text("t")), SIEGE_NODES - 1);
}

static void prune_for_ever(struct siege *s)
{
    struct buf items;

    join(s);
    buf_init(&items, RPC_MAX);
    rpc_append_prune(&items, slice_text("t"), UINT64_MAX);
    rpc_append_prune(&items, slice_text("t"), UINT64_MAX / 1000000000u + 1);
    rpc_append_prune(&items, slice_text("nobody's"), UINT64_MAX);
    control(s, &items);
    siege_run(s, 2 * SWARM_SECOND);
    assert_int_equal(node_mesh_size(s->swarm.nodes[0].node, slice_text("t")), SIEGE_NODES - 1);
}

static void prune_with_ten_thousand_peers(struct siege *s)
{
    struct buf items, body, info;
    uint8_t id[38] = {0, 36, 8, 1, 0x12, 32}, record[40] = {0};

    join(s);
    buf_init(&items, RPC_MAX);
    buf_init(&body, RPC_MAX);
    pb_append_bytes(&body, 1, slice_text("t"));
    for (uint32_t i = 0; i < 10000; i++) {
        store_be32(id + 6, i);
        buf_init(&info, 200);
        pb_append_bytes(&info, 1, slice_of(id, sizeof id));
        pb_append_bytes(&info, 2, slice_of(record, sizeof record));
        pb_append_bytes(&body, RPC_PRUNE_PEERS, buf_slice(&info));
        buf_deinit(&info);
    }
    pb_append_bytes(&items, TRACE_CONTROL_PRUNE, buf_slice(&body));
    buf_deinit(&body);
    control(s, &items);
}

/* ---- messages ---- */

struct letter {
    struct slice from, data, seqno, topic;
    const struct identity *signer; /* NULL: not signed */
    struct slice key;
    bool tampered;
};

static void append_letter(struct buf *out, const struct letter *l)
{
    uint8_t signature[ED25519_SIGNATURE_SIZE];
    struct buf m, text;

    buf_init(&m, RPC_MAX);
    if (l->from.data)
        pb_append_bytes(&m, 1, l->from);
    pb_append_bytes(&m, 2, l->data);
    if (l->seqno.data)
        pb_append_bytes(&m, 3, l->seqno);
    pb_append_bytes(&m, 4, l->topic);
    if (l->signer) {
        buf_init(&text, RPC_MAX);
        buf_append(&text, SIGNING_PREFIX, SIGNING_PREFIX_SIZE);
        buf_append_slice(&text, buf_slice(&m));
        ed25519_sign(signature, buf_slice(&text), l->signer->secret);
        signature[5] ^= l->tampered;
        pb_append_bytes(&m, 5, slice_of(signature, sizeof signature));
        buf_deinit(&text);
    }
    if (l->key.data)
        pb_append_bytes(&m, 6, l->key);
    pb_append_bytes(out, RPC_FIELD_PUBLISH, buf_slice(&m));
    buf_deinit(&m);
}

static void publish(struct siege *s, const struct letter *l)
{
    struct buf b;

    buf_init(&b, RPC_MAX);
    append_letter(&b, l);
    rpc(s, &b);
}

static struct letter letter_of(const struct siege *s)
{
    return (struct letter){.from = peerid_slice(&s->attacker.identity.id),
                           .data = slice_text("hello"),
                           .seqno = slice_of("\0\0\0\0\0\0\0\1", 8),
                           .topic = slice_text("t"),
                           .signer = &s->attacker.identity};
}

static void expect_foreign(struct siege *s, uint32_t count)
{
    for (uint32_t i = 0; i < SIEGE_NODES; i++)
        s->swarm.nodes[i].foreign = count;
}

static void publish_as_author(struct siege *s)
{
    struct letter l = letter_of(s);

    join(s);
    publish(s, &l);
}

static void publish_tampered(struct siege *s)
{
    struct letter l = letter_of(s);

    join(s);
    l.tampered = true;
    publish(s, &l);
}

static void publish_unsigned(struct siege *s)
{
    struct letter l = letter_of(s);

    join(s);
    l.signer = NULL;
    publish(s, &l);
}

static void publish_for_somebody_else(struct siege *s)
{
    struct letter l = letter_of(s);

    join(s);
    l.from = peerid_slice(node_peerid(s->swarm.nodes[1].node));
    l.seqno = slice_text("far ahead"); /* the first ones are taken */
    publish(s, &l);
}

static void publish_for_the_victim(struct siege *s)
{
    struct letter l = letter_of(s);

    join(s);
    l.from = peerid_slice(node_peerid(s->swarm.nodes[0].node));
    publish(s, &l);
}

static void publish_with_another_key(struct siege *s)
{
    uint8_t key[PUBLIC_KEY_PB_SIZE], other[ED25519_PUBLIC_SIZE] = {3};
    struct letter l = letter_of(s);

    join(s);
    public_key_pb_write(key, other);
    l.key = slice_of(key, sizeof key);
    publish(s, &l);
}

static void publish_without_author(struct siege *s)
{
    struct letter l = letter_of(s);

    join(s);
    l.from = none;
    publish(s, &l);
}

static void publish_with_long_author(struct siege *s)
{
    uint8_t from[200] = {0};
    struct letter l = letter_of(s);

    join(s);
    l.from = slice_of(from, sizeof from);
    publish(s, &l);
}

static void publish_with_long_seqno(struct siege *s)
{
    uint8_t seqno[65] = {0};
    struct letter l = letter_of(s);

    join(s);
    l.seqno = slice_of(seqno, sizeof seqno);
    publish(s, &l);
}

static void publish_with_largest_seqno(struct siege *s)
{
    struct letter l = letter_of(s);

    join(s);
    l.seqno = slice_of("\xff\xff\xff\xff\xff\xff\xff\xff", 8);
    expect_foreign(s, 1);
    publish(s, &l);
    siege_run(s, SWARM_SECOND);
    assert_int_equal(s->swarm.nodes[3].delivered, s->gossiped + 1);
}

static void publish_elsewhere(struct siege *s)
{
    struct letter l = letter_of(s);
    struct buf b;

    join(s);
    buf_init(&b, RPC_MAX);
    l.signer = NULL;
    l.topic = slice_text("nobody's");
    for (int i = 0; i < 10000; i++)
        append_letter(&b, &l);
    rpc(s, &b);
}

static void publish_duplicates(struct siege *s)
{
    struct letter l = letter_of(s);
    struct buf b;

    join(s);
    expect_foreign(s, 1);
    for (int i = 0; i < 5; i++) {
        buf_init(&b, RPC_MAX);
        for (int j = 0; j < 100; j++)
            append_letter(&b, &l);
        rpc(s, &b);
        for (int j = 0; j < 100; j++)
            publish(s, &l);
    }
    siege_run(s, SWARM_SECOND);
    assert_int_equal(s->swarm.nodes[2].delivered, s->gossiped + 1);
}

static void publish_many(struct siege *s)
{
    struct letter l = letter_of(s);

    join(s);
    expect_foreign(s, 200);
    for (uint32_t i = 0; i < 200; i++) {
        uint8_t seqno[8];

        store_be64(seqno, i + 10);
        l.seqno = slice_of(seqno, sizeof seqno);
        publish(s, &l);
        siege_run(s, SWARM_SECOND / 200);
    }
}

static void strict_no_sign(struct node_config *c)
{
    c->gossipsub.signing = GOSSIPSUB_STRICT_NO_SIGN;
    c->gossipsub.message_id = gossipsub_id_blake2b256;
}

/* ---- streams ---- */

static void large_talk(struct siege *s, uint32_t count, size_t size)
{
    for (uint32_t i = 0; i < count; i++) {
        swarm_publish(&s->swarm, 1 + i % 3, "t", s->number++, size);
        s->gossiped++;
        siege_run(s, SWARM_SECOND / 10);
    }
}

static void read_nothing(struct siege *s)
{
    s->attacker.stingy = true;
    join(s);
    large_talk(s, 60, 40000);
    assert_true(s->swarm.nodes[0].drops > 0);
    for (uint32_t i = 1; i < SIEGE_NODES; i++)
        assert_int_equal(s->swarm.nodes[i].drops, 0);
}

static void stop_reading_the_connection(struct siege *s)
{
    join(s);
    des_ops.pause(s->attacker.host, s->attacker.conn, true);
    large_talk(s, 60, 40000);
    assert_true(s->swarm.nodes[0].drops > 0);
}

static void open_a_second_stream(struct siege *s)
{
    uint32_t first = join(s);

    attacker_open(&s->attacker, MESHSUB_11);
    siege_run(s, SWARM_SECOND / 2);
    assert_true(attacker_find(&s->attacker, first)->reset);
    assert_false(attacker_find(&s->attacker, s->attacker.stream)->reset);
}

static void open_stream_after_stream(struct siege *s)
{
    for (int i = 0; i < 200; i++) {
        struct buf b;

        attacker_open(&s->attacker, i % 2 ? MESHSUB_10 : MESHSUB_11);
        buf_init(&b, 100);
        rpc_append_subscription(&b, true, slice_text(i % 3 ? "t" : "u"));
        rpc(s, &b);
    }
}

static void answer_on_its_stream(struct siege *s)
{
    join(s);
    for (int i = 0; i < 20 && its_stream(s); i++) {
        s->attacker.stream = its_stream(s)->id;
        attacker_data(&s->attacker, s->attacker.stream, slice_of("\x00", 1));
        siege_run(s, SWARM_SECOND / 5);
        assert_true(attacker_find(&s->attacker, s->attacker.stream)->reset);
    }
    assert_null(its_stream(s)); /* it gives up in the end */
}

/* Streams of the victim's whose queue is full are finished by us, and asked for again: what waits
 * in them must not stay. */
static void finish_full_streams(struct siege *s)
{
    size_t before = meter_live();
    struct buf b;

    s->attacker.stingy = true;
    join(s);
    buf_init(&b, 100);
    pb_append_bytes(&b, 3, slice_text(MESHSUB_11));
    for (int i = 0; i < 5; i++) {
        uint32_t inbound = s->attacker.stream;

        large_talk(s, 2, 400000);
        if (its_stream(s)) {
            struct yamux_header fin = {YAMUX_WINDOW_UPDATE, YAMUX_FIN, its_stream(s)->id, 0};

            its_stream(s)->reset = true;
            attacker_frame(&s->attacker, fin, none);
        }
        siege_run(s, SWARM_SECOND / 5);
        attacker_open(&s->attacker, "/ipfs/id/push/1.0.0");
        attacker_rpc(&s->attacker, buf_slice(&b)); /* framed alike */
        attacker_frame(&s->attacker,
                       (struct yamux_header){YAMUX_WINDOW_UPDATE, YAMUX_FIN, s->attacker.stream, 0},
                       none);
        s->attacker.stream = inbound;
        siege_run(s, SWARM_SECOND / 5);
    }
    buf_deinit(&b);
    siege_run(s, 10 * SWARM_SECOND); /* until the message caches are empty */
    assert_true(meter_live() < before + 4 * LITTLE);
}

#define ROW(name, act, outcome, code, within, memory)                                              \
    {                                                                                              \
        name, ATTACKER_READY, act, outcome, code, within, memory, NULL                             \
    }

static const struct attack attacks[] = {
    ROW("an_rpc_over_the_limit_is_refused_by_its_length", send_oversized_rpc, SIEGE_RESET,
        YAMUX_RESET_VIOLATION, 1, LITTLE),
    ROW("an_rpc_length_without_end_is_refused", send_endless_length, SIEGE_RESET,
        YAMUX_RESET_VIOLATION, 1, LITTLE),
    ROW("an_incomplete_rpc_costs_its_size", send_most_of_an_rpc, SIEGE_STAYS, 0, 5, LARGE),
    ROW("an_rpc_byte_by_byte_costs_no_more", send_byte_by_byte, SIEGE_STAYS, 0, 1, LITTLE),
    ROW("empty_rpcs_are_read_over", send_empty_rpcs, SIEGE_STAYS, 0, 1, 2 * LITTLE),
    ROW("a_megabyte_of_empty_messages_is_read_over", send_empty_messages, SIEGE_STAYS, 0, 1, LARGE),
    ROW("a_megabyte_of_empty_control_is_read_over", send_empty_controls, SIEGE_STAYS, 0, 1, LARGE),
    ROW("nested_fields_are_not_followed_far", send_nested_fields, SIEGE_STAYS, 0, 1, LITTLE),
    ROW("garbage_resets_the_stream", send_garbage, SIEGE_RESET, YAMUX_RESET_VIOLATION, 1, LITTLE),
    ROW("a_wrong_wire_type_resets_the_stream", send_wrong_wire_type, SIEGE_RESET,
        YAMUX_RESET_VIOLATION, 1, LITTLE),
    ROW("of_100000_subscriptions_1024_are_kept", subscribe_a_hundred_thousand_times, SIEGE_STAYS, 0,
        1, LARGE + TOPICS_MAX * 512),
    ROW("topics_cost_their_names", subscribe_with_long_names, SIEGE_STAYS, 0, 1,
        LARGE + TOPICS_MAX * 3 * KIB),
    ROW("topics_with_too_long_names_are_ignored", subscribe_with_too_long_names, SIEGE_STAYS, 0, 1,
        LARGE),
    ROW("subscribing_and_leaving_leaves_nothing", subscribe_and_leave, SIEGE_STAYS, 0, 1, LARGE),
    ROW("topics_need_not_be_text", subscribe_to_no_text, SIEGE_STAYS, 0, 1, LITTLE),
    ROW("of_an_ihave_flood_little_is_asked_for", flood_ihave, SIEGE_STAYS, 0, 2, LARGE),
    ROW("ihave_of_other_topics_is_ignored", flood_ihave_of_other_topics, SIEGE_STAYS, 0, 2, LARGE),
    ROW("iwant_of_unknown_messages_is_ignored", flood_iwant, SIEGE_STAYS, 0, 2, LARGE),
    ROW("one_message_is_resent_a_few_times_only", ask_for_one_message_again_and_again, SIEGE_STAYS,
        0, 1, LARGE),
    ROW("idontwant_is_skipped", flood_idontwant, SIEGE_STAYS, 0, 1, LARGE),
    ROW("a_graft_flood_changes_nothing", flood_graft, SIEGE_STAYS, 0, 1, LARGE),
    ROW("grafts_of_unknown_topics_leave_nothing", flood_graft_of_unknown_topics, SIEGE_STAYS, 0, 1,
        LARGE),
    ROW("grafting_and_pruning_ends_outside_the_mesh", graft_and_prune, SIEGE_STAYS, 0, 1, LARGE),
    ROW("a_backoff_of_ages_is_cut", prune_for_ever, SIEGE_STAYS, 0, 1, LITTLE),
    ROW("ten_thousand_exchanged_peers_are_not_kept", prune_with_ten_thousand_peers, SIEGE_STAYS, 0,
        1, LARGE),
    ROW("a_tampered_signature_is_rejected", publish_tampered, SIEGE_REJECTS,
        TRACE_REJECT_INVALID_SIGNATURE, 1, LITTLE),
    ROW("a_missing_signature_is_rejected", publish_unsigned, SIEGE_REJECTS,
        TRACE_REJECT_MISSING_SIGNATURE, 1, LITTLE),
    ROW("a_message_in_the_name_of_another_is_rejected", publish_for_somebody_else, SIEGE_REJECTS,
        TRACE_REJECT_INVALID_SIGNATURE, 1, LITTLE),
    ROW("a_message_in_our_name_is_rejected", publish_for_the_victim, SIEGE_REJECTS,
        TRACE_REJECT_SELF_ORIGIN, 1, LITTLE),
    ROW("a_key_that_is_not_the_authors_is_rejected", publish_with_another_key, SIEGE_REJECTS,
        TRACE_REJECT_INVALID_SIGNATURE, 1, LITTLE),
    ROW("a_message_without_author_is_rejected", publish_without_author, SIEGE_REJECTS,
        TRACE_REJECT_INVALID_SIGNATURE, 1, LITTLE),
    ROW("an_author_too_long_for_a_peer_is_rejected", publish_with_long_author, SIEGE_REJECTS,
        TRACE_REJECT_MALFORMED, 1, LITTLE),
    ROW("a_seqno_too_long_is_rejected", publish_with_long_seqno, SIEGE_REJECTS,
        TRACE_REJECT_MALFORMED, 1, LITTLE),
    ROW("the_largest_seqno_is_delivered", publish_with_largest_seqno, SIEGE_STAYS, 0, 1, LITTLE),
    ROW("messages_of_topics_nobody_joined_are_dropped", publish_elsewhere, SIEGE_STAYS, 0, 1,
        LARGE),
    ROW("a_thousand_copies_are_delivered_once", publish_duplicates, SIEGE_STAYS, 0, 1, MIB),
    ROW("many_valid_messages_do_not_hold_up_the_others", publish_many, SIEGE_STAYS, 0, 1, MIB),
    {"an_unexpected_signature_is_rejected", ATTACKER_READY, publish_as_author, SIEGE_REJECTS,
     TRACE_REJECT_UNEXPECTED_SIGNATURE, 1, LITTLE, strict_no_sign},
    ROW("a_member_that_reads_nothing_loses_messages_alone", read_nothing, SIEGE_STAYS, 0, 1,
        24 * MIB),
    ROW("a_member_that_stops_reading_loses_messages_alone", stop_reading_the_connection,
        SIEGE_STAYS, 0, 1, 24 * MIB),
    ROW("the_newest_inbound_stream_wins", open_a_second_stream, SIEGE_STAYS, 0, 1, LITTLE),
    ROW("stream_after_stream_leaves_nothing", open_stream_after_stream, SIEGE_STAYS, 0, 1,
        4 * LITTLE),
    ROW("answering_on_our_stream_resets_it", answer_on_its_stream, SIEGE_RESET,
        YAMUX_RESET_VIOLATION, 1, LITTLE),
    ROW("finishing_our_full_streams_frees_them", finish_full_streams, SIEGE_STAYS, 0, 1, 64 * MIB),
};

int main(void)
{
    struct CMUnitTest tests[sizeof attacks / sizeof attacks[0]];

    assert_int_equal(crypto_init(), 0);
    siege_tests(tests, attacks, sizeof attacks / sizeof attacks[0]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
