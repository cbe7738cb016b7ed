/* Messages: one entry each for the whole run, and a table of receipts while it is young. */
#include <stdlib.h>

#include "sim/record/internal.h"
#include "stack/base/check.h"
#include "stack/base/heap.h"
#include "stack/base/mem.h"

/* A node above UINT32_MAX - 1 does not exist: UNKNOWN becomes NULL. */
static uint64_t node_or_null(uint32_t node)
{
    return node == UNKNOWN ? ROW_NULL : node;
}

static uint64_t time_or_null(uint64_t time_ns)
{
    return time_ns > INT64_MAX ? ROW_NULL : time_ns;
}

static void release(struct message *m)
{
    receipts_deinit(&m->receipts);
    table_deinit(&m->sent);
    mem_free(m->copies);
    m->copies = NULL;
    m->copy_count = m->copy_capacity = 0;
}

void messages_deinit(struct recorder *r)
{
    for (uint32_t i = 0; i < r->message_count; i++)
        release(&r->messages[i]);
    mem_free(r->messages);
    table_deinit(&r->messages_by_id);
}

static uint32_t index_of(const struct recorder *r, const struct message *m)
{
    return (uint32_t)(m - r->messages);
}

static void account(struct recorder *r, struct message *m)
{
    uint64_t bytes = receipts_size_bytes(&m->receipts) + table_size_bytes(&m->sent) +
                     m->copy_capacity * sizeof *m->copies;

    r->live_bytes += bytes - m->accounted;
    m->accounted = bytes;
}

/* Whether the next message is recorded in full. `rows` are those that it will have at least, counted now: many may be
 * published before the first is through. */
static bool sampled(struct sampler *s, uint32_t index, uint32_t rows)
{
    uint64_t room = s->rows < s->rows_max ? s->rows_max - s->rows : 0;

    while (s->automatic && s->every < 1u << 30 && room < s->rows_max / s->every / 2)
        s->every *= 2;
    if (s->every == RECORD_NONE || index % s->every != 0)
        return false;
    s->rows += rows;
    return true;
}

static void write_message(struct recorder *r, const struct message *m, struct slice id)
{
    uint64_t *row;

    if (!r->writer)
        return;
    row = writer_row(r->writer, ROW_MESSAGE);
    row[0] = index_of(r, m);
    row[1] = row_blob(id.data, id.size);
    row[2] = m->topic;
    row[3] = node_or_null(m->publisher);
    row[4] = m->size;
    row[5] = time_or_null(m->published_ns);
}

static struct message *message_new(struct recorder *r, uint64_t now_ns, const struct trace_event *e)
{
    uint32_t index = r->message_count, rows;
    struct message *m;
    struct topic *t;

    messages_sweep(r, now_ns);
    CHECK(index < UNKNOWN);
    if (index == r->message_capacity) {
        r->message_capacity = index ? index * 2 : 64;
        r->messages = mem_grow(r->messages, r->message_capacity, sizeof *r->messages);
    }
    m = &r->messages[r->message_count++];
    *m = (struct message){.published_ns = TIME_NEVER, .touched_ns = now_ns, .publisher = UNKNOWN};
    t = topics_get(r, e->protocol, e->topic);
    m->topic = t->id;
    m->size = e->size;
    rows = t->protocol == TRACE_ALGORAND ? r->algorand_up : t->members;
    m->has_hops = r->writer && sampled(&r->hops, index, rows);
    m->has_deliveries = r->writer && sampled(&r->deliveries, index, rows);
    return m;
}

/* The message, or NULL and the key under which it would be. */
static struct message *find(struct recorder *r, struct digest_hash id, uint64_t *key)
{
    const uint64_t *found;

    if (id.a == r->recent_key && r->recent < r->message_count && r->messages[r->recent].check == id.b)
        return &r->messages[r->recent];
    for (*key = id.a; (found = table_find(&r->messages_by_id, *key)) != NULL; ++*key) {
        if (r->messages[*found].check != id.b)
            continue;
        r->recent = (uint32_t)*found;
        r->recent_key = id.a;
        return &r->messages[*found];
    }
    return NULL; /* places passed belong to others with the same first half */
}

struct message *messages_known(struct recorder *r, struct digest_hash id)
{
    uint64_t key;

    return find(r, id, &key);
}

