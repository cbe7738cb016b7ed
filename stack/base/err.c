/* Names and classes of the error table. */
#include "stack/base/err.h"

const char *err_text(int err)
{
    switch (err) {
    case ERR_OK:
        return "no error";
#define ERR_CASE(name, value, class, text)                                                         \
    case name:                                                                                     \
        return text;
        ERR_TABLE(ERR_CASE)
#undef ERR_CASE
    default:
        return "unknown error";
    }
}

enum err_class err_class(int err)
{
    switch (err) {
#define ERR_CASE(name, value, class, text)                                                         \
    case name:                                                                                     \
        return ERR_CLASS_##class;
        ERR_TABLE(ERR_CASE)
#undef ERR_CASE
    default:
        return ERR_CLASS_NONE;
    }
}
