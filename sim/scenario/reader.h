/* Reads mappings of a tree into structs, by tables of fields; keeps the first error.
 *
 * After an error every call returns quickly and the results mean nothing: the caller asks once, at
 * the end. What is read is allocated in the reader's arena. */
#ifndef SIM_SCENARIO_READER_H
#define SIM_SCENARIO_READER_H

#include "sim/scenario/tree.h"

struct reader {
    struct arena *arena;   /* of the result */
    struct arena *scratch; /* until everything is read */
    struct scenario_error *err;
    const char *folder; /* of the scenario, with a slash at its end, or "" */
    bool failed;
};

enum field_kind {
    FIELD_U32,       /* a whole number, into uint32_t */
    FIELD_U64,       /* into uint64_t, as all that follow but where said */
    FIELD_DURATION,  /* ns */
    FIELD_SIZE,      /* bytes */
    FIELD_SIZE32,    /* bytes, into uint32_t */
    FIELD_BANDWIDTH, /* bits per second */
    FIELD_PPM,       /* a ratio ("25%", "0.25") in millionths, into uint32_t */
    FIELD_PPB,       /* a ratio in billionths */
    FIELD_REAL,      /* a number, may be negative, into double; min and max do not count */
    FIELD_BOOL,      /* true or false, into bool */
    FIELD_CHOICE,    /* one of `names`, its position into an enum */
    FIELD_NAME,      /* letters, digits, "_", "-", ".", into char * */
    FIELD_TEXT,      /* any line of text, into char * */
    FIELD_OTHER      /* anything: the caller reads it itself */
};

struct field {
    const char *key;
    enum field_kind kind;
    bool required;
    size_t offset;
    uint64_t min, max;        /* of the number; max 0: UNITS_MAX - 1 */
    const char *const *names; /* FIELD_CHOICE: ends with NULL */
};

/* Reads the mapping into the struct at `base`; what is not given stays as it is. */
void reader_fields(struct reader *r, const struct tree *map, const struct field *fields,
                   size_t count, void *base);
/* One value by itself; `base` + field->offset receives it. */
void reader_value(struct reader *r, const struct tree *value, const struct field *field,
                  void *base);

/* The value must be of that kind, with at most `count_max` items (at least one when `count_max` is
 * not 0). */
bool reader_is(struct reader *r, const struct tree *t, enum tree_kind kind, uint32_t count_max);

/* Structs whose first member is their name, a char *. */
struct names {
    const char *what; /* "region" */
    const void *structs;
    uint32_t count;
    size_t size; /* of one */
};
#define NAMES(what, structs, count)                                                                \
    (struct names)                                                                                 \
    {                                                                                              \
        what, structs, count, sizeof *(structs)                                                    \
    }

/* The index of a name; SCENARIO_NONE and an error ("is not a region (australia, ...)") when there
 * is none. */
uint32_t reader_lookup(struct reader *r, const struct tree *t, struct names names);
/* Refuses a name that is there already. */
void reader_unique(struct reader *r, const struct tree *t, const char *name, struct names names);

__attribute__((format(printf, 3, 4))) void reader_fail(struct reader *r, const struct tree *value,
                                                       const char *format, ...);
__attribute__((format(printf, 3, 4))) void
reader_fail_key(struct reader *r, const struct tree *value, const char *format, ...);

/* The path of the file that `t` names, beside the scenario, and its text, both scratch; NULL on
 * error. */
const char *reader_file(struct reader *r, const struct tree *t, const char **text, size_t *size);

/* The nearest of the names when it is near enough to be meant, else NULL; `name_at` gives them by
 * index. */
const char *nearest_name(const char *wrong,
                         const char *(*name_at)(const void *names, uint32_t index),
                         const void *names, uint32_t count);

#endif
