/* hearsay calibrate: what work costs on this machine, for the `cpu` section of scenarios. */
#include "sim/cli/cli.h"
#include "sim/run/calibration.h"
#include "sim/run/version.h"
#include "sim/scenario/cpu_table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: hearsay calibrate [--out FILE]\n"
    "\n"
    "Times what nodes do (read messages, hash, encrypt, shake hands, sign, verify) with the stack's own code on one core\n"
    "of this machine, and prints a base and a cost of each KiB. Takes some seconds; let the machine be idle.\n"
    "\n"
    "  --out FILE  write the table there: a scenario names it (cpu: {table: FILE}); beside the scenario\n";

static const char *const names[] = CPU_WORK_NAMES;

/* "AMD EPYC": a word for people, so what cannot be found out is left out; without what JSON would have to escape. */
static void processor(char *out, size_t size)
{
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[256];

    snprintf(out, size, "unknown processor");
    while (f && fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');

        if (strncmp(line, "model name", 10) != 0 || !colon)
            continue;
        snprintf(out, size, "%s", colon + 1 + (colon[1] == ' '));
        break;
    }
    if (f)
        fclose(f);
    out[strcspn(out, "\n")] = '\0';
    for (char *at = out; *at; at++)
        if (*at == '"' || *at == '\\' || *at < ' ')
            *at = ' ';
}

static void print(const struct calibration *c, const char *machine)
{
    printf("%s, one core (medians)\n\n  work       ", machine);
    for (int i = 0; i < CALIBRATION_SIZES; i++)
        printf(" %7" PRIu64 " B", c->sizes[i]);
    printf("         fit: base + each KiB\n");
    for (int kind = 0; kind < WORK_KINDS; kind++) {
        if (1 << kind == WORK_VALIDATE)
            continue;
        printf("  %-11s", names[kind]);
        for (int i = 0; i < CALIBRATION_SIZES; i++)
            printf(" %6.1f us", c->measured_ns[kind][i] / 1e3);
        printf("  %9" PRIu64 " ns + %6" PRIu64 " ns\n", c->costs[kind].base_ns, c->costs[kind].per_kib_ns);
    }
    printf("  validate    is the application's: say it in the scenario (cpu: {costs: {validate: {base: 1ms}}})\n");
}

/* JSON, which is YAML too: the scenario's reader reads it. */
static bool write_table(const char *path, const struct calibration *c, const char *machine)
{
    FILE *f = fopen(path, "w");
    bool failed;

    if (!f)
        return false;
    fprintf(f, "{\n  \"measured\": \"%s, hearsay %s\",\n  \"costs\": {\n", machine, hearsay_version);
    for (int kind = 0; kind < WORK_KINDS; kind++)
        fprintf(f, "    \"%s\": {\"base\": \"%" PRIu64 "ns\", \"per_kib\": \"%" PRIu64 "ns\"}%s\n", names[kind],
                c->costs[kind].base_ns, c->costs[kind].per_kib_ns, kind + 1 < WORK_KINDS ? "," : "");
    fprintf(f, "  }\n}\n");
    failed = ferror(f) != 0;
    return fclose(f) == 0 && !failed;
}

static int run(int argc, char **argv)
{
    struct run_arguments a;
    struct calibration c;
    char machine[200];
    int status = RUN_OK;

    if (arguments_read(&a, argc, argv, &command_calibrate, "out", &status)) {
        if (a.file_count) {
            status = usage_error(&command_calibrate, "takes no file (%d given)", a.file_count);
        } else {
            processor(machine, sizeof machine);
            calibrate(&c);
            print(&c, machine);
            if (a.out && !write_table(a.out, &c, machine)) {
                fprintf(stderr, "hearsay calibrate: %s: %s\n", a.out, strerror(errno));
                status = RUN_FAILED;
            }
        }
    }
    arguments_free(&a);
    return status;
}

const struct command command_calibrate = {"calibrate", "measure what work costs on this machine", usage, run};
