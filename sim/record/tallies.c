/* Control traffic and losses, counted a node and interval: a row an event would be larger than the
 * run. */
#include "sim/record/internal.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

static struct tally *tally_new(uint32_t cells)
{
    struct tally *t = mem_zalloc(sizeof *t + cells * sizeof t->cells[0]);

    t->start_ns = UINT64_MAX;
    return t;
}

static void clear(struct tally *t, uint32_t cells)
{
    memset(t->cells, 0, cells * sizeof t->cells[0]);
}

static void flush_control(struct recorder *r, uint32_t node, struct tally *t)
{
    for (uint32_t i = 0; r->writer && i < TALLY_CONTROL; i++) {
        uint64_t *row;

        if (t->cells[i].items == 0)
            continue;
        row = writer_row(r->writer, ROW_CONTROL);
        row[0] = t->start_ns;
        row[1] = node;
        row[2] = i < TRACE_CONTROL_COUNT;
        row[3] = row_literal(trace_control_text((enum trace_control)(i % TRACE_CONTROL_COUNT)));
        row[4] = t->cells[i].items;
        row[5] = t->cells[i].bytes;
    }
    clear(t, TALLY_CONTROL);
}

static void flush_loss(struct recorder *r, uint32_t node, struct tally *t)
{
    for (uint32_t i = 0; r->writer && i < LOSS_COUNT; i++) {
        uint64_t *row;

        if (t->cells[i].items == 0)
            continue;
        row = writer_row(r->writer, ROW_LOSS);
        row[0] = t->start_ns;
        row[1] = node;
        row[2] = row_literal(i < REJECT_COUNT ? trace_reject_text((enum trace_reject)i)
                                              : "outbound queue full");
        row[3] = t->cells[i].items;
        row[4] = t->cells[i].bytes;
    }
    clear(t, LOSS_COUNT);
}

void tallies_control(struct recorder *r, uint32_t node, uint64_t now_ns,
                     const struct trace_event *e)
{
    struct node_record *n = &r->nodes[node];
    uint64_t start_ns = now_ns - now_ns % r->interval_ns;
    uint32_t cell = (uint32_t)e->code + (e->kind == TRACE_CONTROL_SENT ? 0 : TRACE_CONTROL_COUNT);

    CHECK((unsigned)e->code < TRACE_CONTROL_COUNT);
    if (!n->control)
        n->control = tally_new(TALLY_CONTROL);
    if (n->control->start_ns != start_ns)
        flush_control(r, node, n->control);
    n->control->start_ns = start_ns;
    if (e->kind == TRACE_CONTROL_SENT)
        n->control_sent += e->size;
    else
        n->control_received += e->size;
    n->control->cells[cell].items += e->count;
    n->control->cells[cell].bytes += e->size;
}

void tallies_loss(struct recorder *r, uint32_t node, uint64_t now_ns, const struct trace_event *e)
{
    struct node_record *n = &r->nodes[node];
    uint64_t start_ns = now_ns - now_ns % r->interval_ns;
    uint32_t cell = e->kind == TRACE_DROP ? REJECT_COUNT : (uint32_t)e->code;
    uint64_t messages = e->kind == TRACE_DROP ? e->count : 1;

    CHECK(cell < LOSS_COUNT);
    if (!n->loss)
        n->loss = tally_new(LOSS_COUNT);
    if (n->loss->start_ns != start_ns)
        flush_loss(r, node, n->loss);
    n->loss->start_ns = start_ns;
    n->loss->cells[cell].items += messages;
    n->loss->cells[cell].bytes += e->size;
    if (e->kind == TRACE_DROP)
        r->dropped += messages;
    else
        r->rejected++;
}

void tallies_flush(struct recorder *r, uint32_t node)
{
    struct node_record *n = &r->nodes[node];

    if (n->control)
        flush_control(r, node, n->control);
    if (n->loss)
        flush_loss(r, node, n->loss);
}

void tallies_deinit(struct node_record *n)
{
    mem_free(n->control);
    mem_free(n->loss);
    n->control = n->loss = NULL;
}
