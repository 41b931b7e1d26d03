/* Steps that change what is remembered: define, rename, forget.  The rows
 * themselves are written by the commit. */
#include <stdio.h>
#include <string.h>

#include "resourced/domain_config.h"
#include "resourced/epoch.h"
#include "resourced/host.h"
#include "resourced/step_change.h"

static void taken_by_ours(const struct operation *op, const char *name,
                          const char *xen_name, struct reasons *reasons)
{
    const struct partition *other;
    struct vdc_error err;

    TAILQ_FOREACH (other, &op->host->partitions.all, in_all) {
        const struct partition_row *row = step_row_of(op, other);
        if (other == op->partition)
            continue;
        if (strcmp(row->owner, op->row->owner) == 0 &&
            strcmp(row->name, name) == 0) {
            vdc_error_set(&err, VDC_E_EXISTS, "there is a guest %s already",
                          name);
            reasons_add(reasons, &err);
        } else if (strcmp(row->xen_name, xen_name) == 0) {
            vdc_error_set(&err, VDC_E_EXISTS,
                          "the domain name %s is taken by another guest",
                          xen_name);
            reasons_add(reasons, &err);
        }
    }
}

/* A domain of ours that loses its name before ours gets it. */
static bool is_renamed(const struct operation *op,
                       const struct hv_domain_info *domain)
{
    const struct partition *partition =
        registry_by_uuid(&op->host->partitions, &domain->uuid);

    return partition && partition->row.domid == domain->domid &&
           strcmp(step_row_of(op, partition)->xen_name, domain->name) != 0;
}

static void taken_in_xen(const struct operation *op, const char *xen_name,
                         struct reasons *reasons)
{
    const struct partition_row *row = &op->partition->row;
    struct hv *hv = op->host->hv;
    struct arena *arena = arena_new();
    struct hv_domain_info *domains;
    struct vdc_error err;
    size_t n_domains = 0;

    if (hv->domain->list(hv, arena, &domains, &n_domains, &err)) {
        reasons_add(reasons, &err);
        n_domains = 0;
    }
    for (size_t i = 0; i < n_domains; i++) {
        /* One that is dying is no more than pages that others still map. */
        if (domains[i].domid == row->domid || domains[i].dying)
            continue;
        bool same_uuid = uuid_equal(&domains[i].uuid, &row->uuid);
        if (!same_uuid && (strcmp(domains[i].name, xen_name) != 0 ||
                           is_renamed(op, &domains[i])))
            continue;
        vdc_error_set(&err, VDC_E_EXISTS,
                      "Xen has a domain of this %s already: %s (domid %u), "
                      "which xen-vdc did not make",
                      same_uuid ? "uuid" : "name", domains[i].name,
                      domains[i].domid);
        vdc_error_hint(&err, "see xl list; end that domain, or use another "
                             "%s", same_uuid ? "uuid" : "name");
        reasons_add(reasons, &err);
    }
    arena_free(arena);
}

void step_check_names(struct operation *op, const char *name,
                      const char *xen_name, struct reasons *reasons)
{
    size_t n_before = reasons->n_errors;

    taken_by_ours(op, name, xen_name, reasons);
    /* What is ours is in Xen too, and said already. */
    if (reasons->n_errors == n_before)
        taken_in_xen(op, xen_name, reasons);
}

bool step_check_runs(struct operation *op, struct reasons *reasons)
{
    const struct partition_row *row = op->row;
    struct vdc_error err;

    if (row->domid != HV_DOMID_NONE && !row->preserved)
        return true;
    vdc_error_set(&err, VDC_E_WRONG_STATE, "%s is not running", row->name);
    vdc_error_hint(&err, "start it: xl-vdc start");
    reasons_add(reasons, &err);
    return false;
}

