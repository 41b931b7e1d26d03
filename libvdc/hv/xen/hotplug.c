/*
 * Attaching and detaching disks and networks.
 *
 * libxl adds a device, and takes it away, but it does not keep all of our
 * promises: what it could not add it leaves in xenstore, and its "remove"
 * takes a device from the guest by force when the guest does not let go in
 * time (for disks there is a "safe_remove" that does not, but it leaves the
 * backend closing; for networks there is none).  So:
 *
 * - attach: after a failure, and when no backend takes it up, the device is
 *   destroyed;
 * - detach: the guest is asked here, in the way that libxl does it (backend
 *   `online` 0, `state` Closing).  When the backend has closed, libxl removes
 *   the device, at once then.  When the time is up, the request is taken back,
 *   unless the guest has begun to let go: it keeps a device that works.
 *
 * A frontend that the guest has never touched (its state is as libxl made it)
 * has nothing to let go: that device is destroyed without asking.
 */
#include "hv/xen/hotplug.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hv/xen/await.h"
#include "hv/xen/config_device.h"
#include "hv/xen/devices.h"
#include "hv/xen/domain.h"
#include "hv/xen/op.h"
#include "hv/xen/store.h"

#define LET_GO_MS 10000  /* LIBXL_DESTROY_TIMEOUT */
#define TAKE_UP_MS 10000 /* LIBXL_INIT_TIMEOUT */

struct hotplug {
    struct hv_xen *self;
    uint32_t domid;
    bool is_nic;
    bool attaching;
    char *name;    /* vdev or MAC */
    char what[96]; /* "attach disk xvdb to" */
    union {
        libxl_device_disk disk;
        libxl_device_nic nic;
    };
    char *backend, *frontend; /* paths; NULL while not known */
    struct await *await;
    hv_done_fn *done;
    void *arg;
    int rc; /* the failure that is to be told when it has been undone */
    struct vdc_error err;
    LIST_ENTRY(hotplug) link;
};

static void forget_paths(struct hotplug *plug)
{
    free(plug->backend);
    free(plug->frontend);
    plug->backend = plug->frontend = NULL;
}

static void hotplug_free(struct hotplug *plug)
{
    LIST_REMOVE(plug, link);
    await_free(plug->await);
    if (plug->is_nic)
        libxl_device_nic_dispose(&plug->nic);
    else
        libxl_device_disk_dispose(&plug->disk);
    forget_paths(plug);
    free(plug->name);
    free(plug);
}

static void finish(struct hotplug *plug, int rc, const struct vdc_error *err)
{
    static const struct vdc_error none;
    hv_done_fn *done = plug->done;
    void *arg = plug->arg;
    struct vdc_error copy = rc ? *err : none;

    hotplug_free(plug);
    done(arg, rc, &copy);
}

static struct hotplug *hotplug_new(struct hv_xen *self, uint32_t domid,
                                   const char *name, bool is_nic,
                                   bool attaching)
{
    struct hotplug *plug = XNEW(struct hotplug);

    plug->self = self;
    plug->domid = domid;
    plug->is_nic = is_nic;
    plug->attaching = attaching;
    plug->name = xstrdup(name);
    snprintf(plug->what, sizeof(plug->what), "%s %s %.40s %s",
             attaching ? "attach" : "detach", is_nic ? "network" : "disk",
             name, attaching ? "to" : "from");
    if (is_nic)
        libxl_device_nic_init(&plug->nic);
    else
        libxl_device_disk_init(&plug->disk);
    LIST_INSERT_HEAD(&self->hotplugs, plug, link);
    return plug;
}

/* ---- libxl's calls, for either kind ---- */

static int xl_add(struct hotplug *plug, const libxl_asyncop_how *how)
{
    libxl_ctx *ctx = plug->self->xl.ctx;

    if (plug->is_nic)
        return libxl_device_nic_add(ctx, plug->domid, &plug->nic, how);
    return libxl_device_disk_add(ctx, plug->domid, &plug->disk, how);
}

static int xl_remove(struct hotplug *plug, const libxl_asyncop_how *how)
{
    libxl_ctx *ctx = plug->self->xl.ctx;

    if (plug->is_nic)
        return libxl_device_nic_remove(ctx, plug->domid, &plug->nic, how);
    return libxl_device_disk_remove(ctx, plug->domid, &plug->disk, how);
}

static int xl_destroy(struct hotplug *plug, const libxl_asyncop_how *how)
{
    libxl_ctx *ctx = plug->self->xl.ctx;

    if (plug->is_nic)
        return libxl_device_nic_destroy(ctx, plug->domid, &plug->nic, how);
    return libxl_device_disk_destroy(ctx, plug->domid, &plug->disk, how);
}

