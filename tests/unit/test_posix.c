/* Programs on simulated hosts. */
#include "tests/lib/test.h"

#include "sim/des/des.h"
#include "sim/posix/fiber.h"
#include "sim/posix/guard.h"
#include "sim/posix/program.h"
#include "sim/tcp/tcp.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECOND_NS UINT64_C(1000000000)

struct world {
    struct des *des;
    struct image_file *file;
    struct program *programs[8];
    uint32_t count;
    char folder[64];
    uint32_t ended;
    uint64_t told, told_hash;
};

static uint64_t hash(uint64_t h, struct slice s)
{
    for (size_t i = 0; i < s.size; i++)
        h = (h ^ s.data[i]) * UINT64_C(0x100000001b3);
    return h;
}

static void on_told(void *ctx, uint64_t now_ns, struct slice bytes)
{
    struct world *w = ctx;

    (void)now_ns;
    w->told += bytes.size;
    w->told_hash = hash(w->told_hash, bytes);
}

static void on_end(void *ctx, uint64_t now_ns)
{
    (void)now_ns;
    ((struct world *)ctx)->ended++;
}

static bool resolve(void *ctx, const char *name, struct endpoint *out)
{
    unsigned n;

    (void)ctx;
    if (sscanf(name, "host%u", &n) != 1)
        return false;
    *out = endpoint_ip4(0x0a000001u + n, 0);
    return true;
}

static const char *program_path(const char *name)
{
    static char path[512];
    const char *build = getenv("HEARSAY_POSIX");

    snprintf(path, sizeof path, "%s/%s", build ? build : "build/posix", name);
    return path;
}

static const char *absolute_path(const char *name)
{
    static char path[4096];

    assert_non_null(realpath(program_path(name), path));
    return path;
}

