/* What happens, told to the recorder; to a tape while there is none yet. */
#include "sim/run/internal.h"

void report_trace(struct run *run, uint32_t node, uint64_t now_ns, const struct trace_event *event)
{
    if (run->recorder)
        recorder_trace(run->recorder, node, now_ns, event);
    else
        tape_trace(run->tape, node, now_ns, event);
}

void report_node_state(struct run *run, uint32_t node, uint64_t now_ns, bool up)
{
    if (run->recorder)
        recorder_node_state(run->recorder, node, now_ns, up);
    else
        tape_node_state(run->tape, node, now_ns, up);
}

void report_event(struct run *run, uint64_t now_ns, const char *kind, const char *detail)
{
    if (run->recorder)
        recorder_event(run->recorder, now_ns, kind, detail);
    else
        tape_event(run->tape, now_ns, kind, detail);
}

void report_node_event(struct run *run, uint32_t node, uint64_t now_ns, const char *kind, const char *detail)
{
    if (run->recorder)
        recorder_node_event(run->recorder, node, now_ns, kind, detail);
    else
        tape_node_event(run->tape, node, now_ns, kind, detail);
}
