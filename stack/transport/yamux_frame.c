/* yamux header codec. */
#include "stack/transport/yamux_frame.h"

#include "stack/base/check.h"
#include "stack/base/err.h"

void yamux_header_write(uint8_t out[static YAMUX_HEADER_SIZE], const struct yamux_header *h)
{
    CHECK(h->type <= YAMUX_GO_AWAY);
    out[0] = 0;
    out[1] = (uint8_t)h->type;
    store_be16(out + 2, h->flags);
    store_be32(out + 4, h->id);
    store_be32(out + 8, h->length);
}

int yamux_header_read(const uint8_t in[static YAMUX_HEADER_SIZE], struct yamux_header *h)
{
    if (in[0] != 0 || in[1] > YAMUX_GO_AWAY)
        return ERR_MALFORMED;
    h->type = (enum yamux_type)in[1];
    h->flags = load_be16(in + 2);
    h->id = load_be32(in + 4);
    h->length = load_be32(in + 8);
    return ERR_OK;
}
