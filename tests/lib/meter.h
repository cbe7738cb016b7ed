/* Counts the bytes that are allocated through base/mem.h, in programs linked with METER_LDFLAGS
 * (Makefile): which every allocation of the stack and of the simulator is. Elsewhere it stays 0. */
#ifndef TESTS_LIB_METER_H
#define TESTS_LIB_METER_H

#include <stddef.h>

size_t meter_live(void); /* bytes in use now, without those that are exempt */
size_t meter_peak(void); /* the most of that since meter_mark */
void meter_mark(void);   /* the peak is what is live now */
/* What `size` tells of `of` is not counted, from now on: memory of the test's own engine. NULL: all is counted. */
void meter_exempt(size_t (*size)(const void *of), const void *of);

#endif
