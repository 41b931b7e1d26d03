/*
 * After a start: what a crash left open is ended, forward or back, so that
 * Xen and the database agree; domains of ours that run are watched again and
 * otherwise left alone; after a boot of the host, guests are started as their
 * definitions say.  Domains that are not ours are not touched.
 *
 *   create, start     back: what was built is destroyed (nobody was told that
 *                     it runs)
 *   destroy, stop     forward
 *   restart           forward: what there is is destroyed, and built anew
 *   rename            forward
 *   shutdown, reboot  were requests to the guest: nothing to do
 */
#ifndef RESOURCED_RECOVERY_H
#define RESOURCED_RECOVERY_H

#include "base/error.h"

struct host;
struct recovery;

/*
 * fn is called once, from the loop: with 0 when Xen and the database agree
 * (guests of on_boot are started after it), otherwise nothing can be relied
 * on.  recovery_free ends it at any time.
 */
struct recovery *recovery_start(struct host *host,
                                void (*fn)(void *arg, int rc,
                                           const struct vdc_error *err),
                                void *arg);
void recovery_free(struct recovery *recovery); /* NULL is allowed */

#endif
