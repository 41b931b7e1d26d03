/* Steps that bring a domain to life: build, publish, unpause. */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "resourced/domain_config.h"
#include "resourced/host.h"
#include "resourced/publish.h"
#include "resourced/step_change.h"
#include "resourced/step_save.h"

static void build_check(struct operation *op, struct reasons *reasons)
{
    const struct partition_row *row = op->row;

    step_check_disks(op, reasons);
    if (op->kind == WIRE_OP_CREATE)
        return; /* the rest of the definition was just checked */
    step_check_names(op, row->name, row->xen_name, reasons);
    definition_check_files(op->host, &row->definition,
                           !op->t->request.dry_run, reasons);
    /* What is restarted has its devices, and nobody else can. */
    if (op->kind == WIRE_OP_START)
        step_check_pci(op, reasons);
    if (op->request.file[0])
        step_save_check_file(op, reasons);
}

static void build_record(struct operation *op)
{
    struct partition_row *row = op->row;

    row->domid = DOMID_TO_COME;
    row->boot_id = op->host->boot_id;
    row->live = row->definition;
    row->paused = true;
    row->wanted_running = true;
    row->preserved = false;
    if (op->kind == WIRE_OP_RESTART)
        row->restarts++;
    if (op->kind != WIRE_OP_START)
        return;
    row->restarts = 0;
    row->host_reserve = op->request.host_reserve;
    row->dom0_keep = op->request.dom0_keep;
}

static bool build_plan(const struct operation *op, char *buf, size_t size)
{
    const struct wire_definition *d = &op->row->definition;
    char memory[32];

    snprintf(buf, size,
             "%s the %s domain %s with %s, %u vCPUs, %u disks and %u "
             "network interfaces",
             op->request.file[0] ? "restore" : "build",
             wire_enum_word(&wire_enum_domain_type, (int)d->type),
             op->row->xen_name,
             units_mem_format(d->memory, memory, sizeof(memory)),
             d->vcpus ? d->vcpus : 1, d->n_disks, d->n_nics);
    return true;
}

static void built(void *arg, int rc, const struct vdc_error *err,
                  uint32_t domid)
{
    struct operation *op = arg;

    if (op->fd >= 0)
        close(op->fd);
    op->fd = -1;
    if (!rc) {
        op->domid = op->row->domid = domid;
        op->built_ms = op->row->started_ms = clock_wall().ms;
        op->promised = false; /* it has its memory */
    }
    transaction_step_ended(op->t, rc, err);
}

/* As it was when it was saved; the file stays. */
static int restore(struct operation *op, const struct hv_domain_config *config,
                   struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    int rc = step_save_open(op, &op->fd, err);

    if (rc)
        return rc;
    rc = hv->domain->restore(hv, config, op->fd, built, op, err);
    if (!rc)
        return STEP_LATER;
    close(op->fd);
    op->fd = -1;
    return rc;
}

static int build_apply(struct operation *op, struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    struct hv_domain_config config;

    domain_config_fill(op->host, op->row, op->t->arena, &config);
    step_save_size(op, &config);
    memory_unlock(op);
    if (op->kind == WIRE_OP_START && op->request.file[0])
        return restore(op, &config, err);
    int rc = hv->domain->create(hv, &config, built, op, err);
    return rc ? rc : STEP_LATER;
}

static void unbuilt(void *arg, int rc, const struct vdc_error *err)
{
    struct operation *op = arg;

    if (rc == VDC_E_NOT_FOUND)
        rc = 0;
    if (!rc)
        op->domid = HV_DOMID_NONE;
    transaction_step_ended(op->t, rc, err);
}

static int build_undo(struct operation *op, struct vdc_error *err)
{
    struct hv *hv = op->host->hv;

    /* Who was killed in the middle knows no domid. */
    if (op->domid == HV_DOMID_NONE)
        return op->t->recovered ? step_end_domains(op, err) : STEP_DONE;
    int rc = hv->domain->destroy(hv, op->domid, unbuilt, op, err);
    if (rc == VDC_E_NOT_FOUND) {
        op->domid = HV_DOMID_NONE;
        return STEP_DONE;
    }
    return rc ? rc : STEP_LATER;
}