/* Fills backend and frontend; false when xenstore has no such device. */
static bool find_paths(struct hotplug *plug)
{
    libxl_ctx *ctx = plug->self->xl.ctx;
    libxl_diskinfo disk;
    libxl_nicinfo nic;

    forget_paths(plug);
    if (plug->is_nic) {
        libxl_nicinfo_init(&nic);
        if (libxl_device_nic_getinfo(ctx, plug->domid, &plug->nic, &nic) ==
            0) {
            plug->backend = xstrdup(nic.backend);
            plug->frontend = xstrdup(nic.frontend);
        }
        libxl_nicinfo_dispose(&nic);
    } else {
        libxl_diskinfo_init(&disk);
        if (libxl_device_disk_getinfo(ctx, plug->domid, &plug->disk, &disk) ==
                0 &&
            disk.frontend) {
            plug->backend = xstrdup(disk.backend);
            plug->frontend = xstrdup(disk.frontend);
        }
        libxl_diskinfo_dispose(&disk);
    }
    return plug->backend != NULL;
}

/* ---- attach ---- */

static void undone(void *arg, int rc, const struct vdc_error *err)
{
    struct hotplug *plug = arg;

    finish(plug, plug->rc, &plug->err);
}

/* Whatever is there of it goes; then the failure is told. */
static void undo(struct hotplug *plug, int rc, const struct vdc_error *err)
{
    plug->rc = rc;
    plug->err = *err;
    struct op *op = op_new(plug->self, plug->domid,
                           "undo what was attached to", undone, plug);
    /* Refused only when there is nothing that it could destroy. */
    if (op_started(op, xl_destroy(plug, op_how(op)), NULL) != 0)
        finish(plug, plug->rc, &plug->err);
}

/*
 * Nobody serves it, so that nobody will close it either, and libxl would wait
 * for that in vain: this spares the wait.
 */
static void undo_unserved(struct hotplug *plug, int rc,
                          const struct vdc_error *err)
{
    struct hv *hv = &plug->self->hv;
    char path[256];

    snprintf(path, sizeof(path), "%s/state", plug->backend);
    hv->store->write(hv, path, "6", NULL);
    undo(plug, rc, err);
}

/* libxl starts QEMU for a domain that needs it when it is created, and not
 * later. */
static bool lacks_program(struct hotplug *plug)
{
    char path[64], state[16];

    if (plug->is_nic || plug->disk.backend != LIBXL_DISK_BACKEND_QDISK ||
        plug->disk.backend_domid != 0)
        return false;
    snprintf(path, sizeof(path), "/local/domain/0/device-model/%u/state",
             plug->domid);
    return !store_read_short(plug->self->store, path, state, sizeof(state));
}

static bool is_taken_up(const char *value)
{
    return value && atoi(value) >= HV_DEVICE_INIT_WAIT;
}

static void taken_up(void *arg, bool reached)
{
    struct hotplug *plug = arg;
    struct vdc_error err;

    plug->await = NULL;
    if (reached) {
        finish(plug, 0, NULL);
        return;
    }
    int rc = vdc_error_set(&err, VDC_E_TIMEOUT,
                           "cannot %s domain %u: no backend took it up in "
                           "%d s",
                           plug->what, plug->domid, TAKE_UP_MS / 1000);
    vdc_error_hint(&err, "see that the backend's driver or program runs");
    undo_unserved(plug, rc, &err);
}

/* libxl waits for a driver in the kernel, and not for a program (qdisk). */
static void added(void *arg, int rc, const struct vdc_error *err)
{
    struct hotplug *plug = arg;
    struct vdc_error failure;
    char path[256];

    if (rc == VDC_E_EXISTS) { /* that one is not ours to undo */
        finish(plug, rc, err);
        return;
    }
    if (rc) {
        undo(plug, rc, err);
        return;
    }
    if (!find_paths(plug)) {
        rc = vdc_error_set(&failure, VDC_E_HYPERVISOR,
                           "cannot %s domain %u: it went away at once",
                           plug->what, plug->domid);
        undo(plug, rc, &failure);
        return;
    }
    if (lacks_program(plug)) {
        rc = vdc_error_set(&failure, VDC_E_UNSUPPORTED,
                           "cannot %s domain %u: it needs QEMU to serve it, "
                           "and none runs for this domain",
                           plug->what, plug->domid);
        vdc_error_hint(&failure, "attach a block device or a raw file, or "
                                 "name the disk in the domain's file");
        undo_unserved(plug, rc, &failure);
        return;
    }
    snprintf(path, sizeof(path), "%s/state", plug->backend);
    rc = await_new(plug->self, path, TAKE_UP_MS, is_taken_up, taken_up, plug,
                   &plug->await, &failure);
    if (rc)
        undo(plug, rc, &failure);
}

