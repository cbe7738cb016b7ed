/* Commands: strict about keys and kinds, since a misspelt one that is passed over costs its author
 * an hour. */
#include "sim/live/commands.h"

#include "sim/scenario/units.h"
#include "stack/algorand/tag.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/wire/text.h"

#include <jansson.h>
#include <stdarg.h>

#define WRONG_MAX 200
#define FLOOD_DURATION_NS 5000000000ull /* unless the command says otherwise, as the window */
#define FLOOD_WINDOW 1024

struct command_context {
    struct live *live;
    uint64_t now_ns;
    char wrong[WRONG_MAX]; /* "" while all is well */
};

__attribute__((format(printf, 2, 3))) static bool wrong(struct command_context *c,
                                                        const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(c->wrong, sizeof c->wrong, format, args);
    va_end(args);
    return false;
}

static struct slice string_of(const json_t *value)
{
    return slice_of(json_string_value(value), json_string_length(value));
}

/* ---- members ---- */

static bool has_only(struct command_context *c, json_t *object, const char *const *keys)
{
    const char *key;
    json_t *value;

    if (!json_is_object(object))
        return wrong(c, "takes an object");
    json_object_foreach(object, key, value)
    {
        int i = 0;

        while (keys[i] && strcmp(keys[i], key) != 0)
            i++;
        if (!keys[i])
            return wrong(c, "does not know \"%.40s\"", key);
    }
    return true;
}

static bool get_text(struct command_context *c, const json_t *object, const char *key,
                     struct slice *out)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_string(value))
        return wrong(c, "needs \"%s\", a string", key);
    *out = string_of(value);
    return true;
}

static bool read_peer(struct command_context *c, const json_t *value, struct peerid *out)
{
    if (!json_is_string(value) || peerid_parse(out, string_of(value)) != ERR_OK)
        return wrong(c, "needs a peer id");
    return true;
}

/* A whole number, or a text with a unit. */
static bool get_number(struct command_context *c, const json_t *object, const char *key,
                       const char *(*parse)(const char *text, uint64_t *out), uint64_t *out)
{
    const json_t *value = json_object_get(object, key);
    const char *why;

    if (!value)
        return true; /* *out stays */
    if (json_is_integer(value) && json_integer_value(value) >= 0 && parse != units_duration) {
        *out = (uint64_t)json_integer_value(value);
        return true;
    }
    if (!json_is_string(value))
        return wrong(c, "\"%s\" is not allowed here", key);
    why = parse(json_string_value(value), out);
    return why ? wrong(c, "\"%s\": %s %s", key, json_string_value(value), why) : true;
}

/* A body of `size` bytes that differs from all others: the time and a count, and zeros. */
static struct blob *made_up(struct live *l, uint64_t now_ns, size_t size)
{
    struct blob *b = blob_new(size);
    uint8_t head[8];

    store_be64(head, l->epoch_ns + now_ns + l->body_count++);
    memset(b->data, 0, size);
    memcpy(b->data, head, size < sizeof head ? size : sizeof head);
    return b;
}

/* "text", "hex" or "size": exactly one; the caller owns the blob. */
static struct blob *get_data(struct command_context *c, const json_t *object)
{
    const json_t *text = json_object_get(object, "text"), *hex = json_object_get(object, "hex");
    const json_t *size = json_object_get(object, "size");
    uint64_t bytes = 0;
    struct blob *b;

    if (!text + !hex + !size != 2) {
        wrong(c, "needs one of \"text\", \"hex\" and \"size\"");
        return NULL;
    }
    if (size) {
        if (!get_number(c, object, "size", units_size, &bytes))
            return NULL;
        if (bytes <= LIVE_DATA_MAX)
            return made_up(c->live, c->now_ns, (size_t)bytes);
        wrong(c, "\"size\" is over 64 MiB");
        return NULL;
    }
    if (!json_is_string(text ? text : hex)) {
        wrong(c, "\"%s\" is not a string", text ? "text" : "hex");
        return NULL;
    }
    if (text)
        return blob_copy(string_of(text));
    b = blob_new(json_string_length(hex) / 2);
    if (text_decode(TEXT_HEX, string_of(hex), b->data, b->size) == (int)b->size &&
        json_string_length(hex) % 2 == 0)
        return b;
    blob_unref(b);
    wrong(c, "\"hex\" is not hexadecimal");
    return NULL;
}

/* ---- commands ---- */