const struct step step_build = {
    .name = "build",
    .doing = "building the domain",
    .check = build_check,
    .record = build_record,
    .plan = build_plan,
    .apply = build_apply,
    .undo = build_undo,
};

static bool publish_plan(const struct operation *op, char *buf, size_t size)
{
    return false; /* nothing that a person would ask about */
}

static int publish_undo(struct operation *op, struct vdc_error *err)
{
    struct hv *hv = op->host->hv;

    /* After a crash nodes are compared when all is settled. */
    if (op->domid == HV_DOMID_NONE)
        return STEP_DONE;
    hv->domain->unwatch(hv, op->domid);
    return unpublish_domain(op->host, op->domid, err);
}

/* What was changed while the guest was in a file, it has not been told; nor
 * what one that came from another host had there for the time only. */
static int tell_restored(struct operation *op, struct vdc_error *err)
{
    const struct wire_definition *d = &op->row->live;
    struct hv *hv = op->host->hv;
    struct mem target;

    if (op->kind != WIRE_OP_START ||
        (!op->request.file[0] && !op->request.stream))
        return 0;
    int rc = hv->domain->memory_target(hv, op->domid, &target, err);
    if (!rc && target.kib != d->memory.kib)
        rc = hv->domain->set_memory_target(hv, op->domid, d->memory, err);
    if (!rc)
        rc = hv->domain->set_vcpus(hv, op->domid, step_vcpus_of(d), err);
    return rc;
}

static int publish_apply(struct operation *op, struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    int rc = tell_restored(op, err);

    if (!rc)
        rc = publish_domain(op->host, op->domid, &op->row->uuid, err);
    if (rc)
        return rc;
    rc = hv->domain->watch(hv, op->domid, err);
    if (rc)
        publish_undo(op, NULL);
    return rc;
}

const struct step step_publish = {
    .name = "publish",
    .doing = "watching the domain",
    .plan = publish_plan,
    .apply = publish_apply,
    .undo = publish_undo,
};

static bool unpause_plan(const struct operation *op, char *buf, size_t size)
{
    snprintf(buf, size, "let it run");
    return true;
}

static void unpause_record(struct operation *op)
{
    op->row->paused = false;
}

static void unpaused(void *arg, int rc, const struct vdc_error *err)
{
    struct operation *op = arg;

    transaction_step_ended(op->t, rc, err);
}

static int unpause_apply(struct operation *op, struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    int rc = hv->domain->unpause(hv, op->domid, unpaused, op, err);

    return rc ? rc : STEP_LATER;
}

/* Its undo is that of the domain. */
const struct step step_unpause_new = {
    .name = "unpause-new",
    .doing = "letting it run",
    .record = unpause_record,
    .plan = unpause_plan,
    .apply = unpause_apply,
};

/* After a crash it may run already, or be no more. */
static int run_on_apply(struct operation *op, struct vdc_error *err)
{
    struct hv_domain_info info;

    if (!op->t->recovered)
        return unpause_apply(op, err);
    op->domid = op->row->domid; /* which an operation before it may have */
    int rc = op->domid == HV_DOMID_NONE
                 ? VDC_E_NOT_FOUND
                 : step_info(op, op->domid, &info, err);
    if (rc == VDC_E_NOT_FOUND || (!rc && !info.paused))
        return STEP_DONE;
    return rc ? rc : unpause_apply(op, err);
}

/* Of a guest whose file goes: once it has run, it has written to its disks,
 * and must not be restored from that file again, here or elsewhere. */
const struct step step_run_on = {
    .name = "run-on",
    .doing = "letting it run on",
    .record = unpause_record,
    .plan = unpause_plan,
    .apply = run_on_apply,
    .final = true,
};
