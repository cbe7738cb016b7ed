/* Carried calls: clocks and sleep. Time stands still while a program runs; a host is in UTC. */
#include "sim/posix/internal.h"

#include <errno.h>
#include <sys/time.h>
#include <time.h>

#define SECOND_NS UINT64_C(1000000000)

static int carried_clock_gettime(clockid_t clock, struct timespec *out)
{
    struct program *p = call_enter();
    bool cpu = clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID; /* work takes no time */
    uint64_t now_ns = cpu ? 0 : program_clock_ns(p, clock);

    *out = (struct timespec){(time_t)(now_ns / SECOND_NS), (long)(now_ns % SECOND_NS)};
    return (int)call_leave(p, 0);
}

static int carried_clock_getres(clockid_t clock, struct timespec *out)
{
    struct program *p = call_enter();

    (void)clock;
    if (out)
        *out = (struct timespec){0, 1};
    return (int)call_leave(p, 0);
}

static int carried_gettimeofday(struct timeval *out, void *zone)
{
    struct program *p = call_enter();
    uint64_t now_ns = program_clock_ns(p, CLOCK_REALTIME);

    (void)zone;
    *out = (struct timeval){(time_t)(now_ns / SECOND_NS), (suseconds_t)(now_ns % SECOND_NS / 1000)};
    return (int)call_leave(p, 0);
}

static time_t carried_time(time_t *out)
{
    struct program *p = call_enter();
    time_t now = (time_t)(program_clock_ns(p, CLOCK_REALTIME) / SECOND_NS);

    if (out)
        *out = now;
    return call_leave(p, now);
}

static clock_t carried_clock(void)
{
    struct program *p = call_enter();

    return call_leave(p, 0);
}

static struct tm *carried_localtime_r(const time_t *at, struct tm *out)
{
    return gmtime_r(at, out);
}

static struct tm *carried_gmtime(const time_t *at)
{
    struct program *p = call_enter();

    return call_leave_pointer(p, gmtime_r(at, &p->broken_down));
}

static time_t carried_mktime(struct tm *t)
{
    return timegm(t);
}

static void carried_tzset(void)
{
}

/* 0, or -EINTR and what is left. */
static int sleep_until(struct program *p, uint64_t deadline_ns, struct timespec *left)
{
    int err = 0;

    while (p->now_ns < deadline_ns && (err == 0 || err == -ETIMEDOUT))
        err = program_wait(p, deadline_ns);
    if (err == -ETIMEDOUT)
        err = 0;
    if (left)
        *left = (struct timespec){(time_t)((deadline_ns - p->now_ns) / SECOND_NS), (long)((deadline_ns - p->now_ns) % SECOND_NS)};
    return err;
}

static bool is_duration(const struct timespec *t)
{
    return t->tv_sec >= 0 && (uint64_t)t->tv_sec < UINT64_MAX / 4 / SECOND_NS && t->tv_nsec >= 0 && t->tv_nsec < (long)SECOND_NS;
}

static int sleep_for(struct program *p, clockid_t clock, bool absolute, const struct timespec *t, struct timespec *left)
{
    uint64_t ns, now_ns = program_clock_ns(p, clock);

    if (!is_duration(t))
        return -EINVAL;
    ns = (uint64_t)t->tv_sec * SECOND_NS + (uint64_t)t->tv_nsec;
    if (absolute)
        ns = ns > now_ns ? ns - now_ns : 0;
    return sleep_until(p, p->now_ns + ns, absolute ? NULL : left);
}

static int carried_nanosleep(const struct timespec *t, struct timespec *left)
{
    struct program *p = call_enter();

    return (int)call_leave(p, sleep_for(p, CLOCK_MONOTONIC, false, t, left));
}

/* This one returns its error. */
static int carried_clock_nanosleep(clockid_t clock, int flags, const struct timespec *t, struct timespec *left)
{
    struct program *p = call_enter();
    int err = sleep_for(p, clock, flags & TIMER_ABSTIME, t, left);

    return (int)call_leave(p, -err);
}

static int carried_usleep(useconds_t us)
{
    struct program *p = call_enter();

    return (int)call_leave(p, sleep_until(p, p->now_ns + (uint64_t)us * 1000, NULL));
}

static unsigned carried_sleep(unsigned seconds)
{
    struct program *p = call_enter();
    uint64_t deadline_ns = p->now_ns + seconds * SECOND_NS;

    (void)sleep_until(p, deadline_ns, NULL);
    return (unsigned)call_leave(p, (long)((deadline_ns - p->now_ns + SECOND_NS - 1) / SECOND_NS));
}

const struct symbol calls_time[] = {
#define CALL(name) {#name, (void *)(uintptr_t)carried_##name}
    CALL(clock_gettime), CALL(clock_getres), CALL(gettimeofday), CALL(time), CALL(clock), CALL(gmtime), {"localtime", (void *)(uintptr_t)carried_gmtime}, CALL(localtime_r), CALL(mktime), CALL(tzset),
    CALL(nanosleep), CALL(clock_nanosleep), CALL(usleep), CALL(sleep),
#undef CALL
    {NULL, NULL}};
