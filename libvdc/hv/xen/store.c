/*
 * xenstore requests and watches.
 *
 * A request waits for xenstored's answer, about a millisecond.  Watch events
 * are read by a thread of libxenstore's and announced on a descriptor, which
 * is in the loop.
 */
#include "hv/xen/store.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <xenstore.h>

#include "hv/xen/self.h"

#define VALUE_MAX 2048 /* hv.h; for guests xenstored's quota is the same */

struct hv_store_watch {
    uint64_t serial; /* the token: never used twice */
    char *path;
    hv_store_watch_fn *fn;
    void *arg;
    LIST_ENTRY(hv_store_watch) link;
};

struct store {
    struct xs_handle *xs;
    struct event *event; /* made with the first watch */
    struct event_base *base;
    uint64_t next_serial;
    LIST_HEAD(, hv_store_watch) watches;
};

static struct store *store_of(struct hv *hv)
{
    return hv_xen_of(hv)->store;
}

/*
 * libxenstore, when nobody listens at the socket, goes on to the kernel's
 * device, and there every request waits for ever.  So the socket is tried
 * first.
 */
static int probe(struct vdc_error *err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const char *path = xs_daemon_socket();
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return vdc_error_set(err, VDC_E_HYPERVISOR, "cannot make a socket: %s",
                             strerror(errno));
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int r = connect(fd, (struct sockaddr *)&address, sizeof(address));
    int errnum = errno;
    close(fd);
    if (r == 0 || errnum == EAGAIN) /* there, and busy */
        return 0;
    int rc =
        vdc_error_set(err, VDC_E_NO_XEN, "xenstored does not answer at %s: %s",
                      path, strerror(errnum));
    vdc_error_hint(err, "start it: systemctl start xenstored "
                        "(Debian: systemctl start xen)");
    return rc;
}

int store_new(struct event_base *base, struct store **ret,
              struct vdc_error *err)
{
    int rc = probe(err);

    if (rc)
        return rc;
    struct xs_handle *xs = xs_open(0);
    if (!xs)
        return vdc_error_set(err, VDC_E_NO_XEN,
                             "cannot connect to xenstored: %s",
                             strerror(errno));
    struct store *store = XNEW(struct store);
    store->xs = xs;
    store->base = base;
    store->next_serial = 1;
    LIST_INIT(&store->watches);
    *ret = store;
    return 0;
}

static void watch_free(struct hv_store_watch *watch)
{
    LIST_REMOVE(watch, link);
    free(watch->path);
    free(watch);
}

void store_destroy(struct store *store)
{
    if (!store)
        return;
    while (!LIST_EMPTY(&store->watches))
        watch_free(LIST_FIRST(&store->watches));
    if (store->event)
        event_free(store->event);
    xs_close(store->xs); /* which ends its watches */
    free(store);
}

static bool read_short(struct store *store, xs_transaction_t t,
                       const char *path, char *buf, size_t size)
{
    unsigned len = 0;
    char *value = xs_read(store->xs, t, path, &len);
    bool fits = value && len < size;

    if (fits) {
        memcpy(buf, value, len);
        buf[len] = '\0';
    }
    free(value);
    return fits;
}

bool store_read_short(struct store *store, const char *path, char *buf,
                      size_t size)
{
    return read_short(store, XBT_NULL, path, buf, size);
}

static int fail(struct vdc_error *err, const char *what, const char *path)
{
    int errnum = errno;

    switch (errnum) {
    case ENOENT:
        return vdc_error_set(err, VDC_E_NOT_FOUND, "xenstore has no %s", path);
    case EINVAL:
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "xenstore does not take this: %s %s", what, path);
    case EACCES:
    case EPERM:
        return vdc_error_set(err, VDC_E_DENIED,
                             "xenstore does not permit to %s %s", what, path);
    default:
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "xenstore: cannot %s %s: %s", what, path,
                             strerror(errnum));
    }
}

static int store_read(struct hv *hv, const char *path, struct arena *arena,
                      const char **ret, struct vdc_error *err)
{
    unsigned len = 0;
    char *value = xs_read(store_of(hv)->xs, XBT_NULL, path, &len);

    if (!value)
        return fail(err, "read", path);
    *ret = arena_strndup(arena, value, len);
    free(value);
    return 0;
}

static int store_write(struct hv *hv, const char *path, const char *value,
                       struct vdc_error *err)
{
    size_t len = strlen(value);

    if (len > VALUE_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "the value for %s has %zu bytes, more than %d",
                             path, len, VALUE_MAX);
    if (!xs_write(store_of(hv)->xs, XBT_NULL, path, value, (unsigned)len))
        return fail(err, "write", path);
    return 0;
}

/* As store_write_if, but gives VDC_E_CONFLICT when others wrote meanwhile. */
static int try_write_if(struct store *store, const char *path,
                        const char *value, const struct store_node *nodes,
                        size_t n, bool *ret_written, struct vdc_error *err)
{
    xs_transaction_t t = xs_transaction_start(store->xs);
    char now[64];
    int rc = 0;

    if (t == XBT_NULL)
        return fail(err, "begin a transaction for", path);
    bool same = read_short(store, t, path, now, sizeof(now)) &&
                strcmp(now, value) == 0;
    for (size_t i = 0; same && rc == 0 && i < n; i++)
        if (!xs_write(store->xs, t, nodes[i].path, nodes[i].value,
                      (unsigned)strlen(nodes[i].value)))
            rc = fail(err, "write", nodes[i].path);
    bool abort = rc || !same;
    if (!xs_transaction_end(store->xs, t, abort) && !abort)
        rc = errno == EAGAIN ? VDC_E_CONFLICT
                             : fail(err, "end a transaction for", path);
    if (rc == 0)
        *ret_written = same;
    return rc;
}

