/* The RPC codec, signing and ids: published vectors, splits, garbage. */
#include "tests/lib/gossip_net.h"
#include "tests/lib/test.h"

#include "stack/base/err.h"
#include "stack/gossipsub/rpc.h"
#include "stack/gossipsub/signing.h"

#define SIGNED_RPC                                                                                 \
    "0a260024080112203b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29120568656c6c" \
    "6f1a080000000000000001220474657374"                                                           \
    "2a40467a6e62b1f6ecd9475087fd0345e584117e8e0d4e3950233aeeb18f68c086f05d3b9a912072167b18a11e79" \
    "9e2f81973c23212b69fcbdabfe18cac1d91cdc02"

static struct identity node0(void)
{
    uint8_t seed[32] = {0};
    struct identity identity;

    identity_from_seed(&identity, seed);
    return identity;
}

static struct rpc_summary summary_of(const char *hex)
{
    struct blob *b = hex_blob(hex);
    struct rpc_summary s;

    assert_int_equal(rpc_check(blob_slice(b), &s), ERR_OK);
    blob_unref(b);
    return s;
}

static void control_items_have_their_published_encodings(void **state)
{
    struct slice topic = slice_text("test");
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    rpc_append_subscription(&b, true, topic);
    assert_slice_hex(buf_slice(&b), "0a080801120474657374");
    buf_clear(&b);
    rpc_append_graft(&b, topic);
    assert_slice_hex(buf_slice(&b), "1a060a0474657374");
    assert_int_equal(b.size, rpc_graft_size(topic));
    buf_clear(&b);
    rpc_append_prune(&b, topic, 60);
    assert_slice_hex(buf_slice(&b), "22080a0474657374183c");
    assert_int_equal(b.size, rpc_prune_size(topic, 60));
    buf_clear(&b);
    rpc_append_prune(&b, topic, 0);
    assert_slice_hex(buf_slice(&b), "22060a0474657374");
    assert_int_equal(b.size, rpc_prune_size(topic, 0));
    buf_deinit(&b);
}

static void published_rpcs_are_read(void **state)
{
    struct rpc_summary s = summary_of("0a080801120474657374");

    (void)state;
    assert_int_equal(s.control[TRACE_CONTROL_SUBSCRIBE].count, 1);
    assert_int_equal(s.control[TRACE_CONTROL_SUBSCRIBE].size, 10);
    assert_false(s.has_control);
    s = summary_of("1a081a060a0474657374");
    assert_true(s.has_control);
    assert_int_equal(s.control[TRACE_CONTROL_GRAFT].count, 1);
    assert_int_equal(s.control[TRACE_CONTROL_GRAFT].size, 8);
    s = summary_of("1a0a22080a0474657374183c");
    assert_int_equal(s.control[TRACE_CONTROL_PRUNE].count, 1);
    s = summary_of("1a09320750019091e21801");
    assert_int_equal(s.control[TRACE_CONTROL_EXTENSIONS].count, 1);
    s = summary_of("9291e21800");
    assert_false(s.has_control);
    s = summary_of("0a0c0801120474657374180020001a00"); /* partial flags; an empty control */
    assert_int_equal(s.control[TRACE_CONTROL_SUBSCRIBE].count, 1);
    assert_true(s.has_control);
}

static void a_prune_is_read_with_its_peers_and_backoff(void **state)
{
    struct blob *b = hex_blob("1a 18 22 16 0a0474657374 1205 0a03 00016f 1205 1203 aabbcc 183c");
    struct rpc_walk w = rpc_walk_of(blob_slice(b));
    struct slice item, info, id, record;
    struct rpc_summary s;
    struct cursor c;

    (void)state;
    assert_int_equal(rpc_check(blob_slice(b), &s), ERR_OK);
    assert_true(rpc_next_control(&w, TRACE_CONTROL_PRUNE, &item));
    assert_slice_hex(rpc_item_topic(item), "74657374");
    assert_int_equal(rpc_prune_backoff_s(item), 60);
    c = cursor_of(item);
    assert_true(rpc_next_bytes(&c, RPC_PRUNE_PEERS, &info));
    rpc_peer_read(info, &id, &record);
    assert_slice_hex(id, "00016f");
    assert_int_equal(record.size, 0);
    assert_true(rpc_next_bytes(&c, RPC_PRUNE_PEERS, &info));
    rpc_peer_read(info, &id, &record);
    assert_slice_hex(record, "aabbcc");
    assert_false(rpc_next_bytes(&c, RPC_PRUNE_PEERS, &info));
    assert_false(rpc_next_control(&w, TRACE_CONTROL_PRUNE, &item));
    blob_unref(b);
}

