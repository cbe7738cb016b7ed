/* The message id functions that networks use. */
#include "stack/gossipsub/gossipsub.h"

#include "stack/base/check.h"
#include "stack/gossipsub/topic.h"

#define FIRST_SIZE 8
#define ETH2_ID_SIZE 20

size_t gossipsub_id_default(const struct gossipsub_message *m, uint8_t out[static GOSSIPSUB_ID_MAX])
{
    CHECK(m->from.size <= PEERID_SIZE_MAX && m->seqno.size <= GOSSIPSUB_SEQNO_MAX);
    if (m->from.size)
        memcpy(out, m->from.data, m->from.size);
    if (m->seqno.size)
        memcpy(out + m->from.size, m->seqno.data, m->seqno.size);
    return m->from.size + m->seqno.size;
}

size_t gossipsub_id_blake2b256(const struct gossipsub_message *m,
                               uint8_t out[static GOSSIPSUB_ID_MAX])
{
    blake2b256(out, m->data, slice_of(NULL, 0));
    return BLAKE2B256_SIZE;
}

size_t gossipsub_id_sha256(const struct gossipsub_message *m, uint8_t out[static GOSSIPSUB_ID_MAX])
{
    sha256(out, m->data, slice_of(NULL, 0));
    return SHA256_SIZE;
}

size_t gossipsub_id_first8(const struct gossipsub_message *m, uint8_t out[static GOSSIPSUB_ID_MAX])
{
    size_t size = m->data.size < FIRST_SIZE ? m->data.size : FIRST_SIZE;

    if (size)
        memcpy(out, m->data.data, size);
    return size;
}

/* Where the data is not compressed with Snappy, as here, the domain is 0. */
size_t gossipsub_id_eth2(const struct gossipsub_message *m, uint8_t out[static GOSSIPSUB_ID_MAX])
{
    uint8_t head[4 + 8 + TOPIC_SIZE_MAX] = {0};

    CHECK(m->topic.size <= TOPIC_SIZE_MAX);
    store_le64(head + 4, m->topic.size);
    if (m->topic.size)
        memcpy(head + 12, m->topic.data, m->topic.size);
    sha256(out, slice_of(head, 12 + m->topic.size), m->data);
    return ETH2_ID_SIZE;
}
