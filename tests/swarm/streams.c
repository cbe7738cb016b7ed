/* Ends of connections, and how they find each other. */
#include "tests/swarm/streams.h"

#include "stack/base/mem.h"

#include <inttypes.h>

/* ---- bytes ---- */

static void bytes_add(struct bytes *b, const uint8_t *data, size_t size)
{
    if (b->size == 0)
        b->head = 0;
    if (b->head + b->size + size > b->capacity && b->head) {
        memmove(b->data, b->data + b->head, b->size);
        b->head = 0;
    }
    if (b->size + size > b->capacity) {
        b->capacity = 2 * (b->size + size);
        b->data = mem_grow(b->data, b->capacity, 1);
    }
    if (size)
        memcpy(b->data + b->head + b->size, data, size);
    b->size += size;
}

static void bytes_free(struct bytes *b)
{
    mem_free(b->data);
    *b = (struct bytes){0};
}

static void bytes_take(struct bytes *b, size_t size)
{
    b->head += size;
    b->size -= size;
}

/* `prefix` begins `whole`. */
static bool bytes_begin(const struct bytes *whole, const struct bytes *prefix)
{
    return prefix->size <= whole->size &&
           (prefix->size == 0 || memcmp(whole->data + whole->head, prefix->data + prefix->head, prefix->size) == 0);
}

/* ---- pairing ---- */

void streams_init(struct streams *s, uint32_t host_count, struct verdict *v)
{
    *s = (struct streams){.verdict = v, .host_count = host_count};
    s->ends = mem_zalloc(host_count * sizeof(struct end *));
    pthread_mutex_init(&s->lock, NULL);
}

void streams_deinit(struct streams *s)
{
    for (uint32_t i = 0; i < s->host_count; i++) {
        while (s->ends[i]) {
            struct end *e = s->ends[i];

            s->ends[i] = e->next;
            bytes_free(&e->sent);
            bytes_free(&e->held);
            mem_free(e);
        }
    }
    mem_free(s->ends);
    pthread_mutex_destroy(&s->lock);
}

/* What `e` has received is the beginning of what `other` sent, and the other way round. */
static bool may_be_partner(const struct end *e, const struct end *other)
{
    return !other->partner && other->peer_host == e->host && other->dialled != e->dialled && bytes_begin(&other->sent, &e->held) &&
           bytes_begin(&e->sent, &other->held);
}

/* The only one that it may be, if there is only one; *count says how many there are. */
static struct end *find_partner(const struct streams *s, const struct end *e, uint32_t *count)
{
    struct end *found = NULL;

    *count = 0;
    for (struct end *other = s->ends[e->peer_host]; other; other = other->next) {
        if (!may_be_partner(e, other))
            continue;
        found = other;
        ++*count;
    }
    return *count == 1 ? found : NULL;
}

static void settle_held(struct end *receiver, struct end *sender)
{
    bytes_take(&sender->sent, receiver->held.size);
    bytes_free(&receiver->held);
    if (receiver->state == END_GONE)
        bytes_free(&sender->sent);
}

static void pair(struct end *e, struct end *other)
{
    e->partner = other;
    other->partner = e;
    settle_held(e, other);
    settle_held(other, e);
}

static void mismatch(struct streams *s, const struct end *e, const char *what)
{
    verdict_broken(s->verdict, "stream", "host %u, connection %u.%u with host %u: %s", e->host, e->handle.index,
                   e->handle.generation, e->peer_host, what);
}

/* ---- what happens to an end ---- */

struct end *streams_add(struct streams *s, uint32_t host, uint32_t peer_host, struct backend_conn handle, bool dialled,
                        uint64_t now_ns)
{
    struct end *e = mem_zalloc(sizeof *e);

    *e = (struct end){.host = host,
                      .peer_host = peer_host,
                      .handle = handle,
                      .state = dialled ? END_DIALLING : END_OPEN,
                      .dialled = dialled,
                      .moved_ns = now_ns};
    pthread_mutex_lock(&s->lock);
    e->next = s->ends[host];
    s->ends[host] = e;
    pthread_mutex_unlock(&s->lock);
    return e;
}

void streams_open(struct streams *s, struct end *e, uint64_t now_ns)
{
    pthread_mutex_lock(&s->lock);
    e->state = END_OPEN;
    e->moved_ns = now_ns;
    pthread_mutex_unlock(&s->lock);
}

