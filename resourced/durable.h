/*
 * A file that was written under another name is given its own, when all of it
 * is on the disk.  That may take long, so a thread does it.
 */
#ifndef RESOURCED_DURABLE_H
#define RESOURCED_DURABLE_H

#include <stdbool.h>

#include "base/error.h"

struct event_base;

typedef void durable_fn(void *arg, int rc, const struct vdc_error *err);

/*
 * fd is the file `from`; it gets the name `to`, in the same folder.  What has
 * that name is replaced, or, without `replace`, stays, and is an error.  `to`
 * NULL: it keeps its name.  fn is called once, from the loop: VDC_E_EXISTS,
 * VDC_E_DISK_FULL, VDC_E_IO; then the file may have either name.  fd stays the
 * caller's, open until then.  An error that is returned: nothing was begun.
 */
int durable_rename(struct event_base *base, int fd, const char *from,
                   const char *to, bool replace, durable_fn *fn, void *arg,
                   struct vdc_error *err);

#endif
