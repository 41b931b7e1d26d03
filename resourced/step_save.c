/* The step that writes a running guest to a file: first under another name,
 * so that what has the file's name is whole. */
#include "resourced/step_save.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/savefile.h"
#include "resourced/durable.h"
#include "resourced/host.h"
#include "resourced/step_change.h"
#include "resourced/text.h"

/* What the stream has besides the guest's memory: page tables, state of
 * vCPUs, libxl's records.  An estimate, on the safe side. */
#define OVERHEAD MEM_MIB(64)
#define POLL_MS 100
/* After a crash: how long a guest that was asked to suspend may take to. */
#define LATE_MS 2000
#define LAST_STOP_MAX 127 /* of a partition, in wire.def */

const char *step_save_reason(const struct operation *op)
{
    char *text = arena_printf(op->t->arena, "saved to %s", op->request.file);
    char *buf = arena_alloc(op->t->arena, LAST_STOP_MAX + 1);

    return text_tidy(buf, LAST_STOP_MAX + 1, text);
}

static const char *partial_name(const struct operation *op)
{
    return arena_printf(op->t->arena, "%s.partial", op->request.file);
}

/* ---- checks ---- */

static const char *folder_of(const struct operation *op)
{
    return dirname(arena_strdup(op->t->arena, op->request.file));
}

static void check_space(const struct operation *op, struct mem memory,
                        struct reasons *reasons)
{
    const char *folder = folder_of(op);
    struct statvfs fs;
    char needs[32], has[32];

    if (statvfs(folder, &fs))
        return; /* said by check_folder */
    struct mem need = MEM_KIB(memory.kib + OVERHEAD.kib);
    struct mem room = MEM_KIB((uint64_t)fs.f_bavail * fs.f_frsize / 1024);
    if (room.kib < need.kib)
        step_refuse(reasons, VDC_E_DISK_FULL,
                    "make room, or save it elsewhere",
                    "saving %s needs up to %s, and %s has %s free",
                    op->row->name,
                    units_mem_format(need, needs, sizeof(needs)), folder,
                    units_mem_format(room, has, sizeof(has)));
}

static void check_folder(const struct operation *op, struct reasons *reasons)
{
    const char *folder = folder_of(op);
    struct vdc_error err;
    struct stat st;

    if (stat(folder, &st) == 0 && !S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
    } else if (access(folder, W_OK | X_OK) == 0) {
        /* from where it could not be started again */
        if (savefile_check_folder(folder, &err)) {
            vdc_error_prefix(&err, "%s cannot be saved", op->row->name);
            reasons_add(reasons, &err);
        }
        return;
    }
    step_refuse(reasons, VDC_E_NO_FILE,
                "it must be a folder on the host, for dom0 to write to",
                "%s cannot be saved to %s: %s", op->row->name, folder,
                strerror(errno));
}

/* Whether the file is one of this guest's: nobody else's is removed.  One
 * under way may have come no further than its name. */
static bool is_ours(const struct operation *op, const char *path,
                    bool is_partial)
{
    struct savefile_head head;
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0)
        return false;
    bool ours = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    if (ours && !(is_partial && st.st_size < SAVEFILE_HEAD_SIZE))
        ours = savefile_read(fd, &head, NULL) == 0 &&
               uuid_equal(&head.uuid, &op->partition->row.uuid);
    close(fd);
    return ours;
}

void step_save_settle(struct operation *op)
{
    struct stat st;

    if (lstat(op->request.file, &st))
        op->request.replace = false;
}

static void check_is_new(const struct operation *op, const char *path,
                         const char *hint, struct reasons *reasons)
{
    struct stat st;

    if (lstat(path, &st) == 0)
        step_refuse(reasons, VDC_E_EXISTS, hint, "%s is there already", path);
}

/* What is replaced is a state of this very guest. */
static void check_is_older(const struct operation *op, struct reasons *reasons)
{
    if (!is_ours(op, op->request.file, false))
        step_refuse(reasons, VDC_E_EXISTS,
                    "choose another name, or remove it when it is not needed",
                    "%s is there already, and is not an older state of %s",
                    op->request.file, op->row->name);
}

