/* One verdict a trial. */
#include "tests/swarm/verdict.h"

#include <stdarg.h>
#include <stdio.h>

void verdict_init(struct verdict *v)
{
    pthread_mutex_init(&v->lock, NULL);
    v->rule = NULL;
    v->text[0] = '\0';
}

void verdict_deinit(struct verdict *v)
{
    pthread_mutex_destroy(&v->lock);
}

void verdict_broken(struct verdict *v, const char *rule, const char *format, ...)
{
    va_list args;

    pthread_mutex_lock(&v->lock);
    if (!v->rule) {
        v->rule = rule;
        va_start(args, format);
        vsnprintf(v->text, sizeof v->text, format, args);
        va_end(args);
    }
    pthread_mutex_unlock(&v->lock);
}

bool verdict_holds(struct verdict *v)
{
    bool holds;

    pthread_mutex_lock(&v->lock);
    holds = !v->rule;
    pthread_mutex_unlock(&v->lock);
    return holds;
}
