/* Finds build/hearsay-ns3.so, the part of the program that needs ns-3 and C++, when it is asked for. */
#ifndef SIM_NS3_PLUGIN_H
#define SIM_NS3_PLUGIN_H

#include "sim/ns3/ns3c.h"

#define NS3_PLUGIN_VARIABLE "HEARSAY_NS3" /* environment: the path of the plug-in */

/* Its functions; loaded once, from $HEARSAY_NS3, or from beside the program, or from one folder up. NULL, and a sentence in
 * `error`, when there is none or it is of another version. */
const struct ns3c_table *ns3_plugin(char *error, size_t error_size);

#endif
