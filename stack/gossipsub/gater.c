/* The peer gater. */
#include "stack/gossipsub/gater.h"

#include "stack/base/mem.h"
#include "stack/gossipsub/score_params.h"

#define SECOND_NS 1000000000ull
#define CHANCE_PARTS 4294967296.0 /* a probability is compared with 32 random bits */

struct source { /* of an address */
    struct endpoint at;
    bool known; /* false: `at` says nothing */
    uint32_t connected;
    uint64_t expiry_ns; /* when nobody is connected */
    double deliver, duplicate, ignore, reject;
};

struct gater {
    const struct gater_params *params;
    double validate, throttle;
    bool throttled;
    uint64_t throttled_ns, decay_at_ns;
    struct source *sources;
    uint32_t source_count, source_capacity;
    uint32_t *source_of; /* by slot; its index, UINT32_MAX: none */
    uint32_t slot_capacity;
    struct rng rng;
};

struct gater_params gater_params_default(void)
{
    return (struct gater_params){
        .threshold = 0.33,
        .global_decay = score_decay_factor(120 * SECOND_NS, SECOND_NS, 0.01),
        .source_decay = score_decay_factor(3600 * SECOND_NS, SECOND_NS, 0.01),
        .decay_to_zero = 0.01,
        .decay_interval_ns = SECOND_NS,
        .retain_stats_ns = 6 * 3600 * SECOND_NS,
        .quiet_ns = 60 * SECOND_NS,
        .duplicate_weight = 0.125,
        .ignore_weight = 1,
        .reject_weight = 16,
    };
}

static bool is_fraction(double x)
{
    return x > 0 && x < 1;
}

const char *gater_params_check(const struct gater_params *p)
{
    if (!(p->threshold > 0))
        return "Threshold must be positive";
    if (!is_fraction(p->global_decay))
        return "GlobalDecay must be between 0 and 1";
    if (!is_fraction(p->source_decay))
        return "SourceDecay must be between 0 and 1";
    if (p->decay_interval_ns < SECOND_NS)
        return "DecayInterval must be at least one second";
    if (!is_fraction(p->decay_to_zero))
        return "DecayToZero must be between 0 and 1";
    if (p->quiet_ns < SECOND_NS)
        return "Quiet must be at least one second";
    if (!(p->duplicate_weight > 0))
        return "DuplicateWeight must be positive";
    if (!(p->ignore_weight >= 1))
        return "IgnoreWeight must be at least 1";
    if (!(p->reject_weight >= 1))
        return "RejectWeight must be at least 1";
    return NULL;
}

struct gater *gater_new(const struct gater_params *params, uint64_t now_ns, uint64_t seed)
{
    struct gater *a = mem_zalloc(sizeof *a);

    a->params = params;
    a->decay_at_ns = now_ns + params->decay_interval_ns;
    rng_init(&a->rng, seed, "gater");
    return a;
}

void gater_free(struct gater *a)
{
    if (!a)
        return;
    mem_free(a->sources);
    mem_free(a->source_of);
    mem_free(a);
}

static bool is_source(const struct source *s, const struct endpoint *at)
{
    if (!at || !s->known)
        return !at && !s->known;
    return s->at.is_ip6 == at->is_ip6 && memcmp(s->at.ip, at->ip, at->is_ip6 ? 16 : 4) == 0;
}

static uint32_t find_source(struct gater *a, const struct endpoint *at)
{
    for (uint32_t i = 0; i < a->source_count; i++)
        if (is_source(&a->sources[i], at))
            return i;
    if (a->source_count == GATER_ADDRESSES_MAX)
        return 0;
    if (a->source_count == a->source_capacity) {
        a->source_capacity = a->source_capacity ? a->source_capacity * 2 : 8;
        a->sources = mem_grow(a->sources, a->source_capacity, sizeof *a->sources);
    }
    a->sources[a->source_count] = (struct source){.known = at != NULL};
    if (at)
        a->sources[a->source_count].at = *at;
    return a->source_count++;
}

static struct source *source(const struct gater *a, uint32_t slot)
{
    if (slot >= a->slot_capacity || a->source_of[slot] == UINT32_MAX)
        return NULL;
    return &a->sources[a->source_of[slot]];
}

