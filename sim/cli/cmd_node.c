/* hearsay node: one real node on real sockets. */
#include "sim/cli/cli.h"

#include "sim/live/keyfile.h"
#include "sim/live/live.h"
#include "sim/live/settings.h"
#include "sim/run/version.h"
#include "sim/scenario/units.h"
#include "stack/base/mem.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define LISTEN_DEFAULT "/ip4/127.0.0.1/tcp/0"

static const char usage[] =
    "usage: hearsay node [OPTION]...\n"
    "\n"
    "Runs one node on real TCP until SIGINT or SIGTERM. Tells what happens as JSON lines on "
    "standard output, takes\n"
    "commands as JSON lines on standard input; sim/live/README.md lists both. An ADDR is a "
    "multiaddr\n"
    "(/ip4/127.0.0.1/tcp/4001) or host:port.\n"
    "\n"
    "  --listen ADDR            where it listens, port 0: any; `none`: nowhere; "
    "default " LISTEN_DEFAULT "\n"
    "  --dial ADDR              keeps a connection to ADDR, with /p2p/ID to that peer only; may be "
    "repeated\n"
    "  --key FILE               the identity (PKCS#8 PEM, Ed25519); made when missing. Default: a "
    "fresh one\n"
    "  --topic NAME             subscribes; may be repeated\n"
    "  --publish                publishes each line of standard input to the first topic, instead "
    "of commands\n"
    "  --signing POLICY         strict-sign (the default), strict-no-sign or no-author\n"
    "  --message-id FUNCTION    default (author and number), sha256, blake2b256, first8 or eth2\n"
    "  --flood-publish on|off   own messages to all peers of the topic; default off\n"
    "  --gossipsub-versions V   a list out of 1.3,1.2,1.1,1.0,floodsub (all of them, the default)\n"
    "  --max-rpc SIZE           of a GossipSub RPC, both ways; default 1 MiB\n"
    "  --set NAME=VALUE         any other key of a scenario's gossipsub section (D=8, "
    "heartbeat=700ms, preset=js)\n"
    "  --validation DURATION    how long the validation of a message takes; default 0s\n"
    "  --keepalive DURATION     silence before yamux pings; 0s: never; default 30s\n"
    "  --sink-pause DURATION    rests so long after each MiB that a peer sends to "
    "/hearsay/sink/1.0.0; default 0s\n"
    "  --algorand GENESIS       joins Algorand's message network too. Changes what is not given: "
    "--signing\n"
    "                           strict-no-sign, --message-id blake2b256, preset=algorand\n"
    "  --relay                  with --algorand: forwards for others and serves those who dial\n"
    "  --ping ADDR              dials ADDR and pings it every second\n"
    "  --metrics ADDR           counters for Prometheus at http://ADDR/metrics\n"
    "  --pcap FILE              captures what goes over the connections (encrypted)\n"
    "  --keylog FILE            their keys, for `hearsay decrypt`\n"
    "  --show-data              messages are told with their data\n"
    "  --events LIST            only these events, or `all`; default all but sent and control\n"
    "  --for DURATION           stops by itself\n"
    "\n"
    "Exit status: 0 stopped as asked, 1 the network or the disk failed, 2 bad usage.\n";

enum letter {
    OPT_LISTEN = 'a',
    OPT_DIAL,
    OPT_KEY,
    OPT_TOPIC,
    OPT_PUBLISH,
    OPT_SIGNING,
    OPT_MESSAGE_ID,
    OPT_FLOOD,
    OPT_VERSIONS,
    OPT_MAX_RPC,
    OPT_SET,
    OPT_VALIDATION,
    OPT_KEEPALIVE,
    OPT_SINK_PAUSE,
    OPT_ALGORAND,
    OPT_RELAY,
    OPT_PING,
    OPT_METRICS,
    OPT_PCAP,
    OPT_KEYLOG,
    OPT_SHOW_DATA,
    OPT_EVENTS,
    OPT_FOR,
    OPT_HELP
};

