/* Greedy, over lines. */
#include "tests/swarm/shrink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINES_MAX 256

struct lines {
    char *items[LINES_MAX];
    size_t count;
};

static void lines_split(struct lines *l, const char *text)
{
    l->count = 0;
    while (*text && l->count < LINES_MAX) {
        size_t size = strcspn(text, "\n");

        l->items[l->count++] = strndup(text, size);
        text += size + (text[size] == '\n');
    }
}

static char *lines_join(const struct lines *l, const bool *out)
{
    char *text;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    for (size_t i = 0; i < l->count; i++)
        if (!out[i])
            fprintf(f, "%s\n", l->items[i]);
    fclose(f);
    return text;
}

static bool still_fails(const struct lines *l, const bool *out, const struct draw *d, enum plant plant, const char *rule)
{
    char *text = lines_join(l, out);
    struct outcome o;

    trial_run("shrunk", text, d, plant, &o);
    free(text);
    return !o.passed && !o.unreadable && strcmp(o.rule, rule) == 0;
}

static size_t indent(const char *line)
{
    return strspn(line, " ");
}

/* The line and what is indented below it. */
static size_t block(const struct lines *l, size_t at)
{
    size_t end = at + 1;

    while (end < l->count && indent(l->items[end]) > indent(l->items[at]))
        end++;
    return end;
}

static void lower(char *line)
{
    char *digits = line + strcspn(line, "0123456789");
    unsigned long number = strtoul(digits, NULL, 10);
    char rest[160];

    if (!strstr(line, "    count: ") || number < 2)
        return;
    snprintf(rest, sizeof rest, "%s", digits + strspn(digits, "0123456789"));
    snprintf(digits, strlen(digits) + 1, "%lu%s", number / 2, rest);
}

static bool leave_out(const struct lines *l, bool *out, size_t from, size_t to, const struct draw *d, enum plant plant, const char *rule)
{
    bool before[LINES_MAX];

    memcpy(before, out, sizeof before);
    memset(out + from, 1, to - from);
    if (still_fails(l, out, d, plant, rule))
        return true;
    memcpy(out, before, sizeof before);
    return false;
}

static time_t seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

char *shrink(const char *text, const struct draw *d, enum plant plant, const char *rule, unsigned max_s)
{
    time_t end = seconds() + (time_t)max_s;
    struct lines l;
    bool out[LINES_MAX] = {false}, smaller = true;
    char *result;

    lines_split(&l, text);
    while (smaller && seconds() < end) {
        smaller = false;
        for (size_t i = 0; i < l.count && seconds() < end; i++) {
            char *old;

            if (out[i])
                continue;
            if (leave_out(&l, out, i, block(&l, i), d, plant, rule)) {
                smaller = true;
                continue;
            }
            old = strdup(l.items[i]);
            lower(l.items[i]);
            if (strcmp(old, l.items[i]) != 0 && still_fails(&l, out, d, plant, rule))
                smaller = true;
            else
                strcpy(l.items[i], old);
            free(old);
        }
    }
    result = lines_join(&l, out);
    for (size_t i = 0; i < l.count; i++)
        free(l.items[i]);
    return result;
}
