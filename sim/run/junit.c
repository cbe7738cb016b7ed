/* JUnit XML. Cases are kept until the end, since a suite's head counts them. */
#include "sim/run/junit.h"

#include "stack/base/mem.h"

#include <stdio.h>

struct junit_row {
    char *suite, *name, *message;
    bool passed;
};

struct junit {
    char *path, *suite;
    struct junit_row *rows;
    unsigned count, capacity, failed;
};

struct junit *junit_open(const char *path)
{
    struct junit *j;

    if (!path)
        return NULL;
    j = mem_zalloc(sizeof *j);
    j->path = mem_strdup(path);
    j->suite = mem_strdup("hearsay");
    return j;
}

void junit_suite(struct junit *j, const char *name)
{
    if (!j)
        return;
    mem_free(j->suite);
    j->suite = mem_strdup(name);
}

void junit_case(struct junit *j, const char *name, bool passed, const char *message)
{
    if (!j)
        return;
    if (j->count == j->capacity) {
        j->capacity = j->capacity ? j->capacity * 2 : 16;
        j->rows = mem_grow(j->rows, j->capacity, sizeof *j->rows);
    }
    j->rows[j->count++] = (struct junit_row){mem_strdup(j->suite), mem_strdup(name), mem_strdup(message), passed};
    j->failed += !passed;
}

/* Control characters have no place in XML 1.0 and become "?". */
static void put_escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc((unsigned char)*text < 0x20 ? '?' : *text, out);
        }
    }
}

static void put_row(FILE *out, const struct junit_row *row)
{
    fputs("  <testcase classname=\"", out);
    put_escaped(out, row->suite);
    fputs("\" name=\"", out);
    put_escaped(out, row->name);
    if (row->passed) {
        fputs("\"/>\n", out);
        return;
    }
    fputs("\">\n    <failure message=\"", out);
    put_escaped(out, row->message);
    fputs("\"/>\n  </testcase>\n", out);
}

bool junit_close(struct junit *j)
{
    FILE *out;
    bool ok;

    if (!j)
        return true;
    out = fopen(j->path, "w");
    ok = out != NULL;
    if (out) {
        fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"hearsay\" tests=\"%u\" failures=\"%u\">\n",
                j->count, j->failed);
        for (unsigned i = 0; i < j->count; i++)
            put_row(out, &j->rows[i]);
        fputs("</testsuite>\n", out);
        ok = !ferror(out);
        ok = fclose(out) == 0 && ok;
    }
    for (unsigned i = 0; i < j->count; i++) {
        mem_free(j->rows[i].suite);
        mem_free(j->rows[i].name);
        mem_free(j->rows[i].message);
    }
    mem_free(j->rows);
    mem_free(j->path);
    mem_free(j->suite);
    mem_free(j);
    return ok;
}
