/* Formats and throttles. */
#include "sim/run/progress.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "sim/record/summary.h"
#include "stack/base/int128.h"

#define SECOND_NS ((uint64_t)1000000000)
#define BAR_EVERY_NS (SECOND_NS / 5)
#define LINE_EVERY_NS (5 * SECOND_NS)
#define LINE_WIDTH 120
#define BAR_WIDTH 24

void progress_init(struct progress *p, FILE *out, enum progress_mode mode, uint64_t total_ns)
{
    *p = (struct progress){.total_ns = total_ns};
    if (mode == PROGRESS_OFF)
        return;
    p->out = out;
    p->bar = isatty(fileno(out)) == 1;
    p->next_ns = p->bar ? BAR_EVERY_NS : LINE_EVERY_NS;
}

static unsigned terminal_width(FILE *out)
{
    struct winsize size;

    if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return size.ws_col;
}

/* "7.5 s", "2m05s", "3h20m". */
static const char *duration(uint64_t ns, char out[static SUMMARY_NUMBER_MAX])
{
    unsigned long long s = ns / SECOND_NS;
    char number[SUMMARY_NUMBER_MAX];

    if (s < 60)
        snprintf(out, SUMMARY_NUMBER_MAX, "%.20s s", summary_decimal(ns / 1000, 1, number));
    else if (s < 3600)
        snprintf(out, SUMMARY_NUMBER_MAX, "%llum%02llus", s / 60, s % 60);
    else
        snprintf(out, SUMMARY_NUMBER_MAX, "%lluh%02llum", s / 3600, s / 60 % 60);
    return out;
}

/* Appends a part when it fits whole. */
static void append(char *line, unsigned width, const char *separator, const char *part)
{
    size_t used = strlen(line), size = strlen(separator) + strlen(part);

    if (used == 0)
        separator = "";
    if (size > width || used > width - size)
        return;
    strcpy(line + used, separator);
    strcat(line, part);
}

static void append_bar(char *line, unsigned width, unsigned percent)
{
    char text[BAR_WIDTH + 3];
    unsigned filled = percent * BAR_WIDTH / 100;

    text[0] = '[';
    memset(text + 1, '#', filled);
    memset(text + 1 + filled, '.', BAR_WIDTH - filled);
    text[BAR_WIDTH + 1] = ']';
    text[BAR_WIDTH + 2] = 0;
    append(line, width, "", text);
}

void progress_format(char out[static PROGRESS_LINE_MAX], uint64_t total_ns,
                     const struct progress_state *now, bool bar, unsigned width)
{
    bool endless = total_ns == UINT64_MAX || total_ns == 0;
    uint64_t sim_ns = !endless && now->sim_ns > total_ns ? total_ns : now->sim_ns;
    unsigned percent = endless ? 0 : (unsigned)mul_div(sim_ns, 100, total_ns);
    char part[3 * SUMMARY_NUMBER_MAX], a[SUMMARY_NUMBER_MAX], b[SUMMARY_NUMBER_MAX];

    if (width > PROGRESS_LINE_MAX - 1)
        width = PROGRESS_LINE_MAX - 1;
    out[0] = 0;
    if (!endless) {
        if (bar && width >= 60)
            append_bar(out, width, percent);
        snprintf(part, sizeof part, "%3u%%", percent);
        append(out, width, " ", part);
    }
    if (endless)
        snprintf(part, sizeof part, "%s simulated", duration(sim_ns, a));
    else
        snprintf(part, sizeof part, "%s of %s", duration(sim_ns, a), duration(total_ns, b));
    append(out, width, " ", part);
    if (!endless && sim_ns > 0 && now->wall_ns > 0) {
        snprintf(part, sizeof part, "%s left",
                 duration(mul_div(total_ns - sim_ns, now->wall_ns, sim_ns), a));
        append(out, width, ", ", part);
    }
    snprintf(part, sizeof part, "%s deliveries", summary_grouped(now->deliveries, a));
    append(out, width, ", ", part);
    snprintf(part, sizeof part, "%s wall", duration(now->wall_ns, a));
    append(out, width, ", ", part);
    if (now->wall_ns > 0) {
        snprintf(part, sizeof part, "%s x real time",
                 summary_decimal(mul_div(sim_ns, 1000000, now->wall_ns), 2, a));
        append(out, width, ", ", part);
    }
}

void progress_update(struct progress *p, const struct progress_state *now)
{
    char line[PROGRESS_LINE_MAX];

    if (!p->out || now->wall_ns < p->next_ns)
        return;
    p->next_ns = now->wall_ns + (p->bar ? BAR_EVERY_NS : LINE_EVERY_NS);
    /* one column stays free: a full line makes some terminals wrap */
    progress_format(line, p->total_ns, now, p->bar,
                    p->bar ? terminal_width(p->out) - 1 : LINE_WIDTH);
    fprintf(p->out, p->bar ? "\r%s\033[K" : "%s\n", line);
    fflush(p->out);
}

void progress_finish(struct progress *p)
{
    if (p->out && p->bar) {
        fputs("\r\033[K", p->out);
        fflush(p->out);
    }
    p->out = NULL;
}
