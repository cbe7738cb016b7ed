/* Reading params.json: one function a type of instruction. */
#include "sim/suite/params.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>

#define TOPIC_BYTES_MAX 1024u
#define DELAY_MAX_S 3600.0

struct loader {
    const char *name;
    struct suite_script *script;
    struct scenario_error *err;
    uint32_t number,
        depth; /* of the instruction at hand: script[number], and so many .instruction behind it */
    uint32_t node;
    const char *type;
    bool failed;
};

__attribute__((format(printf, 3, 4))) static void fail(struct loader *l, const char *key,
                                                       const char *format, ...)
{
    char place[160], what[400];
    size_t used;
    va_list args;

    if (l->failed)
        return;
    l->failed = true;
    used = (size_t)snprintf(place, sizeof place, "script[%" PRIu32 "]", l->number);
    for (uint32_t i = 0; i < l->depth; i++)
        used += (size_t)snprintf(place + used, sizeof place - used, ".instruction");
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    snprintf(l->err->text, sizeof l->err->text, "%.300s: %s%s%.100s: %s", l->name, place,
             *key ? "." : "", key, what);
}

static int64_t integer(struct loader *l, const json_t *object, const char *key, int64_t min,
                       int64_t max)
{
    const json_t *value = json_object_get(object, key);

    if (!value)
        fail(l, key, "is missing");
    else if (!json_is_integer(value) || json_integer_value(value) < min ||
             json_integer_value(value) > max)
        fail(l, key, "must be a whole number from %" PRId64 " to %" PRId64, min, max);
    return l->failed ? min : json_integer_value(value);
}

static struct suite_instruction *add(struct loader *l, enum suite_kind kind)
{
    static struct suite_instruction spare; /* written after an error, never read */
    struct suite_script *s = l->script;

    if (s->count == SUITE_INSTRUCTIONS_MAX)
        fail(l, "", "there are more than %u instructions", SUITE_INSTRUCTIONS_MAX);
    if (l->failed)
        return &spare;
    if (s->count == s->capacity) {
        s->capacity = s->capacity ? s->capacity * 2 : 64;
        s->items = mem_grow(s->items, s->capacity, sizeof *s->items);
    }
    s->items[s->count] =
        (struct suite_instruction){.kind = kind, .number = l->number, .node = l->node};
    return &s->items[s->count++];
}

static uint32_t topic(struct loader *l, const json_t *object)
{
    const json_t *value = json_object_get(object, "topicID");
    struct suite_script *s = l->script;
    uint32_t i = 0;

    if (!value)
        fail(l, "topicID", "is missing");
    else if (!json_is_string(value) || json_string_length(value) == 0 ||
             json_string_length(value) > TOPIC_BYTES_MAX)
        fail(l, "topicID", "must be a text of 1 to %u bytes", TOPIC_BYTES_MAX);
    if (l->failed)
        return 0;
    while (i < s->topic_count && strcmp(s->topics[i], json_string_value(value)) != 0)
        i++;
    if (i == SUITE_TOPICS_MAX)
        fail(l, "topicID", "there are more than %u topics", SUITE_TOPICS_MAX);
    else if (i == s->topic_count) {
        if (!s->topics)
            s->topics = mem_zalloc(SUITE_TOPICS_MAX * sizeof *s->topics);
        s->topics[s->topic_count++] = mem_strdup(json_string_value(value));
    }
    return i;
}

/* A list of node ids, appended to the targets; how many. */
static uint32_t read_targets(struct loader *l, const json_t *list, const char *name)
{
    struct suite_script *s = l->script;
    uint32_t first = s->target_count;
    char key[40];

    if (!json_is_array(list)) {
        fail(l, name, list ? "must be a list of node ids" : "is missing");
        return 0;
    }
    for (size_t k = 0; k < json_array_size(list) && !l->failed; k++) {
        const json_t *value = json_array_get(list, k);

        if (!json_is_integer(value) || json_integer_value(value) < 0 ||
            json_integer_value(value) >= SUITE_NODES_MAX) {
            snprintf(key, sizeof key, "%s[%zu]", name, k);
            fail(l, key, "must be a node id (0 to %u)", SUITE_NODES_MAX - 1);
        }
        if (s->target_count == s->target_capacity) {
            s->target_capacity = s->target_capacity ? s->target_capacity * 2 : 64;
            s->targets = mem_grow(s->targets, s->target_capacity, sizeof *s->targets);
        }
        s->targets[s->target_count++] = (uint32_t)json_integer_value(value);
    }
    return s->target_count - first;
}