static int attach(struct hotplug *plug, hv_done_fn *done, void *arg,
                  struct vdc_error *err)
{
    struct op *op = op_new(plug->self, plug->domid, plug->what, added, plug);

    plug->done = done;
    plug->arg = arg;
    int rc = op_started(op, xl_add(plug, op_how(op)), err);
    if (rc)
        hotplug_free(plug);
    return rc;
}

/* Two at once on one name would undo each other's. */
static int check_not_twice(struct hv_xen *self, uint32_t domid,
                           const char *name, bool attaching,
                           struct vdc_error *err)
{
    struct hotplug *other;

    LIST_FOREACH(other, &self->hotplugs, link)
    {
        if (other->domid != domid || strcasecmp(other->name, name) != 0)
            continue;
        return vdc_error_set(
            err, attaching && other->attaching ? VDC_E_EXISTS : VDC_E_BUSY,
            "%s is being %s domain %u already", name,
            other->attaching ? "attached to" : "detached from", domid);
    }
    return 0;
}

/* libxl fails without a word when a backend is not there. */
static int check_backend(struct hv_xen *self, const char *name,
                         const char *backend, struct vdc_error *err)
{
    uint32_t domid;

    if (!backend || !*backend ||
        libxl_name_to_domid(self->xl.ctx, backend, &domid) == 0)
        return 0;
    return vdc_error_set(err, VDC_E_NOT_FOUND,
                         "%s: there is no domain '%s' to be its backend", name,
                         backend);
}

static int name_taken(uint32_t domid, const char *kind, const char *name,
                      struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_EXISTS, "domain %u has a %s %s already",
                         domid, kind, name);
}

int hotplug_disk_attach(struct hv *hv, uint32_t domid,
                        const struct hv_disk *disk, hv_done_fn *done,
                        void *arg, struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    libxl_device_disk other;
    int rc = domain_check_guest(self, domid, err);

    if (rc)
        return rc;
    const char *vdev = disk->vdev ? disk->vdev : "";
    if (devices_find_disk(self, domid, vdev, &other, NULL) == 0) {
        libxl_device_disk_dispose(&other);
        return name_taken(domid, "disk", vdev, err);
    }
    rc = check_not_twice(self, domid, vdev, true, err);
    if (rc == 0)
        rc = check_backend(self, vdev, disk->backend, err);
    if (rc)
        return rc;
    struct hotplug *plug = hotplug_new(self, domid, vdev, false, true);
    rc = config_map_disk(disk, &plug->disk, err);
    if (rc) {
        hotplug_free(plug);
        return rc;
    }
    return attach(plug, done, arg, err);
}

int hotplug_nic_attach(struct hv *hv, uint32_t domid, const struct hv_nic *nic,
                       hv_done_fn *done, void *arg, struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    libxl_device_nic other;
    int rc = domain_check_guest(self, domid, err);

    if (rc)
        return rc;
    const char *mac = nic->mac ? nic->mac : "";
    rc = devices_find_nic(self, domid, mac, &other, err);
    if (rc == 0) {
        libxl_device_nic_dispose(&other);
        return name_taken(domid, "network with the address", mac, err);
    }
    if (rc != VDC_E_NOT_FOUND)
        return rc;
    rc = check_not_twice(self, domid, mac, true, err);
    if (rc == 0)
        rc = check_backend(self, mac, nic->backend, err);
    if (rc)
        return rc;
    struct hotplug *plug = hotplug_new(self, domid, mac, true, true);
    rc = config_map_nic(nic, -1, &plug->nic, err);
    if (rc) {
        hotplug_free(plug);
        return rc;
    }
    return attach(plug, done, arg, err);
}

/* ---- detach ---- */

static void removed(void *arg, int rc, const struct vdc_error *err)
{
    finish(arg, rc, err);
}

/* The end of every detach that takes the device away; libxl_rc is what its
 * beginning gave. */
static int end_by(struct hotplug *plug,
                  int (*call)(struct hotplug *plug,
                              const libxl_asyncop_how *how),
                  struct vdc_error *err)
{
    struct op *op = op_new(plug->self, plug->domid, plug->what, removed, plug);

    return op_started(op, call(plug, op_how(op)), err);
}

static bool is_closed(const char *value)
{
    return !value || atoi(value) == HV_DEVICE_CLOSED;
}

