/* Error codes: 0 is success, everything else a negative value from this table.
 *
 * The class says what a caller does: PEER misbehaved (close that connection or stream, maybe score
 * it), LOCAL limit reached (back off), WORLD failed (the network or the file system did). */
#ifndef STACK_BASE_ERR_H
#define STACK_BASE_ERR_H

#define ERR_TABLE(X)                                                                               \
    X(ERR_MALFORMED, 1, PEER, "malformed bytes")                                                   \
    X(ERR_TOO_LARGE, 2, PEER, "larger than the limit")                                             \
    X(ERR_TRUNCATED, 3, PEER, "ends too early")                                                    \
    X(ERR_UNSUPPORTED, 4, PEER, "not supported")                                                   \
    X(ERR_SIGNATURE, 5, PEER, "signature does not verify")                                         \
    X(ERR_AUTH, 6, PEER, "authentication failed")                                                  \
    X(ERR_PROTOCOL, 7, PEER, "protocol violation")                                                 \
    X(ERR_WINDOW, 8, PEER, "flow-control window exceeded")                                         \
    X(ERR_WRONG_PEER, 9, PEER, "the peer is not the one that was dialled")                         \
    X(ERR_LIMIT, 10, LOCAL, "a limit of this node is reached")                                     \
    X(ERR_TIMEOUT, 11, WORLD, "timed out")                                                         \
    X(ERR_REFUSED, 12, WORLD, "connection refused")                                                \
    X(ERR_RESET, 13, WORLD, "connection reset")                                                    \
    X(ERR_UNREACHABLE, 14, WORLD, "host unreachable")                                              \
    X(ERR_CLOSED, 15, WORLD, "closed")                                                             \
    X(ERR_IN_USE, 16, WORLD, "address in use")                                                     \
    X(ERR_SYSTEM, 17, WORLD, "the operating system reported an error")                             \
    X(ERR_DUPLICATE, 18, LOCAL, "duplicate of a connection that is kept")                          \
    X(ERR_SHUTDOWN, 19, LOCAL, "shutting down")                                                    \
    X(ERR_INVALID, 20, LOCAL, "invalid argument")

#define ERR_ENUM(name, value, class, text) name = -(value),
enum err { ERR_OK = 0, ERR_TABLE(ERR_ENUM) };
#undef ERR_ENUM

enum err_class { ERR_CLASS_NONE, ERR_CLASS_PEER, ERR_CLASS_LOCAL, ERR_CLASS_WORLD };

const char *err_text(int err);           /* "malformed bytes"; "unknown error" for anything else */
enum err_class err_class(int err);

#endif