static void read_connect(struct loader *l, const json_t *object)
{
    uint32_t first = l->script->target_count;
    uint32_t count = read_targets(l, json_object_get(object, "connectTo"), "connectTo");
    struct suite_instruction *i = add(l, SUITE_CONNECT);

    i->value = first;
    i->size = count;
}

static void read_wait(struct loader *l, const json_t *object)
{
    add(l, SUITE_WAIT)->value =
        (uint64_t)integer(l, object, "elapsedSeconds", 0, SUITE_WAIT_MAX_S) * UINT64_C(1000000000);
}

static void read_publish(struct loader *l, const json_t *object)
{
    uint64_t id = (uint64_t)integer(l, object, "messageID", 0, INT64_MAX);
    uint32_t size = (uint32_t)integer(l, object, "messageSizeBytes", 8, SUITE_MESSAGE_SIZE_MAX);
    uint32_t index = topic(l, object);
    struct suite_instruction *i = add(l, SUITE_PUBLISH);

    i->value = id;
    i->size = size;
    i->topic = index;
}

static void read_subscribe(struct loader *l, const json_t *object)
{
    const json_t *partial = json_object_get(object, "partial");
    uint32_t index = topic(l, object);
    struct suite_instruction *i;

    if (partial && !json_is_boolean(partial))
        fail(l, "partial", "must be true or false");
    i = add(l, SUITE_SUBSCRIBE);
    i->topic = index;
    i->size = json_is_true(partial);
    l->script->partial |= json_is_true(partial);
}

static void read_delay(struct loader *l, const json_t *object)
{
    const json_t *value = json_object_get(object, "delaySeconds");
    double seconds = json_is_number(value) ? json_number_value(value) : -1;
    uint32_t index = topic(l, object);
    struct suite_instruction *i;

    if (!value)
        fail(l, "delaySeconds", "is missing");
    else if (!(seconds >= 0) || seconds > DELAY_MAX_S)
        fail(l, "delaySeconds", "must be a number of seconds from 0 to 3600");
    i = add(l, SUITE_DELAY);
    i->topic = index;
    i->value = l->failed ? 0 : (uint64_t)(seconds * 1e9 + 0.5);
}

static void read_init(struct loader *l, const json_t *object)
{
    const json_t *given = json_object_get(object, "gossipSubParams");
    struct gossipsub_params p = suite_params_default();
    struct suite_script *s = l->script;
    const char *wrong, *key;
    char place[120];

    if (!given) {
        fail(l, "gossipSubParams", "is missing");
        return;
    }
    wrong = suite_params_apply(given, &p, &key);
    if (wrong) {
        snprintf(place, sizeof place, "gossipSubParams%s%.60s", *key ? "." : "", key);
        fail(l, place, "%s", wrong);
        return;
    }
    if (s->params_count == s->params_capacity) {
        s->params_capacity = s->params_capacity ? s->params_capacity * 2 : 16;
        s->params = mem_grow(s->params, s->params_capacity, sizeof *s->params);
    }
    add(l, SUITE_INIT)->value = s->params_count;
    s->params[s->params_count++] = p;
}

static void read_add_partial(struct loader *l, const json_t *object)
{
    uint64_t group = (uint64_t)integer(l, object, "groupID", 0, INT64_MAX);
    uint8_t parts = (uint8_t)integer(l, object, "parts", 0, 255);
    uint32_t index = topic(l, object);
    struct suite_instruction *i = add(l, SUITE_ADD_PARTIAL);

    i->topic = index;
    i->value = group;
    i->parts = parts;
    l->script->partial = true;
}

