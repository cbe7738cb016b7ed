/* What comes from outside while the loop runs: lines on standard input, and the wish to stop
 * (SIGINT, SIGTERM).
 *
 * Reading never blocks the loop. A line has at most INPUT_LINE_MAX bytes; of a longer one only its
 * length is told. */
#ifndef SIM_LIVE_INPUT_H
#define SIM_LIVE_INPUT_H

#include "stack/backend/epoll.h"
#include "stack/base/buf.h"

#define INPUT_LINE_MAX (8u << 20)

struct input_events {
    void *ctx;
    void (*line)(void *ctx, uint64_t now_ns, struct slice line); /* without its newline */
    void (*overlong)(void *ctx, uint64_t now_ns); /* at the end of a line that was too long */
    void (*stop)(void *ctx, uint64_t now_ns);
};

struct input {
    struct input_events events;
    struct sockets *sockets;
    int fd, epoll_fd, signal_fd;
    struct buf line;
    bool overlong, ended;
};

/* Blocks the two signals and watches `fd`. 0, or ERR_SYSTEM with errno set. */
int input_open(struct input *in, struct sockets *sockets, int fd,
               const struct input_events *events);
void input_close(struct input *in); /* before sockets_free */

/* Bytes of the input, as they come; for input.c and tests. After the last ones: input_feed_end. */
void input_feed(struct input *in, uint64_t now_ns, struct slice bytes);
void input_feed_end(struct input *in, uint64_t now_ns);

#endif
