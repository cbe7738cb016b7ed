/* Cells on the kernel's TCP: many at a time, each with namespaces and links of its own, in one process. */
#ifndef TESTS_FIDELITY_KERNEL_H
#define TESTS_FIDELITY_KERNEL_H

#include "sim/netns/netns.h"
#include "tests/fidelity/cell.h"

#define KERNEL_HOSTS_MAX NETNS_HOSTS_MAX

/* Tries a byte. False: namespaces or their devices cannot be made here; `error` says why. */
bool kernel_available(char *error, size_t error_size);
/* Runs them all, as many at a time as the carrier can be trusted with; their hosts together are at most KERNEL_HOSTS_MAX.
 * False: `error` says why it cannot be done here. */
bool kernel_run(const struct cell *cells, struct cell_result *results, uint32_t count, char *error, size_t error_size);

#endif