static bool run_publish(struct command_context *c, json_t *arguments)
{
    static const char *const keys[] = {"topic", "text", "hex", "size", NULL};
    struct slice topic = {0};
    struct blob *b;
    int err;

    if (!has_only(c, arguments, keys) || !get_text(c, arguments, "topic", &topic))
        return false;
    b = get_data(c, arguments);
    if (!b)
        return false;
    err = node_publish(c->live->node, c->now_ns, topic, (struct span){b, b->data, b->size});
    blob_unref(b);
    return err ? wrong(c, "%s", err_text(err)) : true;
}

static bool run_broadcast(struct command_context *c, json_t *arguments)
{
    static const char *const keys[] = {"tag", "text", "hex", "size", NULL};
    struct slice tag = {0};
    struct blob *b;
    int err;

    if (!c->live->options->node.algorand_on)
        return wrong(c, "needs --algorand");
    if (!has_only(c, arguments, keys) || !get_text(c, arguments, "tag", &tag))
        return false;
    if (tag.size != TAG_SIZE)
        return wrong(c, "a tag has two letters");
    b = get_data(c, arguments);
    if (!b)
        return false;
    err = node_broadcast(c->live->node, c->now_ns, (const char *)tag.data,
                         (struct span){b, b->data, b->size});
    blob_unref(b);
    return err ? wrong(c, "%s", err_text(err)) : true;
}

static bool run_dial(struct command_context *c, json_t *argument)
{
    struct address to;
    const char *why;

    if (!json_is_string(argument))
        return wrong(c, "needs an address");
    why = address_parse(json_string_value(argument), &to);
    if (why)
        return wrong(c, "%.100s %s", json_string_value(argument), why);
    node_connect(c->live->node, c->now_ns, &to.at, to.has_peer ? &to.peer : NULL);
    return true;
}

static bool run_close(struct command_context *c, json_t *argument)
{
    struct peerid peer;

    if (!read_peer(c, argument, &peer))
        return false;
    return node_disconnect(c->live->node, c->now_ns, &peer)
               ? true
               : wrong(c, "not connected to this peer");
}

static bool run_subscribe(struct command_context *c, json_t *argument)
{
    int err;

    if (!json_is_string(argument))
        return wrong(c, "needs a topic");
    err = live_subscribe(c->live, c->now_ns, string_of(argument));
    if (err == ERR_DUPLICATE)
        return wrong(c, "already subscribed to this topic");
    return err ? wrong(c, "%s", err_text(err)) : true;
}

/* Asks for parts of the topic's messages in the place of messages. */
static bool run_subscribe_parts(struct command_context *c, json_t *argument)
{
    if (!json_is_string(argument) || json_string_length(argument) == 0 || json_string_length(argument) > 1024)
        return wrong(c, "needs a topic");
    if (!(c->live->options->node.gossipsub.extensions & GOSSIPSUB_EXTENSION_PARTIAL))
        return wrong(c, "needs --set extensions=partial");
    node_partial_topic(c->live->node, string_of(argument), true, true);
    return run_subscribe(c, argument);
}

/* Has parts of a group from now on, and tells of them. */
static bool run_parts(struct command_context *c, json_t *arguments)
{
    static const char *const keys[] = {"topic", "group", "have", NULL};
    struct slice topic;
    uint64_t group = 0, have = 0;

    if (!has_only(c, arguments, keys) || !get_text(c, arguments, "topic", &topic) ||
        !get_number(c, arguments, "group", units_count, &group) || !get_number(c, arguments, "have", units_count, &have))
        return false;
    if (have > PARTS_ALL)
        return wrong(c, "\"have\" is a bitmap of %d parts", PARTS_COUNT);
    if (!node_partial_offers(c->live->node, topic))
        return wrong(c, "needs subscribe-parts first");
    if (!parts_add(&c->live->parts, topic, group, (uint8_t)have))
        return wrong(c, "too many groups");
    journal_parts(&c->live->journal, c->now_ns, topic, group, parts_have(&c->live->parts, topic, group));
    return parts_publish(&c->live->parts, c->now_ns, topic, group) == ERR_OK;
}

static bool run_unsubscribe(struct command_context *c, json_t *argument)
{
    if (!json_is_string(argument))
        return wrong(c, "needs a topic");
    return live_unsubscribe(c->live, c->now_ns, string_of(argument))
               ? true
               : wrong(c, "not subscribed to this topic");
}

