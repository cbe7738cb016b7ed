/* The table of backends. */
#include "sim/run/world.h"

#include <string.h>

const char *const world_names = "des, sockets, netns, ns3";

const struct world_ops *world_find(const char *name)
{
    static const struct world_ops *const worlds[] = {&world_des, &world_sockets, &world_netns, &world_ns3};

    for (size_t i = 0; i < sizeof worlds / sizeof worlds[0]; i++)
        if (strcmp(worlds[i]->name, name) == 0)
            return worlds[i];
    return NULL;
}
