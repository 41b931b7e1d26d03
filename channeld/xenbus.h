/*
 * Writing one node of xenstore from within a guest, without a library of Xen:
 * its wire protocol (docs/misc/xenstore.txt of Xen) over /dev/xen/xenbus.
 */
#ifndef CHANNELD_XENBUS_H
#define CHANNELD_XENBUS_H

#include "base/error.h"

/* A path that begins without a slash is below the guest's own folder.  Blocks
 * for xenstored's answer.  Errors: VDC_E_UNSUPPORTED (no such device),
 * VDC_E_DENIED, VDC_E_QUOTA, VDC_E_IO. */
int xenbus_write(const char *path, const char *value, struct vdc_error *err);

#endif