static void world_open(struct world *w, const char *program, enum des_tcp tcp)
{
    const uint64_t latency_ns = 5000000;
    struct tcp_config config = tcp_config_default();
    struct des_config des = {.seed = 1, .region_count = 1, .latency_ns = &latency_ns, .tcp = tcp, .tcp_config = &config};
    char error[IMAGE_ERROR_MAX];

    *w = (struct world){.des = des_new(&des)};
    strcpy(w->folder, "/tmp/test-posix-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    w->file = image_open(program_path(program), &program_binder, error);
    if (!w->file)
        fail_msg("%s", error);
}

static struct program *world_add(struct world *w, int argc, const char *const *argv)
{
    uint32_t i = w->count++;
    struct des_host_config host = {.address = endpoint_ip4(0x0a000001u + i, 1), .up_bps = 100000000, .down_bps = 100000000};
    char folder[128], name[16], error[IMAGE_ERROR_MAX];
    struct program_config config = {.host_name = name,
                                    .argc = argc,
                                    .argv = argv,
                                    .folder = folder,
                                    .address = host.address,
                                    .seed = i,
                                    .ops = &des_ops,
                                    .ctx = w,
                                    .told = on_told,
                                    .ended = on_end,
                                    .resolve = resolve};

    des_host_add(w->des, &host);
    config.host = des_host(w->des, i);
    snprintf(name, sizeof name, "host%u", i);
    snprintf(folder, sizeof folder, "%s/%u", w->folder, i);
    assert_int_equal(mkdir(folder, 0777), 0);
    w->programs[i] = program_new(w->file, &config, error);
    if (!w->programs[i])
        fail_msg("%s", error);
    des_host_run(w->des, i, &program_app, w->programs[i]);
    return w->programs[i];
}

static char *world_read(struct world *w, uint32_t i, const char *name)
{
    static char text[65536];
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/%u/%s", w->folder, i, name);
    f = fopen(path, "r");
    text[f ? fread(text, 1, sizeof text - 1, f) : 0] = '\0';
    if (f)
        fclose(f);
    return text;
}

static void world_close(struct world *w)
{
    char command[128];

    for (uint32_t i = 0; i < w->count; i++) {
        des_host_run(w->des, i, NULL, NULL);
        program_free(w->programs[i]);
    }
    des_free(w->des);
    image_close(w->file);
    snprintf(command, sizeof command, "rm -rf %s", w->folder);
    assert_int_equal(system(command), 0);
}

/* ---- on a real kernel ---- */

#define PIECE_MAX 65536

static FILE *native_start(const char *arguments)
{
    char command[5000];
    FILE *f;

    snprintf(command, sizeof command, "cd /tmp && exec %s %s 2>/dev/null", absolute_path("conform"), arguments);
    f = popen(command, "r");
    assert_non_null(f);
    return f;
}

static void native_read(FILE *f, char *out)
{
    out[fread(out, 1, PIECE_MAX - 1, f)] = '\0';
    pclose(f);
}

/* The same program says the same, call by call. */
static void a_program_alone_behaves_as_on_a_real_kernel(void **state)
{
    static char native[PIECE_MAX];
    const char *arguments[] = {"conform", "-l", "3", "alone"};
    struct world w;

    (void)state;
    native_read(native_start("-l 3 alone"), native);
    assert_true(strlen(native) > 1000);
    world_open(&w, "conform", DES_TCP_FLIGHT);
    world_add(&w, 4, arguments);
    program_start(w.programs[0], 0);
    des_run(w.des, 100 * SECOND_NS);
    assert_int_equal(program_state(w.programs[0]), PROGRAM_EXITED);
    assert_int_equal(program_status(w.programs[0]), 7);
    assert_int_equal(w.ended, 1);
    assert_string_equal(world_read(&w, 0, "stdout"), native);
    world_close(&w);
}

static void two_programs_over(enum des_tcp tcp, const char *native_server, const char *native_client)
{
    const char *server[] = {"conform", "server", "10.0.0.1", "4711"}, *client[] = {"conform", "client", "10.0.0.1", "4711"};
    struct world w;

    world_open(&w, "conform", tcp);
    world_add(&w, 4, server);
    world_add(&w, 4, client);
    program_start(w.programs[0], 0);
    program_start(w.programs[1], 0);
    des_run(w.des, 100 * SECOND_NS);
    for (int i = 0; i < 2; i++)
        assert_int_equal(program_state(w.programs[i]), PROGRAM_EXITED);
    assert_string_equal(world_read(&w, 0, "stdout"), native_server);
    assert_string_equal(world_read(&w, 1, "stdout"), native_client);
    assert_string_equal(world_read(&w, 0, "stderr"), "ready\n");
    world_close(&w);
}

/* Connects, is refused, sends 3 MB both ways with full buffers, resets: with every TCP there is. */
static void two_programs_behave_as_on_a_real_kernel(void **state)
{
    static char native_server[PIECE_MAX], native_client[PIECE_MAX];
    char server[64], client[64];
    FILE *one, *other;

    (void)state;
    snprintf(server, sizeof server, "server 127.%d.%d.9 4711", 1 + getpid() / 250 % 250, getpid() % 250);
    snprintf(client, sizeof client, "client %s", strchr(server, ' ') + 1);
    one = native_start(server);
    usleep(200000);
    other = native_start(client);
    native_read(other, native_client);
    native_read(one, native_server);
    assert_non_null(strstr(native_client, "at exit"));
    two_programs_over(DES_TCP_IDEAL, native_server, native_client);
    two_programs_over(DES_TCP_FLIGHT, native_server, native_client);
    two_programs_over(DES_TCP_PACKET, native_server, native_client);
}

/* ---- what goes wrong ---- */

static struct program *run_hostile(struct world *w, const char *what, const char *more)
{
    const char *arguments[] = {"hostile", what, more};
    struct program *p;

    world_open(w, "hostile", DES_TCP_IDEAL);
    p = world_add(w, more ? 3 : 2, arguments);
    program_start(p, 0);
    des_run(w->des, SECOND_NS);
    return p;
}

static void a_call_that_is_not_carried_ends_the_program_by_name(void **state)
{
    static const char *const cases[][2] = {{"fork", "calls fork, which is not carried"},
                                           {"thread", "calls pthread_create, which is not carried"}};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world w;
        struct program *p = run_hostile(&w, cases[i][0], NULL);

        assert_int_equal(program_state(p), PROGRAM_STUCK);
        assert_string_equal(program_words(p), cases[i][1]);
        world_close(&w);
    }
}

static void a_fault_ends_the_program_and_nothing_else(void **state)
{
    static const struct {
        const char *what, *words;
        int signal;
    } cases[] = {{"null", "was ended by signal 11 (SEGV)", SIGSEGV},
                 {"overflow", "ran over the end of its stack, which has 1024 KiB", SIGSEGV},
                 {"abort", "was ended by signal 6 (ABRT)", SIGABRT}};

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct world w;
        struct program *p = run_hostile(&w, cases[i].what, NULL);

        assert_int_equal(program_state(p), PROGRAM_KILLED);
        assert_int_equal(program_status(p), cases[i].signal);
        assert_string_equal(program_words(p), cases[i].words);
        world_close(&w);
    }
}

/* Not through the C library: the kernel tells, where it can. */
static void a_system_call_of_its_own_ends_the_program(void **state)
{
    struct world w;
    struct program *p;

    (void)state;
    p = run_hostile(&w, "raw", NULL);
    if (guard_works()) {
        assert_int_equal(program_state(p), PROGRAM_STUCK);
        assert_string_equal(program_words(p), "makes system call 39 by itself, past the C library, which is not carried");
    } else {
        print_message("skipped: this kernel has no syscall user dispatch\n");
    }
    world_close(&w);
}