struct message *messages_get(struct recorder *r, struct digest_hash id, uint64_t now_ns,
                             const struct trace_event *e)
{
    uint64_t key;
    struct message *m = find(r, id, &key);

    if (m) {
        m->touched_ns = now_ns;
        m->dirty = true;
        return m;
    }
    m = message_new(r, now_ns, e);
    m->check = id.b;
    table_put(&r->messages_by_id, key, index_of(r, m));
    if (e->kind != TRACE_PUBLISH) { /* from outside: nobody here published it */
        receipts_init(&m->receipts, 8, r->run.node_count);
        account(r, m);
        write_message(r, m, e->id);
    }
    return m;
}

void messages_publish(struct recorder *r, struct message *m, uint32_t node, uint64_t now_ns,
                      const struct trace_event *e)
{
    struct topic *t = topics_get(r, e->protocol, e->topic);
    struct receipt *mine;

    if (m->publisher == UNKNOWN) {
        m->publisher = node;
        m->published_ns = now_ns;
        m->measured = now_ns >= r->run.warmup_ns && now_ns < r->measured_until_ns;
        m->expected = topics_audience(r, t, node);
        write_message(r, m, e->id);
        if (!m->receipts.places && !m->settled)
            receipts_init(&m->receipts, m->expected + 1, r->run.node_count);
    } else if (m->publisher != node && m->expected > 0 && !m->settled &&
               !receipts_find(&m->receipts, node) && topics_expects(r, m, node)) {
        m->expected--; /* the same content, published twice: this node waits for nobody */
    }
    if (m->settled)
        return;
    mine = receipts_add(&m->receipts, node);
    if (!(mine->flags & RECEIPT_DELIVERED)) {
        mine->flags |= RECEIPT_PUBLISHER;
        mine->hops = 0;
        mine->arrived_ns = now_ns;
    }
    account(r, m);
}

/* A key of the (from, to) pair in flight. */
static uint64_t pair(uint32_t from, uint32_t to)
{
    return (uint64_t)from << 32 | to;
}

void messages_send(struct recorder *r, struct message *m, uint32_t node, uint32_t to,
                   uint64_t now_ns)
{
    m->copies_sent++;
    if (!m->has_hops || m->settled || to == UNKNOWN)
        return;
    table_put(&m->sent, pair(node, to), now_ns);
    account(r, m);
}

/* Hops of a copy from that node. */
static uint16_t hops_from(const struct message *m, uint32_t from)
{
    const struct receipt *theirs =
        m->settled || from == UNKNOWN ? NULL : receipts_find(&m->receipts, from);

    if (!theirs || theirs->hops >= HOPS_UNKNOWN - 1)
        return HOPS_UNKNOWN;
    return (uint16_t)(theirs->hops + 1);
}

/* The node's receipt, made when this is its first copy. */
static struct receipt *receipt_of(struct recorder *r, struct message *m, uint32_t node,
                                  uint32_t from, uint64_t now_ns)
{
    struct receipt *mine = receipts_find(&m->receipts, node);
    uint16_t hops;

    if (mine)
        return mine;
    hops = hops_from(m, from);
    mine = receipts_add(&m->receipts, node);
    mine->arrived_ns = now_ns;
    mine->from = from;
    mine->hops = hops;
    if (hops != HOPS_UNKNOWN && hops > m->hops_max)
        m->hops_max = hops;
    account(r, m);
    return mine;
}

/* Takes a copy down; its row is written when the message is settled. */
static void note_copy(struct recorder *r, struct message *m, struct receipt *mine, uint32_t from,
                      uint64_t now_ns)
{
    uint64_t key = pair(from, mine->node);
    const uint64_t *sent = table_find(&m->sent, key);
    struct copy *c;

    if (m->copy_count == m->copy_capacity) {
        m->copy_capacity = m->copy_capacity ? m->copy_capacity * 2 : 64;
        m->copies = mem_grow(m->copies, m->copy_capacity, sizeof *m->copies);
        account(r, m);
    }
    c = &m->copies[m->copy_count++];
    *c = (struct copy){.sent_ns = sent ? *sent : ROW_NULL, .received_ns = now_ns, .from = from};
    c->hops = hops_from(m, from);
    c->previous = mine->last_copy;
    mine->last_copy = m->copy_count;
    if (sent)
        table_remove(&m->sent, key);
    r->hops.rows += c->previous != 0; /* first copies were counted before */
}

void messages_arrive(struct recorder *r, struct message *m, uint32_t node, uint32_t from,
                     uint64_t now_ns)
{
    struct receipt *mine;

    if (m->settled)
        return;
    mine = receipt_of(r, m, node, from, now_ns);
    if (m->has_hops)
        note_copy(r, m, mine, from, now_ns);
}

