/* Fields by table, and errors that say what would have been right. */
#include "sim/scenario/reader.h"

#include "sim/scenario/scenario.h"
#include "sim/scenario/units.h"
#include "stack/base/check.h"
#include "stack/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ALLOWED_MAX 400 /* characters of a list of what is allowed */
#define SUGGEST_MAX 40  /* longer words get no suggestion */

void reader_fail(struct reader *r, const struct tree *value, const char *format, ...)
{
    va_list args;

    if (r->failed)
        return;
    r->failed = true;
    va_start(args, format);
    tree_verror(r->err, value, false, format, args);
    va_end(args);
}

void reader_fail_key(struct reader *r, const struct tree *value, const char *format, ...)
{
    va_list args;

    if (r->failed)
        return;
    r->failed = true;
    va_start(args, format);
    tree_verror(r->err, value, true, format, args);
    va_end(args);
}

static size_t edit_distance(const char *a, const char *b)
{
    size_t row[SUGGEST_MAX + 1], m = strlen(a), n = strlen(b);

    if (m > SUGGEST_MAX || n > SUGGEST_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; i <= m; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t above = row[j], best = diagonal + (a[i - 1] != b[j - 1]);

            best = above + 1 < best ? above + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = above;
            row[j] = best;
        }
    }
    return row[n];
}

const char *nearest_name(const char *wrong,
                         const char *(*name_at)(const void *names, uint32_t index),
                         const void *names, uint32_t count)
{
    size_t limit = strlen(wrong) / 3 + 1, nearest = SIZE_MAX;
    const char *best = NULL;

    for (uint32_t i = 0; i < count; i++) {
        const char *name = name_at(names, i);
        size_t distance = edit_distance(wrong, name);

        if (distance < nearest && distance <= limit && distance < strlen(name)) {
            nearest = distance;
            best = name;
        }
    }
    return best;
}

/* "a, b, c", cut with "..." when long. */
static void join_names(char *out, const char *(*name_at)(const void *names, uint32_t index),
                       const void *names, uint32_t count)
{
    size_t used = 0;

    out[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        const char *name = name_at(names, i);

        if (used + strlen(name) + 8 > ALLOWED_MAX) {
            snprintf(out + used, ALLOWED_MAX - used, ", ...");
            return;
        }
        used += (size_t)snprintf(out + used, ALLOWED_MAX - used, "%s%s", i ? ", " : "", name);
    }
}

static const char *field_key_at(const void *fields, uint32_t index)
{
    return ((const struct field *)fields)[index].key;
}

static void fail_unknown_key(struct reader *r, const struct tree *t, const struct field *fields,
                             size_t count)
{
    const char *nearest = nearest_name(t->key, field_key_at, fields, (uint32_t)count);
    char allowed[ALLOWED_MAX];

    if (nearest) {
        reader_fail_key(r, t, "is not a key here (did you mean %s?)", nearest);
        return;
    }
    join_names(allowed, field_key_at, fields, (uint32_t)count);
    reader_fail_key(r, t, "is not a key here (allowed: %s)", allowed);
}

static const char *kind_text(enum tree_kind kind)
{
    return kind == TREE_MAP ? "a mapping" : kind == TREE_LIST ? "a list" : "a single value";
}

bool reader_is(struct reader *r, const struct tree *t, enum tree_kind kind, uint32_t count_max)
{
    if (r->failed)
        return false;
    if (t->kind == TREE_SCALAR && !t->quoted && !*t->text)
        reader_fail(r, t, "has no value (it must be %s)", kind_text(kind));
    else if (t->kind != kind)
        reader_fail(r, t, "is %s (it must be %s)", kind_text(t->kind), kind_text(kind));
    else if (count_max && t->count == 0)
        reader_fail(r, t, "is empty (1 to %" PRIu32 " items)", count_max);
    else if (count_max && t->count > count_max)
        reader_fail(r, t, "has %" PRIu32 " items (1 to %" PRIu32 ")", t->count, count_max);
    return !r->failed;
}

