/* One host for the kernel's TCP: a network namespace whose only way out is a TUN device.
 *
 * The namespace has no name: it lives as long as its descriptor and the sockets made in it, so a killed process leaves
 * nothing behind. It is entered for a moment only, by the calling thread, which is then back in `home_fd`.
 *
 * The kernel's settings are those of a plain Linux, whatever the machine's are (README.md lists them). */
#ifndef SIM_NETNS_NAMESPACE_H
#define SIM_NETNS_NAMESPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAMESPACE_MTU 1500

struct namespace {
    int net_fd; /* the namespace */
    int tun_fd; /* non-blocking; a read takes a packet that it sends, a write gives it one */
};

int namespace_home(void); /* a descriptor of the calling thread's own namespace, or -1 and errno */
/* Makes one with the address `ip` in 10.0.0.0/8, all of which it reaches through its device. False: `error` says why. */
bool namespace_open(struct namespace *n, int home_fd, uint32_t ip, char *error, size_t error_size);
void namespace_close(struct namespace *n);
/* A TCP socket in it, non-blocking, with CUBIC, or -1 and errno. */
int namespace_socket(const struct namespace *n, int home_fd, int family);

#endif