static void note_lag(struct recorder *r, const struct message *m, uint32_t node, uint64_t now_ns)
{
    const struct receipt *mine = receipts_find(&m->receipts, node);

    if (!(mine->flags & RECEIPT_PUBLISHER))
        histogram_add(topics_repeat_lags(r, m->topic), now_ns - mine->arrived_ns);
}

void messages_duplicate(struct recorder *r, struct message *m, uint32_t node, uint32_t from,
                        uint64_t now_ns)
{
    m->duplicates++;
    if (m->settled)
        return;
    if (!receipts_count_duplicate(&m->receipts, node)) {
        receipt_of(r, m, node, from, now_ns);
        receipts_count_duplicate(&m->receipts, node);
    }
    if (r->run.repeat_lags && m->measured)
        note_lag(r, m, node, now_ns);
    if (m->has_hops) {
        note_copy(r, m, receipts_find(&m->receipts, node), from, now_ns);
        m->copies[m->copy_count - 1].duplicate = true;
    }
}

static void write_delivery(struct recorder *r, const struct message *m, const struct receipt *got, uint32_t duplicates)
{
    uint64_t *row;

    if (!m->has_deliveries)
        return;
    row = writer_row(r->writer, ROW_DELIVERY);
    row[0] = index_of(r, m);
    row[1] = got->node;
    row[2] = got->arrived_ns;
    row[3] = got->delivered_ns;
    row[4] = node_or_null(got->from);
    row[5] = got->hops == HOPS_UNKNOWN ? ROW_NULL : got->hops;
    row[6] = duplicates;
    row[7] = (got->flags & RECEIPT_EXPECTED) != 0;
}

/* In order of arrival, numbered from 0: the list runs backwards, so count first. */
static void write_copies(struct recorder *r, const struct message *m, const struct receipt *got)
{
    uint32_t number = 0;

    for (uint32_t at = got->last_copy; at; at = m->copies[at - 1].previous)
        number++;
    for (uint32_t at = got->last_copy; at; at = m->copies[at - 1].previous) {
        const struct copy *c = &m->copies[at - 1];
        uint64_t *row = writer_row(r->writer, ROW_HOP);

        row[0] = index_of(r, m);
        row[1] = got->node;
        row[2] = --number;
        row[3] = node_or_null(c->from);
        row[4] = c->sent_ns;
        row[5] = c->received_ns;
        row[6] = c->hops == HOPS_UNKNOWN ? ROW_NULL : c->hops;
        row[7] = c->duplicate;
    }
}

static void count_delivery(struct recorder *r, struct message *m, struct receipt *got)
{
    uint64_t took_ns = got->delivered_ns - m->published_ns;

    if (!topics_expects(r, m, got->node) || m->deliveries == m->expected) {
        m->unexpected++;
        return;
    }
    CHECK(got->delivered_ns >= m->published_ns);
    got->flags |= RECEIPT_EXPECTED;
    m->deliveries++;
    atomic_store_explicit(&r->delivered, /* one thread counts */
                          atomic_load_explicit(&r->delivered, memory_order_relaxed) + 1, memory_order_relaxed);
    if (took_ns > m->max_ns)
        m->max_ns = took_ns;
    if (!m->measured)
        return;
    histogram_add(topics_propagation(r, m->topic, r->nodes[got->node].region), took_ns);
    if (got->hops != HOPS_UNKNOWN)
        histogram_add(topics_hops(r, m->topic), got->hops);
}

void messages_deliver(struct recorder *r, struct message *m, uint32_t node, uint32_t from,
                      uint64_t now_ns)
{
    struct receipt late = {.arrived_ns = now_ns,
                           .delivered_ns = now_ns,
                           .node = node,
                           .from = from,
                           .hops = HOPS_UNKNOWN,
                           .flags = RECEIPT_DELIVERED};
    struct receipt *mine;

    if (node == m->publisher)
        return;
    if (m->settled) {
        count_delivery(r, m, &late);
        write_delivery(r, m, &late, 0);
        return;
    }
    mine = receipt_of(r, m, node, from, now_ns);
    if (mine->flags & (RECEIPT_DELIVERED | RECEIPT_PUBLISHER))
        return;
    mine->flags |= RECEIPT_DELIVERED;
    mine->delivered_ns = now_ns;
    count_delivery(r, m, mine);
}

