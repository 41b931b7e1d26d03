/* Steps that give a guest a disk more or less. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "resourced/domain_config.h"
#include "resourced/host.h"
#include "resourced/step_device.h"

#define DISKS_MAX 64 /* of a definition, in wire.def */

/* ---- names of disks ---- */

/* "b" is 1, "ab" 27: the letters of "xvdab"; false when there are none. */
static bool read_letters(const char **p, uint64_t *ret)
{
    uint64_t n = 0;

    for (; **p >= 'a' && **p <= 'z' && n < 100000; (*p)++)
        n = n * 26 + (uint64_t)(**p - 'a') + 1;
    if (n == 0)
        return false;
    *ret = n - 1;
    return true;
}

static bool read_partition(const char *p, uint64_t *ret)
{
    char *end;

    *ret = 0;
    if (!*p)
        return true;
    if (!isdigit((unsigned char)*p) || *p == '0' || strlen(p) > 3)
        return false;
    *ret = strtoul(p, &end, 10);
    return !*end;
}

/* Xen's number of a disk, as docs/man/xen-vbd-interface.7 has it; 0 when the
 * name is none that it knows. */
static uint64_t number_of(const char *vdev)
{
    uint64_t disk, partition;
    const char *p = vdev;
    bool xvd = strncmp(p, "xvd", 3) == 0;

    if (!xvd && strncmp(p, "sd", 2) != 0 && strncmp(p, "hd", 2) != 0)
        return 0;
    p += xvd ? 3 : 2;
    if (!read_letters(&p, &disk) || !read_partition(p, &partition))
        return 0;
    if (xvd && disk < 16 && partition < 16)
        return 202 << 8 | disk << 4 | partition;
    if (xvd)
        return disk < 1 << 20 && partition < 256
                   ? UINT64_C(1) << 28 | disk << 8 | partition
                   : 0;
    if (vdev[0] == 's')
        return disk < 16 && partition < 16 ? 8 << 8 | disk << 4 | partition
                                           : 0;
    if (disk > 3 || partition > 63)
        return 0;
    return (disk < 2 ? 3u : 22u) << 8 | (disk & 1) << 6 | partition;
}

/* By name, or by number as xl does. */
static const struct wire_disk *find(const struct wire_definition *definition,
                                    const char *device)
{
    char number[24];

    for (uint32_t i = 0; definition && i < definition->n_disks; i++) {
        const struct wire_disk *disk = &definition->disks[i];
        snprintf(number, sizeof(number), "%llu",
                 (unsigned long long)number_of(disk->vdev));
        if (strcmp(disk->vdev, device) == 0 || strcmp(number, device) == 0)
            return disk;
    }
    return NULL;
}

/* ---- sharing ---- */

static bool is_readonly(const struct wire_disk *disk)
{
    return disk->readonly || disk->cdrom;
}

static bool is_in_dom0(const struct wire_disk *disk)
{
    return !disk->backend[0] || strcmp(disk->backend, "Domain-0") == 0 ||
           strcmp(disk->backend, "0") == 0;
}

static bool is_file(const struct wire_disk *disk)
{
    return is_in_dom0(disk) && !disk->script[0] && disk->target[0] == '/';
}

