/* A program that tells what the calls it makes do. It says the same on a real kernel's loopback and in a simulated world: nothing of
 * what it prints depends on addresses, on times but for "enough" and "not too much", or on how bytes are cut.
 *
 *   conform server IP PORT     conform client IP PORT     conform alone */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define BULK 3000000u

static const char *name_of(int number)
{
    return number ? strerrorname_np(number) : "ok";
}

static void tell(const char *what, long result)
{
    printf("%s: %ld %s\n", what, result < 0 ? -1L : result, result < 0 ? name_of(errno) : "ok");
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct sockaddr_in address(const char *ip, int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    inet_pton(AF_INET, ip, &a.sin_addr);
    return a;
}

/* ---- what needs nobody else ---- */

static void errors(void)
{
    struct sockaddr_in a = address("0.0.0.0", 0);
    char byte = 0;
    int fds[2];
    struct epoll_event e = {.events = EPOLLIN};
    int s = socket(AF_INET, SOCK_STREAM, 0), ep = epoll_create1(EPOLL_CLOEXEC), type = 0;
    socklen_t size = sizeof type;

    tell("read of no descriptor", read(-1, &byte, 1));
    tell("close of no descriptor", close(999));
    tell("first close", close(dup(s)));
    tell("recv of one that is not connected", recv(s, &byte, 1, 0));
    tell("accept of one that does not listen", accept(s, NULL, NULL));
    tell("getpeername of one that is not connected", getpeername(s, (struct sockaddr *)&a, &(socklen_t){sizeof a}));
    tell("type", getsockopt(s, SOL_SOCKET, SO_TYPE, &type, &size));
    printf("type is stream: %d\n", type == SOCK_STREAM);
    pipe2(fds, O_NONBLOCK);
    tell("listen of a pipe", listen(fds[0], 1));
    tell("empty pipe", read(fds[0], &byte, 1));
    tell("epoll add", epoll_ctl(ep, EPOLL_CTL_ADD, fds[0], &e));
    tell("epoll add again", epoll_ctl(ep, EPOLL_CTL_ADD, fds[0], &e));
    tell("epoll change of another", epoll_ctl(ep, EPOLL_CTL_MOD, fds[1], &e));
    tell("epoll of itself", epoll_ctl(ep, EPOLL_CTL_ADD, ep, &e));
    tell("epoll of no descriptor", epoll_ctl(ep, EPOLL_CTL_ADD, 998, &e));
    close(fds[1]);
    tell("pipe without a writer", read(fds[0], &byte, 1));
    tell("epoll says", epoll_wait(ep, &e, 1, 0));
    printf("hung up: %d\n", (e.events & EPOLLHUP) != 0);
    close(fds[0]);
    close(ep);
    close(s);
    tell("second close", close(s));
}

static void events(void)
{
    int ev = eventfd(3, EFD_NONBLOCK), sem = eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE), outer = epoll_create1(0), inner = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = 7}, got[4];
    uint64_t value = 5;

    tell("eventfd read", read(ev, &value, 8));
    printf("value %d\n", (int)value);
    tell("eventfd read again", read(ev, &value, 8));
    read(sem, &value, 8);
    printf("semaphore gives %d\n", (int)value);
    epoll_ctl(inner, EPOLL_CTL_ADD, ev, &e);
    e.data.u32 = 8;
    epoll_ctl(outer, EPOLL_CTL_ADD, inner, &e);
    tell("nothing through two epolls", epoll_wait(outer, got, 4, 0));
    value = 1;
    write(ev, &value, 8);
    tell("through two epolls", epoll_wait(outer, got, 4, -1));
    printf("data %u\n", got[0].data.u32);
    tell("the inner one", epoll_wait(inner, got, 4, 0));
    tell("level: again", epoll_wait(inner, got, 4, 0));
    read(ev, &value, 8);
    tell("nothing through two epolls", epoll_wait(outer, got, 4, 0));
    write(ev, &value, 8);
    tell("once more through two epolls", epoll_wait(outer, got, 4, 0));
    e.events = EPOLLIN | EPOLLET;
    epoll_ctl(inner, EPOLL_CTL_MOD, ev, &e);
    tell("edge", epoll_wait(inner, got, 4, 0));
    tell("edge: not again", epoll_wait(inner, got, 4, 0));
    value = 1;
    write(ev, &value, 8);
    tell("a new edge", epoll_wait(inner, got, 4, 0));
    e.events = EPOLLIN | EPOLLONESHOT;
    epoll_ctl(inner, EPOLL_CTL_MOD, ev, &e);
    tell("one shot", epoll_wait(inner, got, 4, 0));
    write(ev, &value, 8);
    tell("no second shot", epoll_wait(inner, got, 4, 0));
    close(ev);
    close(sem);
    close(inner);
    close(outer);
}

