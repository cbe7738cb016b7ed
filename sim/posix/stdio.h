/* Streams of a program. */
#ifndef SIM_POSIX_STDIO_H
#define SIM_POSIX_STDIO_H

#include "sim/posix/internal.h"

FILE *stdio_over(struct program *p, int fd, const char *mode); /* NULL: no memory */
FILE *stdio_fopen(struct program *p, const char *path, const char *mode, int *err);
int stdio_fileno(struct program *p, FILE *file); /* or -EBADF */
int stdio_fclose(struct program *p, FILE *file); /* 0 or -errno */
int stdio_flush_all(struct program *p);

#endif
