/* The table of tags. */
#include "stack/algorand/tag.h"

#define TAG_INFO(tag, payload_max, high, kind, wanted, name)                                       \
    [TAG_##tag] = {#tag, payload_max, high, kind, wanted, name},
const struct tag_info tag_table[TAG_COUNT] = {TAG_TABLE(TAG_INFO)};
#undef TAG_INFO

_Static_assert(TAG_COUNT <= 16, "a tag_set has 16 bits");

enum tag tag_find(const uint8_t text[static TAG_SIZE])
{
    for (int tag = 0; tag < TAG_COUNT; tag++)
        if (tag_table[tag].text[0] == (char)text[0] && tag_table[tag].text[1] == (char)text[1])
            return (enum tag)tag;
    return TAG_COUNT;
}

tag_set tag_set_default(void)
{
    unsigned set = 0;

    for (int tag = 0; tag < TAG_COUNT; tag++)
        if (tag_table[tag].wanted)
            set |= 1u << tag;
    return (tag_set)set;
}
