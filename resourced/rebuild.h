/*
 * A database that is damaged: resourced answers nothing but host_show and
 * host_verify, and with verify.rebuild makes a new one: from rows of the old
 * that are whole, and from what xenstore and Xen tell of running domains.
 * What runs is believed before what the old database says.  Running guests
 * are not touched.  Afterwards resourced works as after a start.
 *
 * The new database is made beside the old (PATH.new) and put in its place
 * when it is whole, so that a crash leaves the one or the other, and never an
 * empty one: rebuild_finish looks for that.
 */
#ifndef RESOURCED_REBUILD_H
#define RESOURCED_REBUILD_H

#include "resourced/verify.h"

struct host;

/*
 * fn as that of verify_begin; differences say what came from where (kinds
 * `from-database`, `from-xenstore`, `from-xen`) and what is missing (`lost`,
 * `not-ours`).  Errors: VDC_E_WRONG_STATE (it is not damaged; a rebuild is
 * under way), those of the store and of the hypervisor: then the damaged
 * database is where it was.
 */
void rebuild_begin(struct host *host, verify_done_fn *fn, void *arg);

/* Before the database is opened: brings a rebuild that a crash stopped to its
 * end.  Errors: VDC_E_STORE. */
int rebuild_finish(const char *path, struct vdc_error *err);

/* For the end of the process: fn is not called.  Nothing is under way:
 * nothing. */
void rebuild_abandon(struct host *host);

#endif
