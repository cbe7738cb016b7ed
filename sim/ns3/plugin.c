/* dlopen. It is never closed again: ns-3 registers types that would dangle. */
#include "sim/ns3/plugin.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME "hearsay-ns3.so"

/* The folder of this program, with the slash; "" when the system does not tell. */
static void program_folder(char out[static PATH_MAX])
{
    ssize_t size = readlink("/proc/self/exe", out, PATH_MAX - 1);

    out[size < 0 ? 0 : size] = '\0';
    if (size > 0)
        strrchr(out, '/')[1] = '\0';
}

static bool find(char out[static PATH_MAX + 32])
{
    static const char *const places[] = {NAME, "../" NAME};
    const char *told = getenv(NS3_PLUGIN_VARIABLE);
    char folder[PATH_MAX];

    if (told) {
        snprintf(out, PATH_MAX + 32, "%s%s", strchr(told, '/') ? "" : "./", told);
        return true;
    }
    program_folder(folder);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(out, PATH_MAX + 32, "%s%s", folder, places[i]);
        if (access(out, R_OK) == 0)
            return true;
    }
    return false;
}

const struct ns3c_table *ns3_plugin(char *error, size_t error_size)
{
    static const struct ns3c_table *table;
    char path[PATH_MAX + 32];
    const struct ns3c_table *(*api)(void);
    void *library;

    if (table)
        return table;
    if (!find(path)) {
        snprintf(error, error_size, "there is no %s beside the program (`make ns3` builds it, " NS3_PLUGIN_VARIABLE
                 "=PATH tells where else it is)", NAME);
        return NULL;
    }
    library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        snprintf(error, error_size, "%s", dlerror());
        return NULL;
    }
    *(void **)&api = dlsym(library, "ns3c_api");
    if (!api || api()->version != NS3C_VERSION) {
        snprintf(error, error_size, "%s is not of this version (`make ns3` builds it)", path);
        return NULL;
    }
    table = api();
    return table;
}