static void read_publish_partial(struct loader *l, const json_t *object)
{
    const json_t *to = json_object_get(object, "publishToNodeIDs");
    uint64_t group = (uint64_t)integer(l, object, "groupID", 0, INT64_MAX);
    uint32_t index = topic(l, object), first = l->script->target_count;
    uint32_t count = to && !json_is_null(to) ? read_targets(l, to, "publishToNodeIDs") : 0;
    struct suite_instruction *i = add(l, SUITE_PUBLISH_PARTIAL);

    i->topic = index;
    i->value = group;
    i->first = first;
    i->size = count;
    l->script->partial = true;
}

static void read_condition(struct loader *l, const json_t *object);

static const struct {
    const char *type;
    void (*read)(struct loader *l, const json_t *object);
    const char *keys[3];
} types[] = {
    [SUITE_INIT] = {"initGossipSub", read_init, {"gossipSubParams"}},
    [SUITE_CONNECT] = {"connect", read_connect, {"connectTo"}},
    [SUITE_WAIT] = {"waitUntil", read_wait, {"elapsedSeconds"}},
    [SUITE_PUBLISH] = {"publish", read_publish, {"messageID", "messageSizeBytes", "topicID"}},
    [SUITE_SUBSCRIBE] = {"subscribeToTopic", read_subscribe, {"topicID", "partial"}},
    [SUITE_DELAY] = {"setTopicValidationDelay", read_delay, {"topicID", "delaySeconds"}},
    [SUITE_ADD_PARTIAL] = {"addPartialMessage", read_add_partial, {"topicID", "groupID", "parts"}},
    [SUITE_PUBLISH_PARTIAL] = {"publishPartial", read_publish_partial, {"topicID", "groupID", "publishToNodeIDs"}},
    {"ifNodeIDEquals", read_condition, {"nodeID", "instruction"}},
};
#define TYPE_COUNT (sizeof types / sizeof *types)

const char *suite_kind_text(enum suite_kind kind)
{
    return types[kind].type;
}

static void check_keys(struct loader *l, const json_t *object, size_t type)
{
    json_t *o = json_incref((json_t *)(uintptr_t)object);

    for (void *at = json_object_iter(o); at; at = json_object_iter_next(o, at)) {
        const char *key = json_object_iter_key(at);
        bool known = strcmp(key, "type") == 0;

        for (size_t i = 0; i < 3 && types[type].keys[i]; i++)
            known = known || strcmp(key, types[type].keys[i]) == 0;
        if (!known)
            fail(l, key, "is not a key of %s", types[type].type);
    }
    json_decref(o);
}

static void read_instruction(struct loader *l, const json_t *object)
{
    const json_t *type = json_object_get(object, "type");
    size_t i = 0;

    if (!json_is_object(object))
        fail(l, "", "must be an object");
    else if (!json_is_string(type))
        fail(l, "type", type ? "must be a text" : "is missing");
    if (l->failed)
        return;
    l->type = json_string_value(type);
    while (i < TYPE_COUNT && strcmp(types[i].type, l->type) != 0)
        i++;
    if (i == TYPE_COUNT) {
        fail(l, "type", "\"%.60s\" is not an instruction", l->type);
        return;
    }
    check_keys(l, object, i);
    if (!l->failed)
        types[i].read(l, object);
}

/* A condition within one for another node never holds; what is in it is read for its mistakes, and
 * forgotten. */
static void read_condition(struct loader *l, const json_t *object)
{
    uint32_t outer = l->node, node = (uint32_t)integer(l, object, "nodeID", 0, SUITE_NODES_MAX - 1);
    uint32_t count = l->script->count;
    const json_t *instruction = json_object_get(object, "instruction");

    if (!instruction)
        fail(l, "instruction", "is missing");
    if (++l->depth > SUITE_NESTING_MAX)
        fail(l, "", "is nested too deeply (at most %u levels)", SUITE_NESTING_MAX);
    if (l->failed)
        return;
    l->node = node;
    read_instruction(l, instruction);
    if (outer != SUITE_ALL && outer != node)
        l->script->count = count;
    l->node = outer;
    l->depth--;
}

