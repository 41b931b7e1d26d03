/*
 * Links between domains, by the kernel's devices: gntalloc gives pages, gntdev
 * maps those of another domain, evtchn wakes it.  Each end has device files of
 * its own, so that closing them is all there is to undo, also for the kernel
 * when a process dies.  In a fresh file the first pages are at offset 0.
 *
 * The devices and their ioctls are in Linux's xen/gntalloc.h, xen/gntdev.h,
 * xen/evtchn.h.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Linux's header of evtchn and gntdev want these from Xen's. */
typedef __u16 domid_t;
typedef __u32 grant_ref_t;

#include <xen/evtchn.h>
#include <xen/gntalloc.h>
#include <xen/gntdev.h>

#include "base/arena.h"
#include "chan/link_impl.h"

#define DOMID_FIRST_RESERVED 0x7ff0u /* of xen/xen.h */
#define PORTS_TAKEN_MAX 16

static int open_device(const char *name, const char *module, int *ret,
                       struct vdc_error *err)
{
    char path[64];

    snprintf(path, sizeof(path), "/dev/xen/%s", name);
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0) {
        *ret = fd;
        return 0;
    }
    int errnum = errno;
    if (errnum == EMFILE || errnum == ENFILE || errnum == ENOMEM)
        return vdc_error_errno(err, VDC_E_IO, errnum, "cannot open %s", path);
    if (errnum == EACCES || errnum == EPERM) {
        vdc_error_errno(err, VDC_E_DENIED, errnum, "cannot open %s", path);
        vdc_error_hint(err, "only root may, unless the file's mode says so");
        return VDC_E_DENIED;
    }
    int rc = vdc_error_set(err, VDC_E_UNSUPPORTED, "there is no %s: %s", path,
                           strerror(errnum));
    if (access("/sys/hypervisor/type", F_OK))
        vdc_error_hint(err,
                       "this is no Xen domain; in one, load the "
                       "module %s",
                       module);
    else
        vdc_error_hint(err, "load the module: modprobe %s", module);
    return rc;
}

/* The value of a module's parameter "limit"; "unknown" when it has none. */
static const char *limit_of(const char *module, char *buf, size_t size)
{
    char path[96];

    snprintf(path, sizeof(path), "/sys/module/%s/parameters/limit", module);
    FILE *file = fopen(path, "re");
    if (!file || !fgets(buf, (int)size, file))
        snprintf(buf, size, "unknown");
    if (file)
        fclose(file);
    buf[strcspn(buf, "\n")] = '\0';
    return buf;
}

static int give_error(int errnum, uint32_t n_pages, struct vdc_error *err)
{
    char limit[32];
    int rc;

    if (errnum == ENOSPC) {
        limit_of("xen_gntalloc", limit, sizeof(limit));
        rc = vdc_error_set(err, VDC_E_QUOTA,
                           "%u pages more cannot be granted: either the "
                           "limit of the module xen-gntalloc (parameter "
                           "`limit`, %s pages for the whole domain) or the "
                           "domain's grant table is used up",
                           n_pages, limit);
        vdc_error_hint(err,
                       "close channels, write a larger number to "
                       "/sys/module/xen_gntalloc/parameters/limit, or give "
                       "the domain more max_grant_frames (512 grants each)");
        return rc;
    }
    return vdc_error_errno(err, VDC_E_IO, errnum, "%u pages cannot be granted",
                           n_pages);
}

static int grant_pages(struct link_end *end, uint32_t domid,
                       struct link_offer *offer, struct vdc_error *err)
{
    uint32_t n = end->n_pages;
    struct ioctl_gntalloc_alloc_gref *op =
        xzalloc(sizeof(*op) + (n - 1) * sizeof(op->gref_ids[0]));