/* The file of an operation before this one is not there yet. */
static void check_others(const struct operation *op, struct reasons *reasons)
{
    for (const struct operation *o = op->t->operations; o < op; o++)
        if (o->kind == WIRE_OP_SAVE &&
            strcmp(o->request.file, op->request.file) == 0)
            step_refuse(reasons, VDC_E_EXISTS, "give each its own file",
                        "%s and %s cannot be saved to the same file",
                        o->row->name, op->row->name);
}

/* The devices of a definition, and nothing else, as bytes. */
static size_t encode_devices(const struct operation *op,
                             const struct wire_definition *from,
                             uint8_t **ret)
{
    struct wire_definition devices;
    size_t size = 0;

    wire_init(&wire_struct_definition, &devices);
    devices.disks = from->disks;
    devices.n_disks = from->n_disks;
    devices.nics = from->nics;
    devices.n_nics = from->n_nics;
    devices.pci = from->pci;
    devices.n_pci = from->n_pci;
    wire_struct_encode(&wire_struct_definition, &devices, op->t->arena, ret,
                       &size, NULL);
    return size;
}

/* A guest wakes up with the devices that it went to sleep with. */
void step_save_check_devices(const struct operation *op,
                             struct reasons *reasons)
{
    uint8_t *live = NULL, *remembered = NULL;
    size_t n_live = encode_devices(op, step_definition(op), &live);
    size_t n = encode_devices(op, &op->row->definition, &remembered);

    if (!op->request.resume && (n != n_live || memcmp(live, remembered, n)))
        step_refuse(reasons, VDC_E_WRONG_STATE,
                    "attach or detach them without --live-only",
                    "%s has devices for the time only, and would miss them %s",
                    op->row->name,
                    op->kind == WIRE_OP_SEND ? "on the other host"
                                             : "when it is started from the "
                                               "file");
}

static void save_check(struct operation *op, struct reasons *reasons)
{
    struct hv_domain_info info;
    struct mem memory = step_definition(op)->memory;

    if (step_check_info(op, reasons, &info)) {
        memory = info.current_memory;
        if (step_is_paused(op, &info))
            step_refuse(reasons, VDC_E_WRONG_STATE,
                        "let it run: xl-vdc unpause",
                        "%s is paused, and cannot be asked to suspend",
                        op->row->name);
    }
    step_save_check_devices(op, reasons);
    if (op->request.file[0] != '/') {
        step_refuse(reasons, VDC_E_BAD_VALUE, NULL,
                    "the file must be a path from the root of the host: "
                    "\"%s\"", op->request.file);
        return;
    }
    check_folder(op, reasons);
    if (op->request.replace)
        check_is_older(op, reasons);
    else
        check_is_new(op, op->request.file,
                     "choose another name, or remove it when it is not needed",
                     reasons);
    check_is_new(op, partial_name(op),
                 "somebody is saving to that file, or a crash left this: look "
                 "at it, and remove it", reasons);
    check_others(op, reasons);
    check_space(op, memory, reasons);
}

static bool save_plan(const struct operation *op, char *buf, size_t size)
{
    snprintf(buf, size, "have %s suspend and write its memory to %.150s%s",
             op->row->name, op->request.file,
             op->request.resume ? ", then let it run on" : "");
    return true;
}

/* ---- taking back ---- */

static void remove_file(const struct operation *op, const char *path,
                        bool is_partial)
{
    if (is_ours(op, path, is_partial) && unlink(path))
        log_warning("%s stays: %s", path, strerror(errno));
}

static void remove_partial(struct operation *op)
{
    if (op->fd >= 0)
        close(op->fd);
    op->fd = -1;
    remove_file(op, partial_name(op), true);
}

static void remove_files(struct operation *op)
{
    if (op->kind != WIRE_OP_SAVE)
        return;
    remove_partial(op);
    if (!op->request.replace)
        remove_file(op, op->request.file, false);
}

