/*
 * Grants and event channels of a simulated host.
 */
#include "hv/sim/sim_grant.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE_SIZE 4096u
#define PAGES_MAX 65536u

struct share {
    struct share *next;
    uint32_t domid;
    uint32_t first_ref; /* n_pages following each other */
    uint32_t n_pages;
    int fd;
    void *pages;
};

struct hv_port {
    struct hv_port *next;
    struct sim *sim;
    struct hv_port *peer; /* NULL: not bound yet, or closed there */
    uint32_t domid;
    uint32_t number;
    bool offered;
    int fd;
    hv_port_fn *fn;
    void *arg;
    struct event *event;
};

struct sim_grants {
    struct share *shares;
    struct hv_port *ports;
    uint32_t next_ref;
    uint32_t next_port;
};

static struct sim_grants *grants_of(struct sim *sim)
{
    if (!sim->grants) {
        sim->grants = XNEW(struct sim_grants);
        sim->grants->next_ref = 8; /* Xen keeps the first ones */
        sim->grants->next_port = 1;
    }
    return sim->grants;
}

static int begin(struct sim *sim, enum sim_call call, struct vdc_error *err)
{
    int rc = sim_host_begin_call(sim, call, err);

    if (rc == 0)
        sim_host_end(sim);
    return rc;
}

/* ---- pages ---- */

static void share_free(struct share *share)
{
    if (share->pages && share->pages != MAP_FAILED)
        munmap(share->pages, (size_t)share->n_pages * PAGE_SIZE);
    if (share->fd >= 0)
        close(share->fd);
    free(share);
}

static int check_pages(uint32_t n_pages, struct vdc_error *err)
{
    if (n_pages > 0 && n_pages <= PAGES_MAX)
        return 0;
    return vdc_error_set(err, VDC_E_BAD_VALUE,
                         "%u pages cannot be shared (1 to %u)", n_pages,
                         PAGES_MAX);
}

static int grant_share(struct hv *hv, uint32_t domid, uint32_t n_pages,
                       struct hv_share *ret, struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    struct sim_grants *grants = grants_of(sim);
    int rc = check_pages(n_pages, err);

    if (rc == 0)
        rc = begin(sim, SIM_CALL_grant_share, err);
    if (rc)
        return rc;
    if (!sim_state_find(sim->state, domid))
        return sim_host_no_domain(domid, err);
    size_t size = (size_t)n_pages * PAGE_SIZE;
    struct share *share = XNEW(struct share);
    share->domid = domid;
    share->n_pages = n_pages;
    share->fd = memfd_create("simulated-grant", MFD_CLOEXEC);
    if (share->fd >= 0 && ftruncate(share->fd, (off_t)size) == 0)
        share->pages =
            mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, share->fd, 0);
    if (!share->pages || share->pages == MAP_FAILED) {
        int errnum = errno;
        share_free(share);
        return vdc_error_set(err, VDC_E_HYPERVISOR, "cannot share pages: %s",
                             strerror(errnum));
    }
    share->first_ref = grants->next_ref;
    grants->next_ref += n_pages;
    share->next = grants->shares;
    grants->shares = share;
    uint32_t *refs = xzalloc(n_pages * sizeof(*refs));
    for (uint32_t i = 0; i < n_pages; i++)
        refs[i] = share->first_ref + i;
    *ret = (struct hv_share){ share->pages, n_pages, refs };
    return 0;
}

static void grant_unshare(struct hv *hv, struct hv_share *share)
{
    struct sim_grants *grants = grants_of(sim_host_of(hv));

    for (struct share **at = &grants->shares; *at; at = &(*at)->next) {
        struct share *own = *at;
        if (own->pages == share->pages) {
            *at = own->next;
            share_free(own);
            break;
        }
    }
    free(share->refs);
    *share = (struct hv_share){ 0 };
}

static const struct share *find_ref(const struct sim_grants *grants,
                                    uint32_t domid, uint32_t ref)
{
    for (const struct share *share = grants->shares; share;
         share = share->next)
        if (share->domid == domid && ref - share->first_ref < share->n_pages)
            return share;
    return NULL;
}

static int map_pages(const struct sim_grants *grants, uint32_t domid,
                     const uint32_t *refs, uint32_t n_pages, char *pages,
                     struct vdc_error *err)
{
    for (uint32_t i = 0; i < n_pages; i++) {
        const struct share *share = find_ref(grants, domid, refs[i]);
        if (!share)
            return vdc_error_set(err, VDC_E_HYPERVISOR,
                                 "grant reference %u of domain %u is not "
                                 "granted to us",
                                 refs[i], domid);
        off_t offset = (off_t)(refs[i] - share->first_ref) * PAGE_SIZE;
        if (mmap(pages + (size_t)i * PAGE_SIZE, PAGE_SIZE,
                 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, share->fd,
                 offset) == MAP_FAILED)
            return vdc_error_set(err, VDC_E_HYPERVISOR,
                                 "cannot map a granted page: %s",
                                 strerror(errno));
    }
    return 0;
}

