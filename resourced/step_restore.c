/* The way back from a file that a guest was saved to: whose it is, and whether
 * the guest may still have the memory that is in it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/savefile.h"
#include "resourced/host.h"
#include "resourced/step_change.h"
#include "resourced/step_save.h"

/* Pages that a domain has beyond its memory; Xen lets it have as many. */
#define NOT_GUESTS_KIB 1024

static int read_head(const struct operation *op, int fd,
                     struct savefile_head *ret, struct vdc_error *err)
{
    int rc = savefile_read(fd, ret, err);

    if (rc) {
        vdc_error_prefix(err, "%s", op->request.file);
        return rc;
    }
    if (uuid_equal(&ret->uuid, &op->row->uuid))
        return 0;
    vdc_error_set(err, VDC_E_BAD_VALUE, "%s is not %s: another guest was "
                                        "saved to it",
                  op->request.file, op->row->name);
    vdc_error_hint(err, "start that guest from it");
    return VDC_E_BAD_VALUE;
}

static int open_file(const struct operation *op, int *ret_fd,
                     struct savefile_head *ret, struct vdc_error *err)
{
    int fd;
    int rc = savefile_open(op->request.file, &fd, err);

    if (rc)
        return rc;
    rc = read_head(op, fd, ret, err);
    if (rc) {
        close(fd);
        return rc;
    }
    *ret_fd = fd;
    return 0;
}

int step_save_open(const struct operation *op, int *ret_fd,
                   struct vdc_error *err)
{
    struct savefile_head head;

    return open_file(op, ret_fd, &head, err);
}

static struct mem most_of(const struct operation *op)
{
    const struct wire_definition *d = &op->row->definition;

    return d->max_memory.kib ? d->max_memory : d->memory;
}

void step_save_check_file(const struct operation *op, struct reasons *reasons)
{
    struct savefile_head head;
    struct vdc_error err;
    char had[32], most[32];
    int fd;

    if (open_file(op, &fd, &head, &err)) {
        reasons_add(reasons, &err);
        return;
    }
    close(fd);
    if (head.memory_kib <= most_of(op).kib + NOT_GUESTS_KIB)
        return;
    units_mem_format(MEM_KIB(head.memory_kib), had, sizeof(had));
    step_refuse(reasons, VDC_E_WRONG_STATE,
                arena_printf(op->t->arena,
                             "let it have that again: `xl-vdc mem-max %s "
                             "%lluM`; once it runs, mem-set and mem-max make "
                             "it smaller", op->row->name,
                             (unsigned long long)((head.memory_kib + 1023) /
                                                  1024)),
                "%s was saved with %s of memory, and may have %s now",
                op->row->name, had,
                units_mem_format(most_of(op), most, sizeof(most)));
}

void step_save_size(const struct operation *op,
                    struct hv_domain_config *config)
{
    struct savefile_head head = { .memory_kib = op->stream_memory.kib };
    int fd;

    if (op->kind != WIRE_OP_START)
        return;
    if (!op->request.stream) {
        if (!op->request.file[0] || open_file(op, &fd, &head, NULL))
            return;
        close(fd);
    }
    if (head.memory_kib > config->max_memory.kib)
        head.memory_kib = config->max_memory.kib;
    if (head.memory_kib > config->memory.kib)
        config->memory = MEM_KIB(head.memory_kib);
}

/* ---- afterwards ---- */

/* Of a guest that runs from it: to keep it is no more than untidy. */
static int drop_file_apply(struct operation *op, struct vdc_error *err)
{
    struct vdc_error why;
    int fd;

    /* After a crash it may be gone already. */
    if (step_save_open(op, &fd, &why))
        return STEP_DONE;
    close(fd);
    if (unlink(op->request.file))
        log_warning("%s stays: %s", op->request.file, strerror(errno));
    return STEP_DONE;
}

static bool drop_file_plan(const struct operation *op, char *buf, size_t size)
{
    snprintf(buf, size, "remove %.150s", op->request.file);
    return true;
}

const struct step step_drop_file = {
    .name = "drop-file",
    .doing = "removing the file that it was started from",
    .plan = drop_file_plan,
    .apply = drop_file_apply,
    .final = true,
};
