/* Topics and their backoffs. */
#include "stack/gossipsub/topic.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

void topics_init(struct topics *ts, uint64_t seed)
{
    ts->recent = NULL;
    map_init(&ts->by_name, seed);
}

static void free_topic(struct topic *t)
{
    slotset_deinit(&t->peers);
    slotset_deinit(&t->mesh);
    slotset_deinit(&t->fanout);
    if (t->partial_peers) {
        slotset_deinit(&t->partial_peers->wanting);
        slotset_deinit(&t->partial_peers->able);
        mem_free(t->partial_peers);
    }
    mem_free(t->backoffs);
    mem_free(t);
}

void topics_free_all(struct topics *ts)
{
    uint32_t position = 0;
    struct topic *t;

    while (topic_next(ts, &position, &t)) {
        CHECK(t->pins == 0);
        free_topic(t);
    }
    map_deinit(&ts->by_name);
    ts->recent = NULL;
}

static struct topic *topic_of(uint64_t value)
{
    return (struct topic *)(uintptr_t)value;
}

struct topic *topic_find(struct topics *ts, struct slice name)
{
    uint64_t *found;

    if (ts->recent && slice_equal(topic_name(ts->recent), name))
        return ts->recent;
    found = map_find(&ts->by_name, name);
    if (!found)
        return NULL;
    return ts->recent = topic_of(*found);
}

struct topic *topic_get(struct topics *ts, struct slice name)
{
    struct topic *t = topic_find(ts, name);
    bool fresh;

    CHECK(name.size <= TOPIC_SIZE_MAX);
    if (t)
        return t;
    t = mem_zalloc(sizeof *t + name.size);
    t->table = ts;
    t->validation_delay_ns = TOPIC_DELAY_NONE;
    t->name_size = (uint16_t)name.size;
    if (name.size)
        memcpy(t->name, name.data, name.size);
    *map_insert(&ts->by_name, name, &fresh) = (uint64_t)(uintptr_t)t;
    CHECK(fresh);
    return t;
}

void topic_release(struct topic *t)
{
    struct topics *ts = t->table;

    if (t->joined || t->has_fanout || t->pins || t->backoff_count || !slotset_empty(&t->peers) ||
        t->validation_delay_ns != TOPIC_DELAY_NONE || t->partial)
        return;
    CHECK(slotset_empty(&t->mesh));
    if (ts->recent == t)
        ts->recent = NULL;
    CHECK(map_remove(&ts->by_name, topic_name(t)));
    free_topic(t);
}

void topic_unpin(struct topic *t)
{
    CHECK(t->pins > 0);
    if (--t->pins == 0)
        topic_release(t);
}

void topic_note_partial(struct topic *t, uint32_t slot, bool wants, bool sends)
{
    if (!t->partial_peers && !wants && !sends)
        return;
    if (!t->partial_peers)
        t->partial_peers = mem_zalloc(sizeof *t->partial_peers);
    if (wants)
        slotset_add(&t->partial_peers->wanting, slot);
    else
        slotset_remove(&t->partial_peers->wanting, slot);
    if (sends)
        slotset_add(&t->partial_peers->able, slot);
    else
        slotset_remove(&t->partial_peers->able, slot);
}

bool topic_next(const struct topics *ts, uint32_t *position, struct topic **t)
{
    uint64_t *value;

    if (!map_next(&ts->by_name, position, NULL, &value))
        return false;
    *t = topic_of(*value);
    return true;
}

/* The place of the peer among the sorted backoffs, or where it belongs. */
static uint32_t backoff_place(const struct topic *t, uint64_t peer_key)
{
    uint32_t low = 0, high = t->backoff_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (t->backoffs[middle].peer_key < peer_key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void remove_earliest(struct topic *t)
{
    uint32_t earliest = 0;

    for (uint32_t i = 1; i < t->backoff_count; i++)
        if (t->backoffs[i].expiry_ns < t->backoffs[earliest].expiry_ns)
            earliest = i;
    t->backoff_count--;
    memmove(t->backoffs + earliest, t->backoffs + earliest + 1,
            (t->backoff_count - earliest) * sizeof *t->backoffs);
}

void topic_backoff_add(struct topic *t, uint64_t peer_key, uint64_t expiry_ns)
{
    uint32_t place = backoff_place(t, peer_key);

    if (place < t->backoff_count && t->backoffs[place].peer_key == peer_key) {
        if (t->backoffs[place].expiry_ns < expiry_ns)
            t->backoffs[place].expiry_ns = expiry_ns;
        return;
    }
    if (t->backoff_count == BACKOFFS_MAX) {
        remove_earliest(t);
        place = backoff_place(t, peer_key);
    }
    if (t->backoff_count == t->backoff_capacity) {
        t->backoff_capacity = t->backoff_capacity ? t->backoff_capacity * 2 : 4;
        t->backoffs = mem_grow(t->backoffs, t->backoff_capacity, sizeof *t->backoffs);
    }
    memmove(t->backoffs + place + 1, t->backoffs + place,
            (t->backoff_count - place) * sizeof *t->backoffs);
    t->backoffs[place] = (struct backoff){peer_key, expiry_ns};
    t->backoff_count++;
}

uint64_t topic_backoff(const struct topic *t, uint64_t peer_key)
{
    uint32_t place = backoff_place(t, peer_key);

    if (place < t->backoff_count && t->backoffs[place].peer_key == peer_key)
        return t->backoffs[place].expiry_ns;
    return 0;
}

void topic_backoff_clear(struct topic *t, uint64_t before_ns)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < t->backoff_count; i++)
        if (t->backoffs[i].expiry_ns >= before_ns)
            t->backoffs[kept++] = t->backoffs[i];
    t->backoff_count = kept;
    if (kept == 0) {
        mem_free(t->backoffs);
        t->backoffs = NULL;
        t->backoff_capacity = 0;
    }
}
