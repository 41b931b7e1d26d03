/* Steps that change what is remembered: define, rename, forget.  The rows
 * themselves are written by the commit. */
#include <stdio.h>
#include <string.h>

#include "resourced/domain_config.h"
#include "resourced/host.h"
#include "resourced/step.h"

static int taken_by_ours(const struct transaction *t, const char *owner,
                         const char *name, const char *xen_name,
                         struct vdc_error *err)
{
    const struct partition *other;

    TAILQ_FOREACH (other, &t->host->partitions.all, in_all) {
        if (other == t->partition)
            continue;
        if (strcmp(other->row.owner, owner) == 0 &&
            strcmp(other->row.name, name) == 0)
            return vdc_error_set(err, VDC_E_EXISTS,
                                 "there is a guest %s already", name);
        if (strcmp(other->row.xen_name, xen_name) == 0)
            return vdc_error_set(err, VDC_E_EXISTS,
                                 "the domain name %s is taken by another "
                                 "guest", xen_name);
    }
    return 0;
}

static int taken_in_xen(const struct transaction *t, const char *xen_name,
                        struct vdc_error *err)
{
    const struct partition_row *row = &t->partition->row;
    struct hv *hv = t->host->hv;
    struct arena *arena = arena_new();
    struct hv_domain_info *domains;
    size_t n_domains;
    int rc = hv->domain->list(hv, arena, &domains, &n_domains, err);

    for (size_t i = 0; !rc && i < n_domains; i++) {
        /* One that is dying is no more than pages that others still map. */
        if (domains[i].domid == row->domid || domains[i].dying)
            continue;
        bool same_uuid = uuid_equal(&domains[i].uuid, &row->uuid);
        if (!same_uuid && strcmp(domains[i].name, xen_name) != 0)
            continue;
        rc = vdc_error_set(err, VDC_E_EXISTS,
                           "Xen has a domain of this %s already: %s "
                           "(domid %u), which xen-vdc did not make",
                           same_uuid ? "uuid" : "name", domains[i].name,
                           domains[i].domid);
        vdc_error_hint(err, "see xl list; end that domain, or use another "
                            "%s", same_uuid ? "uuid" : "name");
    }
    arena_free(arena);
    return rc;
}

int step_check_names(struct transaction *t, const char *name,
                     const char *xen_name, struct vdc_error *err)
{
    int rc = taken_by_ours(t, t->partition->row.owner, name, xen_name, err);

    if (!rc)
        rc = taken_in_xen(t, xen_name, err);
    return rc;
}

static int define_check(struct transaction *t, struct vdc_error *err)
{
    const struct partition_row *row = &t->partition->row;
    int rc = step_check_names(t, row->name, row->xen_name, err);

    if (!rc)
        rc = definition_check_values(&row->definition, err);
    if (!rc)
        rc = definition_check_files(&row->definition, err);
    return rc;
}

static bool define_plan(const struct transaction *t, char *buf, size_t size)
{
    snprintf(buf, size, "remember the definition of %s",
             t->partition->row.name);
    return true;
}

const struct step step_define = {
    .doing = "defining the partition",
    .check = define_check,
    .plan = define_plan,
};

static int rename_check(struct transaction *t, struct vdc_error *err)
{
    return step_check_names(t, t->request.new_name, t->request.new_xen_name,
                            err);
}

static bool rename_plan(const struct transaction *t, char *buf, size_t size)
{
    snprintf(buf, size, "rename %s to %s", t->partition->row.name,
             t->request.new_name);
    return true;
}

static int rename_domain(struct transaction *t, const char *xen_name,
                         struct vdc_error *err)
{
    struct hv *hv = t->host->hv;

    if (!partition_has_domain(t->partition))
        return STEP_DONE;
    return hv->domain->rename(hv, t->partition->row.domid, xen_name, err);
}

static int rename_apply(struct transaction *t, struct vdc_error *err)
{
    return rename_domain(t, t->request.new_xen_name, err);
}

static int rename_undo(struct transaction *t, struct vdc_error *err)
{
    int rc = rename_domain(t, t->partition->row.xen_name, err);

    /* A domain that is gone has no name to give back. */
    return rc == VDC_E_NOT_FOUND ? STEP_DONE : rc;
}

const struct step step_rename = {
    .doing = "renaming",
    .check = rename_check,
    .plan = rename_plan,
    .apply = rename_apply,
    .undo = rename_undo,
};

static bool forget_plan(const struct transaction *t, char *buf, size_t size)
{
    snprintf(buf, size, "forget %s and its definition",
             t->partition->row.name);
    return true;
}

const struct step step_forget = {
    .doing = "forgetting the partition",
    .plan = forget_plan,
};
