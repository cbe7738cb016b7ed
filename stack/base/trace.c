/* Names of the trace events. */
#include "stack/base/trace.h"

#include "stack/base/check.h"

const char *trace_kind_text(enum trace_kind kind)
{
#define TRACE_TEXT(name, text) text,
    static const char *const texts[] = {TRACE_TABLE(TRACE_TEXT)};
#undef TRACE_TEXT

    CHECK(kind < TRACE_KIND_COUNT);
    return texts[kind];
}

const char *trace_control_text(enum trace_control control)
{
    static const char *const texts[] = {"subscribe", "ihave",     "iwant",     "graft",
                                        "prune",     "idontwant", "extensions", "partial",
                                        "test-extension"};

    _Static_assert(sizeof texts / sizeof texts[0] == TRACE_CONTROL_COUNT, "one text a control");
    CHECK(control < TRACE_CONTROL_COUNT);
    return texts[control];
}

const char *trace_reject_text(enum trace_reject reject)
{
    static const char *const texts[] = {
        "missing signature",      "unexpected signature", "unexpected auth info",
        "invalid signature",      "self originated message", "validation queue full",
        "validation failed",      "validation ignored",   "malformed",
        "too large",              "validation throttled", "blacklisted peer",
    };

    _Static_assert(sizeof texts / sizeof texts[0] == TRACE_REJECT_COUNT, "one text a reason");
    CHECK((unsigned)reject < TRACE_REJECT_COUNT);
    return texts[reject];
}