void streams_send(struct streams *s, struct end *e, uint64_t now_ns, const uint8_t *bytes, size_t size)
{
    pthread_mutex_lock(&s->lock);
    if (e->sent.size == 0)
        e->moved_ns = now_ns;
    if (!e->partner || e->partner->state != END_GONE)
        bytes_add(&e->sent, bytes, size);
    pthread_mutex_unlock(&s->lock);
}

static void receive(struct streams *s, struct end *e, const uint8_t *data, size_t size)
{
    struct bytes *sent = &e->partner->sent;

    s->bytes += size;
    if (size > sent->size) {
        mismatch(s, e, "more bytes than the far side sent");
    } else if (memcmp(sent->data + sent->head, data, size) != 0) {
        mismatch(s, e, "other bytes than the far side sent");
    } else {
        bytes_take(sent, size);
    }
}

static void receive_unpaired(struct streams *s, struct end *e)
{
    uint32_t count;
    struct end *partner = find_partner(s, e, &count);

    s->bytes += e->held.size;
    if (partner)
        pair(e, partner);
    else if (count == 0)
        mismatch(s, e, "bytes that no connection of the far side sent");
}

void streams_receive(struct streams *s, struct end *e, uint64_t now_ns, const struct chain *bytes)
{
    pthread_mutex_lock(&s->lock);
    for (uint32_t i = 0; i < bytes->count; i++) {
        struct slice part = chain_at(bytes, i);

        if (!part.size)
            continue;
        if (e->partner)
            receive(s, e, part.data, part.size);
        else
            bytes_add(&e->held, part.data, part.size);
    }
    if (!e->partner)
        receive_unpaired(s, e);
    if (e->partner)
        e->partner->moved_ns = now_ns;
    pthread_mutex_unlock(&s->lock);
}

void streams_wait(struct streams *s, struct end *e, bool waits, uint64_t now_ns)
{
    pthread_mutex_lock(&s->lock);
    if (waits != e->waits)
        e->waits_ns = now_ns;
    e->waits = waits;
    pthread_mutex_unlock(&s->lock);
}

void streams_pause(struct streams *s, struct end *e, bool paused, uint64_t now_ns)
{
    pthread_mutex_lock(&s->lock);
    e->paused = paused;
    if (e->partner)
        e->partner->moved_ns = now_ns;
    pthread_mutex_unlock(&s->lock);
}

void streams_close(struct streams *s, struct end *e, bool fin)
{
    pthread_mutex_lock(&s->lock);
    e->finished = fin && e->state == END_OPEN;
    e->state = END_GONE;
    if (e->partner)
        bytes_free(&e->partner->sent); /* nobody receives it */
    pthread_mutex_unlock(&s->lock);
}

/* Where nothing arrived at all the partner is unknown: one must have closed without having sent a byte. */
static bool ended_empty(const struct streams *s, const struct end *e)
{
    for (const struct end *other = s->ends[e->peer_host]; other; other = other->next)
        if (may_be_partner(e, other) && other->finished && other->sent.size == e->held.size)
            return true;
    return false;
}

void streams_ended(struct streams *s, struct end *e)
{
    pthread_mutex_lock(&s->lock);
    if (e->partner && !e->partner->finished)
        mismatch(s, e, "ended in order, which the far side did not do");
    else if (e->partner ? e->partner->sent.size > 0 : !ended_empty(s, e))
        mismatch(s, e, "ended in order before all bytes had come");
    pthread_mutex_unlock(&s->lock);
    streams_close(s, e, false);
}

/* ---- what is stuck ---- */

static void judge_end(struct streams *s, const struct end *e, uint64_t now_ns)
{
    const struct end *to = e->partner;

    if (e->state != END_OPEN || !to || to->state != END_OPEN || to->paused)
        return;
    if (now_ns - e->moved_ns < STREAMS_STUCK_NS)
        return;
    if (e->sent.size)
        mismatch(s, e, "bytes that were sent never came");
    else if (e->waits && now_ns - e->waits_ns >= STREAMS_STUCK_NS)
        mismatch(s, e, "writable never came");
}

void streams_judge(struct streams *s, uint64_t now_ns)
{
    pthread_mutex_lock(&s->lock);
    for (uint32_t i = 0; i < s->host_count; i++)
        for (const struct end *e = s->ends[i]; e; e = e->next)
            judge_end(s, e, now_ns);
    pthread_mutex_unlock(&s->lock);
}

bool streams_connected(struct streams *s, const struct end *e)
{
    bool connected;

    pthread_mutex_lock(&s->lock);
    connected = e->state == END_OPEN && e->partner && e->partner->state == END_OPEN;
    pthread_mutex_unlock(&s->lock);
    return connected;
}
