/* Any program in a host: its arguments, out of a template. What a scenario says and no argument can, is refused. */
#include "sim/posix/tenant.h"

#include "sim/scenario/sections.h"

#include <inttypes.h>
#include <stdio.h>

const char *const exec_usage = "{name} {index} {count} {ip} {port} {peers} {seed}";

enum blank { BLANK_NAME, BLANK_INDEX, BLANK_COUNT, BLANK_IP, BLANK_PORT, BLANK_PEERS, BLANK_SEED, BLANK_KINDS };
static const char *const blanks[] = {"{name}", "{index}", "{count}", "{ip}", "{port}", "{peers}", "{seed}"};

static void add_setting(void *ctx, const char *key, const char *value)
{
    buf_append_slice(ctx, slice_text(key));
    buf_append_slice(ctx, slice_text(value));
}

static bool is_default(const struct scenario_group *g)
{
    const struct scenario_group plain = {
        .gossipsub = gossipsub_params_default(), .signing = GOSSIPSUB_STRICT_SIGN, .message_id = SCENARIO_ID_DEFAULT, .versions = 1u << GOSSIPSUB_V11 | 1u << GOSSIPSUB_V10};
    struct buf given, expected;
    bool same;

    buf_init(&given, 65536);
    buf_init(&expected, 65536);
    gossipsub_settings_tell(g, add_setting, &given);
    gossipsub_settings_tell(&plain, add_setting, &expected);
    same = g->gossipsub_on && !g->score && !g->gater && !g->topics_allowed_count && !g->app_score_count && slice_equal(buf_slice(&given), buf_slice(&expected));
    buf_deinit(&given);
    buf_deinit(&expected);
    return same;
}

const char *exec_other_refuses(const struct scenario *s, char *out)
{
    if (s->traffic_count)
        return "traffic: only `--exec node` is told what to publish (leave it out, or use --exec-args)";
    for (uint32_t i = 0; i < s->group_count; i++) {
        const struct scenario_group *g = &s->groups[i];
        const char *key = NULL;

        if (g->algorand_on)
            key = "algorand";
        else if (!is_default(g))
            key = "gossipsub";
        else if (g->topic_count)
            key = "subscribe";
        else if (g->validation_ns)
            key = "validation";
        else if (g->dial_interval_ns)
            key = "dial_interval";
        if (!key)
            continue;
        snprintf(out, 256, "nodes.%u.%s: only `--exec node` is told that (leave it out, or use --exec-args)", i, key);
        return out;
    }
    return NULL;
}

/* ---- the template ---- */

static enum blank blank_at(const char *text)
{
    enum blank b = BLANK_NAME;

    while (b < BLANK_KINDS && strncmp(text, blanks[b], strlen(blanks[b])) != 0)
        b++;
    return b;
}

const char *exec_template_problem(const char *template, char *out)
{
    for (const char *at = strchr(template, '{'); at; at = strchr(at + 1, '{'))
        if (blank_at(at) == BLANK_KINDS) {
            snprintf(out, 256, "%.*s stands for nothing (%s)", (int)strcspn(at, " ") < 40 ? (int)strcspn(at, " ") : 40, at, exec_usage);
            return out;
        }
    return NULL;
}

static void address_of(const struct endpoint *e, char out[static 32])
{
    snprintf(out, 32, "%u.%u.%u.%u:%u", e->ip[0], e->ip[1], e->ip[2], e->ip[3], e->port);
}

static void put(struct buf *b, const char *text)
{
    buf_append_slice(b, slice_text(text));
}

/* Those that it dials, with commas between them. */
static void put_peers(const struct tenant *t, struct buf *b)
{
    uint32_t count;
    const struct scenario_edge *dials = run_dials(t->exec->run, t->node, &count);

    for (uint32_t i = 0; i < count; i++) {
        char text[32];

        address_of(run_address(t->exec->run, dials[i].to), text);
        put(b, i ? "," : "");
        put(b, text);
    }
}

static void fill(const struct tenant *t, enum blank blank, struct buf *b)
{
    char text[SCENARIO_NODE_NAME_SIZE + 32] = "";

    switch (blank) {
    case BLANK_NAME:
        exec_host_name(t->exec, t->node, text);
        break;
    case BLANK_INDEX:
        snprintf(text, sizeof text, "%" PRIu32, t->node);
        break;
    case BLANK_COUNT:
        snprintf(text, sizeof text, "%" PRIu32, t->exec->count);
        break;
    case BLANK_IP:
        address_of(run_address(t->exec->run, t->node), text);
        *strchr(text, ':') = '\0';
        break;
    case BLANK_PORT:
        snprintf(text, sizeof text, "%u", run_address(t->exec->run, t->node)->port);
        break;
    case BLANK_PEERS:
        put_peers(t, b);
        return;
    case BLANK_SEED:
        snprintf(text, sizeof text, "%" PRIu64, run_scenario_of(t->exec->run)->seed);
        break;
    case BLANK_KINDS:
        return;
    }
    put(b, text);
}

static void add_word(const struct tenant *t, const char *word, size_t size, struct words *arguments)
{
    struct buf text;

    buf_init(&text, (size_t)1 << 20);
    for (size_t at = 0; at < size;) {
        enum blank blank = word[at] == '{' ? blank_at(word + at) : BLANK_KINDS;

        if (blank == BLANK_KINDS) {
            buf_append_u8(&text, (uint8_t)word[at++]);
            continue;
        }
        fill(t, blank, &text);
        at += strlen(blanks[blank]);
    }
    words_add(arguments, "%.*s", (int)text.size, text.size ? (const char *)text.data : "");
    buf_deinit(&text);
}

void exec_other_arguments(const struct tenant *t, struct words *arguments)
{
    const char *at = t->exec->config.template ? t->exec->config.template : "";

    for (at += strspn(at, " \t\n"); *at; at += strspn(at, " \t\n")) {
        size_t size = strcspn(at, " \t\n");

        add_word(t, at, size, arguments);
        at += size;
    }
}
