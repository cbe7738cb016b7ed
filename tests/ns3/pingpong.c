/* ns-3 from plain C, with sim/ns3/ns3c.h and nothing else: a client far away sends a megabyte, the server sends it back, both end
 * in order. Says how long it took. With an argument, a capture of the client goes to that file. */
#include "sim/ns3/ns3c.h"

#include <stdio.h>
#include <string.h>

#define SIZE 1000000
#define PORT 7
#define SECOND UINT64_C(1000000000)

struct side {
    struct ns3c_socket *socket;
    unsigned char kept[SIZE]; /* the server's: what it sends back; the client's: what it got */
    size_t received, sent;
    int wrong;
    uint64_t done_ns;
    struct ns3c_flow flow; /* at the end */
};

static unsigned char byte_at(size_t i)
{
    return (unsigned char)(i * 31 + i / 256);
}

static void send_on(struct side *s, size_t upto)
{
    while (s->sent < upto) {
        size_t took = ns3c_send(s->socket, s->kept + s->sent, upto - s->sent);

        if (took == 0)
            return;
        s->sent += took;
    }
}

/* ---- the server ---- */

static void server_accepted(void *user, struct ns3c_socket *socket, uint32_t from_host, uint16_t from_port)
{
    struct side *s = user;

    printf("host %u calls from port %u\n", from_host, from_port);
    s->socket = socket;
}

static void server_readable(void *user, struct ns3c_socket *socket)
{
    struct side *s = user;

    s->received += ns3c_receive(socket, s->kept + s->received, SIZE - s->received);
    send_on(s, s->received);
}

static void server_writable(void *user, struct ns3c_socket *socket)
{
    struct side *s = user;

    (void)socket;
    send_on(s, s->received);
}

static void ended(void *user, struct ns3c_socket *socket, enum ns3c_reason how)
{
    struct side *s = user;

    s->wrong |= how != NS3C_FINISHED;
    ns3c_close(socket, NS3C_FIN);
}

static const struct ns3c_upcalls server_upcalls = {
    .accepted = server_accepted, .readable = server_readable, .writable = server_writable, .ended = ended};

/* ---- the client ---- */

static void client_connected(void *user, struct ns3c_socket *socket)
{
    (void)socket;
    send_on(user, SIZE);
}

static void client_writable(void *user, struct ns3c_socket *socket)
{
    (void)socket;
    send_on(user, SIZE);
}

static void client_readable(void *user, struct ns3c_socket *socket)
{
    struct side *s = user;
    unsigned char piece[65536];
    size_t size;

    while ((size = ns3c_receive(socket, piece, sizeof piece)) != 0)
        for (size_t i = 0; i < size; i++)
            s->wrong |= piece[i] != byte_at(s->received++);
    if (s->received == SIZE) {
        s->done_ns = ns3c_now();
        ns3c_look(socket, &s->flow);
        ns3c_close(socket, NS3C_FIN);
    }
}

static const struct ns3c_upcalls client_upcalls = {
    .connected = client_connected, .readable = client_readable, .writable = client_writable, .ended = ended};

static void start(void *arg)
{
    struct side *client = arg;

    client->socket = ns3c_connect(0, 1, PORT, &client_upcalls, client);
}

int main(int argc, char **argv)
{
    static struct side client, server;
    const uint64_t latency_ns[] = {2000000, 40000000, 40000000, 2000000}; /* of two regions */
    struct ns3c_config config = {.tcp = ns3c_tcp_default(), .region_count = 2, .latency_ns = latency_ns, .checksums = true};
    struct ns3c_link link = {.bps = 50000000, .queue_size = 625000};
    struct ns3c_socket *listener;
    struct ns3c_counts counts;
    char error[128];

    for (size_t i = 0; i < SIZE; i++)
        client.kept[i] = byte_at(i);
    if (ns3c_begin(&config, error, sizeof error) != 0) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    for (uint32_t region = 0; region < 2; region++)
        ns3c_host_add(&(struct ns3c_host){.region = region, .up = link, .down = link});
    if (argc > 1 && ns3c_pcap(0, argv[1]) != 0) {
        perror(argv[1]);
        return 1;
    }
    listener = ns3c_listen(1, PORT, &server_upcalls, &server);
    ns3c_call(0, SECOND / 2, start, &client);
    ns3c_run(30 * SECOND);
    ns3c_close(listener, NS3C_FIN);
    counts = ns3c_count();
    printf("%llu segments, %llu of them again; round trip %.1f ms, window %u\n", (unsigned long long)client.flow.segments,
           (unsigned long long)client.flow.retransmitted, (double)client.flow.rtt_ns / 1e6, client.flow.cwnd);
    printf("%zu bytes there and back in %.1f ms, %llu packets, %llu dropped, %llu events\n", client.received,
           (double)(client.done_ns - SECOND / 2) / 1e6, (unsigned long long)counts.packets,
           (unsigned long long)counts.dropped, (unsigned long long)counts.events);
    ns3c_end();
    return client.received == SIZE && server.received == SIZE && !client.wrong && !server.wrong ? 0 : 1;
}
