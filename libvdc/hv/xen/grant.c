/* Grant tables and event channels of dom0, through the kernel's devices. */
#include "hv/xen/grant.h"

#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <xenevtchn.h>
#include <xengnttab.h>

#include "hv/xen/self.h"

/* A channel's rings are some pages; this bounds what a mistake can take. */
#define PAGES_MAX 4096

struct hv_port {
    evtchn_port_t local;
    hv_port_fn *fn;
    void *arg;
    LIST_ENTRY(hv_port) link;
};

struct grants {
    struct event_base *base;
    struct xentoollog_logger *logger;
    xengntshr_handle *shr;
    xengnttab_handle *tab;
    xenevtchn_handle *evtchn;
    struct event *event;
    LIST_HEAD(, hv_port) ports;
};

static struct grants *grants_of(struct hv *hv)
{
    return hv_xen_of(hv)->grants;
}

struct grants *grants_new(struct event_base *base,
                          struct xentoollog_logger *logger)
{
    struct grants *grants = XNEW(struct grants);

    grants->base = base;
    grants->logger = logger;
    LIST_INIT(&grants->ports);
    return grants;
}

void grants_destroy(struct grants *grants)
{
    struct hv_port *port;

    if (!grants)
        return;
    while ((port = LIST_FIRST(&grants->ports)) != NULL) {
        LIST_REMOVE(port, link);
        free(port);
    }
    if (grants->event)
        event_free(grants->event);
    if (grants->evtchn)
        xenevtchn_close(grants->evtchn); /* which unbinds all ports */
    if (grants->tab)
        xengnttab_close(grants->tab);
    if (grants->shr)
        xengntshr_close(grants->shr);
    free(grants);
}

static int no_device(struct vdc_error *err, int errnum, const char *device,
                     const char *module)
{
    int rc = vdc_error_set(err, VDC_E_HYPERVISOR, "cannot open %s: %s", device,
                           strerror(errnum));
    vdc_error_hint(err, "load its module: modprobe %s", module);
    return rc;
}

static int check_pages(uint32_t n_pages, struct vdc_error *err)
{
    if (n_pages >= 1 && n_pages <= PAGES_MAX)
        return 0;
    return vdc_error_set(err, VDC_E_BAD_VALUE,
                         "%u pages cannot be shared, only 1 to %d", n_pages,
                         PAGES_MAX);
}

static int grant_share(struct hv *hv, uint32_t domid, uint32_t n_pages,
                       struct hv_share *ret, struct vdc_error *err)
{
    struct grants *grants = grants_of(hv);
    int rc = check_pages(n_pages, err);

    if (rc)
        return rc;
    if (!grants->shr)
        grants->shr = xengntshr_open(grants->logger, 0);
    if (!grants->shr)
        return no_device(err, errno, "/dev/xen/gntalloc", "xen-gntalloc");
    uint32_t *refs = xzalloc(n_pages * sizeof(*refs));
    void *pages =
        xengntshr_share_pages(grants->shr, domid, (int)n_pages, refs, 1);
    if (!pages) {
        rc = vdc_error_set(err, VDC_E_HYPERVISOR,
                           "cannot share %u pages with domain %u: %s", n_pages,
                           domid, strerror(errno));
        free(refs);
        return rc;
    }
    ret->pages = pages;
    ret->n_pages = n_pages;
    ret->refs = refs;
    return 0;
}

static void grant_unshare(struct hv *hv, struct hv_share *share)
{
    if (!share->pages)
        return;
    xengntshr_unshare(grants_of(hv)->shr, share->pages, share->n_pages);
    free(share->refs);
    memset(share, 0, sizeof(*share));
}

static int grant_map(struct hv *hv, uint32_t domid, const uint32_t *refs,
                     uint32_t n_pages, struct hv_mapping *ret,
                     struct vdc_error *err)
{
    struct grants *grants = grants_of(hv);
    int rc = check_pages(n_pages, err);

    if (rc)
        return rc;
    if (!grants->tab)
        grants->tab = xengnttab_open(grants->logger, 0);
    if (!grants->tab)
        return no_device(err, errno, "/dev/xen/gntdev", "xen-gntdev");
    uint32_t *copy =
        xzalloc(n_pages * sizeof(*copy)); /* theirs is not const */
    memcpy(copy, refs, n_pages * sizeof(*copy));
    errno = 0;
    void *pages = xengnttab_map_domain_grant_refs(
        grants->tab, n_pages, domid, copy, PROT_READ | PROT_WRITE);
    int errnum = errno;
    free(copy);
    if (!pages)
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "cannot map %u pages of domain %u: %s", n_pages,
                             domid, strerror(errnum));
    ret->pages = pages;
    ret->n_pages = n_pages;
    return 0;
}

