/* Decrypts captured connections and lists their yamux frames as lines of JSON (README.md). */
#ifndef SIM_LIVE_DECRYPT_H
#define SIM_LIVE_DECRYPT_H

#include "stack/base/slice.h"

#include <stdio.h>

#define DECRYPT_ERROR_MAX 256

struct decrypt_totals {
    uint64_t connections; /* with keys, and seen from their start */
    uint64_t skipped;     /* without */
    uint64_t frames;
    uint64_t broken; /* directions given up: a gap in the capture, a key that does not fit */
};

/* `pcap` and `keylog` are whole files. `data`: with the payload of Data frames. False with a
 * sentence in `error` when one of the files cannot be read. */
bool decrypt_capture(struct slice pcap, struct slice keylog, bool data, FILE *out,
                     struct decrypt_totals *totals, char error[static DECRYPT_ERROR_MAX]);

#endif
