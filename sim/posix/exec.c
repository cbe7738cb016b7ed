/* The programs of a run: their lives, their folders, their output cut into lines. */
#include "sim/posix/tenant.h"

#include "stack/base/check.h"
#include "stack/base/map.h"
#include "stack/base/mem.h"
#include "stack/base/rng.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define LINE_MAX_SIZE ((size_t)16 << 20)
#define PATH_ROOM 3000

/* The suite's as Shadow would call them. */
static const char *const output_names[2][2] = {{"stdout", "stderr"}, {"hearsay.1000.stdout", "hearsay.1000.stderr"}};

static struct run *watched; /* the one whose limits hold */

/* ---- lists of arguments ---- */

void words_add(struct words *w, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    int size;

    va_start(args, format);
    size = vasprintf(&text, format, args);
    va_end(args);
    CHECK(size >= 0);
    w->items = mem_grow(w->items, (size_t)w->count + 1, sizeof *w->items);
    w->items[w->count++] = mem_strdup(text);
    free(text);
}

void words_free(struct words *w)
{
    for (int i = 0; i < w->count; i++)
        mem_free(w->items[i]);
    mem_free(w->items);
}

/* ---- slots ---- */

uint32_t tenant_slot(struct tenant *t, const struct peerid *peer, bool *is_new)
{
    uint32_t slot = 0, free_slot = t->slot_count;

    for (slot = 0; slot < t->slot_count; slot++) {
        if (peerid_equal(&t->slots[slot], peer)) {
            *is_new = false;
            return slot;
        }
        if (t->slots[slot].size == 0 && free_slot == t->slot_count)
            free_slot = slot;
    }
    if (free_slot == t->slot_count)
        t->slots = mem_grow(t->slots, ++t->slot_count, sizeof *t->slots);
    t->slots[free_slot] = *peer;
    *is_new = true;
    return free_slot;
}

void tenant_slot_free(struct tenant *t, uint32_t slot)
{
    t->slots[slot].size = 0;
}

void exec_host_name(const struct exec *e, uint32_t node, char out[static SCENARIO_NODE_NAME_SIZE])
{
    if (e->config.kind == EXEC_INTEROP)
        snprintf(out, SCENARIO_NODE_NAME_SIZE, "node%" PRIu32, node); /* as the suite calls them */
    else
        scenario_node_name(run_scenario_of(e->run), node, out);
}

/* ---- what a program asks and tells ---- */

__attribute__((format(printf, 4, 5))) static void complain(char *where, const struct tenant *t, uint64_t now_ns, const char *format, ...)
{
    char name[SCENARIO_NODE_NAME_SIZE], what[400];
    va_list args;

    if (where[0])
        return;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    exec_host_name(t->exec, t->node, name);
    snprintf(where, EXEC_ERROR_MAX, "the program of %s %s (at %.3f s; its output is in %.100s/hosts/%s)", name, what, (double)now_ns / 1e9,
             t->exec->config.folder, name);
}

static void take_line(struct tenant *t, uint64_t now_ns, struct slice line)
{
    bool understood = true;

    if (t->exec->config.kind == EXEC_NODE)
        understood = exec_node_line(t, now_ns, line);
    else if (t->exec->config.kind == EXEC_INTEROP)
        understood = exec_suite_line(t, now_ns, line);
    if (!understood)
        complain(t->exec->failure, t, now_ns, "wrote a line that is not understood: %.*s", (int)(line.size < 120 ? line.size : 120), (const char *)line.data);
}

static void told(void *ctx, uint64_t now_ns, struct slice bytes)
{
    struct tenant *t = ctx;

    if (t->exec->config.kind == EXEC_OTHER) {
        t->output_size += bytes.size;
        t->output_hash = hash_bytes(t->output_hash, bytes);
        return;
    }
    while (bytes.size > 0) {
        const uint8_t *newline = memchr(bytes.data, '\n', bytes.size);
        size_t size = newline ? (size_t)(newline - bytes.data) : bytes.size;

        if (newline && t->line.size == 0) {
            take_line(t, now_ns, slice_of(bytes.data, size));
        } else {
            buf_append(&t->line, bytes.data, size);
            if (newline)
                take_line(t, now_ns, buf_slice(&t->line));
            if (newline)
                buf_clear(&t->line);
        }
        size += newline != NULL;
        bytes = slice_of(bytes.data + size, bytes.size - size);
    }
}