static void define_check(struct operation *op, struct reasons *reasons)
{
    const struct partition_row *row = op->row;

    /* One that never moved is of no move, and one that returns from a move
     * that came to nothing is of that. */
    if (op->request.epoch &&
        op->request.epoch < epoch_of(op->host, &row->uuid))
        step_refuse(reasons, VDC_E_CONFLICT, NULL,
                    "%s is not defined: the order is of move %llu, and a "
                    "later one of it was here since", row->name,
                    (unsigned long long)op->request.epoch);
    step_check_names(op, row->name, row->xen_name, reasons);
    definition_check_values(&row->definition, reasons);
    definition_check_files(op->host, &row->definition,
                           !op->t->request.dry_run, reasons);
    step_check_disk_names(op, reasons);
    step_check_pools(op, reasons);
    step_check_nics(op, reasons);
    step_check_pci(op, reasons);
}

static bool define_plan(const struct operation *op, char *buf, size_t size)
{
    snprintf(buf, size, "remember the definition of %s", op->row->name);
    return true;
}

const struct step step_define = {
    .name = "define",
    .doing = "defining the partition",
    .check = define_check,
    .plan = define_plan,
};

static void rename_check(struct operation *op, struct reasons *reasons)
{
    struct vdc_error err;

    if (op->request.new_name[0]) {
        step_check_names(op, op->request.new_name, op->request.new_xen_name,
                         reasons);
        return;
    }
    vdc_error_set(&err, VDC_E_BAD_VALUE, "no new name is given for %s",
                  op->row->name);
    reasons_add(reasons, &err);
}

static void rename_record(struct operation *op)
{
    op->row->name = op->request.new_name;
    op->row->definition.name = op->request.new_name;
    op->row->live.name = op->request.new_name;
    op->row->xen_name = op->request.new_xen_name;
}

static bool rename_plan(const struct operation *op, char *buf, size_t size)
{
    snprintf(buf, size, "rename %s to %s", op->partition->row.name,
             op->request.new_name);
    return true;
}

static int rename_apply(struct operation *op, struct vdc_error *err)
{
    struct hv *hv = op->host->hv;

    /* A domain that a later operation builds gets the new name. */
    if (op->row->domid == HV_DOMID_NONE || op->row->domid == DOMID_TO_COME)
        return STEP_DONE;
    return hv->domain->rename(hv, op->row->domid, op->request.new_xen_name,
                              err);
}

/* Whether an operation before this one renamed the same partition: its undo
 * is still to come. */
static bool was_renamed_before(const struct operation *op)
{
    for (const struct operation *o = op->t->operations; o < op; o++)
        if (o->kind == WIRE_OP_RENAME && o->partition == op->partition)
            return true;
    return false;
}

static int rename_undo(struct operation *op, struct vdc_error *err)
{
    const struct partition_row *before = &op->partition->row;
    uint32_t domid = step_old_domid(op);
    struct hv *hv = op->host->hv;
    char uuid[UUID_TEXT_SIZE];

    if (domid == HV_DOMID_NONE)
        return STEP_DONE;
    int rc = hv->domain->rename(hv, domid, before->xen_name, err);
    /* Its old name may be another's until that is undone: out of the way. */
    if (rc && rc != VDC_E_NOT_FOUND && was_renamed_before(op))
        rc = hv->domain->rename(hv, domid, uuid_format(&before->uuid, uuid),
                                err);
    /* A domain that is gone has no name to give back. */
    return rc == VDC_E_NOT_FOUND ? STEP_DONE : rc;
}

const struct step step_rename = {
    .name = "rename",
    .doing = "renaming",
    .check = rename_check,
    .record = rename_record,
    .plan = rename_plan,
    .apply = rename_apply,
    .undo = rename_undo,
};

static bool forget_plan(const struct operation *op, char *buf, size_t size)
{
    snprintf(buf, size, "forget %s and its definition", op->row->name);
    return true;
}

const struct step step_forget = {
    .name = "forget",
    .doing = "forgetting the partition",
    .plan = forget_plan,
    .final = true,
};