static bool run_ping(struct command_context *c, json_t *arguments)
{
    static const char *const keys[] = {"peer", "count", "interval", NULL};
    uint64_t count = 1, interval_ns = 0;
    struct peerid peer;
    int err;

    if (!has_only(c, arguments, keys) || !read_peer(c, json_object_get(arguments, "peer"), &peer) ||
        !get_number(c, arguments, "count", units_count, &count) ||
        !get_number(c, arguments, "interval", units_duration, &interval_ns))
        return false;
    if (count == 0 || count > 1000000)
        return wrong(c, "\"count\" is 1 to 1000000");
    err = pinger_start(&c->live->pinger, c->now_ns, &peer, count, interval_ns);
    return err ? wrong(c, "%s",
                       err == ERR_UNREACHABLE ? "not connected to this peer" : err_text(err))
               : true;
}

static bool run_transfer(struct command_context *c, json_t *arguments, enum transfer_kind kind)
{
    static const char *const keys[] = {"peer", "size", "streams", "reset", "pause", NULL};
    struct transfer_order order = {.kind = kind};
    uint64_t streams = 1;
    int err;

    if (!has_only(c, arguments, keys) ||
        !read_peer(c, json_object_get(arguments, "peer"), &order.peer) ||
        !get_number(c, arguments, "size", units_size, &order.size) ||
        !get_number(c, arguments, "streams", units_count, &streams) ||
        !get_number(c, arguments, "pause", units_duration, &order.pause_ns))
        return false;
    if (!json_object_get(arguments, "size"))
        return wrong(c, "needs \"size\"");
    if (json_object_get(arguments, "pause") && kind != TRANSFER_RECEIVE && kind != TRANSFER_PERF)
        return wrong(c, "\"pause\" is for what reads (receive, perf)");
    if (streams == 0 || streams > TRANSFER_STREAMS_MAX)
        return wrong(c, "\"streams\" is 1 to %d", TRANSFER_STREAMS_MAX);
    order.streams = (uint32_t)streams;
    if (json_object_get(arguments, "reset") &&
        !json_is_boolean(json_object_get(arguments, "reset")))
        return wrong(c, "\"reset\" is true or false");
    order.reset = json_is_true(json_object_get(arguments, "reset"));
    if (order.reset && (kind == TRANSFER_RECEIVE || kind == TRANSFER_PERF))
        return wrong(c, "\"reset\" is for what sends (send, echo)");
    err = transfers_start(&c->live->transfers, c->now_ns, &order);
    return err ? wrong(c, "%s",
                       err == ERR_UNREACHABLE ? "not connected to this peer" : err_text(err))
               : true;
}

static bool run_send(struct command_context *c, json_t *arguments)
{
    return run_transfer(c, arguments, TRANSFER_SEND);
}

static bool run_receive(struct command_context *c, json_t *arguments)
{
    return run_transfer(c, arguments, TRANSFER_RECEIVE);
}

static bool run_echo(struct command_context *c, json_t *arguments)
{
    return run_transfer(c, arguments, TRANSFER_ECHO);
}

static bool run_perf(struct command_context *c, json_t *arguments)
{
    return run_transfer(c, arguments, TRANSFER_PERF);
}

static bool run_serve(struct command_context *c, json_t *argument)
{
    int err;

    if (!json_is_string(argument))
        return wrong(c, "needs the name of a protocol");
    err = transfers_serve_echo(&c->live->transfers, c->now_ns, string_of(argument));
    if (err == ERR_INVALID)
        return wrong(c, "a protocol is a slash and up to 127 printable characters");
    if (err == ERR_DUPLICATE)
        return wrong(c, "this protocol is served already");
    return err ? wrong(c, "at most %d protocols can be added", TRANSFER_ECHOES_MAX) : true;
}

/* At most as many addresses as the node tells; an empty list takes back what was told. */
static bool run_announce(struct command_context *c, json_t *argument)
{
    struct endpoint at[NODE_ANNOUNCED_MAX];
    size_t count = json_array_size(argument);

    if (!json_is_array(argument) || count > NODE_ANNOUNCED_MAX)
        return wrong(c, "takes a list of up to %d addresses", NODE_ANNOUNCED_MAX);
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(argument, i);
        struct address address;
        const char *why;

        if (!json_is_string(value))
            return wrong(c, "takes a list of up to %d addresses", NODE_ANNOUNCED_MAX);
        why = address_parse(json_string_value(value), &address);
        if (why)
            return wrong(c, "%.100s %s", json_string_value(value), why);
        if (address.has_peer)
            return wrong(c, "%.100s: leave out /p2p/ID", json_string_value(value));
        if (endpoint_unspecified(&address.at) || address.at.port == 0)
            return wrong(c, "%.100s is nowhere", json_string_value(value));
        at[i] = address.at;
    }
    node_announce(c->live->node, c->now_ns, at, (uint32_t)count);
    return true;
}

