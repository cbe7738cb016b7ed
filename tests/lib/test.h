/* What every unit test includes: cmocka and a few helpers. Tests are named as sentences. */
#ifndef TESTS_LIB_TEST_H
#define TESTS_LIB_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stack/base/chain.h"
#include "stack/base/rng.h"

/* Decodes hex digits (spaces are skipped) into a blob; the test owns it. */
struct blob *hex_blob(const char *hex);
/* Decodes hex into `out`, which must have room; returns the size. */
size_t hex_bytes(const char *hex, uint8_t *out, size_t room);
/* Appends the decoded hex to a chain. */
void chain_append_hex(struct chain *c, const char *hex);

void assert_slice_hex(struct slice got, const char *hex);
void assert_chain_hex(const struct chain *c, const char *hex);

/* For "any split of the input gives the same events": calls `feed` once a piece, in order, with the input cut at places
 * drawn from `r`; pieces of one byte are frequent. */
void split_feed(struct rng *r, struct slice input, void (*feed)(void *ctx, struct slice piece),
                void *ctx);

#endif
