/* Bytes as text: hex, base32, base36, base58btc, base64, and multibase prefixes.
 *
 * Decoding is strict: no white space, no wrong padding, no bits left over; hex may have capitals.
 * Base36 and base58 treat the bytes as one number (leading zero bytes become leading zero digits),
 * which takes quadratic time, so they stop at TEXT_NUMBER_SIZE_MAX bytes. */
#ifndef STACK_WIRE_TEXT_H
#define STACK_WIRE_TEXT_H

#include "stack/base/slice.h"

#define TEXT_NUMBER_SIZE_MAX 128 /* bytes in base36 and base58 */

enum text_base {
    TEXT_HEX,      /* lower case */
    TEXT_BASE32,   /* RFC 4648, lower case, no padding */
    TEXT_BASE36,   /* lower case */
    TEXT_BASE58,   /* the bitcoin alphabet */
    TEXT_BASE64,   /* RFC 4648, padded */
    TEXT_BASE64URL /* RFC 4648 section 5, no padding */
};

/* The most characters that `size` bytes can take, without a NUL (exact but for base36 and base58).
 */
size_t text_size_max(enum text_base base, size_t size);

/* Writes the text of `s` and returns its length; there is no NUL. `room` must be at least
 * text_size_max(base, s.size); base36 and base58 take at most TEXT_NUMBER_SIZE_MAX bytes. */
size_t text_encode(enum text_base base, struct slice s, char *out, size_t room);

/* Decodes into `out` and returns the number of bytes: ERR_MALFORMED; ERR_TOO_LARGE for more than
 * `room`. */
int text_decode(enum text_base base, struct slice text, uint8_t *out, size_t room);

/* The same, with the base told by a multibase prefix: f, b, k, z or u. ERR_UNSUPPORTED for others.
 */
int text_multibase_decode(struct slice text, uint8_t *out, size_t room);

#endif