/* Two control fields are merged, as protobuf says of embedded messages. */
static void several_control_fields_count_as_one(void **state)
{
    struct blob *b = hex_blob("1a04 1a02 0a00 1a08 1a06 0a0474657374 0a021200");
    struct rpc_walk w = rpc_walk_of(blob_slice(b));
    struct rpc_summary s;
    struct slice item;

    (void)state;
    assert_int_equal(rpc_check(blob_slice(b), &s), ERR_OK);
    assert_int_equal(s.control[TRACE_CONTROL_GRAFT].count, 2);
    assert_true(rpc_next_control(&w, TRACE_CONTROL_GRAFT, &item));
    assert_int_equal(rpc_item_topic(item).size, 0);
    assert_true(rpc_next_control(&w, TRACE_CONTROL_GRAFT, &item));
    assert_slice_hex(rpc_item_topic(item), "74657374");
    assert_false(rpc_next_control(&w, TRACE_CONTROL_GRAFT, &item));
    blob_unref(b);
}

static void malformed_rpcs_are_refused(void **state)
{
    static const char *const bad[] = {
        "0a",               /* no length */
        "0a05",             /* shorter than its length */
        "0801",             /* a subscription that is a number */
        "1201",             /* a message that is cut off */
        "12020801",         /* a message whose author is a number */
        "0a021001",         /* a topic that is a number */
        "0a020a00",         /* a flag that is bytes */
        "1a020a05",         /* an IHAVE that is cut off */
        "1a020801",         /* an IHAVE that is a number */
        "13",               /* a group */
        "00",               /* field 0 */
        "1a0422021a00",     /* a backoff that is bytes */
        "1a062204120208ff", /* a peer that is a number that never ends */
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct blob *b = hex_blob(bad[i]);
        struct rpc_summary s;

        assert_int_equal(rpc_check(blob_slice(b), &s), ERR_MALFORMED);
        blob_unref(b);
    }
}

static void garbage_is_refused_or_walked_but_never_worse(void **state)
{
    struct rng r;
    uint8_t bytes[64];

    (void)state;
    rng_init(&r, 3, "garbage");
    for (int round = 0; round < 100000; round++) {
        struct slice rpc = slice_of(bytes, (size_t)rng_below(&r, sizeof bytes));
        struct rpc_walk w = rpc_walk_of(rpc);
        struct gossipsub_message m;
        struct rpc_summary s;
        struct slice item;
        uint32_t seen = 0;

        for (size_t i = 0; i < rpc.size; i++) /* small numbers, so that much of it is well-formed */
            bytes[i] = (uint8_t)rng_below(&r, rng_chance(&r, 1, 2) ? 8 : 64);
        if (rpc_check(rpc, &s) != ERR_OK)
            continue;
        while (rpc_next_publish(&w, &item)) {
            assert_int_equal(rpc_message_read(item, &m), ERR_OK);
            seen++;
        }
        assert_int_equal(seen, s.publishes);
        w = rpc_walk_of(rpc);
        for (seen = 0; rpc_next_control(&w, TRACE_CONTROL_GRAFT, &item); seen++)
            assert_true(rpc_item_topic(item).size < sizeof bytes);
        assert_int_equal(seen, s.control[TRACE_CONTROL_GRAFT].count);
    }
}

static void a_lone_publish_is_recognised(void **state)
{
    struct blob *alone = hex_blob("1206"
                                  "220474657374"),
                *twice = hex_blob("1202"
                                  "1200"
                                  "1200"),
                *with_control = hex_blob("1206"
                                         "220474657374"
                                         "1a00");
    struct slice message;

    (void)state;
    assert_true(rpc_sole_publish(blob_slice(alone), &message));
    assert_int_equal(message.size, 6);
    assert_false(rpc_sole_publish(blob_slice(twice), &message));
    assert_false(rpc_sole_publish(blob_slice(with_control), &message));
    assert_false(rpc_sole_publish(slice_of(alone->data, 7), &message));
    assert_false(rpc_sole_publish(slice_of(alone->data, 1), &message));
    assert_false(rpc_sole_publish(slice_of(alone->data, 0), &message));
    blob_unref(alone);
    blob_unref(twice);
    blob_unref(with_control);
}