    op->domid = (uint16_t)domid;
    op->flags = GNTALLOC_FLAG_WRITABLE;
    op->count = n;
    int rc = 0;
    if (ioctl(end->fds[0], IOCTL_GNTALLOC_ALLOC_GREF, op)) {
        rc = give_error(errno, n, err);
    } else {
        offer->refs = xzalloc(n * sizeof(offer->refs[0]));
        memcpy(offer->refs, op->gref_ids, n * sizeof(offer->refs[0]));
    }
    free(op);
    return rc;
}

static int port_error(int errnum, uint32_t domid, struct vdc_error *err)
{
    if (errnum != ENOSPC)
        return vdc_error_errno(err, VDC_E_IO, errnum,
                               "no event channel with domain %u", domid);
    vdc_error_set(err, VDC_E_QUOTA,
                  "no event channel with domain %u: all that this domain may "
                  "have are in use",
                  domid);
    vdc_error_hint(err, "close channels, or give the domain more "
                        "max_event_channels (xl.cfg; 1023 if not set)");
    return VDC_E_QUOTA;
}

int link_grant_give(uint32_t domid, uint32_t n_pages, size_t life_offset,
                    struct link_end *ret, struct link_offer *offer,
                    struct vdc_error *err)
{
    if (domid >= DOMID_FIRST_RESERVED)
        return vdc_error_set(err, VDC_E_BAD_VALUE, "%u is no domain", domid);
    int rc = open_device("gntalloc", "xen-gntalloc", &ret->fds[0], err);
    if (!rc)
        rc = open_device("evtchn", "xen-evtchn", &ret->fds[1], err);
    if (!rc)
        rc = grant_pages(ret, domid, offer, err);
    if (rc)
        return rc;
    struct ioctl_evtchn_bind_unbound_port bind = { .remote_domain = domid };
    int r = ioctl(ret->fds[1], IOCTL_EVTCHN_BIND_UNBOUND_PORT, &bind);
    if (r < 0)
        return port_error(errno, domid, err);
    ret->port = offer->port = (uint32_t)r;
    struct ioctl_gntalloc_unmap_notify notify = {
        .index = life_offset,
        .action = UNMAP_NOTIFY_CLEAR_BYTE | UNMAP_NOTIFY_SEND_EVENT,
        .event_channel_port = ret->port,
    };
    if (ioctl(ret->fds[0], IOCTL_GNTALLOC_SET_UNMAP_NOTIFY, &notify))
        return vdc_error_errno(err, VDC_E_IO, errno,
                               "the death of this end cannot be notified");
    return 0;
}

/* Older kernels count all pages that are mapped, and say ENOMEM; newer ones
 * look at each request by itself, and say EINVAL. */
static int map_error(int errnum, uint32_t n_pages, struct vdc_error *err)
{
    char limit[32];

    limit_of("xen_gntdev", limit, sizeof(limit));
    bool over = errnum == EINVAL && isdigit((unsigned char)limit[0]) &&
                n_pages > strtoul(limit, NULL, 10);
    if (errnum != ENOMEM && !over)
        return vdc_error_errno(err, VDC_E_PROTOCOL, errnum,
                               "%u granted pages are not accepted", n_pages);
    vdc_error_set(err, VDC_E_QUOTA,
                  "%u granted pages cannot be mapped: over the limit of the "
                  "module xen-gntdev (parameter `limit`, %s pages), or no "
                  "memory to be had",
                  n_pages, limit);
    vdc_error_hint(err, "close channels, or write a larger number to "
                        "/sys/module/xen_gntdev/parameters/limit");
    return VDC_E_QUOTA;
}

static int insert_refs(struct link_end *end, const struct link_offer *offer,
                       struct vdc_error *err)
{
    uint32_t n = end->n_pages;
    struct ioctl_gntdev_map_grant_ref *op =
        xzalloc(sizeof(*op) + (n - 1) * sizeof(op->refs[0]));