void reader_fields(struct reader *r, const struct tree *map, const struct field *fields,
                   size_t count, void *base)
{
    if (!reader_is(r, map, TREE_MAP, 0))
        return;
    for (const struct tree *t = map->first; t; t = t->next) {
        size_t i = 0;

        while (i < count && strcmp(fields[i].key, t->key) != 0)
            i++;
        if (i == count)
            fail_unknown_key(r, t, fields, count);
    }
    for (size_t i = 0; i < count && !r->failed; i++) {
        const struct tree *t = tree_find(map, fields[i].key);

        if (t)
            reader_value(r, t, &fields[i], base);
        else if (fields[i].required)
            reader_fail(r, map, "%s is missing", fields[i].key);
    }
}

/* `value` / `scale` percent, with as many decimals as it needs. */
static const char *format_percent(uint64_t value, uint64_t scale, char *out)
{
    int used = snprintf(out, UNITS_TEXT_MAX, "%" PRIu64, value / scale);

    if (value % scale != 0)
        used += snprintf(out + used, UNITS_TEXT_MAX - (size_t)used, ".");
    for (uint64_t rest = value % scale; rest != 0; rest %= scale) {
        scale /= 10;
        used += snprintf(out + used, UNITS_TEXT_MAX - (size_t)used, "%" PRIu64, rest / scale);
    }
    snprintf(out + used, UNITS_TEXT_MAX - (size_t)used, "%%");
    return out;
}

static const char *format_limit(enum field_kind kind, uint64_t value, char *out)
{
    switch (kind) {
    case FIELD_DURATION:
        return units_format_duration(value, out);
    case FIELD_SIZE:
    case FIELD_SIZE32:
        return units_format_size(value, out);
    case FIELD_BANDWIDTH:
        return units_format_bandwidth(value, out);
    case FIELD_PPM:
    case FIELD_PPB:
        return format_percent(value, kind == FIELD_PPM ? 10000 : 10000000, out);
    case FIELD_U32:
    case FIELD_U64:
    case FIELD_REAL:
    case FIELD_BOOL:
    case FIELD_CHOICE:
    case FIELD_NAME:
    case FIELD_TEXT:
    case FIELD_OTHER:
    default:
        snprintf(out, UNITS_TEXT_MAX, "%" PRIu64, value);
        return out;
    }
}

static const char *parse_number(enum field_kind kind, const char *text, uint64_t *number)
{
    switch (kind) {
    case FIELD_DURATION:
        return units_duration(text, number);
    case FIELD_SIZE:
    case FIELD_SIZE32:
        return units_size(text, number);
    case FIELD_BANDWIDTH:
        return units_bandwidth(text, number);
    case FIELD_PPM:
        return units_ratio(text, 1000000, number);
    case FIELD_PPB:
        return units_ratio(text, 1000000000, number);
    case FIELD_U32:
    case FIELD_U64:
    case FIELD_REAL:
    case FIELD_BOOL:
    case FIELD_CHOICE:
    case FIELD_NAME:
    case FIELD_TEXT:
    case FIELD_OTHER:
    default:
        return units_count(text, number);
    }
}

static void read_number(struct reader *r, const struct tree *t, const struct field *f, void *out)
{
    uint64_t number = 0, max = f->max ? f->max : UNITS_MAX - 1;
    char low[UNITS_TEXT_MAX], high[UNITS_TEXT_MAX];
    const char *wrong = parse_number(f->kind, t->text, &number);

    if (wrong) {
        reader_fail(r, t, "\"%.60s\" %s", t->text, wrong);
        return;
    }
    if (number < f->min || number > max) {
        format_limit(f->kind, f->min, low);
        format_limit(f->kind, max, high);
        if (f->max)
            reader_fail(r, t, "\"%.60s\" is out of range (%s to %s)", t->text, low, high);
        else
            reader_fail(r, t, "\"%.60s\" is out of range (at least %s)", t->text, low);
        return;
    }
    if (f->kind == FIELD_U32 || f->kind == FIELD_SIZE32 || f->kind == FIELD_PPM) {
        uint32_t narrow = (uint32_t)number;

        CHECK(f->max && f->max <= UINT32_MAX);
        memcpy(out, &narrow, sizeof narrow);
    } else {
        memcpy(out, &number, sizeof number);
    }
}

static void read_real(struct reader *r, const struct tree *t, double *out)
{
    bool negative = t->text[0] == '-';
    const char *wrong = units_number(t->text + negative, out);

    if (wrong)
        reader_fail(r, t, "\"%.60s\" %s", t->text, wrong);
    else if (negative)
        *out = -*out;
}

