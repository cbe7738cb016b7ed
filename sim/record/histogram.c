/* Buckets: index = (power << 10) + top eleven bits, which makes the linear start and the powers
 * meet. */
#include "sim/record/histogram.h"

#include "stack/base/check.h"
#include "stack/base/int128.h"
#include "stack/base/mem.h"

#define PAGE_SIZE (1u << HISTOGRAM_SUB_BITS)

void histogram_init(struct histogram *h)
{
    *h = (struct histogram){.min = UINT64_MAX};
}

void histogram_deinit(struct histogram *h)
{
    for (int i = 0; i < HISTOGRAM_PAGES; i++)
        mem_free(h->pages[i]);
    histogram_init(h);
}

static uint32_t bucket_of(uint64_t value)
{
    uint32_t shift;

    if (value < 2 * PAGE_SIZE)
        return (uint32_t)value;
    shift = 63 - (uint32_t)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
    return (shift << HISTOGRAM_SUB_BITS) + (uint32_t)(value >> shift);
}

/* The middle of a bucket, but never outside of what was added; the last one stands for the maximum
 * itself. */
static uint64_t bucket_value(const struct histogram *h, uint32_t bucket)
{
    uint64_t value = bucket;

    if (bucket >= 2 * PAGE_SIZE) {
        uint32_t shift = (bucket >> HISTOGRAM_SUB_BITS) - 1;

        value = ((uint64_t)(bucket - (shift << HISTOGRAM_SUB_BITS)) << shift) +
                ((uint64_t)1 << shift) / 2;
    }
    if (value < h->min)
        value = h->min;
    return bucket == bucket_of(h->max) ? h->max : value;
}

static uint64_t *cell_of(struct histogram *h, uint32_t bucket)
{
    uint32_t page = bucket >> HISTOGRAM_SUB_BITS;

    CHECK(page < HISTOGRAM_PAGES);
    if (!h->pages[page])
        h->pages[page] = mem_zalloc(PAGE_SIZE * sizeof(uint64_t));
    return &h->pages[page][bucket & (PAGE_SIZE - 1)];
}

void histogram_add(struct histogram *h, uint64_t value)
{
    histogram_add_many(h, value, 1);
}

void histogram_add_many(struct histogram *h, uint64_t value, uint64_t count)
{
    CHECK(count > 0);
    *cell_of(h, bucket_of(value)) += count;
    h->count += count;
    h->sum += value * count;
    if (value < h->min)
        h->min = value;
    if (value > h->max)
        h->max = value;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (uint32_t page = 0; page < HISTOGRAM_PAGES; page++)
        for (uint32_t i = 0; from->pages[page] && i < PAGE_SIZE; i++)
            if (from->pages[page][i])
                *cell_of(into, (page << HISTOGRAM_SUB_BITS) + i) += from->pages[page][i];
    into->count += from->count;
    into->sum += from->sum;
    if (from->min < into->min)
        into->min = from->min;
    if (from->max > into->max)
        into->max = from->max;
}

bool histogram_next(const struct histogram *h, uint32_t *position, uint64_t *value, uint64_t *count)
{
    while (*position < HISTOGRAM_PAGES * PAGE_SIZE) {
        uint32_t bucket = *position;
        const uint64_t *page = h->pages[bucket >> HISTOGRAM_SUB_BITS];

        if (!page) {
            *position = ((bucket >> HISTOGRAM_SUB_BITS) + 1) << HISTOGRAM_SUB_BITS;
            continue;
        }
        (*position)++;
        *count = page[bucket & (PAGE_SIZE - 1)];
        if (*count) {
            *value = bucket_value(h, bucket);
            return true;
        }
    }
    return false;
}

double histogram_mean(const struct histogram *h)
{
    CHECK(h->count > 0);
    return (double)h->sum / (double)h->count;
}

uint64_t histogram_quantile(const struct histogram *h, uint32_t q_ppm)
{
    uint64_t rank = (uint64_t)(((uint128)h->count * q_ppm + 999999) / 1000000);
    uint64_t value, count, seen = 0;
    uint32_t position = 0;

    CHECK(h->count > 0 && q_ppm > 0 && q_ppm <= 1000000);
    if (rank == h->count)
        return h->max;
    while (histogram_next(h, &position, &value, &count)) {
        seen += count;
        if (seen >= rank)
            return value;
    }
    UNREACHABLE();
}
