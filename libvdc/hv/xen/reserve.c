/*
 * The claim and its holder.
 *
 * Xen counts what is claimed as not free for everybody but the holder: other
 * domains, other toolstacks, their claims, balloons.  A domain has one claim
 * at a time; to change it, it is taken back and made anew, and between the two
 * hypercalls the memory is free.  If another took it in that moment, the old
 * amount is claimed again, if it can be.
 */
#include "hv/xen/reserve.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xenctrl.h>

#include "base/log.h"
#include "hv/xen/self.h"

#define PAGE_KIB 4
#define HOLDER_NAME "xen-vdc-reserve"

/* The same in every version: 057c3126-81ef-4670-b3ec-2e98b63542e8. */
static const uint8_t holder_uuid[16] = { 0x05, 0x7c, 0x31, 0x26, 0x81, 0xef,
                                         0x46, 0x70, 0xb3, 0xec, 0x2e, 0x98,
                                         0xb6, 0x35, 0x42, 0xe8 };

bool reserve_is_holder(const uint8_t uuid[16])
{
    return memcmp(uuid, holder_uuid, sizeof(holder_uuid)) == 0;
}

static const char *store_path(uint32_t domid, const char *node, char *buf,
                              size_t size)
{
    snprintf(buf, size, "/local/domain/%u%s", domid, node);
    return buf;
}

static int holder_destroy(struct hv_xen *self, uint32_t domid,
                          struct vdc_error *err)
{
    char path[64];

    /* First its name: the number may be another's as soon as it is free. */
    self->hv.store->remove(&self->hv,
                           store_path(domid, "", path, sizeof(path)), NULL);
    if (xc_domain_destroy(self->xch, domid) == 0 || errno == ESRCH)
        return 0;
    return vdc_error_set(err, VDC_E_HYPERVISOR,
                         "cannot give back the reserved memory (domain %u): "
                         "%s",
                         domid, strerror(errno));
}

static int holder_make(struct hv_xen *self, uint32_t *ret_domid,
                       struct vdc_error *err)
{
    struct xen_domctl_createdomain config = {
        .max_vcpus = 1, /* the least that Xen takes; it is not made */
        .max_evtchn_port = 1,
        .max_grant_frames = 1,
        .max_maptrack_frames = 0,
        .grant_opts = XEN_DOMCTL_GRANT_version(1),
    };
    uint32_t domid = 0; /* for Xen to choose */
    char path[64];

    memcpy(config.handle, holder_uuid, sizeof(config.handle));
    if (xc_domain_create(self->xch, &domid, &config) != 0)
        return vdc_error_set(
            err, errno == ENOMEM ? VDC_E_NO_MEMORY : VDC_E_HYPERVISOR,
            "cannot make the domain that holds reserved "
            "memory: %s",
            strerror(errno));
    /* A claim cannot be over what its domain may have. */
    if (xc_domain_setmaxmem(self->xch, domid, MEM_MAX_KIB) != 0) {
        int rc = vdc_error_set(err, VDC_E_HYPERVISOR,
                               "cannot raise the limit of the domain that "
                               "holds reserved memory: %s",
                               strerror(errno));
        holder_destroy(self, domid, NULL);
        return rc;
    }
    self->hv.store->write(&self->hv,
                          store_path(domid, "/name", path, sizeof(path)),
                          HOLDER_NAME, NULL);
    *ret_domid = domid;
    return 0;
}

/* errno of Xen's answer; 0 when it is claimed, instead of what was. */
static int claim(struct hv_xen *self, uint64_t pages)
{
    if (xc_domain_claim_pages(self->xch, self->holder, 0) != 0)
        return errno;
    if (pages == 0)
        return 0;
    return xc_domain_claim_pages(self->xch, self->holder, pages) == 0 ? 0
                                                                      : errno;
}

static void forget_holder(struct hv_xen *self)
{
    self->holder = HV_DOMID_NONE;
    self->claimed_pages = 0;
}

static int give_back(struct hv_xen *self, struct vdc_error *err)
{
    if (self->holder == HV_DOMID_NONE)
        return 0;
    int rc = holder_destroy(self, self->holder, err);
    if (rc == 0)
        forget_holder(self);
    return rc;
}

/* Xen has refused: back to the amount before, as far as that is still there.
 */
static int refused(struct hv_xen *self, struct mem amount, int errnum,
                   struct vdc_error *err)
{
    uint64_t before = self->claimed_pages;
    bool kept = before > 0 && claim(self, before) == 0;
    char text[32];

    if (!kept)
        give_back(self, NULL);
    if (errnum != ENOMEM)
        return vdc_error_set(
            err, VDC_E_HYPERVISOR, "Xen does not let %s be claimed: %s",
            units_mem_format(amount, text, sizeof(text)), strerror(errnum));
    return vdc_error_set(err, VDC_E_NO_MEMORY,
                         "the host has not the %s free that shall be "
                         "reserved%s",
                         units_mem_format(amount, text, sizeof(text)),
                         kept || before == 0
                             ? ""
                             : ", and what was reserved before was taken by "
                               "another meanwhile");
}

int reserve_set(struct hv *hv, struct mem amount, struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    uint64_t pages = (amount.kib + PAGE_KIB - 1) / PAGE_KIB;
    int rc = hv_xen_check(self, err);

    if (rc)
        return rc;
    if (amount.kib > MEM_MAX_KIB)
        return vdc_error_set(err, VDC_E_NO_MEMORY,
                             "no host has %" PRIu64 " KiB of memory",
                             amount.kib);
    if (pages == 0)
        return give_back(self, err);
    if (self->holder == HV_DOMID_NONE) {
        rc = holder_make(self, &self->holder, err);
        if (rc)
            return rc;
    }
    int errnum = claim(self, pages);
    if (errnum)
        return refused(self, amount, errnum, err);
    self->claimed_pages = pages;
    return 0;
}

struct mem reserve_claimed(struct hv_xen *self)
{
    xc_domaininfo_t info;

    if (self->holder == HV_DOMID_NONE ||
        xc_domain_getinfolist(self->xch, self->holder, 1, &info) != 1 ||
        info.domain != self->holder)
        return MEM_KIB(0);
    return MEM_KIB(info.outstanding_pages * PAGE_KIB);
}

int reserve_open(struct hv_xen *self, struct vdc_error *err)
{
    xc_domaininfo_t infos[64];
    uint32_t next = 1;
    int n, rc = 0;

    do {
        n = xc_domain_getinfolist(self->xch, next, 64, infos);
        if (n < 0)
            return vdc_error_set(err, VDC_E_HYPERVISOR,
                                 "cannot list the domains: %s",
                                 strerror(errno));
        for (int i = 0; i < n; i++) {
            next = infos[i].domain + 1u;
            if (!reserve_is_holder(infos[i].handle) ||
                (infos[i].flags & XEN_DOMINF_dying))
                continue;
            log_info("giving back %" PRIu64 " KiB that an earlier process "
                     "had reserved",
                     (uint64_t)infos[i].outstanding_pages * PAGE_KIB);
            rc = holder_destroy(self, infos[i].domain, err);
            if (rc)
                return rc;
        }
    } while (n == 64);
    return 0;
}

void reserve_close(struct hv_xen *self)
{
    if (self->xch)
        give_back(self, NULL);
}
