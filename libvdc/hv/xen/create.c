/* Creates a domain, anew or from where it was saved, in a worker thread. */
#include "hv/xen/create.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/socket.h"
#include "hv/xen/config.h"
#include "hv/xen/saved.h"
#include "hv/xen/self.h"
#include "hv/xen/work.h"

enum source { FROM_KERNEL, FROM_FILE, FROM_SOCKET };

struct create {
    struct work work; /* first */
    enum source source;
    hv_created_fn *done;
    void *arg;
    libxl_domain_config config;
    int fd; /* our own copy of where its state is, or -1 */
    /* libxl changes its config while it works; these are for messages.  A
     * domain that is restored reads no kernel: NULL. */
    char *name, *kernel, *ramdisk, *bootloader;
    int rc;
    struct vdc_error err;
    uint32_t domid;
    LIST_ENTRY(create) link; /* of the loop alone; not when abandoned */
};

static struct create *create_of(struct work *work)
{
    return (struct create *)work;
}

static void create_free(struct work *work)
{
    struct create *create = create_of(work);

    libxl_domain_config_dispose(&create->config);
    if (create->fd >= 0)
        close(create->fd);
    free(create->name);
    free(create->kernel);
    free(create->ramdisk);
    free(create->bootloader);
    free(create);
}

static const char *verb(const struct create *create)
{
    switch (create->source) {
    case FROM_KERNEL:
        return "create";
    case FROM_FILE:
        return "restore";
    case FROM_SOCKET:
        break;
    }
    return "receive";
}

static int check_name(struct create *create, struct xl *xl)
{
    uint32_t domid;

    if (libxl_name_to_domid(xl->ctx, create->name, &domid) != 0)
        return 0;
    return vdc_error_set(&create->err, VDC_E_EXISTS,
                         "the name '%s' is taken by domain %u", create->name,
                         domid);
}

static int check_backend(struct create *create, struct xl *xl,
                         const char *device, const char *backend)
{
    uint32_t domid;

    if (!backend || libxl_name_to_domid(xl->ctx, backend, &domid) == 0)
        return 0;
    return vdc_error_set(&create->err, VDC_E_NOT_FOUND,
                         "domain '%s', %s: there is no domain '%s' to be its "
                         "backend",
                         create->name, device, backend);
}

/* libxl fails without a word when a backend is not there. */
static int check_backends(struct create *create, struct xl *xl)
{
    const libxl_domain_config *config = &create->config;
    char device[32];
    int rc = 0;

    for (int i = 0; rc == 0 && i < config->num_disks; i++) {
        snprintf(device, sizeof(device), "disk %.20s", config->disks[i].vdev);
        rc = check_backend(create, xl, device,
                           config->disks[i].backend_domname);
    }
    for (int i = 0; rc == 0 && i < config->num_nics; i++) {
        snprintf(device, sizeof(device), "network %d", i);
        rc =
            check_backend(create, xl, device, config->nics[i].backend_domname);
    }
    return rc;
}

/* Only to say it with numbers: Xen itself refuses what does not fit. */
static int check_memory(struct create *create, struct xl *xl)
{
    uint64_t mark = xtl_mark(&xl->log), needed, free_kib;
    libxl_physinfo info;
    char needed_text[32], free_text[32];

    int rc = libxl_domain_need_memory(xl->ctx, &create->config, HV_DOMID_NONE,
                                      &needed);
    if (rc)
        return xl_error(&create->err, xl, rc, mark, HV_DOMID_NONE,
                        "cannot %s domain '%s'", verb(create), create->name);
    libxl_physinfo_init(&info);
    rc = libxl_get_physinfo(xl->ctx, &info);
    free_kib = (info.free_pages - info.outstanding_pages) * 4;
    libxl_physinfo_dispose(&info);
    if (rc || needed <= free_kib)
        return 0;
    rc = vdc_error_set(
        &create->err, VDC_E_NO_MEMORY,
        "domain '%s' takes %s of memory, and the host has %s free",
        create->name,
        units_mem_format(MEM_KIB(needed), needed_text, sizeof(needed_text)),
        units_mem_format(MEM_KIB(free_kib), free_text, sizeof(free_text)));
    return rc;
}

/* Whether this file, of those that libxl reads in this process, is why. */
static bool is_missing(const char *path)
{
    return path && *path && access(path, R_OK) != 0;
}