/* After a failure: what took its name meanwhile is not its own. */
static void remove_made(struct operation *op, const struct vdc_error *why)
{
    if (why->code == VDC_E_EXISTS)
        remove_partial(op);
    else
        remove_files(op);
}

static bool is_suspended(const struct hv_domain_info *info)
{
    return info->shutdown && info->shutdown_reason == HV_SHUTDOWN_SUSPEND;
}

/* ---- apply ---- */

/* It fails, nothing of it is left: why, when the guest runs again. */
static struct vdc_error *keep_why(struct operation *op,
                                  const struct vdc_error *err)
{
    struct transaction *t = op->t;

    t->err = *err;
    return &t->err;
}

static void ran_on(void *arg, int rc, const struct vdc_error *err)
{
    struct operation *op = arg;
    struct vdc_error why = op->t->err;

    if (rc && rc != VDC_E_NOT_FOUND) {
        log_error("%s stays suspended: %s", op->row->name, err->text);
        vdc_error_prefix(&why, "%s is suspended and cannot be let run on "
                               "(%.100s)", op->row->name, err->text);
    }
    remove_made(op, &why);
    transaction_step_ended(op->t, why.code, &why);
}

static void failed(struct operation *op, const struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    struct hv_domain_info info;
    struct vdc_error resume_err;
    uint32_t domid = step_domid(op);

    struct vdc_error *why = keep_why(op, err);
    if (step_info(op, domid, &info, &resume_err) || !is_suspended(&info)) {
        remove_made(op, why);
        transaction_step_ended(op->t, why->code, why);
        return;
    }
    int rc = hv->domain->resume(hv, domid, ran_on, op, &resume_err);
    if (rc)
        ran_on(op, rc, &resume_err);
}

static void is_durable(void *arg, int rc, const struct vdc_error *err)
{
    struct operation *op = arg;

    if (rc) {
        failed(op, err);
        return;
    }
    close(op->fd);
    op->fd = -1;
    transaction_step_ended(op->t, 0, NULL);
}

static void make_durable(struct operation *op)
{
    struct vdc_error err;

    /* What it replaces is there until nothing can be undone any more. */
    if (durable_rename(op->host->base, op->fd, partial_name(op),
                       op->request.replace ? NULL : op->request.file, false,
                       is_durable, op, &err))
        failed(op, &err);
}

static void resumed(void *arg, int rc, const struct vdc_error *err)
{
    struct operation *op = arg;

    if (rc)
        failed(op, err);
    else
        make_durable(op);
}

/* libxl does not say why it could not write. */
static bool is_full(int fd)
{
    struct statvfs fs;

    return fstatvfs(fd, &fs) == 0 && fs.f_bavail * fs.f_frsize < 1024 * 1024;
}

static void saved(void *arg, int rc, const struct vdc_error *err)
{
    struct operation *op = arg;
    struct hv *hv = op->host->hv;
    struct vdc_error why;

    if (!rc && op->request.resume) {
        /* It stands still no longer than it must. */
        rc = hv->domain->resume(hv, step_domid(op), resumed, op, &why);
        if (!rc)
            return;
        err = &why;
    }
    if (!rc) {
        make_durable(op);
        return;
    }
    if (rc == VDC_E_TIMEOUT && err != &why) {
        vdc_error_set(&why, rc, "%s does not suspend", op->row->name);
        vdc_error_hint(&why, "is it still booting, or its kernel without "
                             "support for suspending?");
        err = &why;
    } else if (is_full(op->fd)) {
        vdc_error_set(&why, VDC_E_DISK_FULL,
                      "%s could not be saved: the disk of %s is full",
                      op->row->name, op->request.file);
        err = &why;
    }
    failed(op, err);
}