static bool resolve(void *ctx, const char *name, struct endpoint *out)
{
    const struct exec *e = ((const struct tenant *)ctx)->exec;
    char known[SCENARIO_NODE_NAME_SIZE];
    const char *digits = name + strlen(name);
    unsigned long number;

    while (digits > name && digits[-1] >= '0' && digits[-1] <= '9')
        digits--;
    number = strtoul(digits, NULL, 10);
    for (uint32_t i = e->config.kind == EXEC_INTEROP ? (uint32_t)number : 0; i < e->count; i++) {
        exec_host_name(e, i, known);
        if (strcmp(known, name) == 0) {
            *out = *run_address(e->run, i);
            return true;
        }
        if (e->config.kind == EXEC_INTEROP)
            return false;
    }
    return false;
}

/* ---- lives ---- */

/* Takes what is left of it away. */
static void clear(struct tenant *t)
{
    struct program_counts c;

    if (!t->program)
        return;
    c = program_counts(t->program);
    run_place(t->exec->run, t->node, NULL, NULL);
    t->sent += c.bytes_sent;
    t->received += c.bytes_received;
    program_free(t->program);
    t->program = NULL;
    buf_clear(&t->line);
    t->slot_count = 0;
    exec_node_forget(t);
}

static void bury(void *arg, uint64_t now_ns)
{
    struct tenant *t = arg;
    char words[400];

    if (!t->program || t->ended_life != t->lives)
        return;
    snprintf(words, sizeof words, "%s", program_words(t->program));
    clear(t);
    run_retire(t->exec->run, t->node, now_ns, "program-ended", t->stopping ? NULL : words);
}

/* The beginning of what it said about it; "" when it said nothing. */
static const char *last_words(const struct tenant *t, char out[static 200])
{
    char name[SCENARIO_NODE_NAME_SIZE], path[PATH_ROOM];
    size_t size = 0;
    FILE *f;

    exec_host_name(t->exec, t->node, name);
    snprintf(path, sizeof path, "%.2048s/hosts/%s/%s", t->exec->config.folder, name, output_names[t->exec->config.kind == EXEC_INTEROP][1]);
    f = fopen(path, "r");
    if (f) {
        size = fread(out, 1, 199, f);
        fclose(f);
    }
    out[size] = '\0';
    out[strcspn(out, "\n")] = '\0';
    return out;
}

static void on_end(void *ctx, uint64_t now_ns)
{
    struct tenant *t = ctx;
    struct exec *e = t->exec;
    char said[200];

    if (program_state(t->program) == PROGRAM_STUCK)
        complain(e->failure, t, now_ns, "%s", program_words(t->program));
    else if (!t->stopping && (program_state(t->program) == PROGRAM_KILLED || program_status(t->program) != 0))
        complain(e->complaint, t, now_ns, "%s%s%s", program_words(t->program), *last_words(t, said) ? ": " : "", said);
    t->ended_life = t->lives;
    run_schedule(e->run, t->node, now_ns, bury, t); /* not from within its own upcall */
}

static bool make_folder(const char *path)
{
    return mkdir(path, 0777) == 0 || errno == EEXIST;
}

static bool prepare_folder(const struct tenant *t, char *path, char *error)
{
    const struct exec *e = t->exec;
    char name[SCENARIO_NODE_NAME_SIZE], file[PATH_ROOM + 24];

    exec_host_name(e, t->node, name);
    snprintf(path, PATH_ROOM, "%.2048s/hosts/%s", e->config.folder, name);
    if (!make_folder(path)) {
        snprintf(error, EXEC_ERROR_MAX, "cannot make the folder %.400s: %s", path, strerror(errno));
        return false;
    }
    if (t->lives == 0) { /* what an earlier run left */
        for (int i = 0; i < 2; i++) {
            snprintf(file, sizeof file, "%s/%s", path, output_names[e->config.kind == EXEC_INTEROP][i]);
            (void)remove(file);
        }
    }
    return true;
}