static void read_bool(struct reader *r, const struct tree *t, bool *out)
{
    if (strcmp(t->text, "true") == 0)
        *out = true;
    else if (strcmp(t->text, "false") == 0)
        *out = false;
    else
        reader_fail(r, t, "\"%.60s\" is not allowed (true, false)", t->text);
}

static const char *choice_at(const void *names, uint32_t index)
{
    return ((const char *const *)names)[index];
}

static void read_choice(struct reader *r, const struct tree *t, const struct field *f, void *out)
{
    uint32_t count = 0;
    char allowed[ALLOWED_MAX];

    for (; f->names[count]; count++) {
        int value = (int)count;

        if (strcmp(f->names[count], t->text) != 0)
            continue;
        memcpy(out, &value, sizeof value); /* an enum without negative values has the size of int */
        return;
    }
    join_names(allowed, choice_at, f->names, count);
    reader_fail(r, t, "\"%.60s\" is not allowed (%s)", t->text, allowed);
}

static bool is_name(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") ==
           strlen(text);
}

static void read_name(struct reader *r, const struct tree *t, char **out)
{
    if (!*t->text || !is_name(t->text))
        reader_fail(r, t, "\"%.60s\" is not a name (letters, digits, \"_\", \"-\", \".\")",
                    t->text);
    else if (strlen(t->text) > SCENARIO_NAME_MAX)
        reader_fail(r, t, "\"%.60s...\" is too long (at most %u characters)", t->text,
                    SCENARIO_NAME_MAX);
    else
        *out = arena_text(r->arena, t->text, strlen(t->text));
}

void reader_value(struct reader *r, const struct tree *value, const struct field *field, void *base)
{
    void *out = (char *)base + field->offset;

    if (field->kind == FIELD_OTHER || !reader_is(r, value, TREE_SCALAR, 0))
        return;
    switch (field->kind) {
    case FIELD_REAL:
        read_real(r, value, out);
        return;
    case FIELD_BOOL:
        read_bool(r, value, out);
        return;
    case FIELD_CHOICE:
        read_choice(r, value, field, out);
        return;
    case FIELD_NAME:
        read_name(r, value, out);
        return;
    case FIELD_TEXT:
        *(char **)out = arena_text(r->arena, value->text, strlen(value->text));
        return;
    case FIELD_U32:
    case FIELD_U64:
    case FIELD_DURATION:
    case FIELD_SIZE:
    case FIELD_SIZE32:
    case FIELD_BANDWIDTH:
    case FIELD_PPM:
    case FIELD_PPB:
    case FIELD_OTHER:
    default:
        read_number(r, value, field, out);
    }
}

static const char *struct_name_at(const void *names, uint32_t index)
{
    const struct names *n = names;
    const char *name;

    memcpy(&name, (const char *)n->structs + index * n->size, sizeof name);
    return name;
}

uint32_t reader_lookup(struct reader *r, const struct tree *t, struct names names)
{
    char allowed[ALLOWED_MAX];

    if (!reader_is(r, t, TREE_SCALAR, 0))
        return SCENARIO_NONE;
    for (uint32_t i = 0; i < names.count; i++) {
        if (strcmp(struct_name_at(&names, i), t->text) == 0)
            return i;
    }
    join_names(allowed, struct_name_at, &names, names.count);
    reader_fail(r, t, "\"%.60s\" is not a %s (%s)", t->text, names.what,
                names.count ? allowed : "there are none");
    return SCENARIO_NONE;
}

void reader_unique(struct reader *r, const struct tree *t, const char *name, struct names names)
{
    for (uint32_t i = 0; !r->failed && i < names.count; i++) {
        if (strcmp(struct_name_at(&names, i), name) == 0)
            reader_fail(r, t, "the name \"%.60s\" is given twice", name);
    }
}

const char *reader_file(struct reader *r, const struct tree *t, const char **text, size_t *size)
{
    size_t room = strlen(r->folder) + strlen(t->text) + 1;
    char *path, *read;
    struct scenario_error err;

    if (r->failed)
        return NULL;
    path = arena_alloc(r->scratch, room, 1);
    snprintf(path, room, "%s%s", *t->text == '/' ? "" : r->folder, t->text);
    read = tree_file_read(path, size, &err);
    if (!read) {
        reader_fail(r, t, "%.400s", err.text);
        return NULL;
    }
    *text = arena_text(r->scratch, read, *size);
    mem_free(read);
    return path;
}
