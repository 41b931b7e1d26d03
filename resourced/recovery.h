/*
 * After a start: what a crash left open is ended, forward or back, so that
 * Xen and the database agree; domains of ours that run are watched again and
 * otherwise left alone; after a boot of the host, guests are started as their
 * definitions say.  Domains that are not ours are not touched.
 *
 * Each transaction of the journal is one again (transaction_recover): one
 * that had passed (its domain was being ended for good) goes forward, any
 * other is undone by its steps, whatever of them had been applied.  One that
 * cannot be ended stays in the journal, for the next start or host-verify.
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