static bool run_flood(struct command_context *c, json_t *arguments)
{
    static const char *const keys[] = {"topic", "size", "duration", "window", NULL};
    struct flood_order order = {.size = 1024, .duration_ns = FLOOD_DURATION_NS, .window = FLOOD_WINDOW};
    int err;

    if (!has_only(c, arguments, keys) || !get_text(c, arguments, "topic", &order.topic) ||
        !get_number(c, arguments, "size", units_size, &order.size) ||
        !get_number(c, arguments, "duration", units_duration, &order.duration_ns) ||
        !get_number(c, arguments, "window", units_count, &order.window))
        return false;
    if (order.size < FLOOD_SIZE_MIN || order.size > FLOOD_SIZE_MAX)
        return wrong(c, "\"size\" is %d to %u bytes", FLOOD_SIZE_MIN, FLOOD_SIZE_MAX);
    if (order.window == 0 || order.window > FLOOD_WINDOW_MAX || order.window % FLOOD_STEP)
        return wrong(c, "\"window\" is a multiple of %d, up to %d", FLOOD_STEP, FLOOD_WINDOW_MAX);
    err = flood_start(&c->live->flood, c->now_ns, &order);
    return err ? wrong(c, "%s", err == ERR_DUPLICATE ? "one is under way" : err_text(err)) : true;
}

static bool run_acknowledge(struct command_context *c, json_t *argument)
{
    int err;

    if (!json_is_string(argument))
        return wrong(c, "needs a topic");
    err = flood_acknowledge(&c->live->flood, c->now_ns, string_of(argument));
    return err ? wrong(c, "%s", err == ERR_DUPLICATE ? "one topic is acknowledged already" : err_text(err)) : true;
}

static bool run_counts(struct command_context *c, json_t *argument)
{
    if (!json_is_true(argument))
        return wrong(c, "takes true");
    live_tell_counts(c->live, c->now_ns, JOURNAL_COUNTS);
    return true;
}

static bool run_quit(struct command_context *c, json_t *argument)
{
    if (!json_is_true(argument))
        return wrong(c, "takes true");
    sockets_stop(c->live->sockets);
    return true;
}

static const struct {
    const char *name;
    bool (*run)(struct command_context *c, json_t *argument);
} commands[] = {
    {"publish", run_publish}, {"broadcast", run_broadcast}, {"dial", run_dial},
    {"close", run_close},     {"subscribe", run_subscribe}, {"unsubscribe", run_unsubscribe},
    {"ping", run_ping},       {"send", run_send},           {"receive", run_receive},
    {"echo", run_echo},       {"perf", run_perf},           {"serve", run_serve},
    {"flood", run_flood},     {"acknowledge", run_acknowledge}, {"announce", run_announce},
    {"counts", run_counts},   {"subscribe-parts", run_subscribe_parts}, {"parts", run_parts},
    {"quit", run_quit}};

void commands_run(struct live *l, uint64_t now_ns, struct slice line)
{
    struct command_context c = {.live = l, .now_ns = now_ns};
    json_error_t error;
    json_t *object = json_loadb((const char *)line.data, line.size, JSON_REJECT_DUPLICATES, &error);
    const char *name = NULL;
    size_t i = 0;

    if (!object)
        wrong(&c, "not JSON: %.120s", error.text);
    else if (!json_is_object(object) || json_object_size(object) != 1)
        wrong(&c, "a command is an object with one key");
    else
        name = json_object_iter_key(json_object_iter(object));
    while (name && i < sizeof commands / sizeof *commands && strcmp(commands[i].name, name) != 0)
        i++;
    if (name && i == sizeof commands / sizeof *commands)
        wrong(&c, "there is no such command");
    else if (name)
        commands[i].run(&c, json_object_get(object, name));
    if (c.wrong[0])
        journal_error(&l->journal, now_ns, name, c.wrong);
    json_decref(object);
}