static int grant_map(struct hv *hv, uint32_t domid, const uint32_t *refs,
                     uint32_t n_pages, struct hv_mapping *ret,
                     struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    size_t size = (size_t)n_pages * PAGE_SIZE;
    int rc = check_pages(n_pages, err);

    if (rc == 0)
        rc = begin(sim, SIM_CALL_grant_map, err);
    if (rc)
        return rc;
    if (!sim_state_find(sim->state, domid))
        return sim_host_no_domain(domid, err);
    char *pages =
        mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "cannot map granted pages: %s", strerror(errno));
    rc = map_pages(grants_of(sim), domid, refs, n_pages, pages, err);
    if (rc) {
        munmap(pages, size);
        return rc;
    }
    *ret = (struct hv_mapping){ pages, n_pages };
    return 0;
}

static void grant_unmap(struct hv *hv, struct hv_mapping *mapping)
{
    if (mapping->pages)
        munmap(mapping->pages, (size_t)mapping->n_pages * PAGE_SIZE);
    *mapping = (struct hv_mapping){ 0 };
}

/* ---- event channels ---- */

static void on_notify(evutil_socket_t fd, short what, void *arg)
{
    struct hv_port *port = arg;
    struct sim *sim = port->sim;
    uint64_t n;

    if (read(fd, &n, sizeof(n)) != sizeof(n))
        return;
    sim_host_call_out(sim);
    port->fn(port->arg);
    sim_host_called_out(sim);
}

static void port_free(struct hv_port *port)
{
    if (port->peer)
        port->peer->peer = NULL;
    if (port->event)
        event_free(port->event);
    if (port->fd >= 0)
        close(port->fd);
    free(port);
}

static int port_new(struct sim *sim, uint32_t domid, hv_port_fn *fn, void *arg,
                    struct hv_port **ret, struct vdc_error *err)
{
    struct sim_grants *grants = grants_of(sim);

    if (!sim_state_find(sim->state, domid))
        return sim_host_no_domain(domid, err);
    struct hv_port *port = XNEW(struct hv_port);
    port->sim = sim;
    port->domid = domid;
    port->fn = fn;
    port->arg = arg;
    port->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (port->fd < 0) {
        port_free(port);
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "no event channel left: %s", strerror(errno));
    }
    if (sim->base) {
        port->event = event_new(sim->base, port->fd, EV_READ | EV_PERSIST,
                                on_notify, port);
        event_add(port->event, NULL);
    }
    port->number = grants->next_port++;
    port->next = grants->ports;
    grants->ports = port;
    *ret = port;
    return 0;
}

static int port_offer(struct hv *hv, uint32_t domid, hv_port_fn *fn, void *arg,
                      struct hv_port **ret, uint32_t *ret_port,
                      struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    struct hv_port *port;
    int rc = begin(sim, SIM_CALL_port_offer, err);

    if (rc == 0)
        rc = port_new(sim, domid, fn, arg, &port, err);
    if (rc)
        return rc;
    port->offered = true;
    *ret = port;
    *ret_port = port->number;
    return 0;
}

static int port_bind(struct hv *hv, uint32_t domid, uint32_t remote_port,
                     hv_port_fn *fn, void *arg, struct hv_port **ret,
                     struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    struct hv_port *port, *peer = grants_of(sim)->ports;
    int rc = begin(sim, SIM_CALL_port_bind, err);

    if (rc)
        return rc;
    while (peer && !(peer->number == remote_port && peer->offered &&
                     peer->domid == domid && !peer->peer))
        peer = peer->next;
    if (!peer)
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "domain %u offers us no event channel %u", domid,
                             remote_port);
    rc = port_new(sim, domid, fn, arg, &port, err);
    if (rc)
        return rc;
    port->peer = peer;
    peer->peer = port;
    *ret = port;
    return 0;
}

static int port_notify(struct hv *hv, struct hv_port *port,
                       struct vdc_error *err)
{
    uint64_t one = 1;
    int rc = begin(sim_host_of(hv), SIM_CALL_port_notify, err);

    if (rc || !port->peer)
        return rc; /* as in Xen: nobody hears it, and that is no error */
    if (write(port->peer->fd, &one, sizeof(one)) != sizeof(one) &&
        errno != EAGAIN)
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "cannot notify event channel %u: %s",
                             port->number, strerror(errno));
    return 0;
}

static void port_close(struct hv *hv, struct hv_port *port)
{
    if (!port)
        return;
    struct hv_port **at = &grants_of(sim_host_of(hv))->ports;
    while (*at != port)
        at = &(*at)->next;
    *at = port->next;
    port_free(port);
}

void sim_grant_close_all(struct sim *sim)
{
    struct sim_grants *grants = sim->grants;

    if (!grants)
        return;
    while (grants->ports) {
        struct hv_port *port = grants->ports;
        grants->ports = port->next;
        port_free(port);
    }
    while (grants->shares) {
        struct share *share = grants->shares;
        grants->shares = share->next;
        share_free(share);
    }
    free(grants);
}

const struct hv_grant_ops sim_grant_ops = {
    .share = grant_share,
    .unshare = grant_unshare,
    .map = grant_map,
    .unmap = grant_unmap,
    .port_offer = port_offer,
    .port_bind = port_bind,
    .port_notify = port_notify,
    .port_close = port_close,
};