static void times(void)
{
    struct itimerspec in = {{0, 10000000}, {0, 20000000}};
    struct timespec nap = {0, 30000000};
    int t = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct pollfd p = {t, POLLIN, 0};
    uint64_t began = now_ns(), count = 0;
    fd_set set;

    tell("nanosleep", nanosleep(&nap, NULL));
    printf("slept enough: %d\n", now_ns() - began >= 30000000u);
    timerfd_settime(t, 0, &in, NULL);
    tell("timer before its time", read(t, &count, 8));
    began = now_ns();
    tell("poll", poll(&p, 1, 10000));
    printf("waited enough: %d\n", now_ns() - began >= 20000000u);
    nanosleep(&nap, NULL);
    tell("timer", read(t, &count, 8));
    printf("several times: %d\n", count >= 3);
    in = (struct itimerspec){{0, 0}, {0, 0}};
    timerfd_settime(t, 0, &in, NULL);
    FD_ZERO(&set);
    FD_SET(t, &set);
    tell("select that waits in vain", select(t + 1, &set, NULL, NULL, &(struct timeval){0, 5000}));
    close(t);
}

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    caught = number;
}

static void signals(void)
{
    struct signalfd_siginfo info;
    char byte = 0;
    sigset_t set;
    int fd, fds[2];

    signal(SIGUSR1, on_signal);
    raise(SIGUSR1);
    printf("caught its own: %d\n", caught == SIGUSR1);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    fd = signalfd(-1, &set, SFD_NONBLOCK);
    tell("no signal yet", read(fd, &info, sizeof info));
    kill(getpid(), SIGUSR2);
    printf("read a signal: %d\n", read(fd, &info, sizeof info) == sizeof info && info.ssi_signo == SIGUSR2);
    signal(SIGPIPE, SIG_IGN);
    pipe2(fds, 0);
    close(fds[0]);
    tell("write without a reader", write(fds[1], &byte, 1));
    close(fds[1]);
    close(fd);
}

static void files(void)
{
    FILE *f = fopen("conform.tmp", "w+");
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST}, *found = NULL;
    char line[64], host[64] = "";

    fprintf(f, "first %d\nsecond\n", 1);
    rewind(f);
    fgets(line, sizeof line, f);
    printf("read back: %s", line);
    printf("closed: %d, gone: %d\n", fclose(f), unlink("conform.tmp"));
    f = fopen("conform.tmp", "r");
    printf("not there: %d %s\n", f == NULL, name_of(errno));
    printf("numeric address: %d\n", getaddrinfo("10.1.2.3", "80", &hints, &found));
    printf("port %d\n", ntohs(((struct sockaddr_in *)(void *)found->ai_addr)->sin_port));
    freeaddrinfo(found);
    printf("no such address: %d\n", getaddrinfo("ten.one.two", NULL, &hints, &found) == EAI_NONAME);
    printf("host has a name: %d\n", gethostname(host, sizeof host) == 0 && host[0]);
    strcpy(line, "a,b;c");
    printf("tokens %s", strtok(line, ","));
    printf(" %s", strtok(NULL, ";"));
    printf(" %s\n", strtok(NULL, ";"));
    printf("year %d, locale %s\n", gmtime(&(time_t){86400 * 366})->tm_year, setlocale(LC_ALL, NULL));
    srand(42);
    printf("rand %d %d\n", rand(), rand());
}

/* ---- with another one ---- */

static uint8_t pattern(uint32_t at)
{
    return (uint8_t)(at * 2654435761u >> 24);
}

/* 0, also when it had to wait. */
static int send_bulk(int fd)
{
    static uint8_t bytes[65536];
    struct pollfd p = {fd, POLLOUT, 0};
    uint32_t sent = 0;

    while (sent < BULK) {
        uint32_t n = BULK - sent < sizeof bytes ? BULK - sent : (uint32_t)sizeof bytes;
        ssize_t got;

        for (uint32_t i = 0; i < n; i++)
            bytes[i] = pattern(sent + i);
        got = send(fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN)
            poll(&p, 1, -1);
        else if (got < 0)
            return -1;
        else
            sent += (uint32_t)got;
    }
    return 0;
}

static int receive_bulk(int fd)
{
    static uint8_t bytes[40000];
    uint32_t received = 0;

    while (received < BULK) {
        ssize_t n = read(fd, bytes, sizeof bytes < BULK - received ? sizeof bytes : BULK - received);

        if (n <= 0)
            return -1;
        for (ssize_t i = 0; i < n; i++)
            if (bytes[i] != pattern(received + (uint32_t)i))
                return -2;
        received += (uint32_t)n;
    }
    return 0;
}

