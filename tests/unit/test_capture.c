/* Captures of sim/des: every segment that its links carry, as long as they carry it, with the bytes and options that it has. */
#include "tests/lib/test.h"

#include "sim/capture/pcap.h"
#include "stack/base/mem.h"
#include "tests/lib/des_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_HEAD_SIZE 24
#define RECORD_HEAD_SIZE 16
#define IP_HEAD_SIZE 20
#define TCP_HEAD_SIZE 20

struct watched {
    char path[2][40];
    struct pcap file[2];
};

static void watch(struct watched *w, struct des *d)
{
    for (uint32_t i = 0; i < 2; i++) {
        int fd;

        strcpy(w->path[i], "/tmp/hearsay-capture-XXXXXX");
        fd = mkstemp(w->path[i]);
        assert_true(fd >= 0);
        close(fd);
        assert_true(pcap_create(&w->file[i], w->path[i], 0));
        des_capture(d, i, &w->file[i]);
    }
}

static size_t text_of(struct watched *w, int i, uint8_t **text)
{
    FILE *file;
    long size;

    assert_true(pcap_finish(&w->file[i]));
    file = fopen(w->path[i], "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    size = ftell(file);
    rewind(file);
    *text = mem_alloc((size_t)size);
    assert_int_equal(fread(*text, 1, (size_t)size, file), size);
    fclose(file);
    unlink(w->path[i]);
    return (size_t)size;
}

static uint32_t load_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* What a capture of the host with this last byte of its address holds. */
struct seen {
    uint64_t sent_size, packets, sacks, duplicate_sacks, resets, ends;
    uint32_t mss, scale;
};

static void read_option(const uint8_t *at, uint32_t ack, struct seen *seen)
{
    if (at[0] == 2)
        seen->mss = load_be16(at + 2);
    if (at[0] == 3)
        seen->scale = at[2];
    for (int i = 2; at[0] == 5 && i < at[1]; i += 8) {
        uint32_t start = load_be32(at + i), end = load_be32(at + i + 4);

        assert_true((int32_t)(end - start) > 0);
        if ((int32_t)(start - ack) < 0)
            seen->duplicate_sacks += i == 2; /* D-SACK: the first one only */
        else
            seen->sacks++;
        assert_true((int32_t)(start - ack) > 0 || i == 2);
    }
}

static void read_packet(const uint8_t *ip, size_t size, uint8_t self, struct seen *seen)
{
    const uint8_t *tcp = ip + IP_HEAD_SIZE;
    size_t head = (size_t)(tcp[12] >> 4) * 4, at = TCP_HEAD_SIZE;

    assert_int_equal(load_be16(ip + 2), size);
    assert_true(head >= TCP_HEAD_SIZE && IP_HEAD_SIZE + head <= size);
    while (at < head && tcp[at] != 0) {
        if (tcp[at] != 1)
            read_option(tcp + at, load_be32(tcp + 8), seen);
        at += tcp[at] == 1 ? 1 : tcp[at + 1];
    }
    assert_int_equal(at, head);
    seen->packets++;
    seen->sent_size += ip[15] == self ? size : 0;
    seen->ends += tcp[13] & 1;
    seen->resets += tcp[13] >> 2 & 1;
}

static struct seen read_capture(struct slice text, uint8_t self)
{
    struct seen seen = {0};
    uint64_t before = 0;

    for (size_t at = FILE_HEAD_SIZE; at < text.size;) {
        const uint8_t *record = text.data + at;
        size_t size = load_le32(record + 8);
        uint64_t time_ns = load_le32(record) * 1000000000ull + load_le32(record + 4);

        assert_true(time_ns >= before);
        before = time_ns;
        read_packet(record + RECORD_HEAD_SIZE, size, self, &seen);
        at += RECORD_HEAD_SIZE + size;
    }
    return seen;
}

/* Two hosts, a transfer each way with losses; what links carried is what the two captures say that was sent. */
static void transfer(const struct tcp_config *tcp, uint32_t loss_ppm, struct seen out[static 2])
{
    struct gilbert loss = {.good_loss_ppm = loss_ppm};
    struct des_config config = {.seed = 3, .tcp = DES_TCP_PACKET, .tcp_config = tcp, .loss = &loss};
    struct des_net_host hosts[] = {{20000000, 20000000}, {20000000, 20000000}};
    struct des_net net;
    struct watched w;
    struct des_end *e;

    des_net_init(&net, &config, 10 * DES_MS, hosts, 2);
    watch(&w, net.d);
    e = des_net_dial(&net, 0, 1);
    des_net_write(e, 700000);
    des_net_run(&net, 20 * DES_SECOND);
    des_net_write(net.peers[1].ends[0], 300000);
    des_net_run(&net, 40 * DES_SECOND);
    des_net_close(e, BACKEND_CLOSE_FIN);
    des_net_run(&net, 50 * DES_SECOND);
    assert_int_equal(net.peers[1].ends[0]->received, 700000);
    for (int i = 0; i < 2; i++) {
        uint8_t *text;
        size_t size = text_of(&w, i, &text);

        out[i] = read_capture(slice_of(text, size), (uint8_t)(i + 1));
        mem_free(text);
    }
    assert_int_equal(out[0].sent_size + out[1].sent_size, des_counts(net.d).bytes);
    des_net_deinit(&net);
}

static void a_capture_has_what_the_links_carry(void **state)
{
    struct tcp_config tcp = tcp_config_default();
    struct seen seen[2];

    (void)state;
    transfer(&tcp, 0, seen);
    assert_int_equal(seen[0].packets, seen[1].packets); /* nothing was lost */
    assert_int_equal(seen[0].sacks + seen[1].sacks, 0);
    assert_int_equal(seen[0].ends, 2);
    assert_int_equal(seen[0].mss, 1448);
    assert_int_equal(seen[0].scale, 7);
    transfer(&tcp, 20000, seen);
    assert_true(seen[0].sacks > 10 && seen[1].sacks > 3);
    assert_true(seen[0].packets != seen[1].packets);
    tcp.sack = false;
    transfer(&tcp, 20000, seen);
    assert_int_equal(seen[0].sacks + seen[1].sacks, 0);
}

static void windows_of_large_buffers_have_a_larger_scale(void **state)
{
    struct tcp_config tcp = tcp_config_default();
    struct seen seen[2];

    (void)state;
    tcp.receive_buffer_max = 100u << 20;
    tcp.mss = 8948;
    transfer(&tcp, 0, seen);
    assert_int_equal(seen[0].scale, 11); /* 100 MiB >> 11 fits in 16 bits */
    assert_int_equal(seen[0].mss, 8948);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_capture_has_what_the_links_carry),
        cmocka_unit_test(windows_of_large_buffers_have_a_larger_scale),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