static int compare_times(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* How long the expected deliveries took, rising; the caller frees the array. */
static uint64_t *times_of(const struct message *m, uint64_t *count)
{
    uint64_t *times = mem_grow(NULL, m->receipts.count, sizeof *times);

    *count = 0;
    for (uint32_t i = 0; i < m->receipts.capacity; i++) {
        const struct receipt *got = &m->receipts.places[i];

        if (got->node != UNKNOWN && got->flags & RECEIPT_EXPECTED)
            times[(*count)++] = got->delivered_ns - m->published_ns;
    }
    qsort(times, *count, sizeof *times, compare_times);
    return times;
}

/* p50, p90, p99 by nearest rank into row[0..2]. */
static void percentiles(const uint64_t *times, uint64_t count, uint64_t *row)
{
    static const uint32_t percents[] = {50, 90, 99};

    for (int i = 0; i < 3; i++)
        row[i] = count ? times[(count * percents[i] + 99) / 100 - 1] : ROW_NULL;
}

/* The middle of a bucket: 64 of them a power of two. */
static uint64_t bucket_of(uint64_t ns)
{
    int shift = ns < 128 ? 0 : 57 - __builtin_clzll(ns);

    return (ns >> shift << shift) + (((uint64_t)1 << shift) >> 1);
}

static void write_histogram(struct recorder *r, const struct message *m, const uint64_t *times, uint64_t count)
{
    for (uint64_t from = 0, to; from < count; from = to) {
        uint64_t *row = writer_row(r->writer, ROW_MESSAGE_PROPAGATION);

        for (to = from + 1; to < count && bucket_of(times[to]) == bucket_of(times[from]); to++)
            ;
        row[0] = index_of(r, m);
        row[1] = bucket_of(times[from]);
        row[2] = to - from;
    }
}

static void write_settled(struct recorder *r, const struct message *m, const uint64_t *percents)
{
    uint64_t *row = writer_row(r->writer, ROW_SETTLED);

    row[0] = index_of(r, m);
    row[1] = m->publisher == UNKNOWN ? ROW_NULL : m->expected;
    row[2] = m->deliveries;
    row[3] = m->unexpected;
    row[4] = m->duplicates;
    row[5] = m->rejected;
    row[6] = m->copies_sent;
    memcpy(row + 7, percents, 3 * sizeof *row);
    row[10] = m->deliveries ? m->max_ns : ROW_NULL;
    row[11] = m->hops_max;
    row[12] = m->has_deliveries;
    row[13] = m->has_hops;
}

void messages_count_repeats(const struct message *m, struct histogram *repeats)
{
    for (uint32_t i = 0; i < m->receipts.capacity; i++) {
        const struct receipt *got = &m->receipts.places[i];

        if (got->node != UNKNOWN && got->flags & RECEIPT_EXPECTED)
            histogram_add(repeats, receipts_duplicates(&m->receipts, got));
    }
}

static void write_receipt(struct recorder *r, const struct message *m, const struct receipt *got)
{
    if (got->node == UNKNOWN)
        return;
    if (got->flags & RECEIPT_DELIVERED)
        write_delivery(r, m, got, receipts_duplicates(&m->receipts, got));
    write_copies(r, m, got);
}

/* Writes what is known and forgets the receipts. */
static void settle(struct recorder *r, struct message *m)
{
    uint64_t percents[3], *times, count;

    CHECK(!m->settled);
    if (m->measured)
        messages_count_repeats(m, topics_repeats(r, m->topic));
    if (r->writer) {
        for (uint32_t i = 0; i < m->receipts.capacity; i++)
            write_receipt(r, m, &m->receipts.places[i]);
        times = times_of(m, &count);
        percentiles(times, count, percents);
        write_settled(r, m, percents);
        if (r->run.message_histograms)
            write_histogram(r, m, times, count);
        mem_free(times);
    }
    release(m);
    account(r, m);
    m->settled = true;
    m->dirty = false;
}

void messages_sweep(struct recorder *r, uint64_t now_ns)
{
    while (r->oldest < r->message_count) {
        struct message *m = &r->messages[r->oldest];
        bool done = m->publisher != UNKNOWN && m->deliveries == m->expected;
        uint64_t limit_ns = done ? RECORD_DONE_NS : RECORD_YOUNG_NS;
        bool old = m->touched_ns < now_ns && now_ns - m->touched_ns > limit_ns;

        if (!old && r->live_bytes <= RECORD_LIVE_BYTES_MAX)
            return;
        settle(r, m);
        r->oldest++;
    }
}

void messages_settle_all(struct recorder *r)
{
    static const uint64_t unchanged[3] = {ROW_NULL, ROW_NULL, ROW_NULL};

    for (uint32_t i = 0; i < r->oldest; i++)
        if (r->writer && r->messages[i].dirty)
            write_settled(r, &r->messages[i], unchanged);
    for (; r->oldest < r->message_count; r->oldest++)
        settle(r, &r->messages[r->oldest]);
    CHECK(r->live_bytes == 0);
}
