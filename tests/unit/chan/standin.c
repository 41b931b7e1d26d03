/* A stand-in for Xen, for libxenvchan in tests and benchmarks. */
#include "tests/unit/chan/standin.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xenevtchn.h>
#include <xengnttab.h>
#include <xenstore.h>

#define PAGE 4096
#define N_PAGES 4096
#define N_PORTS 64
#define N_MAPS 64
#define N_NODES 64

static struct standin_use use;

void standin_use(struct standin_use *ret)
{
    *ret = use;
}

static void give_up(const char *what)
{
    perror(what);
    abort();
}

/* ---- event channels ---- */

struct xenevtchn_handle {
    int fd;
    uint32_t port; /* the last that was bound: one a handle */
};

/* Each port's handle, and the port at the other end; 0 is no port. */
static struct {
    struct xenevtchn_handle *handle;
    uint32_t other;
} ports[N_PORTS];

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger,
                                 unsigned int flags)
{
    xenevtchn_handle *handle = calloc(1, sizeof(*handle));

    if (!handle || (handle->fd = eventfd(0, 0)) < 0)
        give_up("eventfd");
    use.n_handles++;
    return handle;
}

int xenevtchn_close(xenevtchn_handle *handle)
{
    ports[ports[handle->port].other].other = 0;
    ports[handle->port].handle = NULL;
    ports[handle->port].other = 0;
    close(handle->fd);
    free(handle);
    use.n_handles--;
    return 0;
}

int xenevtchn_fd(xenevtchn_handle *handle)
{
    return handle->fd;
}

static uint32_t bind_port(xenevtchn_handle *handle, uint32_t other)
{
    uint32_t port = 1;

    while (port < N_PORTS && ports[port].handle)
        port++;
    if (port == N_PORTS)
        abort();
    ports[port].handle = handle;
    ports[port].other = other;
    handle->port = port;
    return port;
}

xenevtchn_port_or_error_t xenevtchn_bind_unbound_port(xenevtchn_handle *handle,
                                                      uint32_t domid)
{
    return (int)bind_port(handle, 0);
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *handle,
                                                     uint32_t domid,
                                                     evtchn_port_t remote)
{
    if (remote == 0 || remote >= N_PORTS || !ports[remote].handle)
        return -1;
    uint32_t port = bind_port(handle, remote);
    ports[remote].other = port;
    return (int)port;
}

int xenevtchn_unbind(xenevtchn_handle *handle, evtchn_port_t port)
{
    ports[port].handle = NULL;
    return 0;
}

int xenevtchn_notify(xenevtchn_handle *handle, evtchn_port_t port)
{
    xenevtchn_handle *other = ports[ports[port].other].handle;
    uint64_t one = 1;

    __atomic_fetch_add(&use.n_notified, 1, __ATOMIC_RELAXED);
    if (other && write(other->fd, &one, sizeof(one)) != sizeof(one))
        return -1;
    return 0;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *handle)
{
    uint64_t count;

    if (read(handle->fd, &count, sizeof(count)) != sizeof(count))
        return -1;
    return (int)handle->port;
}

int xenevtchn_unmask(xenevtchn_handle *handle, evtchn_port_t port)
{
    return 0;
}

int standin_pending_now(xenevtchn_handle *handle)
{
    struct pollfd pollfd = { .fd = handle->fd, .events = POLLIN };

    return poll(&pollfd, 1, 0) == 1 ? xenevtchn_pending(handle) : 0;
}

/* ---- grants ---- */

/* A handle needs no state, but a place of its own. */
struct xengntdev_handle {
    int unused;
};

/* What is to happen when a mapping goes. */
static struct {
    uint8_t *at;
    uint32_t byte_at; /* UINT32_MAX: nothing */
    uint32_t port;
} maps[N_MAPS];

static int memory_fd = -1;
static uint32_t n_pages_used = 1; /* reference 0 is none */

static void *new_handle(void)
{
    void *handle = calloc(1, sizeof(struct xengntdev_handle));

    if (!handle)
        give_up("calloc");
    if (memory_fd < 0) {
        memory_fd = memfd_create("grants", MFD_CLOEXEC);
        if (memory_fd < 0 || ftruncate(memory_fd, N_PAGES * PAGE))
            give_up("memfd");
    }
    use.n_handles++;
    return handle;
}

static int free_handle(void *handle)
{
    free(handle);
    use.n_handles--;
    return 0;
}

xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger,
                                 unsigned open_flags)
{
    return new_handle();
}

int xengnttab_close(xengnttab_handle *handle)
{
    return free_handle(handle);
}

xengntshr_handle *xengntshr_open(struct xentoollog_logger *logger,
                                 unsigned open_flags)
{
    return new_handle();
}

int xengntshr_close(xengntshr_handle *handle)
{
    return free_handle(handle);
}

