/* An ordinary epoll program: listens, dials its peers, sends each of them its name, answers each name that it gets with a greeting,
 * and prints what comes. It ends on SIGTERM.
 *
 *   chat --name NAME --ip IP --port PORT --peers IP:PORT,... */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *name = "nobody";
static int epoll, greeted, received;
static volatile sig_atomic_t over;

static void on_term(int number)
{
    over = number;
}

static void watch(int fd, unsigned events)
{
    struct epoll_event e = {.events = events, .data.fd = fd};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) != 0 && epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &e) != 0)
        perror("epoll_ctl");
}

static int listen_at(const char *ip, int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    inet_pton(AF_INET, ip, &at.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 64) != 0) {
        perror("listen");
        exit(1);
    }
    watch(fd, EPOLLIN);
    return fd;
}

static void dial(const char *address)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    char ip[32];
    int port;

    if (sscanf(address, "%31[0-9.]:%d", ip, &port) != 2)
        exit(2);
    to.sin_port = htons((unsigned short)port);
    inet_pton(AF_INET, ip, &to.sin_addr);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)
        perror("connect");
    watch(fd, EPOLLOUT);
}

static void serve(int fd, unsigned events)
{
    char text[128], answer[160];
    ssize_t n;

    if (events & EPOLLOUT) {
        snprintf(text, sizeof text, "%s", name);
        n = send(fd, text, strlen(text), MSG_NOSIGNAL);
        watch(fd, EPOLLIN);
        return;
    }
    n = recv(fd, text, sizeof text - 1, 0);
    if (n <= 0) {
        close(fd);
        return;
    }
    text[n] = '\0';
    received++;
    printf("%s heard \"%s\"\n", name, text);
    if (strncmp(text, "hello ", 6) == 0)
        return;
    snprintf(answer, sizeof answer, "hello %s, I am %s", text, name);
    greeted += send(fd, answer, strlen(answer), MSG_NOSIGNAL) > 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"name", 1, NULL, 'n'}, {"ip", 1, NULL, 'i'}, {"port", 1, NULL, 'p'}, {"peers", 1, NULL, 'P'}, {NULL, 0, NULL, 0}};
    const char *ip = "127.0.0.1";
    char *peers = NULL;
    int letter, port = 4001, listener;

    while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (letter == 'n')
            name = optarg;
        else if (letter == 'i')
            ip = optarg;
        else if (letter == 'p')
            port = atoi(optarg);
        else if (letter == 'P')
            peers = optarg;
        else
            return 2;
    }
    epoll = epoll_create1(0);
    signal(SIGTERM, on_term);
    listener = listen_at(ip, port);
    for (char *at = peers ? strtok(peers, ",") : NULL; at; at = strtok(NULL, ","))
        dial(at);
    while (!over) {
        struct epoll_event e[16];
        int count = epoll_wait(epoll, e, 16, 1000);

        for (int i = 0; i < count; i++) {
            if (e[i].data.fd == listener)
                watch(accept4(listener, NULL, NULL, SOCK_NONBLOCK), EPOLLIN);
            else
                serve(e[i].data.fd, e[i].events);
        }
    }
    printf("%s greeted %d and heard %d\n", name, greeted, received);
    return 0;
}
