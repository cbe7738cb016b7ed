/* Publishing is put off to the end of the loop turn, since what is delivered is told from inside a call into the node. */
#include "sim/live/flood.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/int128.h"

#include <stdio.h>

#define NUMBER_SIZE 8
#define NUMBERS_SIZE (2 * NUMBER_SIZE) /* of the flood, and of the message or a count */
#define LOOK_NS 100000000ull /* how often it is looked whether the flood stands still */

static const char answers_of[] = "%s/acknowledged";

void flood_init(struct flood *f, struct node *node, struct sockets *sockets, struct journal *journal)
{
    *f = (struct flood){.node = node, .sockets = sockets, .journal = journal};
}

/* The topic, and the one for answers. */
static int name_topics(char topic[static FLOOD_TOPIC_MAX + 1], char answers[static FLOOD_TOPIC_MAX + 16], struct slice name)
{
    if (name.size == 0 || name.size > FLOOD_TOPIC_MAX || memchr(name.data, 0, name.size))
        return ERR_INVALID;
    memcpy(topic, name.data, name.size);
    topic[name.size] = '\0';
    snprintf(answers, FLOOD_TOPIC_MAX + 16, answers_of, topic);
    return ERR_OK;
}

/* ---- the node that floods ---- */

static void tell(struct flood *f, uint64_t now_ns, const char *result)
{
    struct jsonl *json = &f->journal->json;
    uint64_t took_ns = now_ns - f->started_ns;

    f->active = false;
    if (!journal_begin(f->journal, now_ns, JOURNAL_FLOODED))
        return;
    jsonl_text(json, "topic", slice_text(f->topic));
    jsonl_text(json, "result", slice_text(result));
    jsonl_number(json, "size", f->order.size);
    jsonl_number(json, "messages", f->sent);
    jsonl_number(json, "acknowledged", f->acknowledged);
    jsonl_milli(json, "duration_us", took_ns);
    if (took_ns > 0)
        jsonl_milli(json, "messages_per_s", mul_div(f->acknowledged, UINT64_C(1000000000000), took_ns));
    journal_end(f->journal);
}

static int publish_next(struct flood *f, uint64_t now_ns)
{
    struct blob *b = blob_new((size_t)f->order.size);
    struct span body = span_give(b);
    int err;

    memset(b->data, 0, b->size);
    store_be64(b->data, f->id);
    store_be64(b->data + NUMBER_SIZE, f->sent + 1);
    err = node_publish(f->node, now_ns, slice_text(f->topic), body);
    span_unref(body);
    f->sent += err == ERR_OK;
    return err;
}

/* Until the time is over, and then until the next number that will be acknowledged. */
static void pump(struct flood *f, uint64_t now_ns)
{
    bool late = now_ns - f->started_ns >= f->order.duration_ns;
    int err = ERR_OK;

    while (err == ERR_OK && f->sent < f->acknowledged + f->order.window && !(late && f->sent % FLOOD_STEP == 0))
        err = publish_next(f, now_ns);
    if (err != ERR_OK)
        tell(f, now_ns, err_text(err));
    else if (late && f->acknowledged == f->sent)
        tell(f, now_ns, "ok");
}

static void pump_later(void *arg, uint64_t now_ns)
{
    struct flood *f = arg;

    if (f->active)
        pump(f, now_ns);
}

static void look(void *arg, uint64_t now_ns)
{
    struct flood *f = arg;

    if (!f->active)
        return;
    if (now_ns - f->progress_ns >= FLOOD_PATIENCE_NS)
        tell(f, now_ns, "no acknowledgement");
    else
        sockets_schedule(f->sockets, now_ns + LOOK_NS, look, f);
}

int flood_start(struct flood *f, uint64_t now_ns, const struct flood_order *order)
{
    int err = f->active ? ERR_DUPLICATE : name_topics(f->topic, f->answers, order->topic);

    CHECK(order->size >= FLOOD_SIZE_MIN && order->size <= FLOOD_SIZE_MAX);
    CHECK(order->window > 0 && order->window <= FLOOD_WINDOW_MAX && order->window % FLOOD_STEP == 0);
    if (err)
        return err;
    f->order = *order;
    f->order.topic = slice_text(f->topic);
    f->active = true;
    f->started_ns = f->progress_ns = now_ns;
    f->id = f->journal->epoch_ns + now_ns;
    f->sent = f->acknowledged = 0;
    node_subscribe(f->node, now_ns, slice_text(f->answers));
    sockets_schedule(f->sockets, now_ns, pump_later, f);
    sockets_schedule(f->sockets, now_ns + LOOK_NS, look, f);
    return ERR_OK;
}

static void acknowledged(struct flood *f, uint64_t now_ns, struct slice numbers)
{
    uint64_t count;

    if (numbers.size != NUMBERS_SIZE || load_be64(numbers.data) != f->id)
        return;
    count = load_be64(numbers.data + NUMBER_SIZE);
    if (count <= f->acknowledged || count > f->sent)
        return;
    f->acknowledged = count;
    f->progress_ns = now_ns;
    sockets_schedule(f->sockets, now_ns, pump_later, f);
}

/* ---- the node that acknowledges ---- */

static void answer(void *arg, uint64_t now_ns)
{
    struct flood *f = arg;
    uint8_t numbers[NUMBERS_SIZE];
    struct span body;

    f->answer_due = false;
    store_be64(numbers, f->counted_id);
    store_be64(numbers + NUMBER_SIZE, f->counted - f->counted % FLOOD_STEP);
    body = span_give(blob_copy(slice_of(numbers, sizeof numbers)));
    node_publish(f->node, now_ns, slice_text(f->counted_answers), body); /* one that is lost, the next one makes good */
    span_unref(body);
}

int flood_acknowledge(struct flood *f, uint64_t now_ns, struct slice topic)
{
    int err = f->acknowledging ? ERR_DUPLICATE : name_topics(f->counted_topic, f->counted_answers, topic);

    if (err)
        return err;
    f->acknowledging = true;
    f->counted = 0;
    node_subscribe(f->node, now_ns, slice_text(f->counted_topic));
    return ERR_OK;
}

static void count(struct flood *f, uint64_t now_ns, struct slice numbers)
{
    if (load_be64(numbers.data) != f->counted_id) {
        f->counted_id = load_be64(numbers.data);
        f->counted = 0;
    }
    if (++f->counted % FLOOD_STEP == 0 && !f->answer_due) {
        f->answer_due = true;
        sockets_schedule(f->sockets, now_ns, answer, f);
    }
}

void flood_delivered(struct flood *f, uint64_t now_ns, const struct gossipsub_message *m)
{
    if (m->received_from == TRACE_NO_PEER)
        return; /* our own */
    if (f->active && slice_equal(m->topic, slice_text(f->answers)))
        acknowledged(f, now_ns, m->data);
    if (f->acknowledging && slice_equal(m->topic, slice_text(f->counted_topic)) && m->data.size >= NUMBERS_SIZE)
        count(f, now_ns, m->data);
}
