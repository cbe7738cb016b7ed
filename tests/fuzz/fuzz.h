/* What every fuzz target includes. A target is one function over bytes; libFuzzer drives it in
 * `make fuzz`, replay.c runs it over the files of its corpus in `make replay`. Beyond not crashing
 * it states with CHECK what must hold for all inputs. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "stack/base/chain.h"
#include "stack/base/check.h"
#include "stack/base/rng.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A broken CHECK must end as a crash, or libFuzzer keeps no input. */
__attribute__((constructor)) static void fuzz_begin(void)
{
    check_set_hook(abort);
}

/* libfyaml 0.7.12 itself keeps 2 KiB when it gives up on some files (corpus/scenario/quotes-in-plain-text). Ours is not excused. */
const char *__lsan_default_suppressions(void);
__attribute__((weak)) const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml.so";
}

/* The first byte of the input, taken off it: 0 when there is none. For what a target may choose. */
static inline uint8_t fuzz_choice(struct slice *input)
{
    uint8_t choice = input->size ? input->data[0] : 0;

    if (input->size)
        *input = slice_of(input->data + 1, input->size - 1);
    return choice;
}

/* Takes the next piece off the input, for "any split gives the same events": of a size that depends
 * on the bytes alone. */
static inline struct slice fuzz_piece(struct rng *r, struct slice *input)
{
    size_t longest = rng_chance(r, 1, 2) ? 1 + input->size / 8 : input->size;
    struct slice piece = slice_of(input->data, 1 + (size_t)rng_below(r, longest));

    *input = slice_of(input->data + piece.size, input->size - piece.size);
    return piece;
}

/* A digest of events: order and values count. */
static inline void fuzz_note(uint64_t *digest, uint64_t value)
{
    *digest = (*digest ^ value) * 0x9e3779b97f4a7c15u;
    *digest ^= *digest >> 29;
}

#endif
