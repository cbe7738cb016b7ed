/* Runs a fuzz target over the files of the folders that are named: its corpus, with whatever once
 * crashed it. Prints how many there were. */
#include "tests/fuzz/fuzz.h"

#include "stack/base/mem.h"

#include <dirent.h>
#include <stdio.h>

#define FILE_SIZE_MAX (1 << 20)

static bool run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *bytes, *exact;
    size_t size;

    if (!f)
        return false;
    bytes = mem_alloc(FILE_SIZE_MAX);
    size = fread(bytes, 1, FILE_SIZE_MAX, f);
    fclose(f);
    exact = mem_alloc(size); /* so that a sanitizer sees what lies beyond */
    memcpy(exact, bytes, size);
    mem_free(bytes);
    LLVMFuzzerTestOneInput(exact, size);
    mem_free(exact);
    return true;
}

static int run_folder(const char *folder)
{
    DIR *d = opendir(folder);
    struct dirent *entry;
    int count = 0;

    if (!d) {
        fprintf(stderr, "replay: no folder %s\n", folder);
        return -1;
    }
    while ((entry = readdir(d)) != NULL) {
        char path[1024];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (!run_file(path)) {
            closedir(d);
            fprintf(stderr, "replay: cannot read %s\n", path);
            return -1;
        }
        count++;
    }
    closedir(d);
    return count;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        int count = run_folder(argv[i]);

        if (count <= 0) /* an empty corpus tests nothing */
            return 1;
        printf("%s: %d inputs\n", argv[i], count);
    }
    return 0;
}