/* The commonest cause of all has a code of its own. */
static int explain(struct create *create, struct xl *xl, int libxl_rc,
                   uint64_t mark)
{
    const char *missing = NULL;
    char words[512];

    if (is_missing(create->kernel))
        missing = create->kernel;
    else if (is_missing(create->ramdisk))
        missing = create->ramdisk;
    else if (create->bootloader && strchr(create->bootloader, '/') &&
             is_missing(create->bootloader))
        missing = create->bootloader; /* without a slash it is searched for */
    int errnum = errno;
    if (!missing) {
        int rc = xl_error(&create->err, xl, libxl_rc, mark, HV_DOMID_NONE,
                          "cannot %s domain '%s'", verb(create), create->name);
        if (strstr(create->err.text, "Invalid kernel"))
            vdc_error_hint(&create->err, "%s is no kernel that Xen can boot",
                           create->kernel);
        return rc;
    }
    xtl_words(&xl->log, mark, HV_DOMID_NONE, words, sizeof(words));
    int rc = vdc_error_set(&create->err, VDC_E_NO_FILE,
                           "cannot create domain '%s': %s: %s (libxl: %s)",
                           create->name, missing, strerror(errnum), words);
    vdc_error_hint(&create->err,
                   "the file must be readable on the host that runs it");
    return rc;
}

/* libxl undoes a failed create by itself; what it leaves, should it fail in
 * that, is taken away here. */
static void make_sure_gone(struct xl *xl, uint32_t domid)
{
    if (domid == HV_DOMID_NONE || domid == 0)
        return;
    if (libxl_domain_info(xl->ctx, NULL, domid) == 0)
        libxl_domain_destroy(xl->ctx, domid, NULL);
}

static int build(struct create *create, struct xl *xl, uint32_t *ret_domid)
{
    libxl_domain_restore_params params;

    if (create->fd < 0)
        return libxl_domain_create_new(xl->ctx, &create->config, ret_domid,
                                       NULL, NULL);
    libxl_domain_restore_params_init(&params);
    params.stream_version = 2; /* that of libxl_domain_suspend */
    int rc = libxl_domain_create_restore(xl->ctx, &create->config, ret_domid,
                                         create->fd, -1, &params, NULL, NULL);
    libxl_domain_restore_params_dispose(&params);
    return rc;
}

static int check_saved(struct create *create)
{
    int rc = 0;

    switch (create->source) {
    case FROM_KERNEL:
        return 0;
    case FROM_FILE:
        rc = saved_check_head(create->fd, &create->err);
        break;
    case FROM_SOCKET:
        rc = work_check_thread(&create->work, &create->err);
        if (rc == 0)
            rc = saved_await_head(create->fd, &create->err);
        break;
    }
    if (rc)
        vdc_error_prefix(&create->err, "cannot %s domain '%s'", verb(create),
                         create->name);
    return rc;
}

/* A stream that ended too early explains a failure better than libxl does. */
static int explain_end(struct create *create)
{
    if (create->source != FROM_SOCKET || !saved_is_at_end(create->fd))
        return create->err.code;
    return vdc_error_set(&create->err, VDC_E_CLOSED,
                         "cannot receive domain '%s': the other end of the "
                         "stream was closed before all was there",
                         create->name);
}

static int create_in(struct create *create, struct xl *xl)
{
    uint32_t domid = HV_DOMID_NONE;
    int rc = check_name(create, xl);

    if (rc == 0)
        rc = check_backends(create, xl);
    if (rc == 0)
        rc = check_saved(create);
    if (rc == 0)
        rc = check_memory(create, xl);
    if (rc)
        return rc;
    uint64_t mark = xtl_mark(&xl->log);
    rc = build(create, xl, &domid);
    if (rc) {
        explain(create, xl, rc, mark);
        rc = explain_end(create);
        make_sure_gone(xl, domid);
        return rc;
    }
    create->domid = domid;
    return 0;
}

static void create_run(struct work *work)
{
    struct create *create = create_of(work);
    struct xl *xl = XNEW(struct xl);

    create->rc = xl_open(xl, NULL, &create->err);
    if (create->rc == 0)
        create->rc = create_in(create, xl);
    xl_close(xl, false);
    free(xl);
}