static bool begin_life(struct tenant *t, char *error)
{
    struct exec *e = t->exec;
    struct words words = {0};
    char folder[PATH_ROOM], name[SCENARIO_NODE_NAME_SIZE];
    struct program_config c = {.host_name = name,
                               .folder = folder,
                               .output_name = output_names[e->config.kind == EXEC_INTEROP][0],
                               .errors_name = output_names[e->config.kind == EXEC_INTEROP][1],
                               .address = *run_address(e->run, t->node),
                               .seed = rng_derive(rng_derive(run_scenario_of(e->run)->seed, "program", t->node), "life", t->lives),
                               .ops = run_backend(e->run),
                               .host = run_host(e->run, t->node),
                               .ctx = t,
                               .told = told,
                               .ended = on_end,
                               .resolve = resolve};
    bool ok = prepare_folder(t, folder, error);

    exec_host_name(e, t->node, name);
    words_add(&words, "%s", e->config.kind == EXEC_OTHER ? e->config.program : "hearsay");
    if (ok && e->config.kind == EXEC_NODE)
        ok = exec_node_prepare(t, &words, error);
    if (e->config.kind == EXEC_INTEROP)
        exec_suite_arguments(t, &words);
    if (e->config.kind == EXEC_OTHER)
        exec_other_arguments(t, &words);
    c.argc = words.count;
    c.argv = (const char *const *)words.items;
    t->program = ok ? program_new(e->image, &c, error) : NULL;
    words_free(&words);
    return t->program != NULL;
}

static void start(void *ctx, uint32_t node, uint64_t now_ns)
{
    struct exec *e = ctx;
    struct tenant *t = &e->tenants[node];
    char error[EXEC_ERROR_MAX] = "";

    if (t->program && !t->stopping && program_state(t->program) == PROGRAM_RUNS) {
        run_place(e->run, node, &program_app, t->program);
        exec_node_resumed(t, now_ns);
        program_resume(t->program, now_ns);
        return;
    }
    clear(t);
    t->stopping = false;
    if (!begin_life(t, error)) {
        complain(e->failure, t, now_ns, "cannot be run: %s", error);
        return;
    }
    t->lives++;
    run_place(e->run, node, &program_app, t->program);
    if (e->config.kind != EXEC_NODE)
        program_input_end(t->program, now_ns); /* nobody will write to it */
    program_start(t->program, now_ns);
}

static void stop(void *ctx, uint32_t node, uint64_t now_ns)
{
    struct exec *e = ctx;
    struct tenant *t = &e->tenants[node];

    if (!t->program)
        return;
    t->stopping = true;
    program_signal(t->program, now_ns, SIGTERM);
    if (program_state(t->program) != PROGRAM_RUNS)
        clear(t);
}

static void crash(void *ctx, uint32_t node, uint64_t now_ns)
{
    (void)now_ns;
    clear(&((struct exec *)ctx)->tenants[node]);
}

static void suspend(void *ctx, uint32_t node, uint64_t now_ns)
{
    struct tenant *t = &((struct exec *)ctx)->tenants[node];

    (void)now_ns;
    if (!t->program)
        return;
    run_place(t->exec->run, node, NULL, NULL);
    program_suspend(t->program);
}

static void connect_to(void *ctx, uint32_t node, uint64_t now_ns, uint32_t to)
{
    struct tenant *t = &((struct exec *)ctx)->tenants[node];

    if (t->program && t->exec->config.kind == EXEC_NODE)
        exec_node_connect(t, now_ns, to); /* others know from their arguments or their script */
}

static void publish(void *ctx, uint32_t node, uint64_t now_ns, const struct scenario_traffic *traffic, struct slice body)
{
    struct tenant *t = &((struct exec *)ctx)->tenants[node];

    if (t->program)
        exec_node_publish(t, now_ns, traffic, body);
}

