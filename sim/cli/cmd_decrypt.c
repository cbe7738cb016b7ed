/* hearsay decrypt: what captured connections said. */
#include "sim/cli/cli.h"

#include "sim/live/decrypt.h"
#include "stack/base/mem.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FILE_MAX (2048u << 20)

static const char usage[] =
    "usage: hearsay decrypt --pcap FILE --keylog FILE [--data]\n"
    "\n"
    "Lists the yamux frames of captured connections as JSON lines. The capture is one of `hearsay "
    "node --pcap` or\n"
    "`hearsay run --pcap`, or any classic pcap file with the connections' starts and without lost packets; the key log is\n"
    "that of `hearsay node --keylog`, or the NODE.keys beside the capture.\n"
    "\n"
    "  --pcap FILE    the capture\n"
    "  --keylog FILE  the keys\n"
    "  --data         with the payload of Data frames, in hex\n"
    "\n"
    "Exit status: 0, 1 a file cannot be read or a connection not decrypted, 2 bad usage.\n";

static bool read_whole(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "rb");
    bool ok = file != NULL;
    size_t n = 1;

    while (ok && n > 0 && !out->overflow) {
        uint8_t bytes[64 * 1024];

        n = fread(bytes, 1, sizeof bytes, file);
        buf_append(out, bytes, n);
        ok = !ferror(file);
    }
    if (!ok || out->overflow)
        fprintf(stderr, "hearsay decrypt: %s: %s\n", path,
                ok ? "is larger than 2 GiB" : strerror(errno));
    if (file)
        fclose(file);
    return ok && !out->overflow;
}

static int decrypt(const char *pcap, const char *keylog, bool data)
{
    char error[DECRYPT_ERROR_MAX] = "";
    struct decrypt_totals totals = {0};
    struct buf capture, keys;
    int status = RUN_FAILED;

    buf_init(&capture, FILE_MAX);
    buf_init(&keys, FILE_MAX);
    if (read_whole(pcap, &capture) && read_whole(keylog, &keys)) {
        bool ok =
            decrypt_capture(buf_slice(&capture), buf_slice(&keys), data, stdout, &totals, error);

        if (!ok)
            fprintf(stderr, "hearsay decrypt: %s\n", error);
        fprintf(stderr,
                "%" PRIu64 " frames of %" PRIu64 " connections; %" PRIu64
                " connections without keys, %" PRIu64 " directions not decrypted\n",
                totals.frames, totals.connections, totals.skipped, totals.broken);
        if (ok && totals.broken == 0 && fflush(stdout) == 0)
            status = RUN_OK;
    }
    buf_deinit(&capture);
    buf_deinit(&keys);
    return status;
}

static int run(int argc, char **argv)
{
    static const struct option options[] = {{"pcap", required_argument, NULL, 'p'},
                                            {"keylog", required_argument, NULL, 'k'},
                                            {"data", no_argument, NULL, 'd'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *pcap = NULL, *keylog = NULL;
    bool data = false;
    int letter;

    opterr = 0;
    optind = 1;
    while ((letter = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        switch (letter) {
        case 'p':
            pcap = optarg;
            break;
        case 'k':
            keylog = optarg;
            break;
        case 'd':
            data = true;
            break;
        case 'h':
            fputs(usage, stdout);
            return RUN_OK;
        default:
            return usage_error(&command_decrypt, "%s %s", argv[optind - 1],
                               letter == ':' ? "needs a value"
                                             : "is not an option of this command");
        }
    }
    if (optind < argc)
        return usage_error(&command_decrypt, "%s: arguments without an option are not understood",
                           argv[optind]);
    if (!pcap || !keylog)
        return usage_error(&command_decrypt, "give --pcap and --keylog");
    return decrypt(pcap, keylog, data);
}

const struct command command_decrypt = {"decrypt", "list what captured connections said", usage,
                                        run};
