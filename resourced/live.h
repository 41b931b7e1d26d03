/*
 * What Xen said last of the host and its domains: a snapshot that reads are
 * answered from, so that they touch neither Xen nor xenstore.  It is taken
 * anew when xenstored tells of a domain that came or went, after each
 * transaction, and once a second while anybody has asked of late.
 */
#ifndef RESOURCED_LIVE_H
#define RESOURCED_LIVE_H

#include "hv/hv.h"

struct host;
struct live;

struct live_snapshot {
    struct hv_domain_info *domains; /* by domid */
    size_t n_domains;
    struct hv_host_info host;
    uint64_t taken_ms; /* monotonic */
};

/* Takes the first.  Errors: VDC_E_HYPERVISOR. */
int live_open(struct host *host, struct live **ret, struct vdc_error *err);
void live_close(struct live *live); /* NULL is allowed */
/* Valid until the loop goes on. */
const struct live_snapshot *live_now(struct live *live);
/* NULL when Xen had no such domain. */
const struct hv_domain_info *live_domain(const struct live *live,
                                         uint32_t domid);
/* Something has changed: taken anew from the loop, at once. */
void live_changed(struct live *live);
/* Now, for those who must not miss what just happened. */
int live_refresh(struct live *live, struct vdc_error *err);

#endif