/* What a program of its own kind wrote is in files alone: the record, and so the digest, has a hash of it. */
static void conclude(void *ctx, uint32_t node, uint64_t now_ns, uint64_t *sent, uint64_t *received)
{
    const struct tenant *t = &((const struct exec *)ctx)->tenants[node];
    struct program_counts c = {0};
    char what[80];

    if (t->exec->config.kind == EXEC_OTHER) {
        snprintf(what, sizeof what, "%" PRIu64 " bytes, %016" PRIx64, t->output_size, t->output_hash);
        run_report_event(t->exec->run, node, now_ns, "program-output", what);
    }
    if (t->program)
        c = program_counts(t->program);
    *sent = t->sent + c.bytes_sent;
    *received = t->received + c.bytes_received;
}

static const char *failure(void *ctx, bool over)
{
    struct exec *e = ctx;

    if (e->failure[0])
        return e->failure;
    return over && e->complaint[0] ? e->complaint : NULL;
}

/* ---- the run ---- */

static const char *refuses(void *ctx, const struct scenario *s, char *out)
{
    const struct exec *e = ctx;

    if (s->cpu.present)
        return "cpu: a program's work takes no time here (leave it out)";
    for (uint32_t i = 0; i < s->group_count; i++)
        if (s->groups[i].clock_offset_ns || s->groups[i].clock_drift_ppb) {
            snprintf(out, 256, "nodes.%u.clock: a program's clock is exact (leave it out)", i);
            return out;
        }
    for (uint32_t i = 0; i < s->topology_count; i++)
        if (s->topologies[i].direct) {
            snprintf(out, 256, "topology.%u.direct: programs are not told of direct peers (leave it out)", i);
            return out;
        }
    if (s->network.encryption == SCENARIO_ENCRYPTION_MODELLED)
        return "network.encryption: programs encrypt for good (noise)";
    if (e->config.kind == EXEC_NODE)
        return exec_node_refuses(s, out);
    return e->config.kind == EXEC_OTHER ? exec_other_refuses(s, out) : NULL;
}

static bool over_limit(void)
{
    return watched && run_over_limit(watched);
}

static bool open_run(void *ctx, struct run *run, char *error, size_t error_size)
{
    struct exec *e = ctx;
    char path[PATH_ROOM];

    e->run = run;
    e->count = run_scenario_of(run)->node_count;
    e->tenants = mem_zalloc(e->count * sizeof *e->tenants);
    for (uint32_t i = 0; i < e->count; i++) {
        e->tenants[i].exec = e;
        e->tenants[i].node = i;
        buf_init(&e->tenants[i].line, LINE_MAX_SIZE);
    }
    watched = run;
    program_watch(over_limit);
    snprintf(path, sizeof path, "%.2048s/hosts", e->config.folder);
    if (make_folder(path))
        return true;
    snprintf(error, error_size, "cannot make the folder %.400s: %s", path, strerror(errno));
    return false;
}

static void close_run(void *ctx)
{
    struct exec *e = ctx;

    watched = NULL;
    for (uint32_t i = 0; i < e->count; i++) {
        clear(&e->tenants[i]);
        buf_deinit(&e->tenants[i].line);
        mem_free(e->tenants[i].slots);
    }
    mem_free(e->tenants);
    e->tenants = NULL;
    e->count = 0;
}

struct exec *exec_open(const struct exec_config *config, char error[static EXEC_ERROR_MAX])
{
    struct exec *e = mem_zalloc(sizeof *e);
    const char *why = program_unsupported();

    e->config = *config;
    e->config.params = e->params = config->params ? mem_strdup(config->params) : NULL;
    e->programs = (struct run_programs){e, refuses, open_run, close_run, start, stop, crash, suspend, connect_to, publish, conclude, failure};
    if (!why && config->template)
        why = exec_template_problem(config->template, error);
    if (!why) {
        e->image = image_open(config->program, &program_binder, error);
        if (e->image && config->kind == EXEC_INTEROP)
            e->suite = suite_feed_new(config->params, error);
        if (e->image && (e->suite || config->kind != EXEC_INTEROP))
            return e;
        exec_free(e);
        return NULL;
    }
    if (why != error)
        snprintf(error, EXEC_ERROR_MAX, "%s", why);
    exec_free(e);
    return NULL;
}

const struct run_programs *exec_programs(const struct exec *e)
{
    return &e->programs;
}

void exec_free(struct exec *e)
{
    if (!e)
        return;
    image_close(e->image);
    suite_feed_free(e->suite);
    mem_free(e->params);
    mem_free(e);
}