static void a_program_stays_in_its_folder(void **state)
{
    struct world w;

    (void)state;
    run_hostile(&w, "escape", NULL);
    assert_string_equal(world_read(&w, 0, "stdout"), "-1 -1 -1 -1\n");
    world_close(&w);
}

static bool always(void)
{
    return true;
}

static void a_program_that_never_waits_is_stopped(void **state)
{
    static const char *const cases[] = {"spin", "spin-clock"};

    (void)state;
    program_watch(always);
    for (int i = 0; i < 2; i++) {
        struct world w;
        struct program *p = run_hostile(&w, cases[i], NULL);

        assert_int_equal(program_state(p), PROGRAM_STUCK);
        assert_string_equal(program_words(p), "runs and runs without waiting for anything");
        world_close(&w);
    }
    program_watch(NULL);
}

/* As a killed process: what it had goes back, what stood in its buffers is lost. */
static void what_a_program_leaks_goes_with_it(void **state)
{
    struct world w;
    struct program *p;

    (void)state;
    p = run_hostile(&w, "leak", NULL);
    assert_int_equal(program_state(p), PROGRAM_RUNS);
    assert_true(program_counts(p).heap_bytes >= 1000000);
    world_close(&w); /* under a leak checker it would tell */
}

static void a_signal_ends_a_program_that_waits(void **state)
{
    struct world w;
    struct program *p;

    (void)state;
    p = run_hostile(&w, "term", NULL);
    assert_int_equal(program_state(p), PROGRAM_RUNS);
    program_signal(p, SECOND_NS, SIGTERM);
    assert_int_equal(program_state(p), PROGRAM_KILLED);
    assert_int_equal(program_status(p), SIGTERM);
    assert_string_equal(world_read(&w, 0, "stdout"), "waiting\n");
    world_close(&w);
}

/* signal(7): a read goes on after a handler with SA_RESTART, and ends with EINTR after others. */
static void a_handler_interrupts_a_read_or_lets_it_go_on(void **state)
{
    static const char *const cases[][2] = {{"restart", "1 0 15\n"}, {"interrupt", "-1 1 15\n"}};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world w;
        struct program *p = run_hostile(&w, cases[i][0], NULL);

        program_signal(p, SECOND_NS, SIGTERM);
        program_input(p, SECOND_NS, slice_text("x"));
        assert_int_equal(program_state(p), PROGRAM_EXITED);
        assert_string_equal(world_read(&w, 0, "stdout"), cases[i][1]);
        world_close(&w);
    }
}

static void statuses_are_told(void **state)
{
    struct world w;
    struct program *p;

    (void)state;
    p = run_hostile(&w, "status", "300");
    assert_int_equal(program_state(p), PROGRAM_EXITED);
    assert_int_equal(program_status(p), 44);
    assert_string_equal(program_words(p), "ended with status 44");
    world_close(&w);
}

/* In whatever pieces it comes, and however large the write: told once, in order, and in the file. */
static void standard_input_and_output_carry_every_byte_once(void **state)
{
    const char *arguments[] = {"hostile", "copy"};
    static uint8_t bytes[300000];
    struct world w;
    struct rng r;
    char *written;

    (void)state;
    rng_init(&r, 7, "copy");
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)('a' + rng_below(&r, 26));
    world_open(&w, "hostile", DES_TCP_IDEAL);
    world_add(&w, 2, arguments);
    program_start(w.programs[0], 0);
    for (size_t at = 0; at < sizeof bytes;) {
        size_t n = 1 + rng_below(&r, at % 3 ? 10 : 100000), left = sizeof bytes - at;

        program_input(w.programs[0], 1, slice_of(bytes + at, n < left ? n : left));
        at += n < left ? n : left;
    }
    assert_int_equal(program_state(w.programs[0]), PROGRAM_RUNS);
    program_input_end(w.programs[0], 2);
    assert_int_equal(program_state(w.programs[0]), PROGRAM_EXITED);
    assert_int_equal(program_status(w.programs[0]), 0);
    assert_int_equal(w.told, sizeof bytes);
    assert_true(w.told_hash == hash(0, slice_of(bytes, sizeof bytes)));
    written = world_read(&w, 0, "stdout");
    assert_memory_equal(written, bytes, 65535);
    world_close(&w);
}

/* ---- files that are no programs ---- */

