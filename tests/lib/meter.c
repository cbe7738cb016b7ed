/* The linker sends every call of mem_... here (--wrap); each block carries its size in front. */
#include "tests/lib/meter.h"

#include "stack/base/check.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#define HEAD_SIZE 16 /* keeps the alignment */

/* Provided by the linker; absent where nothing is wrapped. */
extern void *__real_mem_realloc(void *old, size_t size) __attribute__((weak));
extern void __real_mem_free(void *p) __attribute__((weak));

void *__wrap_mem_alloc(size_t size);
void *__wrap_mem_zalloc(size_t size);
void *__wrap_mem_realloc(void *old, size_t size);
void *__wrap_mem_grow(void *old, size_t count, size_t item_size);
char *__wrap_mem_strdup(const char *text);
void __wrap_mem_free(void *p);

static atomic_size_t live, peak; /* programs may have threads */
static size_t (*exempt_size)(const void *of);
static const void *exempt;

size_t meter_live(void)
{
    return live - (exempt_size ? exempt_size(exempt) : 0);
}

size_t meter_peak(void)
{
    return peak;
}

void meter_mark(void)
{
    peak = meter_live();
}

void meter_exempt(size_t (*size)(const void *of), const void *of)
{
    exempt_size = size;
    exempt = of;
}

static uint8_t *head_of(void *p)
{
    return p ? (uint8_t *)p - HEAD_SIZE : NULL;
}

static size_t size_of(const uint8_t *head)
{
    size_t size = 0;

    if (head)
        memcpy(&size, head, sizeof size);
    return size;
}

static void raise_peak(void)
{
    size_t now = meter_live(), highest = peak;

    while (now > highest && !atomic_compare_exchange_weak(&peak, &highest, now))
        ;
}

void *__wrap_mem_realloc(void *old, size_t size)
{
    uint8_t *head = head_of(old);

    CHECK(size <= SIZE_MAX - HEAD_SIZE);
    atomic_fetch_add(&live, size - size_of(head));
    raise_peak();
    head = __real_mem_realloc(head, HEAD_SIZE + size);
    memcpy(head, &size, sizeof size);
    return head + HEAD_SIZE;
}

void *__wrap_mem_alloc(size_t size)
{
    return __wrap_mem_realloc(NULL, size);
}

void *__wrap_mem_zalloc(size_t size)
{
    return memset(__wrap_mem_alloc(size), 0, size);
}

void *__wrap_mem_grow(void *old, size_t count, size_t item_size)
{
    size_t size;

    CHECK(!__builtin_mul_overflow(count, item_size, &size));
    return __wrap_mem_realloc(old, size);
}

char *__wrap_mem_strdup(const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(__wrap_mem_alloc(size), text, size);
}

void __wrap_mem_free(void *p)
{
    atomic_fetch_sub(&live, size_of(head_of(p)));
    if (p)
        __real_mem_free(head_of(p));
}