/* Takes the request back, if the frontend is still connected; false when the
 * guest has begun to let go. */
static bool take_back(struct hotplug *plug)
{
    char state[256], online[256], guest_state[256];
    bool written = false;

    snprintf(state, sizeof(state), "%s/state", plug->backend);
    snprintf(online, sizeof(online), "%s/online", plug->backend);
    snprintf(guest_state, sizeof(guest_state), "%s/state", plug->frontend);
    const struct store_node nodes[] = { { online, "1" }, { state, "4" } };
    return store_write_if(plug->self->store, guest_state, "4", nodes, 2,
                          &written, NULL) == 0 &&
           written;
}

static void let_go(void *arg, bool reached)
{
    struct hotplug *plug = arg;
    struct vdc_error err;

    plug->await = NULL;
    if (reached) {
        int rc = end_by(plug, xl_remove, &err);
        if (rc)
            finish(plug, rc, &err);
        return;
    }
    bool keeps = take_back(plug);
    int rc = vdc_error_set(
        &err, VDC_E_TIMEOUT, "domain %u has not let go of %s %s in %d s, %s",
        plug->domid, plug->is_nic ? "the network" : "the disk", plug->name,
        LET_GO_MS / 1000, keeps ? "and keeps it" : "though it has begun to");
    vdc_error_hint(&err, keeps ? "see what in the guest uses it, or take it "
                                 "away by force"
                               : "try again");
    finish(plug, rc, &err);
}

/* Asks the guest, and waits for its answer. */
static int ask(struct hotplug *plug, struct vdc_error *err)
{
    char state[256], online[256], now[16];
    bool written = false;
    int rc;

    snprintf(state, sizeof(state), "%s/state", plug->backend);
    snprintf(online, sizeof(online), "%s/online", plug->backend);
    const struct store_node nodes[] = { { online, "0" }, { state, "5" } };
    rc = await_new(plug->self, state, LET_GO_MS, is_closed, let_go, plug,
                   &plug->await, err);
    if (rc)
        return rc;
    /* A backend that is closed already, or gone, needs no asking. */
    while (!written &&
           store_read_short(plug->self->store, state, now, sizeof(now)) &&
           !is_closed(now)) {
        rc = store_write_if(plug->self->store, state, now, nodes, 2, &written,
                            err);
        if (rc)
            return rc;
    }
    return 0;
}

/* Whether the guest has anything to do with it. */
static bool is_untouched(struct hotplug *plug)
{
    char path[256], state[16];

    snprintf(path, sizeof(path), "%s/state", plug->frontend);
    return store_read_short(plug->self->store, path, state, sizeof(state)) &&
           atoi(state) == HV_DEVICE_INITIALISING;
}

static int detach(struct hotplug *plug, bool force, hv_done_fn *done,
                  void *arg, struct vdc_error *err)
{
    int rc;

    plug->done = done;
    plug->arg = arg;
    if (force || !find_paths(plug) || is_untouched(plug))
        rc = end_by(plug, xl_destroy, err);
    else
        rc = ask(plug, err);
    if (rc)
        hotplug_free(plug);
    return rc;
}

int hotplug_disk_detach(struct hv *hv, uint32_t domid, const char *vdev,
                        bool force, hv_done_fn *done, void *arg,
                        struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    libxl_device_disk disk;
    int rc = domain_check_guest(self, domid, err);

    if (rc == 0)
        rc = check_not_twice(self, domid, vdev, false, err);
    if (rc == 0)
        rc = devices_find_disk(self, domid, vdev, &disk, err);
    if (rc)
        return rc;
    struct hotplug *plug = hotplug_new(self, domid, vdev, false, false);
    plug->disk = disk;
    return detach(plug, force, done, arg, err);
}

int hotplug_nic_detach(struct hv *hv, uint32_t domid, const char *mac,
                       bool force, hv_done_fn *done, void *arg,
                       struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    libxl_device_nic nic;
    int rc = domain_check_guest(self, domid, err);

    if (rc == 0)
        rc = check_not_twice(self, domid, mac, false, err);
    if (rc == 0)
        rc = devices_find_nic(self, domid, mac, &nic, err);
    if (rc)
        return rc;
    struct hotplug *plug = hotplug_new(self, domid, mac, true, false);
    plug->nic = nic;
    return detach(plug, force, done, arg, err);
}

void hotplug_abandon_all(struct hv_xen *self)
{
    struct hotplug *plug;

    while ((plug = LIST_FIRST(&self->hotplugs)) != NULL)
        hotplug_free(plug);
}
