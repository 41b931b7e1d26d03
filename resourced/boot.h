/* Guests that are started by themselves, after a boot of the host as a rule, a
 * few at a time. */
#ifndef RESOURCED_BOOT_H
#define RESOURCED_BOOT_H

#include "resourced/partition.h"

struct host;

/* To be started; before boot_go_on.  why: for a person; stays valid. */
void boot_add(struct host *host, struct partition *partition, const char *why);
/* Starts as many as may be started at once. */
void boot_go_on(struct host *host);

#endif