static void *map_pages(const uint32_t *refs, uint32_t n, uint32_t byte_at,
                       uint32_t port)
{
    uint8_t *at = mmap(NULL, n * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
                       -1, 0);
    int i = 0;

    if (at == MAP_FAILED)
        give_up("mmap");
    for (uint32_t k = 0; k < n; k++)
        if (refs[k] == 0 || refs[k] >= n_pages_used ||
            mmap(at + k * PAGE, PAGE, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_FIXED | MAP_POPULATE, memory_fd,
                 (off_t)refs[k] * PAGE) == MAP_FAILED)
            give_up("grant");
    if (byte_at == UINT32_MAX)
        return at; /* libxenvchan unmaps its rings by munmap */
    while (i < N_MAPS && maps[i].at)
        i++;
    if (i == N_MAPS)
        abort();
    maps[i].at = at;
    maps[i].byte_at = byte_at;
    maps[i].port = port;
    use.n_maps++;
    return at;
}

static int unmap_pages(void *at, uint32_t n)
{
    for (int i = 0; i < N_MAPS; i++)
        if (maps[i].at == at) {
            maps[i].at[maps[i].byte_at] = 0;
            xenevtchn_notify(NULL, maps[i].port);
            maps[i].at = NULL;
            use.n_maps--;
        }
    return munmap(at, n * PAGE);
}

static void *share_pages(uint32_t n, uint32_t *refs, uint32_t byte_at,
                         uint32_t port)
{
    if (n_pages_used + n > N_PAGES)
        n_pages_used = 1; /* all tests of before are over */
    for (uint32_t i = 0; i < n; i++)
        refs[i] = n_pages_used++;
    uint8_t *at = map_pages(refs, n, byte_at, port);
    memset(at, 0, n * PAGE);
    return at;
}

void *xengntshr_share_pages(xengntshr_handle *handle, uint32_t domid,
                            int count, uint32_t *refs, int writable)
{
    return share_pages((uint32_t)count, refs, UINT32_MAX, 0);
}

void *xengntshr_share_page_notify(xengntshr_handle *handle, uint32_t domid,
                                  uint32_t *ref, int writable,
                                  uint32_t notify_offset,
                                  evtchn_port_t notify_port)
{
    return share_pages(1, ref, notify_offset, notify_port);
}

int xengntshr_unshare(xengntshr_handle *handle, void *at, uint32_t count)
{
    return unmap_pages(at, count);
}

void *xengnttab_map_domain_grant_refs(xengnttab_handle *handle, uint32_t count,
                                      uint32_t domid, uint32_t *refs, int prot)
{
    return map_pages(refs, count, UINT32_MAX, 0);
}

void *xengnttab_map_grant_ref_notify(xengnttab_handle *handle, uint32_t domid,
                                     uint32_t ref, int prot,
                                     uint32_t notify_offset,
                                     evtchn_port_t notify_port)
{
    return map_pages(&ref, 1, notify_offset, notify_port);
}

int xengnttab_unmap(xengnttab_handle *handle, void *at, uint32_t count)
{
    return unmap_pages(at, count);
}

/* ---- xenstore ---- */

static struct {
    char path[128];
    char value[64];
} nodes[N_NODES];

struct xs_handle *xs_open(unsigned long flags)
{
    use.n_handles++;
    return calloc(1, 1);
}

void xs_close(struct xs_handle *xs)
{
    free(xs);
    use.n_handles--;
}

static int find_node(const char *path)
{
    for (int i = 0; i < N_NODES; i++)
        if (!strcmp(nodes[i].path, path))
            return i;
    return -1;
}

void *xs_read(struct xs_handle *xs, xs_transaction_t t, const char *path,
              unsigned int *len)
{
    int i = find_node(path);

    if (!strcmp(path, "domid"))
        return strdup("0");
    if (i < 0)
        return NULL;
    if (len)
        *len = (unsigned)strlen(nodes[i].value);
    return strdup(nodes[i].value);
}

bool xs_write(struct xs_handle *xs, xs_transaction_t t, const char *path,
              const void *data, unsigned int len)
{
    int i = find_node(path);

    if (i < 0) {
        i = find_node("");
        use.n_nodes++;
    }
    if (i < 0 || len >= sizeof(nodes[i].value) ||
        strlen(path) >= sizeof(nodes[i].path))
        abort();
    strcpy(nodes[i].path, path);
    memcpy(nodes[i].value, data, len);
    nodes[i].value[len] = 0;
    return true;
}

bool xs_rm(struct xs_handle *xs, xs_transaction_t t, const char *path)
{
    for (int i = 0; i < N_NODES; i++)
        if (nodes[i].path[0] &&
            !strncmp(nodes[i].path, path, strlen(path))) {
            nodes[i].path[0] = 0;
            use.n_nodes--;
        }
    return true;
}

bool xs_set_permissions(struct xs_handle *xs, xs_transaction_t t,
                        const char *path, struct xs_permissions *perms,
                        unsigned int num_perms)
{
    return true;
}

xs_transaction_t xs_transaction_start(struct xs_handle *xs)
{
    return 1;
}

bool xs_transaction_end(struct xs_handle *xs, xs_transaction_t t, bool abort)
{
    return true;
}
