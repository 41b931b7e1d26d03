/*
 * What resourced writes to xenstore, for programs in dom0 (guests cannot read
 * it): /tool/xen-vdc/partition/DOMID = uuid of the partition, as long as the
 * domain is there; /tool/xen-vdc/resourced/{version,pid} while it runs.
 */
#ifndef RESOURCED_PUBLISH_H
#define RESOURCED_PUBLISH_H

#include "resourced/partition.h"

struct host;

int publish_domain(struct host *host, uint32_t domid,
                   const struct vdc_uuid *uuid, struct vdc_error *err);
int unpublish_domain(struct host *host, uint32_t domid,
                     struct vdc_error *err);
/* Makes what is published be what is true: for the start. */
int publish_all(struct host *host, struct vdc_error *err);
void unpublish_daemon(struct host *host);

#endif
