/* Carried calls: what of threads a program with one thread needs. Starting another one is not carried (symbols.c). */
#include "sim/posix/internal.h"

#include <errno.h>
#include <pthread.h>

/* One thread: a lock that is held will never be free. */
static int carried_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    int err = pthread_mutex_trylock(mutex);
    struct program *p;

    if (err != EBUSY)
        return err;
    p = call_enter();
    program_stuck(p, "locks a mutex that it holds");
}

static int carried_pthread_setname_np(pthread_t thread, const char *name)
{
    (void)thread;
    (void)name;
    return 0;
}

static int carried_pthread_key_create(pthread_key_t *out, void (*destroy)(void *))
{
    struct program *p = call_enter();

    (void)destroy; /* the thread ends with the program, which runs no destructors of its first thread either */
    if (p->key_count == PROGRAM_KEYS_MAX) {
        (void)call_leave(p, 0);
        return EAGAIN;
    }
    *out = p->key_count++;
    (void)call_leave(p, 0);
    return 0;
}

static int carried_pthread_key_delete(pthread_key_t key)
{
    struct program *p = call_enter();

    (void)call_leave(p, 0);
    return key < p->key_count ? 0 : EINVAL;
}

static int carried_pthread_setspecific(pthread_key_t key, const void *value)
{
    struct program *p = call_enter();
    bool known = key < p->key_count;

    if (known)
        p->keys[key] = (void *)(uintptr_t)value;
    (void)call_leave(p, 0);
    return known ? 0 : EINVAL;
}

static void *carried_pthread_getspecific(pthread_key_t key)
{
    struct program *p = call_enter();

    return call_leave_pointer(p, key < p->key_count ? p->keys[key] : NULL);
}

const struct symbol calls_threads[] = {
#define CALL(name) {#name, (void *)(uintptr_t)carried_##name}
    CALL(pthread_mutex_lock), CALL(pthread_setname_np), CALL(pthread_key_create), CALL(pthread_key_delete), CALL(pthread_setspecific),
    CALL(pthread_getspecific),
#undef CALL
    {NULL, NULL}};
