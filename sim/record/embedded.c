/* Looks a text file up that the build put into the program. */
#include "sim/record/embedded.h"

#include <string.h>

const char *embedded_text(const char *path)
{
    for (size_t i = 0; i < embedded_file_count; i++)
        if (strcmp(embedded_files[i].path, path) == 0)
            return (const char *)embedded_files[i].text;
    return NULL;
}