static void exchange_small(int fd)
{
    char a[4] = "", b[8] = "";
    struct iovec out[] = {{"one", 3}, {"two", 3}, {"three", 5}}, in[] = {{a, 3}, {b, 8}};
    struct msghdr m = {.msg_iov = out, .msg_iovlen = 3};
    int waiting = 0;

    tell("sendmsg", sendmsg(fd, &m, MSG_NOSIGNAL));
    while (waiting < 11)
        if (ioctl(fd, FIONREAD, &waiting) != 0 || usleep(2000) != 0)
            break;
    printf("waiting %d\n", waiting);
    printf("peek %d %.3s\n", (int)recv(fd, a, 3, MSG_PEEK), a);
    tell("readv", readv(fd, in, 2));
    printf("%.3s %.8s\n", a, b);
    tell("nothing more", recv(fd, b, 1, MSG_DONTWAIT));
    usleep(200000); /* the other one has looked, too */
    write(fd, "r", 1);
    printf("go on: %d\n", read(fd, a, 1) == 1 && a[0] == 'r');
}

static int server(const char *ip, int port)
{
    struct sockaddr_in at = address(ip, port), from;
    int on = 1, fd, l = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), ep = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = 1};
    socklen_t size = sizeof from;
    char byte = 0;

    tell("reuse", setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
    tell("bind", bind(l, (struct sockaddr *)&at, sizeof at));
    tell("listen", listen(l, 16));
    tell("nobody yet", accept4(l, NULL, NULL, 0));
    fprintf(stderr, "ready\n");
    epoll_ctl(ep, EPOLL_CTL_ADD, l, &e);
    tell("somebody", epoll_wait(ep, &e, 1, -1));
    fd = accept4(l, (struct sockaddr *)&from, &size, SOCK_CLOEXEC);
    printf("accepted %d, family %d, flags %d\n", fd >= 0, from.sin_family == AF_INET, (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    exchange_small(fd);
    printf("bulk in %d\n", receive_bulk(fd));
    printf("bulk out %d\n", send_bulk(fd));
    tell("the end", read(fd, &byte, 1));
    tell("again", read(fd, &byte, 1));
    close(fd);
    e.events = 0;
    tell("another one", epoll_wait(ep, &e, 1, -1));
    fd = accept(l, NULL, NULL);
    tell("its byte", read(fd, &byte, 1));
    tell("reset by it", read(fd, &byte, 1));
    tell("write after that", send(fd, &byte, 1, MSG_NOSIGNAL));
    close(fd);
    close(l);
    close(ep);
    return 0;
}

static int connect_quietly(const char *ip, int port)
{
    struct sockaddr_in to = address(ip, port);
    int on = 1, err = -1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), ep = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLOUT};
    socklen_t size = sizeof err;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)
        return -1;
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
    epoll_wait(ep, &e, 1, -1);
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size);
    printf("connect ended with %s, writable %d, error %d\n", name_of(err), (e.events & EPOLLOUT) != 0, (e.events & EPOLLERR) != 0);
    close(ep);
    if (!err)
        return fd;
    close(fd);
    return -1;
}

static int client(const char *ip, int port)
{
    struct linger at_once = {1, 0};
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    char byte = 'x';
    int fd = connect_quietly(ip, port + 1), off = 0;

    printf("refused: %d\n", fd < 0);
    fd = connect_quietly(ip, port);
    getpeername(fd, (struct sockaddr *)&peer, &size);
    printf("peer has the port: %d\n", ntohs(peer.sin_port) == port);
    ioctl(fd, FIONBIO, &off);
    exchange_small(fd);
    printf("bulk out %d\n", send_bulk(fd));
    usleep(300000);
    printf("bulk in %d\n", receive_bulk(fd));
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    peer = address(ip, port);
    tell("blocking connect", connect(fd, (struct sockaddr *)&peer, sizeof peer));
    tell("connect again", connect(fd, (struct sockaddr *)&peer, sizeof peer));
    tell("a byte", write(fd, &byte, 1));
    usleep(100000);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    tell("close with a reset", close(fd));
    return 0;
}

static void on_exit_say(void)
{
    printf("at exit\n");
}

int main(int argc, char **argv)
{
    int loud = 0, letter;

    atexit(on_exit_say);
    while ((letter = getopt(argc, argv, "l:")) != -1)
        loud = letter == 'l' ? atoi(optarg) : -1;
    printf("option %d, rest %d\n", loud, argc - optind);
    argv += optind - 1;
    if (strcmp(argv[1], "server") == 0)
        return server(argv[2], atoi(argv[3]));
    if (strcmp(argv[1], "client") == 0)
        return client(argv[2], atoi(argv[3]));
    errors();
    events();
    times();
    signals();
    files();
    return 7;
}