/* One may have many names. */
static bool is_same_file(const char *a, const char *b)
{
    struct stat x, y;

    if (strcmp(a, b) == 0)
        return true;
    if (stat(a, &x) || stat(b, &y))
        return false;
    if (S_ISBLK(x.st_mode) && S_ISBLK(y.st_mode))
        return x.st_rdev == y.st_rdev;
    return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static bool is_same_target(const struct wire_disk *a,
                           const struct wire_disk *b)
{
    if (!a->target[0] || !b->target[0])
        return false; /* empty drives */
    if (is_file(a) && is_file(b))
        return is_same_file(a->target, b->target);
    bool same_backend = (is_in_dom0(a) && is_in_dom0(b)) ||
                        strcmp(a->backend, b->backend) == 0;
    return same_backend && strcmp(a->target, b->target) == 0;
}

/* Of these disks the one with which it cannot be shared. */
static const struct wire_disk *find_rival(const struct wire_disk *disks,
                                          size_t n_disks,
                                          const struct wire_disk *disk)
{
    for (size_t i = 0; i < n_disks; i++)
        if (is_same_target(&disks[i], disk) &&
            !(is_readonly(&disks[i]) && is_readonly(disk)))
            return &disks[i];
    return NULL;
}

static const struct wire_disk *find_rival_in(const struct partition_row *row,
                                             const struct wire_disk *disk)
{
    if (!row || row->domid == HV_DOMID_NONE)
        return NULL; /* a stopped guest writes nothing */
    bool has_live = row->live.name && row->live.name[0];
    const struct wire_definition *has =
        has_live ? &row->live : &row->definition;
    return find_rival(has->disks, has->n_disks, disk);
}

static void refuse_sharing(const struct operation *op,
                           const struct wire_disk *disk,
                           const struct partition_row *row,
                           const struct wire_disk *rival,
                           struct reasons *reasons)
{
    bool may_know = strcmp(row->owner, op->row->owner) == 0;

    step_refuse(reasons, VDC_E_NO_RESOURCE,
                "detach it there first, or attach it readonly to both",
                "%s: %s has it as %s, and one of them would write to it",
                disk->target, may_know ? row->name : "another guest",
                may_know ? rival->vdev : "a disk");
}

/* Two that write to one disk destroy what is on it: xl leaves that to the
 * hotplug script, which sees block devices alone. */
static void check_sharing(const struct operation *op,
                          const struct wire_disk *disk,
                          struct reasons *reasons)
{
    const struct partition *other;

    TAILQ_FOREACH (other, &op->host->partitions.all, in_all) {
        const struct partition_row *row = step_row_of(op, other);
        if (other == op->partition)
            continue;
        const struct wire_disk *rival = find_rival_in(row, disk);
        if (!rival)
            rival = find_rival_in(step_row_to_come(op, other), disk);
        if (rival)
            refuse_sharing(op, disk, row, rival, reasons);
    }
}

void step_check_disks(struct operation *op, struct reasons *reasons)
{
    const struct wire_definition *definition = &op->row->definition;

    for (uint32_t i = 0; i < definition->n_disks; i++) {
        const struct wire_disk *disk = &definition->disks[i];
        const struct wire_disk *rival =
            find_rival(definition->disks, i, disk);
        if (rival)
            refuse_sharing(op, disk, op->row, rival, reasons);
        check_sharing(op, disk, reasons);
    }
}

static void check_name(const char *vdev, struct reasons *reasons)
{
    if (!number_of(vdev))
        step_refuse(reasons, VDC_E_BAD_VALUE,
                    "xvda to xvdz are usual in Xen's guests",
                    "\"%s\" is no name of a disk", vdev);
}

void step_check_disk_names(struct operation *op, struct reasons *reasons)
{
    const struct wire_definition *definition = &op->row->definition;

    for (uint32_t i = 0; i < definition->n_disks; i++) {
        const char *vdev = definition->disks[i].vdev;
        check_name(vdev, reasons);
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(definition->disks[j].vdev, vdev) == 0)
                step_refuse(reasons, VDC_E_BAD_VALUE,
                            "choose another name for one of them",
                            "%s has two disks %s", op->row->name, vdev);
    }
}

/* ---- attach: checks ---- */

/* The words are those of a definition with this disk alone. */
static void check_target(const struct operation *op, struct reasons *reasons)
{
    struct wire_disk disk = op->request.disk;
    struct wire_definition definition;
    size_t n_before = reasons->n_errors;

    wire_init(&wire_struct_definition, &definition);
    definition.name = op->row->name;
    definition.disks = &disk;
    definition.n_disks = 1;
    definition_check_files(op->host, &definition, false, reasons);
    if (reasons->n_errors == n_before && is_file(&disk) &&
        !is_readonly(&disk) && access(disk.target, W_OK))
        step_refuse(reasons, VDC_E_NO_FILE,
                    "attach it readonly, or make it writable",
                    "%s: the disk %s cannot be written: %s", op->row->name,
                    disk.target, strerror(errno));
    if (!disk.target[0] && !disk.cdrom)
        step_refuse(reasons, VDC_E_BAD_VALUE, NULL,
                    "%s: no file or device is given for the disk",
                    op->row->name);
}

static void check_place(const struct operation *op,
                        const struct wire_definition *definition,
                        struct reasons *reasons)
{
    const char *vdev = op->request.disk.vdev;
    const struct wire_disk *taken = find(definition, vdev);

    if (taken)
        step_refuse(reasons, VDC_E_EXISTS, "choose another name for it",
                    "%s has a disk %s already: %s", op->row->name, vdev,
                    taken->target[0] ? taken->target : "an empty drive");
    if (definition && definition->n_disks >= DISKS_MAX)
        step_refuse(reasons, VDC_E_BAD_VALUE, NULL,
                    "%s has %u disks, and cannot have more", op->row->name,
                    definition->n_disks);
}

