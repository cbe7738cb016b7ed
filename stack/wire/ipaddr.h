/* IP addresses as text: dotted IPv4 and RFC 5952 IPv6. No zones, no octal, no sockets. */
#ifndef STACK_WIRE_IPADDR_H
#define STACK_WIRE_IPADDR_H

#include "stack/base/slice.h"

#define IPADDR4_TEXT_MAX 15 /* characters, without a NUL */
#define IPADDR6_TEXT_MAX 39

int ipaddr_parse4(struct slice text, uint8_t ip[static 4]);  /* ERR_MALFORMED */
int ipaddr_parse6(struct slice text, uint8_t ip[static 16]); /* ERR_MALFORMED */

/* Characters written; there is no NUL. IPv4-mapped addresses are written ::ffff:a.b.c.d. */
size_t ipaddr_text4(const uint8_t ip[static 4], char out[static IPADDR4_TEXT_MAX]);
size_t ipaddr_text6(const uint8_t ip[static 16], char out[static IPADDR6_TEXT_MAX]);

#endif