void gater_peer_add(struct gater *a, uint32_t slot, const struct endpoint *at)
{
    uint32_t capacity = slot + slot / 2 + 8;

    if (slot >= a->slot_capacity) {
        a->source_of = mem_grow(a->source_of, capacity, sizeof *a->source_of);
        for (uint32_t i = a->slot_capacity; i < capacity; i++)
            a->source_of[i] = UINT32_MAX;
        a->slot_capacity = capacity;
    }
    a->source_of[slot] = find_source(a, at);
    source(a, slot)->connected++;
}

void gater_peer_remove(struct gater *a, uint64_t now_ns, uint32_t slot)
{
    struct source *s = source(a, slot);

    if (!s)
        return;
    s->connected--;
    s->expiry_ns = now_ns + a->params->retain_stats_ns;
    a->source_of[slot] = UINT32_MAX;
}

bool gater_accepts(struct gater *a, uint64_t now_ns, uint32_t slot)
{
    const struct gater_params *p = a->params;
    const struct source *s = source(a, slot);
    double total;

    if (!a->throttled || now_ns - a->throttled_ns > p->quiet_ns || a->throttle == 0)
        return true;
    if (a->validate != 0 && a->throttle / a->validate < p->threshold)
        return true;
    if (!s)
        return true;
    total = s->deliver + p->duplicate_weight * s->duplicate + p->ignore_weight * s->ignore +
            p->reject_weight * s->reject;
    if (total == 0)
        return true;
    return (double)(rng_next(&a->rng) >> 32) < (1 + s->deliver) / (1 + total) * CHANCE_PARTS;
}

void gater_validate(struct gater *a)
{
    a->validate += 1;
}

void gater_deliver(struct gater *a, uint32_t slot)
{
    struct source *s = source(a, slot);

    if (s)
        s->deliver += 1;
}

void gater_duplicate(struct gater *a, uint32_t slot)
{
    struct source *s = source(a, slot);

    if (s)
        s->duplicate += 1;
}

void gater_reject(struct gater *a, uint64_t now_ns, uint32_t slot, enum trace_reject why)
{
    struct source *s = source(a, slot);

    if (why == TRACE_REJECT_QUEUE_FULL || why == TRACE_REJECT_THROTTLED) {
        a->throttled = true;
        a->throttled_ns = now_ns;
        a->throttle += 1;
    } else if (s && why == TRACE_REJECT_IGNORED) {
        s->ignore += 1;
    } else if (s) {
        s->reject += 1;
    }
}

uint64_t gater_deadline(const struct gater *a)
{
    return a->decay_at_ns;
}

static void decay(double *counter, double factor, double to_zero)
{
    *counter *= factor;
    if (*counter < to_zero)
        *counter = 0;
}

/* The last one moves into the place of one that goes. */
static void drop_source(struct gater *a, uint32_t index)
{
    uint32_t last = --a->source_count;

    a->sources[index] = a->sources[last];
    for (uint32_t i = 0; i < a->slot_capacity; i++)
        if (a->source_of[i] == last)
            a->source_of[i] = index;
}

void gater_decay(struct gater *a, uint64_t now_ns)
{
    const struct gater_params *p = a->params;

    a->decay_at_ns += p->decay_interval_ns;
    if (a->decay_at_ns <= now_ns)
        a->decay_at_ns = now_ns + p->decay_interval_ns;
    decay(&a->validate, p->global_decay, p->decay_to_zero);
    decay(&a->throttle, p->global_decay, p->decay_to_zero);
    for (uint32_t i = 0; i < a->source_count;) {
        struct source *s = &a->sources[i];

        if (s->connected == 0 && s->expiry_ns < now_ns) {
            drop_source(a, i);
            continue;
        }
        i++;
        if (s->connected == 0)
            continue;
        decay(&s->deliver, p->source_decay, p->decay_to_zero);
        decay(&s->duplicate, p->source_decay, p->decay_to_zero);
        decay(&s->ignore, p->source_decay, p->decay_to_zero);
        decay(&s->reject, p->source_decay, p->decay_to_zero);
    }
}
