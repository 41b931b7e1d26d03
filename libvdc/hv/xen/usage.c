/* Counts event channels and grant frames of a domain, by libxenctrl. */
#include "hv/xen/usage.h"

#include <errno.h>
#include <string.h>
#include <xenctrl.h>

#include "hv/xen/domain.h"
#include "hv/xen/self.h"

/* A hypercall a port, about a microsecond each: this many are looked at, the
 * most that there are with Xen's first event channels (2-level); libxl lets a
 * domain have 1024 if it is not told otherwise. */
#define PORTS_MAX 4096

static int count_ports(struct hv_xen *self, uint32_t domid, uint32_t *ret,
                       struct vdc_error *err)
{
    uint32_t n = 0;

    for (uint32_t port = 0; port < PORTS_MAX; port++) {
        xc_evtchn_status_t status = { .dom = (domid_t)domid, .port = port };
        if (xc_evtchn_status(self->xch, &status) != 0) {
            if (errno == EINVAL && port > 0) /* past the end of its table */
                break;
            return vdc_error_set(err, VDC_E_HYPERVISOR,
                                 "cannot count the event channels of domain "
                                 "%u: %s",
                                 domid, strerror(errno));
        }
        if (status.status != EVTCHNSTAT_closed)
            n++;
    }
    *ret = n;
    return 0;
}

int usage_get(struct hv *hv, uint32_t domid, struct hv_usage *ret,
              struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    struct gnttab_query_size grants = { .dom = (domid_t)domid };
    struct hv_usage usage = { 0 };
    int rc = domain_check(self, domid, err);

    if (rc == 0)
        rc = count_ports(self, domid, &usage.event_channels, err);
    if (rc)
        return rc;
    if (xc_gnttab_query_size(self->xch, &grants) != 0 ||
        grants.status != GNTST_okay)
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "cannot ask for the grant table of domain %u",
                             domid);
    usage.grant_frames = grants.nr_frames;
    usage.max_grant_frames = grants.max_nr_frames;
    *ret = usage;
    return 0;
}
