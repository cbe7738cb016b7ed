/* The 12-byte header of every yamux frame: version 0, type, flags, stream id, length; big-endian.
 */
#ifndef STACK_TRANSPORT_YAMUX_FRAME_H
#define STACK_TRANSPORT_YAMUX_FRAME_H

#include "stack/base/slice.h"

#define YAMUX_HEADER_SIZE 12

enum yamux_type { YAMUX_DATA = 0, YAMUX_WINDOW_UPDATE = 1, YAMUX_PING = 2, YAMUX_GO_AWAY = 3 };
enum yamux_flag { YAMUX_SYN = 1, YAMUX_ACK = 2, YAMUX_FIN = 4, YAMUX_RST = 8 };

struct yamux_header {
    enum yamux_type type;
    uint16_t flags;  /* of enum yamux_flag; others are ignored */
    uint32_t id;     /* 0: the session */
    uint32_t length; /* payload bytes, window delta, ping value, code of a go-away or a reset */
};

void yamux_header_write(uint8_t out[static YAMUX_HEADER_SIZE], const struct yamux_header *h);
/* ERR_MALFORMED for a version or type that does not exist. */
int yamux_header_read(const uint8_t in[static YAMUX_HEADER_SIZE], struct yamux_header *h);

#endif