/* Counting sort: the order within a node is that of the script. */
static void index_nodes(struct suite_script *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (s->items[i].node != SUITE_ALL && s->items[i].node >= s->node_limit)
            s->node_limit = s->items[i].node + 1;
    s->first = mem_zalloc(((size_t)s->node_limit + 2) * sizeof *s->first);
    s->common = mem_grow(NULL, (size_t)s->count + 1, sizeof *s->common);
    s->own = mem_grow(NULL, (size_t)s->count + 1, sizeof *s->own);
    for (uint32_t i = 0; i < s->count; i++)
        if (s->items[i].node == SUITE_ALL)
            s->common[s->common_count++] = i;
        else
            s->first[s->items[i].node + 2]++;
    for (uint32_t n = 2; n <= s->node_limit + 1; n++)
        s->first[n] += s->first[n - 1];
    for (uint32_t i = 0; i < s->count; i++)
        if (s->items[i].node != SUITE_ALL)
            s->own[s->first[s->items[i].node + 1]++] = i;
    CHECK(s->first[0] == 0 && s->first[s->node_limit] == s->count - s->common_count);
}

static void read_root(struct loader *l, const json_t *root)
{
    const json_t *script = json_object_get(root, "script");
    const char *wrong = !json_is_object(root)         ? "must be an object with a script"
                        : !script                     ? "script is missing"
                        : !json_is_array(script)      ? "script: must be a list of instructions"
                        : json_object_size(root) != 1 ? "has keys besides script"
                                                      : NULL;

    if (wrong) {
        snprintf(l->err->text, sizeof l->err->text, "%.300s: %s", l->name, wrong);
        l->failed = true;
    }
    for (size_t i = 0; !l->failed && i < json_array_size(script); i++) {
        l->number = (uint32_t)i;
        l->depth = 0;
        read_instruction(l, json_array_get(script, i));
    }
}

int suite_script_parse(const char *name, struct slice text, struct suite_script *out,
                       struct scenario_error *err)
{
    struct loader l = {.name = name, .script = out, .err = err, .node = SUITE_ALL};
    json_error_t wrong;
    json_t *root;

    *out = (struct suite_script){0};
    err->text[0] = '\0';
    root = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &wrong);
    if (!root) {
        snprintf(err->text, sizeof err->text, "%.300s:%d:%d: %s", name, wrong.line, wrong.column,
                 wrong.text);
        return ERR_INVALID;
    }
    read_root(&l, root);
    json_decref(root);
    if (l.failed) {
        suite_script_free(out);
        return ERR_INVALID;
    }
    index_nodes(out);
    return ERR_OK;
}

static int unreadable(struct scenario_error *err, const char *path, const char *what)
{
    snprintf(err->text, sizeof err->text, "%.300s: %s", path, what);
    return ERR_INVALID;
}

int suite_script_load(const char *path, struct suite_script *out, struct scenario_error *err)
{
    FILE *file = fopen(path, "rb");
    struct stat status;
    char *text;
    size_t size;
    int result;

    *out = (struct suite_script){0};
    if (!file)
        return unreadable(err, path, strerror(errno));
    if (fstat(fileno(file), &status) != 0 || !S_ISREG(status.st_mode) ||
        status.st_size > SUITE_FILE_SIZE_MAX) {
        fclose(file);
        return unreadable(err, path, "is no file of at most 64 MiB");
    }
    text = mem_alloc((size_t)status.st_size + 1);
    size = fread(text, 1, (size_t)status.st_size, file);
    result = ferror(file) ? unreadable(err, path, strerror(errno))
                          : suite_script_parse(path, slice_of(text, size), out, err);
    fclose(file);
    mem_free(text);
    return result;
}

void suite_script_free(struct suite_script *s)
{
    for (uint32_t i = 0; i < s->topic_count; i++)
        mem_free(s->topics[i]);
    mem_free(s->topics);
    mem_free(s->items);
    mem_free(s->params);
    mem_free(s->targets);
    mem_free(s->common);
    mem_free(s->own);
    mem_free(s->first);
    *s = (struct suite_script){0};
}