static void create_done(struct work *work)
{
    struct create *create = create_of(work);

    LIST_REMOVE(create, link);
    create->done(create->arg, create->rc, &create->err,
                 create->rc ? HV_DOMID_NONE : create->domid);
    create_free(work);
}

static int check_not_twice(struct hv_xen *self, const char *name,
                           struct vdc_error *err)
{
    struct create *other;

    LIST_FOREACH(other, &self->creates, link)
    {
        if (strcmp(other->name, name) == 0)
            return vdc_error_set(err, VDC_E_EXISTS,
                                 "a domain '%s' is being created already",
                                 name);
    }
    return 0;
}

/* Takes fd. */
static struct create *create_new(const struct hv_domain_config *config,
                                 const libxl_domain_config *mapped,
                                 enum source source, int fd)
{
    struct create *create = XNEW(struct create);

    create->work.run = create_run;
    create->work.done = create_done;
    create->work.drop = create_free;
    create->config = *mapped;
    create->work.waits = source == FROM_SOCKET;
    create->source = source;
    create->fd = fd;
    create->name = xstrdup(config->name);
    create->domid = HV_DOMID_NONE;
    if (source != FROM_KERNEL)
        return create;
    create->kernel = xstrdup(config->kernel);
    create->ramdisk = xstrdup(config->ramdisk);
    create->bootloader = xstrdup(config->bootloader);
    return create;
}

/* Takes fd if it succeeds. */
static int begin(struct hv *hv, const struct hv_domain_config *config,
                 enum source source, int fd, hv_created_fn *done, void *arg,
                 struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    libxl_domain_config mapped;
    int rc = hv_xen_check(self, err);

    if (rc == 0)
        rc = config_map(&self->xl, config, &mapped, err);
    if (rc)
        return rc;
    rc = check_not_twice(self, config->name, err);
    if (rc) {
        libxl_domain_config_dispose(&mapped);
        return rc;
    }
    struct create *create = create_new(config, &mapped, source, fd);
    create->done = done;
    create->arg = arg;
    LIST_INSERT_HEAD(&self->creates, create, link);
    work_start(self->pool, &create->work);
    return 0;
}

int create_domain(struct hv *hv, const struct hv_domain_config *config,
                  hv_created_fn *done, void *arg, struct vdc_error *err)
{
    return begin(hv, config, FROM_KERNEL, -1, done, arg, err);
}

static int begin_from(struct hv *hv, const struct hv_domain_config *config,
                      enum source source, int fd, hv_created_fn *done,
                      void *arg, struct vdc_error *err)
{
    /* With the same offset; the caller may close his when we are closed. */
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

    if (copy < 0)
        return vdc_error_errno(err, VDC_E_IO, errno, "cannot %s domain '%s'",
                               source == FROM_FILE ? "restore" : "receive",
                               config->name);
    int rc = begin(hv, config, source, copy, done, arg, err);
    if (rc)
        close(copy);
    return rc;
}

int create_restore(struct hv *hv, const struct hv_domain_config *config,
                   int fd, hv_created_fn *done, void *arg,
                   struct vdc_error *err)
{
    return begin_from(hv, config, FROM_FILE, fd, done, arg, err);
}

int create_receive(struct hv *hv, const struct hv_domain_config *config,
                   int fd, hv_created_fn *done, void *arg,
                   struct vdc_error *err)
{
    int rc = socket_check(fd, err);

    return rc ? rc : begin_from(hv, config, FROM_SOCKET, fd, done, arg, err);
}

int create_memory_needed(struct hv *hv, const struct hv_domain_config *config,
                         struct mem *ret, struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    libxl_domain_config mapped;
    uint64_t kib, mark = xtl_mark(&self->xl.log);
    int rc = hv_xen_check(self, err);

    if (rc == 0)
        rc = config_map(&self->xl, config, &mapped, err);
    if (rc)
        return rc;
    rc = libxl_domain_need_memory(self->xl.ctx, &mapped, HV_DOMID_NONE, &kib);
    libxl_domain_config_dispose(&mapped);
    if (rc)
        return xl_error(err, &self->xl, rc, mark, HV_DOMID_NONE,
                        "cannot tell what memory domain '%s' needs",
                        config->name);
    *ret = MEM_KIB(kib);
    return 0;
}

void create_abandon_all(struct hv_xen *self)
{
    LIST_INIT(&self->creates);
}
