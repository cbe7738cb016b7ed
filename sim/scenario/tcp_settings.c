/* `network.tcp`: the name of a model, or a mapping with its settings. What the chosen model, or another setting, would leave
 * without effect is refused by name. */
#include "sim/scenario/sections.h"
#include "sim/scenario/units.h"
#include "stack/base/check.h"

#include <string.h>

#define BUFFER_MAX (UINT64_C(1) << 30)
#define HOUR_NS (3600 * NS_PER_S)

static const char *const model_names[] = {"ideal", "flight", "packet", NULL};
static const char *const congestion_names[] = {"cubic", "newreno", NULL};

#define SETTING(member) offsetof(struct scenario_network, tcp_settings.member)

static const struct field fields[] = {
    {"model", FIELD_CHOICE, false, FIELD(scenario_network, tcp), 0, 0, model_names},
    {"congestion", FIELD_CHOICE, false, SETTING(congestion), 0, 0, congestion_names},
    {"mss", FIELD_SIZE32, false, SETTING(mss), 64, 65000, NULL},
    {"initial_window", FIELD_U32, false, SETTING(initial_window), 1, 1000, NULL},
    {"idle_restart", FIELD_BOOL, false, SETTING(idle_restart), 0, 0, NULL},
    {"hystart", FIELD_BOOL, false, SETTING(hystart), 0, 0, NULL},
    {"fast_convergence", FIELD_BOOL, false, SETTING(fast_convergence), 0, 0, NULL},
    {"tcp_friendly", FIELD_BOOL, false, SETTING(tcp_friendly), 0, 0, NULL},
    {"timestamps", FIELD_BOOL, false, SETTING(timestamps), 0, 0, NULL},
    {"sack", FIELD_BOOL, false, SETTING(sack), 0, 0, NULL},
    {"rack", FIELD_BOOL, false, SETTING(rack), 0, 0, NULL},
    {"prr", FIELD_BOOL, false, SETTING(prr), 0, 0, NULL},
    {"tail_loss_probe", FIELD_BOOL, false, SETTING(tlp), 0, 0, NULL},
    {"dupthresh", FIELD_U32, false, SETTING(dupthresh), 1, 300, NULL},
    {"delayed_ack", FIELD_OTHER, false, 0, 0, 0, NULL},
    {"quick_acks", FIELD_U32, false, SETTING(quick_acks), 0, 255, NULL},
    {"send_buffer", FIELD_SIZE, false, FIELD(scenario_network, send_buffer_size), 4096, BUFFER_MAX, NULL},
    {"send_buffer_max", FIELD_SIZE, false, SETTING(send_buffer_max), 4096, BUFFER_MAX, NULL},
    {"receive_buffer", FIELD_SIZE, false, FIELD(scenario_network, receive_buffer_size), 4096, BUFFER_MAX, NULL},
    {"receive_buffer_max", FIELD_SIZE, false, SETTING(receive_buffer_max), 4096, BUFFER_MAX, NULL},
    {"rto_initial", FIELD_DURATION, false, SETTING(rto_initial_ns), NS_PER_MS, HOUR_NS, NULL},
    {"rto_min", FIELD_DURATION, false, SETTING(rto_min_ns), NS_PER_MS, HOUR_NS, NULL},
    {"rto_max", FIELD_DURATION, false, SETTING(rto_max_ns), NS_PER_MS, HOUR_NS, NULL},
    {"syn_retries", FIELD_U32, false, SETTING(syn_retries), 0, 30, NULL},
    {"retries", FIELD_U32, false, SETTING(retries), 0, 30, NULL},
};

const char *scenario_tcp_text(enum scenario_tcp tcp)
{
    return model_names[tcp];
}

_Static_assert(sizeof fields / sizeof *fields <= 32, "a bit for each in tcp_given");

bool scenario_tcp_given(const struct scenario_network *n, const char *key)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strcmp(fields[i].key, key) == 0)
            return n->tcp_given >> i & 1;
    UNREACHABLE();
}

