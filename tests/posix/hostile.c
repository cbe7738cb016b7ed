/* Does what its argument says, and no good. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static volatile int sink;

static void on_signal(int number)
{
    sink = number;
}

static int overflow(int depth)
{
    volatile char room[4096];

    memset((char *)room, depth, sizeof room);
    sink += room[depth % 4096];
    return depth < 0 ? 0 : overflow(depth + 1) + room[17];
}

static void *thread(void *arg)
{
    return arg;
}

static char *volatile kept;

static void leak(void)
{
    for (int i = 0; i < 1000; i++) {
        char *block = malloc(1000);

        sink += socket(AF_INET, SOCK_STREAM, 0);
        sink += open("/dev/null", O_RDONLY);
        memset(block, i, 1000);
        kept = block;
    }
    close(3);
    printf("close again: %d %d\n", close(3), errno == EBADF);
    printf("leaked, lost in a buffer");
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    struct timespec t;
    pthread_t other;

    if (strcmp(what, "spin") == 0)
        for (;;)
            sink++;
    if (strcmp(what, "spin-clock") == 0)
        for (;;)
            clock_gettime(CLOCK_MONOTONIC, &t);
    if (strcmp(what, "overflow") == 0)
        return overflow(0);
    if (strcmp(what, "null") == 0)
        return *(volatile int *)(size_t)sink;
    if (strcmp(what, "fork") == 0)
        return fork();
    if (strcmp(what, "thread") == 0)
        return pthread_create(&other, NULL, thread, NULL);
    if (strcmp(what, "abort") == 0)
        abort();
    if (strcmp(what, "rand") == 0)
        printf("%d %d\n", rand(), (int)(sink = (int)time(NULL)));
    if (strcmp(what, "leak") == 0) {
        leak();
        pause();
    }
#ifdef __x86_64__
    if (strcmp(what, "raw") == 0) {
        long pid = 39; /* getpid */

        __asm__ volatile("syscall" : "+a"(pid) : : "rcx", "r11", "memory");
        printf("%ld\n", pid);
    }
#endif
    if (strcmp(what, "escape") == 0)
        printf("%d %d %d %d\n", open("../x", O_RDWR | O_CREAT, 0600), open("/tmp/x", O_WRONLY | O_CREAT, 0600), open("/proc/self/maps", O_RDONLY),
               open("a/../../x", O_RDONLY));
    if (strcmp(what, "restart") == 0 || strcmp(what, "interrupt") == 0) {
        struct sigaction action = {.sa_handler = on_signal, .sa_flags = *what == 'r' ? SA_RESTART : 0};
        char byte;
        ssize_t n;

        sigaction(SIGTERM, &action, NULL);
        n = read(0, &byte, 1);
        printf("%d %d %d\n", (int)n, n < 0 && errno == EINTR, sink);
        return 0;
    }
    if (strcmp(what, "copy") == 0) { /* standard input to standard output, in one write */
        static char all[1 << 20];
        ssize_t n, size = 0;

        while ((n = read(0, all + size, sizeof all - (size_t)size)) > 0)
            size += n;
        return write(1, all, (size_t)size) == size ? 0 : 1;
    }
    if (strcmp(what, "status") == 0)
        return atoi(argv[2]);
    if (strcmp(what, "term") == 0) {
        printf("waiting\n");
        fflush(stdout);
        pause();
    }
    return 0;
}