static void grant_unmap(struct hv *hv, struct hv_mapping *mapping)
{
    if (!mapping->pages)
        return;
    xengnttab_unmap(grants_of(hv)->tab, mapping->pages, mapping->n_pages);
    memset(mapping, 0, sizeof(*mapping));
}

/* One notification at a turn: reading another without asking the descriptor
 * first may block (xenevtchn.h), and the callback may close ports. */
static void pending(evutil_socket_t fd, short what, void *arg)
{
    struct grants *grants = arg;
    struct hv_port *port;
    xenevtchn_port_or_error_t local = xenevtchn_pending(grants->evtchn);

    if (local < 0)
        return;
    LIST_FOREACH(port, &grants->ports, link)
    {
        if (port->local == (evtchn_port_t)local)
            break;
    }
    if (!port)
        return;
    /* Unmasked first: what comes while fn looks at the ring is not lost. */
    xenevtchn_unmask(grants->evtchn, port->local);
    port->fn(port->arg);
}

static int open_evtchn(struct grants *grants, struct vdc_error *err)
{
    if (!grants->evtchn)
        grants->evtchn = xenevtchn_open(grants->logger, 0);
    if (!grants->evtchn)
        return no_device(err, errno, "/dev/xen/evtchn", "xen-evtchn");
    if (grants->event)
        return 0;
    struct event *event = event_new(grants->base, xenevtchn_fd(grants->evtchn),
                                    EV_READ | EV_PERSIST, pending, grants);
    if (!event || event_add(event, NULL) != 0) {
        if (event)
            event_free(event);
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "cannot add an event to the loop");
    }
    grants->event = event;
    return 0;
}

static struct hv_port *port_new(struct grants *grants, evtchn_port_t local,
                                hv_port_fn *fn, void *arg)
{
    struct hv_port *port = XNEW(struct hv_port);

    port->local = local;
    port->fn = fn;
    port->arg = arg;
    LIST_INSERT_HEAD(&grants->ports, port, link);
    return port;
}

static int port_offer(struct hv *hv, uint32_t domid, hv_port_fn *fn, void *arg,
                      struct hv_port **ret, uint32_t *ret_port,
                      struct vdc_error *err)
{
    struct grants *grants = grants_of(hv);
    int rc = open_evtchn(grants, err);

    if (rc)
        return rc;
    xenevtchn_port_or_error_t local =
        xenevtchn_bind_unbound_port(grants->evtchn, domid);
    if (local < 0)
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "cannot offer an event channel to domain %u: %s",
                             domid, strerror(errno));
    *ret = port_new(grants, (evtchn_port_t)local, fn, arg);
    *ret_port = (uint32_t)local;
    return 0;
}

static int port_bind(struct hv *hv, uint32_t domid, uint32_t remote_port,
                     hv_port_fn *fn, void *arg, struct hv_port **ret,
                     struct vdc_error *err)
{
    struct grants *grants = grants_of(hv);
    int rc = open_evtchn(grants, err);

    if (rc)
        return rc;
    xenevtchn_port_or_error_t local =
        xenevtchn_bind_interdomain(grants->evtchn, domid, remote_port);
    if (local < 0)
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "cannot bind to port %u of domain %u: %s",
                             remote_port, domid, strerror(errno));
    *ret = port_new(grants, (evtchn_port_t)local, fn, arg);
    return 0;
}

static int port_notify(struct hv *hv, struct hv_port *port,
                       struct vdc_error *err)
{
    if (xenevtchn_notify(grants_of(hv)->evtchn, port->local) < 0)
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "cannot notify port %u: %s", port->local,
                             strerror(errno));
    return 0;
}

static void port_close(struct hv *hv, struct hv_port *port)
{
    if (!port)
        return;
    xenevtchn_unbind(grants_of(hv)->evtchn, port->local);
    LIST_REMOVE(port, link);
    free(port);
}

const struct hv_grant_ops grant_ops = {
    .share = grant_share,
    .unshare = grant_unshare,
    .map = grant_map,
    .unmap = grant_unmap,
    .port_offer = port_offer,
    .port_bind = port_bind,
    .port_notify = port_notify,
    .port_close = port_close,
};