static int open_new(struct operation *op, struct vdc_error *err)
{
    const char *path = partial_name(op);
    struct savefile_head head = {
        .uuid = op->row->uuid,
        .saved_ms = clock_wall().ms,
    };
    struct hv_domain_info info;

    if (step_info(op, step_domid(op), &info, err))
        return err->code;
    head.memory_kib = info.current_memory.kib;
    int fd = open(path,
                  O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return vdc_error_errno(err, VDC_E_IO, errno, "%s cannot be made",
                               path);
    int rc = savefile_write(fd, &head, err);
    if (rc) {
        close(fd);
        unlink(path);
        return rc;
    }
    op->fd = fd;
    return 0;
}

static int save_apply(struct operation *op, struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    int rc = open_new(op, err);

    if (rc)
        return rc;
    rc = hv->domain->save(hv, step_domid(op), op->fd, saved, op, err);
    if (rc)
        remove_partial(op);
    return step_later(rc);
}

/* ---- undo ---- */

static void resumed_again(void *arg, int rc, const struct vdc_error *err)
{
    if (!rc)
        remove_files(arg);
    step_undone(arg, rc, err);
}

/* A crash may have come after the guest was asked to suspend and before it
 * did: it is told not to, which it may read too late. */
static void ask_no_more(const struct operation *op, uint32_t domid)
{
    const struct hv_store_ops *store = op->host->hv->store;
    struct arena *arena = arena_new();
    const char *path =
        arena_printf(arena, "/local/domain/%u/control/shutdown", domid);
    const char *asked;

    if (store->read(op->host->hv, path, arena, &asked, NULL) == 0 &&
        strcmp(asked, "suspend") == 0)
        store->write(op->host->hv, path, "", NULL);
    arena_free(arena);
}

static int go_on(struct operation *op, struct vdc_error *err);

static void look_again(int fd, short what, void *arg)
{
    struct operation *op = arg;
    struct vdc_error err;
    int rc = go_on(op, &err);

    if (rc != STEP_LATER)
        transaction_step_ended(op->t, rc, &err);
}

static int go_on(struct operation *op, struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    uint32_t domid = step_old_domid(op);
    struct hv_domain_info info;
    int rc = domid == HV_DOMID_NONE ? VDC_E_NOT_FOUND
                                    : step_info(op, domid, &info, err);

    if (rc && rc != VDC_E_NOT_FOUND)
        return rc;
    if (!rc && is_suspended(&info))
        return step_later_undone(
            hv->domain->resume(hv, domid, resumed_again, op, err));
    if (!rc && op->t->recovered && clock_mono().ms < op->waits_until_ms) {
        transaction_wait(op, POLL_MS, look_again);
        return STEP_LATER;
    }
    /* Its disks are written to from now on: the file is not to be used. */
    remove_files(op);
    return STEP_DONE;
}

int step_save_undo(struct operation *op, struct vdc_error *err)
{
    uint32_t domid = step_old_domid(op);

    op->waits_until_ms = clock_mono().ms + LATE_MS;
    if (op->t->recovered && domid != HV_DOMID_NONE)
        ask_no_more(op, domid);
    return go_on(op, err);
}

const struct step step_save = {
    .name = "save",
    .doing = "saving the guest",
    .check = save_check,
    .plan = save_plan,
    .apply = save_apply,
    .undo = step_save_undo,
};

/* ---- in the place of an older one ---- */

static void replaced(void *arg, int rc, const struct vdc_error *err)
{
    struct operation *op = arg;

    close(op->fd);
    op->fd = -1;
    transaction_step_ended(op->t, rc, err);
}

static int replace_apply(struct operation *op, struct vdc_error *err)
{
    const char *from = partial_name(op);

    /* After a crash it may have its name already. */
    op->fd = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (op->fd < 0)
        return errno == ENOENT ? STEP_DONE
                               : vdc_error_errno(err, VDC_E_IO, errno,
                                                 "%s cannot be read", from);
    int rc = durable_rename(op->host->base, op->fd, from, op->request.file,
                            true, replaced, op, err);
    if (rc) {
        close(op->fd);
        op->fd = -1;
    }
    return step_later(rc);
}

static bool replace_plan(const struct operation *op, char *buf, size_t size)
{
    snprintf(buf, size, "replace the older state of %s in %.150s",
             op->row->name, op->request.file);
    return true;
}

const struct step step_replace_save = {
    .name = "replace-save",
    .doing = "replacing the older file",
    .plan = replace_plan,
    .apply = replace_apply,
    .final = true,
};
