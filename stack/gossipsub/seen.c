/* The seen cache: linear probing; cells are only given back when the table is rebuilt, so that a
 * search may stop at the first empty one. */
#include "stack/gossipsub/seen.h"

#include "stack/base/check.h"
#include "stack/base/fetch.h"
#include "stack/base/mem.h"
#include "stack/crypto/siphash.h"

#define SHIFT_MIN 20 /* ticks of at least a millisecond: 32 bits last for 52 days */
#define CAPACITY_MIN 16

void seen_init(struct seen *s, uint64_t lifetime_ns, uint64_t now_ns)
{
    *s = (struct seen){.shift = SHIFT_MIN, .origin_ns = now_ns};
    while (lifetime_ns >> s->shift >= 1024)
        s->shift++;
    s->lifetime = (uint32_t)(lifetime_ns >> s->shift) + 2;
    s->sweep_at = s->lifetime / 4;
}

void seen_deinit(struct seen *s)
{
    mem_free(s->cells);
    s->cells = NULL;
    s->capacity = s->used = 0;
}

struct seen_key seen_key_of(const uint8_t secret[static 16], struct slice id)
{
    struct siphash128 hash = siphash128_of((struct siphash_rounds){1, 3}, secret, id);

    return (struct seen_key){{(uint32_t)hash.low, (uint32_t)(hash.low >> 32), (uint32_t)hash.high}};
}

/* The cell of the key, or the empty one where its search ends. */
static struct seen_cell *probe(const struct seen *s, const struct seen_key *key)
{
    uint32_t at = key->words[0] & (s->capacity - 1);

    while (s->cells[at].expiry && !seen_key_equal(&s->cells[at].key, key))
        at = (at + 1) & (s->capacity - 1);
    return &s->cells[at];
}

bool seen_has(const struct seen *s, uint64_t now_ns, const struct seen_key *key)
{
    return s->used && probe(s, key)->expiry > seen_tick(s, now_ns);
}

void seen_expect(const struct seen *s, const struct seen_key *key)
{
    if (s->used)
        fetch_line(&s->cells[key->words[0] & (s->capacity - 1)]);
}

/* Moves what is alive to a table at most half full, or to none. */
static void rebuild(struct seen *s, uint64_t now_ns, uint32_t room)
{
    struct seen old = *s;
    uint32_t now = seen_tick(s, now_ns), live = room;

    for (uint32_t i = 0; i < old.capacity; i++)
        live += old.cells[i].expiry > now;
    s->used = s->capacity = 0;
    s->cells = NULL;
    if (live) {
        for (s->capacity = CAPACITY_MIN; s->capacity < live * 2;)
            s->capacity *= 2;
        s->cells = mem_zalloc(s->capacity * sizeof *s->cells);
    }
    for (uint32_t i = 0; i < old.capacity; i++) {
        if (old.cells[i].expiry <= now)
            continue;
        *probe(s, &old.cells[i].key) = old.cells[i];
        s->used++;
    }
    CHECK(s->used + room == live);
    mem_free(old.cells);
}

uint32_t seen_insert(struct seen *s, uint64_t now_ns, const struct seen_key *key)
{
    uint32_t now = seen_tick(s, now_ns);
    struct seen_cell *cell;

    CHECK(now < UINT32_MAX - s->lifetime);
    if (s->used >= s->capacity / 4 * 3)
        rebuild(s, now_ns, 1);
    cell = probe(s, key);
    CHECK(cell->expiry <= now);
    if (cell->expiry == 0)
        s->used++;
    *cell = (struct seen_cell){*key, now + s->lifetime};
    return cell->expiry;
}

void seen_sweep(struct seen *s, uint64_t now_ns)
{
    uint32_t now = seen_tick(s, now_ns);

    if (now < s->sweep_at)
        return;
    s->sweep_at = now + s->lifetime / 4;
    if (s->used)
        rebuild(s, now_ns, 0);
}
