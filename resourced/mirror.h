/*
 * The state of each partition in xenstore, for those who watch:
 * /tool/xen-vdc/state/UUID and what is below (doc/xenstore-paths.md), dom0's
 * alone.  What the database has, written from the loop soon after a change:
 * only nodes whose value is another.
 */
#ifndef RESOURCED_MIRROR_H
#define RESOURCED_MIRROR_H

struct host;
struct mirror;

/* NULL when the setting says that there is none. */
struct mirror *mirror_new(struct host *host);
void mirror_free(struct mirror *mirror); /* NULL allowed; the nodes stay */

/* All partitions are known: what xenstore has is held against them, and
 * mended.  NULL allowed.  Failures are logged, and tried again. */
void mirror_start(struct mirror *mirror);
/* A partition has changed, or is another's, or no more.  NULL allowed. */
void mirror_changed(struct mirror *mirror);

#endif
