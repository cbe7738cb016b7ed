/* Carried calls: stdio. Those that are told a FILE go to the C library (symbols.c). */
#include "sim/posix/stdio.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 1, 0))) static int carried_vprintf(const char *format, va_list args)
{
    struct program *p = call_enter();
    int n = vfprintf(stdio_standard(p, 1), format, args);

    return (int)call_leave(p, n < 0 ? -EIO : n);
}

__attribute__((format(printf, 1, 2))) static int carried_printf(const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = carried_vprintf(format, args);
    va_end(args);
    return n;
}

__attribute__((format(printf, 2, 3))) static int carried_printf_chk(int flag, const char *format, ...)
{
    va_list args;
    int n;

    (void)flag;
    va_start(args, format);
    n = carried_vprintf(format, args);
    va_end(args);
    return n;
}

__attribute__((format(printf, 2, 0))) static int carried_vprintf_chk(int flag, const char *format, va_list args)
{
    (void)flag;
    return carried_vprintf(format, args);
}

__attribute__((format(printf, 2, 0))) static int carried_vdprintf(int fd, const char *format, va_list args)
{
    struct program *p = call_enter();
    char *text = NULL;
    int n = vasprintf(&text, format, args);
    long result = n < 0 ? -ENOMEM : file_write(p, fd, text, (size_t)n);

    if (n >= 0)
        free(text);
    return (int)call_leave(p, result);
}

__attribute__((format(printf, 2, 3))) static int carried_dprintf(int fd, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = carried_vdprintf(fd, format, args);
    va_end(args);
    return n;
}

static int carried_puts(const char *text)
{
    struct program *p = call_enter();
    FILE *out = stdio_standard(p, 1);

    return (int)call_leave(p, fputs(text, out) < 0 || putc('\n', out) == EOF ? -EIO : 1);
}

static int carried_putchar(int c)
{
    struct program *p = call_enter();

    return (int)call_leave(p, putc(c, stdio_standard(p, 1)));
}

static int carried_getchar(void)
{
    struct program *p = call_enter();

    return (int)call_leave(p, getc(stdio_standard(p, 0)));
}

static void carried_perror(const char *text)
{
    int number = errno;
    struct program *p = call_enter();

    fprintf(stdio_standard(p, 2), "%s%s%s\n", text ? text : "", text && *text ? ": " : "", strerror(number));
    (void)call_leave(p, 0);
}

static FILE *carried_fopen(const char *path, const char *mode)
{
    struct program *p = call_enter();
    int err;
    FILE *file = stdio_fopen(p, path, mode, &err);

    (void)call_leave(p, err);
    return file;
}

static FILE *carried_fdopen(int fd, const char *mode)
{
    struct program *p = call_enter();
    FILE *file = file_get(p, fd) ? stdio_over(p, fd, mode) : NULL;

    (void)call_leave(p, file ? 0 : -EBADF);
    return file;
}

static int carried_fclose(FILE *file)
{
    struct program *p = call_enter();

    return (int)call_leave(p, stdio_fclose(p, file));
}

static int carried_fflush(FILE *file)
{
    struct program *p = call_enter();
    int err = !file ? stdio_flush_all(p) : fflush(file) == 0 ? 0 : -errno;

    return (int)call_leave(p, err);
}

static int carried_fileno(FILE *file)
{
    struct program *p = call_enter();

    return (int)call_leave(p, stdio_fileno(p, file));
}

const struct symbol calls_stdio[] = {
#define CALL(name) {#name, (void *)(uintptr_t)carried_##name}
    CALL(printf), CALL(vprintf), CALL(dprintf), CALL(vdprintf), CALL(puts), CALL(putchar), CALL(getchar), CALL(perror),
    CALL(fopen), CALL(fdopen), CALL(fclose), CALL(fflush), CALL(fileno),
    {"fopen64", (void *)(uintptr_t)carried_fopen}, {"putchar_unlocked", (void *)(uintptr_t)carried_putchar},
    {"__printf_chk", (void *)(uintptr_t)carried_printf_chk}, {"__vprintf_chk", (void *)(uintptr_t)carried_vprintf_chk},
#undef CALL
    {NULL, NULL}};