static void a_signed_message_has_the_published_bytes(void **state)
{
    struct identity identity = node0();
    struct gossipsub_config config = gossip_config();
    uint8_t id[GOSSIPSUB_ID_MAX];
    struct gossipsub_message m;
    struct slice message;
    struct span frame;
    size_t size;

    (void)state;
    config.identity = &identity;
    config.signing = GOSSIPSUB_STRICT_SIGN;
    frame = signing_compose(&config, slice_text("test"), slice_text("hello"), 1);
    assert_slice_hex(span_slice(frame), "84011281010a26" /* the rest begins with 0a26 again */
                                        "0024080112203b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243"
                                        "a63ac048a18b59da29120568656c6c6f1a080000000000000001220474"
                                        "6573742a40467a6e62b1f6ecd9475087fd0345e584117e8e0d4e395023"
                                        "3aeeb18f68c086f05d3b9a912072167b18a11e799e2f81973c23212b69"
                                        "fcbdabfe18cac1d91cdc02");
    assert_true(rpc_sole_publish(slice_of(frame.data + 2, frame.size - 2), &message));
    assert_slice_hex(message, SIGNED_RPC);
    assert_int_equal(rpc_message_read(message, &m), ERR_OK);
    assert_true(signing_verify(message, &m));
    size = gossipsub_id_default(&m, id);
    assert_slice_hex(slice_of(id, size), "0024080112203b6a27bcceb6a42d62a3a8d02a6f0d73653215771de2"
                                         "43a63ac048a18b59da290000000000000001");
    size = gossipsub_id_sha256(&m, id);
    assert_slice_hex(slice_of(id, size),
                     "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    size = gossipsub_id_blake2b256(&m, id);
    assert_slice_hex(slice_of(id, size),
                     "324dcf027dd4a30a932c441f365a25e86b173defa4b8e58948253471b81b72cf");
    size = gossipsub_id_first8(&m, id);
    assert_slice_hex(slice_of(id, size), "68656c6c6f");
    span_unref(frame);
}

static bool verifies(const char *hex)
{
    struct blob *b = hex_blob(hex);
    struct gossipsub_message m;
    bool good;

    assert_int_equal(rpc_message_read(blob_slice(b), &m), ERR_OK);
    good = signing_verify(blob_slice(b), &m);
    blob_unref(b);
    return good;
}

static void every_changed_bit_breaks_a_signature(void **state)
{
    struct blob *b = hex_blob(SIGNED_RPC);
    struct gossipsub_message m;

    (void)state;
    assert_true(verifies(SIGNED_RPC));
    for (uint32_t i = 0; i < b->size; i += 3) {
        b->data[i] ^= 0x20;
        if (rpc_message_read(blob_slice(b), &m) == ERR_OK && m.signature.data)
            assert_false(signing_verify(blob_slice(b), &m));
        b->data[i] ^= 0x20;
    }
    blob_unref(b);
}

static void only_the_signers_own_bytes_are_known_to_verify(void **state)
{
    struct identity identity = node0();
    struct gossipsub_config config = gossip_config();
    struct slice message;
    struct gossipsub_message m;
    struct span frame, copy, bare;

    (void)state;
    config.identity = &identity;
    config.signing = GOSSIPSUB_STRICT_SIGN;
    frame = signing_compose(&config, slice_text("test"), slice_text("hello"), 1);
    assert_true(rpc_sole_publish(slice_of(frame.data + 2, frame.size - 2), &message));
    assert_int_equal(rpc_message_read(message, &m), ERR_OK);
    assert_true(signing_known(&frame, message, &m));
    assert_false(signing_known(NULL, message, &m));
    assert_false(signing_known(&frame, slice_of(message.data, message.size - 1), &m));
    assert_false(signing_known(&frame, slice_of(message.data + 1, message.size - 1), &m));
    m.signature.data++; /* other bytes */
    assert_false(signing_known(&frame, message, &m));
    copy = span_give(blob_copy(span_slice(frame)));
    assert_true(rpc_sole_publish(slice_of(copy.data + 2, copy.size - 2), &message));
    assert_int_equal(rpc_message_read(message, &m), ERR_OK);
    assert_false(signing_known(&copy, message, &m));
    assert_true(signing_verify(message, &m));
    config.signing = GOSSIPSUB_STRICT_NO_AUTHOR;
    bare = signing_compose(&config, slice_text("test"), slice_text("hello"), 1);
    assert_true(rpc_sole_publish(slice_of(bare.data + 1, bare.size - 1), &message));
    assert_int_equal(rpc_message_read(message, &m), ERR_OK);
    assert_false(signing_known(&bare, message, &m));
    span_unref(frame);
    span_unref(copy);
    span_unref(bare);
}

/* The key field may be there though the author's id contains the key (js sends it); it is not
 * signed. */
static void a_key_must_be_the_authors(void **state)
{
    struct identity other;
    uint8_t seed[32] = {1}, pb[PUBLIC_KEY_PB_SIZE];
    struct blob *b = hex_blob(SIGNED_RPC);
    struct gossipsub_message m;

    (void)state;
    assert_true(verifies(SIGNED_RPC "3224080112203b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63a"
                                    "c048a18b59da29"));
    assert_false(verifies(SIGNED_RPC "3200"));
    assert_int_equal(rpc_message_read(blob_slice(b), &m), ERR_OK);
    identity_from_seed(&other, seed);
    public_key_pb_write(pb, other.public_key);
    m.key = slice_of(pb, sizeof pb);
    assert_false(signing_verify(blob_slice(b), &m));
    blob_unref(b);
}

static void policies_ask_for_their_fields(void **state)
{
    enum trace_reject why;
    struct gossipsub_message bare = {.data = slice_text("x")}, author = bare, sealed;

    (void)state;
    author.from = slice_text("me");
    sealed = author;
    sealed.signature = slice_text("s");
    assert_false(signing_allows(GOSSIPSUB_STRICT_SIGN, &author, &why));
    assert_int_equal(why, TRACE_REJECT_MISSING_SIGNATURE);
    assert_true(signing_allows(GOSSIPSUB_STRICT_SIGN, &sealed, &why));
    assert_false(signing_allows(GOSSIPSUB_STRICT_NO_SIGN, &sealed, &why));
    assert_int_equal(why, TRACE_REJECT_UNEXPECTED_SIGNATURE);
    assert_true(signing_allows(GOSSIPSUB_STRICT_NO_SIGN, &author, &why));
    assert_true(signing_allows(GOSSIPSUB_STRICT_NO_SIGN, &bare, &why));
    assert_false(signing_allows(GOSSIPSUB_STRICT_NO_AUTHOR, &author, &why));
    assert_int_equal(why, TRACE_REJECT_UNEXPECTED_AUTHOR);
    assert_true(signing_allows(GOSSIPSUB_STRICT_NO_AUTHOR, &bare, &why));
}

static void what_is_composed_is_what_is_read(void **state)
{
    struct identity identity = node0();
    struct gossipsub_config config = gossip_config();

    (void)state;
    config.identity = &identity;
    config.params.rpc_size_max = 4096;
    for (int policy = 0; policy <= GOSSIPSUB_STRICT_NO_AUTHOR; policy++) {
        config.signing = (enum gossipsub_signing)policy;
        for (uint32_t size = 0; size < 4200; size += 1 + size / 7) {
            struct blob *data = blob_new(size);
            struct gossipsub_message m;
            struct slice message;
            struct span frame;
            size_t prefix;

            memset(data->data, 7, size);
            frame = signing_compose(&config, slice_text("topic"), blob_slice(data), 99);
            prefix = frame.size < 130 ? 1 : 2;
            assert_true(frame.size || size > 3900);
            assert_true(frame.size <= 4096 + 2);
            if (frame.size) {
                assert_true(
                    rpc_sole_publish(slice_of(frame.data + prefix, frame.size - prefix), &message));
                assert_int_equal(rpc_message_read(message, &m), ERR_OK);
                assert_true(slice_equal(m.data, blob_slice(data)));
                assert_true(slice_equal(m.topic, slice_text("topic")));
                assert_int_equal(m.seqno.size, policy == GOSSIPSUB_STRICT_NO_AUTHOR ? 0 : 8);
                assert_true(policy != GOSSIPSUB_STRICT_SIGN || signing_verify(message, &m));
            }
            span_unref(frame);
            blob_unref(data);
        }
    }
}

static void defaults_are_valid_and_impossible_parameters_are_named(void **state)
{
    struct gossipsub_params p = gossipsub_params_default();

    (void)state;
    assert_null(gossipsub_params_check(&p));
    p.d = p.d_lo = p.d_hi = p.d_out = p.d_score = 0;
    assert_null(gossipsub_params_check(&p));
    p = gossipsub_params_default();
    p.d_lo = 7;
    assert_string_equal(gossipsub_params_check(&p), "D_lo must not exceed D");
    p = gossipsub_params_default();
    p.d_out = 3;
    assert_string_equal(gossipsub_params_check(&p), "D_out must be less than D / 2");
    p = gossipsub_params_default();
    p.history_gossip = 6;
    assert_non_null(gossipsub_params_check(&p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_items_have_their_published_encodings),
        cmocka_unit_test(published_rpcs_are_read),
        cmocka_unit_test(a_prune_is_read_with_its_peers_and_backoff),
        cmocka_unit_test(several_control_fields_count_as_one),
        cmocka_unit_test(malformed_rpcs_are_refused),
        cmocka_unit_test(garbage_is_refused_or_walked_but_never_worse),
        cmocka_unit_test(a_lone_publish_is_recognised),
        cmocka_unit_test(a_signed_message_has_the_published_bytes),
        cmocka_unit_test(every_changed_bit_breaks_a_signature),
        cmocka_unit_test(only_the_signers_own_bytes_are_known_to_verify),
        cmocka_unit_test(a_key_must_be_the_authors),
        cmocka_unit_test(policies_ask_for_their_fields),
        cmocka_unit_test(what_is_composed_is_what_is_read),
        cmocka_unit_test(defaults_are_valid_and_impossible_parameters_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