    op->count = n;
    for (uint32_t i = 0; i < n; i++) {
        op->refs[i].domid = offer->domid;
        op->refs[i].ref = offer->refs[i];
    }
    int rc = 0;
    if (ioctl(end->fds[0], IOCTL_GNTDEV_MAP_GRANT_REF, op))
        rc = map_error(errno, n, err);
    free(op);
    return rc;
}

static int bind_port(struct link_end *end, const struct link_offer *offer,
                     struct vdc_error *err)
{
    struct ioctl_evtchn_bind_interdomain bind = {
        .remote_domain = offer->domid,
        .remote_port = offer->port,
    };
    int r = ioctl(end->fds[1], IOCTL_EVTCHN_BIND_INTERDOMAIN, &bind);

    if (r >= 0) {
        end->port = (uint32_t)r;
        return 0;
    }
    if (errno == EINVAL || errno == ESRCH)
        return vdc_error_set(err, VDC_E_CLOSED,
                             "domain %u has no event channel %u for us: it, "
                             "or its end of the channel, is gone",
                             offer->domid, offer->port);
    return port_error(errno, offer->domid, err);
}

int link_grant_join(struct link_offer *offer, size_t life_offset,
                    struct link_end *ret, struct vdc_error *err)
{
    if (!offer->refs || offer->domid >= DOMID_FIRST_RESERVED)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "a channel was offered without references of a "
                             "domain");
    int rc = open_device("gntdev", "xen-gntdev", &ret->fds[0], err);
    if (!rc)
        rc = open_device("evtchn", "xen-evtchn", &ret->fds[1], err);
    if (!rc)
        rc = insert_refs(ret, offer, err);
    if (!rc)
        rc = bind_port(ret, offer, err);
    if (rc)
        return rc;
    struct ioctl_gntdev_unmap_notify notify = {
        .index = life_offset,
        .action = UNMAP_NOTIFY_CLEAR_BYTE | UNMAP_NOTIFY_SEND_EVENT,
        .event_channel_port = ret->port,
    };
    if (ioctl(ret->fds[0], IOCTL_GNTDEV_SET_UNMAP_NOTIFY, &notify))
        return vdc_error_errno(err, VDC_E_IO, errno,
                               "the death of this end cannot be notified");
    return 0;
}

int link_look(uint32_t domid, uint32_t ref, void *ret, struct vdc_error *err)
{
    const struct link_offer offer = { .domid = domid, .refs = &ref };
    struct link_end end = { .n_pages = 1, .fds = { -1, -1 } };
    int rc = domid < DOMID_FIRST_RESERVED
                 ? open_device("gntdev", "xen-gntdev", &end.fds[0], err)
                 : vdc_error_set(err, VDC_E_BAD_VALUE, "%u is no domain",
                                 domid);

    if (!rc)
        rc = insert_refs(&end, &offer, err);
    if (!rc) {
        void *page = mmap(NULL, LINK_PAGE, PROT_READ, MAP_SHARED, end.fds[0],
                          0);
        if (page == MAP_FAILED) {
            rc = vdc_error_errno(err, VDC_E_PROTOCOL, errno,
                                 "domain %u grants no page by reference %u",
                                 domid, ref);
        } else {
            memcpy(ret, page, LINK_PAGE);
            munmap(page, LINK_PAGE);
        }
    }
    link_end_clear(&end);
    return rc;
}

void link_grant_notify(struct link *link)
{
    struct ioctl_evtchn_notify notify = { .port = link->port };

    ioctl(link->wake_fd, IOCTL_EVTCHN_NOTIFY, &notify);
}

/* What is read has to be written back, or that port stays masked. */
void link_grant_acknowledge(struct link *link)
{
    uint32_t ports[PORTS_TAKEN_MAX];
    ssize_t r = read(link->wake_fd, ports, sizeof(ports));

    if (r > 0) {
        ssize_t written = write(link->wake_fd, ports, (size_t)r);
        (void)written; /* it fails for no reason that another try mends */
    }
}
