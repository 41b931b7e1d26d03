/* Guests that are started by themselves after a boot of the host, a few at a
 * time. */
#ifndef RESOURCED_BOOT_H
#define RESOURCED_BOOT_H

#include "resourced/partition.h"

struct host;

/* To be started; before boot_go_on. */
void boot_add(struct host *host, struct partition *partition);
/* Starts as many as may be started at once. */
void boot_go_on(struct host *host);

#endif
