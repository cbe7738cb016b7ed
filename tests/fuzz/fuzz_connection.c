/* A whole node at the end of a connection. The input says how far an attacker goes first; then its
 * pieces arrive, as raw bytes or inside Noise frames, with time passing in between. An honest node
 * that is connected as well stays so. */
#include "tests/fuzz/fuzz.h"

#include "stack/gossipsub/rpc.h"
#include "stack/wire/varint.h"
#include "tests/lib/attacker.h"

#define PIECES_MAX 64

static struct node_config config_of(void)
{
    struct node_config c = node_config_default();

    c.encryption = NOISE_MODELLED;
    c.gossipsub_on = true;
    c.gossipsub.signing = GOSSIPSUB_STRICT_NO_SIGN;
    c.gossipsub.message_id = gossipsub_id_blake2b256;
    c.algorand_on = true;
    c.algorand.genesis = "fuzz";
    c.algorand.relay = true;
    return c;
}

/* Streams that are there already, so that the input need not invent them: 1, 3, 5. */
static void open_streams(struct attacker *a)
{
    attacker_open(a, "/ipfs/ping/1.0.0");
    attacker_open(a, "/meshsub/1.1.0");
    attacker_rpc(a, slice_text("\x0a\x05\x08\x01\x12\x01t"));
    attacker_open(a, "/algorand-ws/1.0.0");
    attacker_data(a, a->stream, slice_text("1"));
}

/* Data frames whose headers are right: what they carry is the input's. */
static void send_framed(struct attacker *a, struct slice piece)
{
    static const uint32_t ids[] = {1, 3, 5, 2, 4, 7};
    uint8_t choice = fuzz_choice(&piece);

    attacker_frame(a,
                   (struct yamux_header){YAMUX_DATA, choice >= 250 ? choice & 15 : 0,
                                         ids[choice % 6], (uint32_t)piece.size},
                   piece);
}

static void send(struct attacker *a, uint8_t choice, struct slice piece)
{
    if (a->stage == ATTACKER_READY && (choice & 8))
        send_framed(a, piece);
    else if (a->stage >= ATTACKER_SECURE)
        attacker_plain(a, piece);
    else
        attacker_raw(a, piece);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum attacker_stage stages[] = {ATTACKER_TCP,    ATTACKER_SECURITY, ATTACKER_NOISE,
                                                 ATTACKER_SECURE, ATTACKER_READY,    ATTACKER_READY,
                                                 ATTACKER_READY,  ATTACKER_READY};
    struct slice input = slice_of(data, size);
    uint8_t choice = fuzz_choice(&input);
    struct node_config c = config_of();
    struct attacker a;
    struct swarm s;

    swarm_init(&s, 2, &c);
    swarm_connect(&s, 0, 1);
    swarm_subscribe_all(&s, "t");
    attacker_init(&a, &s, 0);
    a.mode = NOISE_MODELLED;
    attacker_reach(&a, stages[choice % 8]);
    if (choice % 8 > 4)
        open_streams(&a);
    for (int i = 0; i < PIECES_MAX && input.size && !a.closed; i++) {
        size_t length = fuzz_choice(&input), piece = length < input.size ? length : input.size;

        send(&a, choice, slice_of(input.data, piece));
        input = slice_of(input.data + piece, input.size - piece);
        swarm_run(&s, SWARM_SECOND / 100);
    }
    swarm_run(&s, 20 * SWARM_SECOND);
    CHECK(node_counts(s.nodes[1].node).connections == 1 && s.nodes[1].gone == 0);
    attacker_deinit(&a);
    swarm_free(&s);
    return 0;
}
