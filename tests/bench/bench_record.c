/* How long recorder_trace takes: a flood of about 5 million events, by kind of recording.
 * usage: bench_record [NODES MESSAGES] */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/flood.h"

static double seconds(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void measure(const struct flood *f, const char *what, const char *path, uint32_t hop_every)
{
    struct record_run run = flood_run(f);
    struct record_totals totals = {.sim_ns = run.duration_ns};
    struct recorder *r;
    char error[256];
    double start, thread, fed;

    run.hop_every = hop_every;
    if (recorder_open(path, &run, &r, error, sizeof error) != 0) {
        fprintf(stderr, "%s\n", error);
        exit(1);
    }
    flood_register(f, r);
    start = seconds(CLOCK_MONOTONIC);
    thread = seconds(CLOCK_THREAD_CPUTIME_ID);
    flood_feed_all(f, r);
    thread = seconds(CLOCK_THREAD_CPUTIME_ID) - thread;
    fed = seconds(CLOCK_MONOTONIC);
    if (recorder_finish(r, &totals, NULL, error, sizeof error) != 0)
        fprintf(stderr, "%s\n", error);
    printf("%-28s %7.1f ns/event on the caller's thread, %7.1f waited, finish %.2f s\n", what,
           thread * 1e9 / f->count, (fed - start) * 1e9 / f->count, seconds(CLOCK_MONOTONIC) - fed);
    recorder_free(r);
}

int main(int argc, char **argv)
{
    uint32_t nodes = argc > 2 ? (uint32_t)atoi(argv[1]) : 1000;
    uint32_t messages = argc > 2 ? (uint32_t)atoi(argv[2]) : 300;
    char path[] = "/tmp/bench_record.XXXXXX";
    struct flood f;

    flood_init(&f, nodes, 8, messages);
    printf("%u nodes, %u messages, %u events\n", nodes, messages, f.count);
    if (close(mkstemp(path)) != 0)
        return 1;
    measure(&f, "digest and summary", NULL, RECORD_NONE);
    measure(&f, "file, no hops", path, RECORD_NONE);
    measure(&f, "file, hops automatic", path, RECORD_AUTOMATIC);
    measure(&f, "file, every hop", path, 1);
    unlink(path);
    flood_deinit(&f);
    return 0;
}
