/*
 * What Xen said last of the host and its domains: a snapshot that reads are
 * answered from, so that they touch neither Xen nor xenstore.
 *
 * It is taken anew once a second while anybody has asked of late.  What makes
 * it old at once is marked: each transaction of ours, and each domain of
 * others that comes, shuts down or goes, of which xenstored tells
 * (@introduceDomain, @releaseDomain).  A read goes through live_read, which
 * first gives the loop a turn, so that such news that had come before the
 * request has been heard; and which then takes the snapshot anew if it is
 * marked, or older than LIVE_OLD_MS because nobody has asked for long.  So
 * `xl create` and then `xl-vdc list` shows the new domain; only figures that
 * change by themselves (CPU time, ballooning, a pause by others) may be
 * LIVE_OLD_MS old.
 */
#ifndef RESOURCED_LIVE_H
#define RESOURCED_LIVE_H

#include "hv/hv.h"

struct host;
struct live;

#define LIVE_OLD_MS 1500

struct live_snapshot {
    struct hv_domain_info *domains; /* by domid */
    size_t n_domains;
    struct hv_host_info host;
    uint64_t taken_ms; /* monotonic */
};

/* What is asked for less often; of the same age at most. */
struct live_extras {
    struct hv_cpupool *pools;
    size_t n_pools;
    const char **assignable; /* PCI devices that nobody has */
    size_t n_assignable;
};

/* Takes the first.  Errors: VDC_E_HYPERVISOR. */
int live_open(struct host *host, struct live **ret, struct vdc_error *err);
/* Those who wait are forgotten.  NULL is allowed. */
void live_close(struct live *live);

/*
 * Calls fn once, from the loop, when the snapshot is right (see above); an
 * error is Xen's, and then there is no right one.
 */
typedef void live_fn(void *arg, int rc, const struct vdc_error *err);
void live_read(struct live *live, live_fn *fn, void *arg);

/* As it is, be it marked or not; valid until the loop goes on. */
const struct live_snapshot *live_now(const struct live *live);
/* NULL when Xen had no such domain. */
const struct hv_domain_info *live_domain(const struct live *live,
                                         uint32_t domid);
/* Valid until the loop goes on.  Errors: VDC_E_HYPERVISOR. */
int live_extras(struct live *live, const struct live_extras **ret,
                struct vdc_error *err);
/* Something has changed: the next read sees it.  NULL is allowed. */
void live_changed(struct live *live);
/* Now, for those who must not miss what just happened. */
int live_refresh(struct live *live, struct vdc_error *err);

#endif