static void refuse(const char *path, const char *why)
{
    char error[IMAGE_ERROR_MAX] = "";
    struct image_file *f = image_open(path, &program_binder, error);

    assert_null(f);
    if (!strstr(error, why))
        fail_msg("\"%s\" does not say \"%s\"", error, why);
}

static void what_is_no_such_program_is_refused(void **state)
{
    (void)state;
    refuse("/no/such/file", "No such file");
    refuse("/tmp", "is no program");
    refuse("/etc/passwd", "a 64-bit ELF file is wanted");
    refuse("/bin/bash", "needs the library libtinfo.so.6");
    refuse("/bin/ls", "needs the library libselinux.so.1");
}

/* Any bytes in the place of some of a program's: refused, or read; never a fault. */
static void a_broken_program_does_no_harm(void **state)
{
    char path[] = "/tmp/test-posix-broken-XXXXXX", error[IMAGE_ERROR_MAX];
    uint8_t *bytes = mem_alloc(1 << 20);
    FILE *f = fopen(program_path("hostile"), "rb");
    size_t size = fread(bytes, 1, 1 << 20, f);
    int fd = mkstemp(path), opened = 0;
    struct rng r;

    (void)state;
    fclose(f);
    assert_true(size > 1000 && size < 1 << 20);
    rng_init(&r, 1, "broken");
    for (int i = 0; i < 600; i++) {
        size_t keep = i % 3 == 0 ? rng_below(&r, size) : size, count = 1 + rng_below(&r, 8);
        uint8_t *copy = mem_alloc(size);
        struct image_file *image;

        memcpy(copy, bytes, size);
        for (size_t k = 0; k < count; k++)
            copy[rng_below(&r, i % 2 ? 4096 : size)] = (uint8_t)rng_next(&r);
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, copy, keep, 0), (ssize_t)keep);
        image = image_open(path, &program_binder, error);
        opened += image != NULL;
        image_close(image);
        mem_free(copy);
    }
    assert_true(opened > 0 && opened < 600);
    close(fd);
    unlink(path);
    mem_free(bytes);
}

/* ---- fibers ---- */

struct relay {
    struct fiber fiber;
    int turns;
    double sum;
};

static void run_relay(void *arg)
{
    struct relay *r = arg;
    double kept = 1.5;

    for (;;) {
        r->sum += kept;
        kept *= 2;
        r->turns++;
        fiber_yield(&r->fiber);
    }
}

static void fibers_keep_what_is_theirs(void **state)
{
    struct relay relays[100];

    (void)state;
    for (int i = 0; i < 100; i++) {
        relays[i].turns = 0;
        relays[i].sum = i;
        assert_true(fiber_init(&relays[i].fiber, 16384, run_relay, &relays[i]));
    }
    for (int turn = 0; turn < 5; turn++)
        for (int i = 0; i < 100; i++)
            fiber_resume(&relays[(i * 37) % 100].fiber);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(relays[i].turns, 5);
        assert_true(relays[i].sum == i + 1.5 * 31);
        assert_true(fiber_guards(&relays[i].fiber, relays[i].fiber.memory));
        assert_false(fiber_guards(&relays[i].fiber, fiber_top(&relays[i].fiber)));
        fiber_deinit(&relays[i].fiber);
    }
}

int main(void)
{
    const struct CMUnitTest fibers[] = {cmocka_unit_test(fibers_keep_what_is_theirs)};
    const struct CMUnitTest tests[] = {cmocka_unit_test(fibers_keep_what_is_theirs),
                                       cmocka_unit_test(a_program_alone_behaves_as_on_a_real_kernel),
                                       cmocka_unit_test(two_programs_behave_as_on_a_real_kernel),
                                       cmocka_unit_test(a_call_that_is_not_carried_ends_the_program_by_name),
                                       cmocka_unit_test(a_fault_ends_the_program_and_nothing_else),
                                       cmocka_unit_test(a_system_call_of_its_own_ends_the_program),
                                       cmocka_unit_test(a_program_stays_in_its_folder),
                                       cmocka_unit_test(a_program_that_never_waits_is_stopped),
                                       cmocka_unit_test(what_a_program_leaks_goes_with_it),
                                       cmocka_unit_test(a_signal_ends_a_program_that_waits),
                                       cmocka_unit_test(a_handler_interrupts_a_read_or_lets_it_go_on),
                                       cmocka_unit_test(statuses_are_told),
                                       cmocka_unit_test(standard_input_and_output_carry_every_byte_once),
                                       cmocka_unit_test(what_is_no_such_program_is_refused),
                                       cmocka_unit_test(a_broken_program_does_no_harm)};

    if (program_unsupported()) {
        printf("%s\n", program_unsupported());
        return cmocka_run_group_tests(fibers, NULL, NULL);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
