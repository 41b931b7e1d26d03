/*
 * Guests that are started by themselves, after a boot of the host as a rule, a
 * few at a time.
 *
 * One that is protected may have been started on another host while this one
 * was off.  After a boot it is held: it is started when policyd has said that
 * it is still to run here (boot_release), or is forgotten.  A host that
 * booted again in between holds it again.
 */
#ifndef RESOURCED_BOOT_H
#define RESOURCED_BOOT_H

#include "resourced/partition.h"

struct host;
struct wire_boot_release;

/* To be started; before boot_go_on.  why: for a person; stays valid. */
void boot_add(struct host *host, struct partition *partition, const char *why);
/* Starts as many as may be started at once. */
void boot_go_on(struct host *host);

/* Whether it is not to be started here before policyd has said so: it is
 * protected, and the host has booted since it had its domain. */
bool boot_must_hold(const struct host *host,
                    const struct partition *partition);
/* To be started when policyd says so. */
void boot_hold(struct host *host, struct partition *partition,
               const char *why);
bool boot_is_held(const struct host *host,
                  const struct partition *partition);
/* Starts those of them that are held; others are left as they are. */
void boot_release(struct host *host, const struct wire_boot_release *which);

#endif