static void note_given(const struct tree *t, struct scenario_network *n)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        n->tcp_given |= (uint32_t)(tree_find(t, fields[i].key) != NULL) << i;
}

static void refuse(struct reader *r, const struct tree *t, const char *key, const char *why)
{
    const struct tree *at = tree_find(t, key);

    if (at && !r->failed)
        reader_fail_key(r, at, "%s", why);
}

static void refuse_all(struct reader *r, const struct tree *t, const char *const *keys, const char *why)
{
    for (; *keys; keys++)
        refuse(r, t, *keys, why);
}

static void refuse_what_has_no_effect(struct reader *r, const struct tree *t, const struct scenario_network *n)
{
    static const char *const packets_only[] = {"sack", "rack", "prr", "dupthresh", "delayed_ack", NULL};
    static const char *const cubic_only[] = {"hystart", "fast_convergence", "tcp_friendly", NULL};
    static const char *const sack_only[] = {"rack", "dupthresh", "tail_loss_probe", NULL};

    if (n->tcp == SCENARIO_TCP_IDEAL)
        for (size_t i = 1; i < sizeof fields / sizeof *fields; i++)
            refuse(r, t, fields[i].key, "has no effect on the ideal model (flight, packet)");
    if (n->tcp == SCENARIO_TCP_FLIGHT)
        refuse_all(r, t, packets_only, "the flight model cannot change it (packet)");
    if (n->tcp_settings.congestion != TCP_CUBIC)
        refuse_all(r, t, cubic_only, "has no effect without congestion: cubic");
    if (!n->tcp_settings.sack)
        refuse_all(r, t, sack_only, "has no effect without sack");
    if (n->send_buffer_size)
        refuse(r, t, "send_buffer_max", "has no effect beside send_buffer, which fixes the size");
    if (n->receive_buffer_size)
        refuse(r, t, "receive_buffer_max", "has no effect beside receive_buffer, which fixes the size");
}

static void read_delayed_ack(struct reader *r, const struct tree *t, struct scenario_network *n)
{
    static const struct field delay = {"delayed_ack", FIELD_DURATION, false, SETTING(delayed_ack_ns), 1, NS_PER_S, NULL};

    if (t->kind == TREE_SCALAR && strcmp(t->text, "off") == 0)
        n->tcp_settings.delayed_ack = false;
    else
        reader_value(r, t, &delay, n);
}

static void read_settings(struct reader *r, const struct tree *t, struct scenario_network *n)
{
    const struct tree *at;
    const char *problem;

    if (n->send_buffer_size)
        refuse(r, t, "send_buffer", "is given as network.send_buffer already");
    if (n->receive_buffer_size)
        refuse(r, t, "receive_buffer", "is given as network.receive_buffer already");
    if (r->failed)
        return;
    reader_fields(r, t, FIELDS(fields), n);
    if (!r->failed && (at = tree_find(t, "delayed_ack")))
        read_delayed_ack(r, at, n);
    if (!r->failed)
        refuse_what_has_no_effect(r, t, n);
    if (r->failed)
        return;
    n->tcp_settings.send_buffer = n->send_buffer_size;
    n->tcp_settings.receive_buffer = n->receive_buffer_size;
    problem = tcp_config_problem(&n->tcp_settings);
    if (problem)
        reader_fail(r, t, "%s", problem);
    note_given(t, n);
    n->tcp_set = t->count > (tree_find(t, "model") ? 1u : 0u);
}

void tcp_settings_read(struct reader *r, const struct tree *t, struct scenario_network *n)
{
    if (t && t->kind == TREE_LIST)
        reader_fail(r, t, "is a list (it must be the name of a model, or a mapping)");
    else if (t && t->kind == TREE_MAP)
        read_settings(r, t, n);
    else if (t)
        reader_value(r, t, &fields[0], n);
}