int store_write_if(struct store *store, const char *path, const char *value,
                   const struct store_node *nodes, size_t n, bool *ret_written,
                   struct vdc_error *err)
{
    int rc;

    /* Each time somebody else got on; and not for ever, if it is the guest
     * that keeps writing. */
    for (int i = 0; i < 100; i++) {
        rc = try_write_if(store, path, value, nodes, n, ret_written, err);
        if (rc != VDC_E_CONFLICT)
            return rc;
    }
    return vdc_error_set(err, VDC_E_HYPERVISOR,
                         "xenstore: %s is written by others all the time",
                         path);
}

static int store_remove(struct hv *hv, const char *path, struct vdc_error *err)
{
    if (!xs_rm(store_of(hv)->xs, XBT_NULL, path) && errno != ENOENT)
        return fail(err, "remove", path);
    return 0;
}

static int store_list(struct hv *hv, const char *path, struct arena *arena,
                      const char ***ret, size_t *ret_n, struct vdc_error *err)
{
    unsigned n = 0;
    char **names = xs_directory(store_of(hv)->xs, XBT_NULL, path, &n);

    if (!names)
        return fail(err, "list", path);
    const char **list = ARENA_ARRAY(arena, n, const char *);
    for (unsigned i = 0; i < n; i++)
        list[i] = arena_strdup(arena, names[i]);
    free(names);
    *ret = list;
    *ret_n = n;
    return 0;
}

static int store_set_access(struct hv *hv, const char *path,
                            const struct hv_store_access *access,
                            struct vdc_error *err)
{
    struct xs_permissions permissions[2] = {
        { .id = access->owner_domid, .perms = XS_PERM_NONE },
        { .id = access->reader_domid, .perms = XS_PERM_READ },
    };
    unsigned n = access->reader_domid == HV_DOMID_NONE ? 1 : 2;

    if (!xs_set_permissions(store_of(hv)->xs, XBT_NULL, path, permissions, n))
        return fail(err, "set the access of", path);
    return 0;
}

static struct hv_store_watch *find(struct store *store, const char *token)
{
    uint64_t serial = strtoull(token, NULL, 16);
    struct hv_store_watch *watch;

    LIST_FOREACH(watch, &store->watches, link)
    {
        if (watch->serial == serial)
            return watch;
    }
    return NULL;
}

/* One event at a turn: the callback may unwatch, or close everything. */
static void readable(evutil_socket_t fd, short what, void *arg)
{
    struct store *store = arg;
    char **event = xs_check_watch(store->xs);

    if (!event) {
        /* xenstored is gone, for good: it cannot be restarted. */
        if (errno != EAGAIN)
            event_del(store->event);
        return;
    }
    /* There may be more for which the descriptor says nothing any more. */
    event_active(store->event, EV_READ, 1);
    struct hv_store_watch *watch = find(store, event[XS_WATCH_TOKEN]);
    if (watch)
        watch->fn(watch->arg, event[XS_WATCH_PATH]);
    free(event);
}

static int add_event(struct store *store, struct vdc_error *err)
{
    if (store->event)
        return 0;
    struct event *event = event_new(store->base, xs_fileno(store->xs),
                                    EV_READ | EV_PERSIST, readable, store);
    if (!event || event_add(event, NULL) != 0) {
        if (event)
            event_free(event);
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "cannot add an event to the loop");
    }
    store->event = event;
    return 0;
}

static const char *token_of(const struct hv_store_watch *watch, char *buf,
                            size_t size)
{
    snprintf(buf, size, "%" PRIx64, watch->serial);
    return buf;
}

static int store_watch(struct hv *hv, const char *path, hv_store_watch_fn *fn,
                       void *arg, struct hv_store_watch **ret,
                       struct vdc_error *err)
{
    struct store *store = store_of(hv);
    char token[32];
    int rc = add_event(store, err);

    if (rc)
        return rc;
    struct hv_store_watch *watch = XNEW(struct hv_store_watch);
    watch->serial = store->next_serial++;
    watch->path = xstrdup(path);
    watch->fn = fn;
    watch->arg = arg;
    LIST_INSERT_HEAD(&store->watches, watch, link);
    if (!xs_watch(store->xs, path, token_of(watch, token, sizeof(token)))) {
        rc = fail(err, "watch", path);
        watch_free(watch);
        return rc;
    }
    *ret = watch;
    return 0;
}

static void store_unwatch(struct hv *hv, struct hv_store_watch *watch)
{
    struct store *store = store_of(hv);
    char token[32];

    if (!watch)
        return;
    /* Can fail only if xenstored is gone, and the watch with it. */
    xs_unwatch(store->xs, watch->path, token_of(watch, token, sizeof(token)));
    watch_free(watch);
}

const struct hv_store_ops store_ops = {
    .read = store_read,
    .write = store_write,
    .remove = store_remove,
    .list = store_list,
    .set_access = store_set_access,
    .watch = store_watch,
    .unwatch = store_unwatch,
};
