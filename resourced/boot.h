/*
 * Guests that are started by themselves, after a boot of the host as a rule, a
 * few at a time.
 *
 * One whose row was made anew with the database may have gone to another host
 * before: it is held, and is started when policyd has said that it is still to
 * run here (boot_release).
 */
#ifndef RESOURCED_BOOT_H
#define RESOURCED_BOOT_H

#include "resourced/partition.h"

struct host;
struct request;

/* To be started; before boot_go_on.  why: for a person; stays valid. */
void boot_add(struct host *host, struct partition *partition, const char *why);
/* Starts as many as may be started at once. */
void boot_go_on(struct host *host);

/* Whether it is not to be started here before policyd has said so. */
bool boot_must_hold(const struct host *host,
                    const struct partition *partition);
/* To be started when policyd says so. */
void boot_hold(struct host *host, struct partition *partition,
               const char *why);
/* boot_release: their epochs are written, then those that are held are
 * started; others are left as they are. */
void boot_release(struct request *request);

#endif