static const struct option table[] = {
    {"listen", required_argument, NULL, OPT_LISTEN},
    {"dial", required_argument, NULL, OPT_DIAL},
    {"key", required_argument, NULL, OPT_KEY},
    {"topic", required_argument, NULL, OPT_TOPIC},
    {"publish", no_argument, NULL, OPT_PUBLISH},
    {"signing", required_argument, NULL, OPT_SIGNING},
    {"message-id", required_argument, NULL, OPT_MESSAGE_ID},
    {"flood-publish", required_argument, NULL, OPT_FLOOD},
    {"gossipsub-versions", required_argument, NULL, OPT_VERSIONS},
    {"max-rpc", required_argument, NULL, OPT_MAX_RPC},
    {"set", required_argument, NULL, OPT_SET},
    {"validation", required_argument, NULL, OPT_VALIDATION},
    {"keepalive", required_argument, NULL, OPT_KEEPALIVE},
    {"sink-pause", required_argument, NULL, OPT_SINK_PAUSE},
    {"algorand", required_argument, NULL, OPT_ALGORAND},
    {"relay", no_argument, NULL, OPT_RELAY},
    {"ping", required_argument, NULL, OPT_PING},
    {"metrics", required_argument, NULL, OPT_METRICS},
    {"pcap", required_argument, NULL, OPT_PCAP},
    {"keylog", required_argument, NULL, OPT_KEYLOG},
    {"show-data", no_argument, NULL, OPT_SHOW_DATA},
    {"events", required_argument, NULL, OPT_EVENTS},
    {"for", required_argument, NULL, OPT_FOR},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

struct node_arguments {
    struct live_options live;
    struct settings settings;
    const char **topics;
    struct address *dials;
    uint64_t validation_ns;
    const char *key, *agent;
    bool relay;
};

static bool take_address(const char *option, const char *text, struct address *out)
{
    const char *wrong = address_parse(text, out);

    if (wrong)
        usage_error(&command_node, "--%s %s: %s", option, text, wrong);
    return !wrong;
}

static bool take_duration(const char *option, const char *text, uint64_t *out)
{
    const char *wrong = units_duration(text, out);

    if (wrong)
        usage_error(&command_node, "--%s %s: %s", option, text, wrong);
    return !wrong;
}

static bool take_listen(struct node_arguments *a, const char *value)
{
    struct address at;

    a->live.node.listens = strcmp(value, "none") != 0;
    if (!a->live.node.listens)
        return true;
    if (!take_address("listen", value, &at))
        return false;
    a->live.node.listen = at.at;
    if (!at.has_peer)
        return true;
    usage_error(&command_node, "--listen %s: leave out /p2p/ID, the identity is that of --key",
                value);
    return false;
}

static bool take_dial(struct node_arguments *a, const char *option, const char *value,
                      struct address *out)
{
    (void)a;
    if (!take_address(option, value, out))
        return false;
    if (out->at.port)
        return true;
    usage_error(&command_node, "--%s %s: port 0 cannot be dialled", option, value);
    return false;
}

static bool take_topic(struct node_arguments *a, const char *value)
{
    size_t size = strlen(value);

    for (uint32_t i = 0; i < a->live.topic_count; i++)
        if (strcmp(a->topics[i], value) == 0) {
            usage_error(&command_node, "--topic %s is given twice", value);
            return false;
        }
    if (size == 0 || size > 1024 || a->live.topic_count == LIVE_TOPICS_MAX) {
        usage_error(&command_node, size ? "--topic: at most 256 topics of 1024 bytes"
                                        : "--topic: the name is empty");
        return false;
    }
    a->topics[a->live.topic_count++] = value;
    return true;
}

static bool take_setting(struct node_arguments *a, const char *option, const char *key,
                         const char *value)
{
    if (settings_add(&a->settings, option, key, value))
        return true;
    usage_error(&command_node, "%s: %s is given twice", option, key);
    return false;
}

/* --set NAME=VALUE; its text is cut at the equals sign. */
static bool take_set(struct node_arguments *a, char *value)
{
    char *equals = strchr(value, '=');

    if (!equals || equals == value || equals[1] == '\0') {
        usage_error(&command_node, "--set %s: NAME=VALUE is needed", value);
        return false;
    }
    *equals = '\0';
    return take_setting(a, "--set", value, equals + 1);
}

static bool take_flood(struct node_arguments *a, const char *value)
{
    bool on = strcmp(value, "on") == 0;

    if (on || strcmp(value, "off") == 0)
        return take_setting(a, "--flood-publish", "flood_publish", on ? "true" : "false");
    usage_error(&command_node, "--flood-publish %s: on or off is needed", value);
    return false;
}

static bool take_events(struct node_arguments *a, const char *value)
{
    const char *wrong = journal_mask_parse(value, &a->live.events);

    if (wrong)
        usage_error(&command_node, "--events: there is no event \"%.*s\"", (int)strcspn(wrong, ","),
                    wrong);
    return !wrong;
}

static bool take_genesis(struct node_arguments *a, const char *value)
{
    a->live.node.algorand_on = true;
    a->live.node.algorand.genesis = value;
    if (value[0] && strlen(value) <= 128)
        return true;
    usage_error(&command_node, "--algorand: a genesis id has 1 to 128 bytes, as mainnet-v1.0");
    return false;
}

/* Options of the node's surroundings. */
static bool take_live(struct node_arguments *a, int letter, char *value)
{
    struct address at;

    switch (letter) {
    case OPT_PING:
        a->live.ping_on = true;
        return take_dial(a, "ping", value, &a->live.ping);
    case OPT_METRICS:
        a->live.metrics_on = true;
        if (!take_address("metrics", value, &at))
            return false;
        a->live.metrics = at.at;
        return true;
    case OPT_PCAP:
        a->live.pcap = value;
        return true;
    case OPT_KEYLOG:
        a->live.keylog = value;
        return true;
    case OPT_SHOW_DATA:
        a->live.show_data = true;
        return true;
    case OPT_EVENTS:
        return take_events(a, value);
    case OPT_SINK_PAUSE:
        return take_duration("sink-pause", value, &a->live.sink_pause_ns);
    case OPT_FOR:
        return take_duration("for", value, &a->live.duration_ns);
    case OPT_PUBLISH:
        a->live.publish_lines = true;
        return true;
    default:
        return false;
    }
}

static bool take_node(struct node_arguments *a, int letter, char *value)
{
    switch (letter) {
    case OPT_LISTEN:
        return take_listen(a, value);
    case OPT_DIAL:
        return take_dial(a, "dial", value, &a->dials[a->live.dial_count++]);
    case OPT_KEY:
        a->key = value;
        return true;
    case OPT_TOPIC:
        return take_topic(a, value);
    case OPT_SIGNING:
        return take_setting(a, "--signing", "signing", value);
    case OPT_MESSAGE_ID:
        return take_setting(a, "--message-id", "message_id", value);
    case OPT_FLOOD:
        return take_flood(a, value);
    case OPT_VERSIONS:
        return take_setting(a, "--gossipsub-versions", "versions", value);
    case OPT_MAX_RPC:
        return take_setting(a, "--max-rpc", "rpc_max", value);
    case OPT_SET:
        return take_set(a, value);
    case OPT_VALIDATION:
        return take_duration("validation", value, &a->validation_ns);
    case OPT_KEEPALIVE:
        return take_duration("keepalive", value, &a->live.node.yamux.keepalive_ns);
    case OPT_ALGORAND:
        return take_genesis(a, value);
    case OPT_RELAY:
        a->relay = true;
        return true;
    default:
        return take_live(a, letter, value);
    }
}

/* What only shows once all options are there. */
static bool finish(struct node_arguments *a)
{
    struct node_config *node = &a->live.node;
    struct scenario_error error;

    if (a->relay && !node->algorand_on) {
        usage_error(&command_node, "--relay belongs to --algorand");
        return false;
    }
    if (a->live.publish_lines && a->live.topic_count == 0) {
        usage_error(&command_node, "--publish needs a --topic");
        return false;
    }
    if (node->algorand_on) {
        settings_add(&a->settings, "--algorand", "signing", "strict-no-sign");
        settings_add(&a->settings, "--algorand", "message_id", "blake2b256");
        settings_add(&a->settings, "--algorand", "preset", "algorand");
    }
    if (!settings_apply(&a->settings, node, &error)) {
        usage_error(&command_node, "%s", error.text);
        return false;
    }
    node->gossipsub.validation_delay_ns = node->algorand.validation_delay_ns = a->validation_ns;
    node->algorand.relay = node->algorand.gossip_service = a->relay;
    return true;
}

static bool read_arguments(struct node_arguments *a, int argc, char **argv, int *status)
{
    int letter, index = 0;

    opterr = 0;
    optind = 1;
    *status = RUN_USAGE;
    while ((letter = getopt_long(argc, argv, ":", table, &index)) != -1) {
        if (letter == OPT_HELP) {
            fputs(usage, stdout);
            *status = RUN_OK;
            return false;
        }
        if (letter == ':' || letter == '?') {
            usage_error(&command_node, "%s %s", argv[optind - 1],
                        letter == ':' ? "needs a value" : "is not an option of this command");
            return false;
        }
        if (!take_node(a, letter, optarg))
            return false;
    }
    if (optind < argc) {
        usage_error(&command_node, "%s: arguments without an option are not understood",
                    argv[optind]);
        return false;
    }
    return finish(a);
}

static bool find_identity(struct node_arguments *a)
{
    uint8_t *seed = a->live.node.identity_seed;
    char error[KEYFILE_ERROR_MAX];
    bool created;

    if (a->key && !keyfile_open(a->key, seed, &created, error)) {
        fprintf(stderr, "hearsay node: --key %s\n", error);
        return false;
    }
    if (!a->key && getrandom(seed, ED25519_SEED_SIZE, 0) != ED25519_SEED_SIZE) {
        fprintf(stderr, "hearsay node: the system gives no random bytes\n");
        return false;
    }
    return true;
}

static int run_node(struct node_arguments *a)
{
    char agent[96], error[LIVE_ERROR_MAX];
    int status = RUN_FAILED;

    snprintf(agent, sizeof agent, "hearsay/%s", hearsay_version);
    a->live.node.agent = agent;
    a->live.topics = a->topics;
    a->live.dials = a->dials;
    if (find_identity(a)) {
        if (live_run(&a->live, stdout, error))
            status = RUN_OK;
        else
            fprintf(stderr, "hearsay node: %s\n", error);
    }
    crypto_wipe(a->live.node.identity_seed, ED25519_SEED_SIZE);
    return status;
}

static int run(int argc, char **argv)
{
    struct node_arguments a = {.live = {.node = node_config_default(),
                                        .events = journal_mask_default(),
                                        .duration_ns = TIME_NEVER}};
    struct address at;
    int status;

    address_parse(LISTEN_DEFAULT, &at);
    a.live.node.listens = true;
    a.live.node.listen = at.at;
    a.topics = mem_grow(NULL, (size_t)argc, sizeof *a.topics);
    a.dials = mem_grow(NULL, (size_t)argc, sizeof *a.dials);
    settings_init(&a.settings);
    if (read_arguments(&a, argc, argv, &status))
        status = run_node(&a);
    settings_deinit(&a.settings);
    mem_free(a.topics);
    mem_free(a.dials);
    return status;
}

const struct command command_node = {"node", "run one real node on real sockets", usage, run};
