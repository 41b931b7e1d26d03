/*
 * The command domain: the partition in which policyd runs when it is not in
 * dom0.  It alone may command over a channel, and as nobody else could start
 * it, it is started whenever it does not run.
 */
#ifndef RESOURCED_COMMANDER_H
#define RESOURCED_COMMANDER_H

#include "base/error.h"
#include "chan/chan.h"

struct commander;
struct host;

/* By the settings; NULL when commands are taken in dom0.  Errors:
 * VDC_E_BAD_CONFIG. */
int commander_new(struct host *host, struct commander **ret,
                  struct vdc_error *err);
void commander_free(struct commander *commander); /* NULL allowed */

/* Whether who comes over a channel is the command domain: by what channeld
 * has of it from Xen, and by our own database.  Errors: VDC_E_DENIED. */
int commander_check(const struct commander *commander,
                    const struct chan_peer *peer, struct vdc_error *err);

/* Its domain is looked after from now on. */
void commander_begin(struct commander *commander); /* NULL allowed */
/* A channel of it is there, or has ended. */
void commander_came(struct commander *commander);
void commander_left(struct commander *commander, const char *why);

#endif
