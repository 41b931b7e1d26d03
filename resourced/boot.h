/*
 * Guests that are started by themselves, after a boot of the host as a rule, a
 * few at a time.
 *
 * Some may have gone to another host, or have been started there, without this
 * one having heard of it: one that is protected, after a boot; one whose row
 * was made anew with the database.  They are held: started when policyd has
 * said that they are still to run here (boot_release), or forgotten.  A host
 * that booted again in between holds them again.
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

/* Whether it is not to be started here before policyd has said so: it is
 * protected, and the host has booted since it had its domain; or which move
 * of it was the last is not known (epoch_is_unknown). */
bool boot_must_hold(const struct host *host,
                    const struct partition *partition);
/* To be started when policyd says so. */
void boot_hold(struct host *host, struct partition *partition,
               const char *why);
/* Whether policyd is to say whether it runs here: it waits for that, or which
 * move of it was the last is not known. */
bool boot_is_held(const struct host *host,
                  const struct partition *partition);
/* boot_release: the epochs that are not known are written, then those that are
 * held are started; others are left as they are.  Answers ok when the epochs
 * are durable; an error of the store: nothing is changed. */
void boot_release(struct request *request);

#endif