static void attach_check(struct operation *op, struct reasons *reasons)
{
    if (!step_check_change(op, reasons))
        return;
    check_name(op->request.disk.vdev, reasons);
    check_place(op, step_live(op), reasons);
    check_place(op, step_remembered(op), reasons);
    check_target(op, reasons);
    if (op->row->domid == HV_DOMID_NONE)
        return;
    const struct wire_disk *disk = &op->request.disk;
    const struct wire_disk *rival = find_rival_in(op->row, disk);
    if (rival)
        refuse_sharing(op, disk, op->row, rival, reasons);
    check_sharing(op, disk, reasons);
}

/* ---- what changes ---- */

static void add(const struct operation *op, struct wire_definition *definition)
{
    if (!definition)
        return;
    uint32_t n = definition->n_disks;
    struct wire_disk *disks =
        ARENA_ARRAY(op->t->arena, n + 1, struct wire_disk);
    if (n)
        memcpy(disks, definition->disks, n * sizeof(*disks));
    disks[n] = op->request.disk;
    definition->disks = disks;
    definition->n_disks = n + 1;
}

static void take_away(const struct operation *op,
                      struct wire_definition *definition)
{
    const struct wire_disk *gone = find(definition, op->request.device);

    if (!gone)
        return;
    struct wire_disk *disks =
        ARENA_ARRAY(op->t->arena, definition->n_disks, struct wire_disk);
    uint32_t n = 0;
    for (uint32_t i = 0; i < definition->n_disks; i++)
        if (&definition->disks[i] != gone)
            disks[n++] = definition->disks[i];
    definition->disks = disks;
    definition->n_disks = n;
}

static void attach_record(struct operation *op)
{
    add(op, step_live(op));
    add(op, step_remembered(op));
    snprintf(op->device, sizeof(op->device), "%s", op->request.disk.vdev);
}

static bool attach_plan(const struct operation *op, char *buf, size_t size)
{
    const struct wire_disk *disk = &op->request.disk;

    snprintf(buf, size, "attach %.80s to %s as %s%s%s", disk->target,
             op->row->name, disk->vdev, is_readonly(disk) ? ", readonly" : "",
             step_when(op));
    return true;
}

static int attach_to(struct operation *op, uint32_t domid,
                     const struct wire_disk *disk, hv_done_fn *done,
                     struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    struct hv_disk hv_disk;

    domain_config_disk(disk, &hv_disk);
    return hv->domain->disk_attach(hv, domid, &hv_disk, done, op, err);
}

static int attach_apply(struct operation *op, struct vdc_error *err)
{
    uint32_t domid = step_domid(op);

    if (domid == HV_DOMID_NONE)
        return STEP_DONE;
    return step_later(
        attach_to(op, domid, &op->request.disk, step_ended, err));
}

static int attach_undo(struct operation *op, struct vdc_error *err)
{
    const struct wire_disk *new = &op->request.disk;
    const struct wire_disk *old = find(step_before(op), new->vdev);

    return step_device_attach_undo(op, new->vdev, new->target,
                                   old ? old->target : NULL, err);
}

const struct step step_disk_attach = {
    .name = "disk-attach",
    .doing = "attaching the disk",
    .check = attach_check,
    .record = attach_record,
    .plan = attach_plan,
    .apply = attach_apply,
    .undo = attach_undo,
};

/* ---- detach ---- */

static void detach_check(struct operation *op, struct reasons *reasons)
{
    const char *device = op->request.device;

    if (!step_check_change(op, reasons))
        return;
    const struct wire_disk *disk = find(step_live(op), device);
    if (!disk)
        disk = find(step_remembered(op), device);
    if (!disk) {
        step_refuse(reasons, VDC_E_NOT_FOUND,
                    "its disks are shown by xl-vdc block-list",
                    "%s has no disk %s", op->row->name,
                    device[0] ? device : "without a name");
        return;
    }
    /* By its name from now on. */
    op->request.device = arena_strdup(op->t->arena, disk->vdev);
    step_journalled(op)->device = op->request.device;
}

static void detach_record(struct operation *op)
{
    take_away(op, step_live(op));
    take_away(op, step_remembered(op));
    snprintf(op->device, sizeof(op->device), "%s", op->request.device);
}

static int attach_old(struct operation *op, uint32_t domid,
                      struct vdc_error *err)
{
    return attach_to(op, domid, find(step_before(op), op->request.device),
                     step_device_attached_again, err);
}

static int detach_undo(struct operation *op, struct vdc_error *err)
{
    const struct wire_disk *disk = find(step_before(op), op->request.device);

    return step_device_detach_undo(op, disk ? disk->vdev : NULL, attach_old,
                                   err);
}

const struct step step_disk_detach = {
    .name = "disk-detach",
    .doing = "detaching the disk",
    .check = detach_check,
    .record = detach_record,
    .plan = step_device_detach_plan,
    .apply = step_device_detach_apply,
    .undo = detach_undo,
};
