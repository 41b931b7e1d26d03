/* Steps that bring a domain to life: build, publish, unpause. */
#include <stdio.h>

#include "base/clock.h"
#include "resourced/domain_config.h"
#include "resourced/host.h"
#include "resourced/publish.h"
#include "resourced/step.h"

static int build_check(struct transaction *t, struct vdc_error *err)
{
    const struct partition_row *row = &t->partition->row;

    if (t->kind == TRANSACTION_CREATE)
        return 0; /* the definition was just checked */
    int rc = step_check_names(t, row->name, row->xen_name, err);
    if (!rc)
        rc = definition_check_files(&row->definition, err);
    return rc;
}

static bool build_plan(const struct transaction *t, char *buf, size_t size)
{
    const struct wire_definition *d = &t->partition->row.definition;
    char memory[32];

    snprintf(buf, size,
             "build the %s domain %s with %s, %u vCPUs, %u disks and %u "
             "network interfaces",
             wire_enum_word(&wire_enum_domain_type, (int)d->type),
             t->partition->row.xen_name,
             units_mem_format(d->memory, memory, sizeof(memory)),
             d->vcpus ? d->vcpus : 1, d->n_disks, d->n_nics);
    return true;
}

static void built(void *arg, int rc, const struct vdc_error *err,
                  uint32_t domid)
{
    struct transaction *t = arg;

    if (!rc) {
        t->domid = domid;
        t->built_ms = clock_wall().ms;
        t->promised = false; /* it has its memory */
    }
    transaction_step_ended(t, rc, err);
}

static int build_apply(struct transaction *t, struct vdc_error *err)
{
    struct hv *hv = t->host->hv;
    struct hv_domain_config config;

    domain_config_fill(&t->partition->row, t->arena, &config);
    int rc = hv->domain->create(hv, &config, built, t, err);
    return rc ? rc : STEP_LATER;
}

static void unbuilt(void *arg, int rc, const struct vdc_error *err)
{
    struct transaction *t = arg;

    if (!rc || rc == VDC_E_NOT_FOUND) {
        t->domid = HV_DOMID_NONE;
        rc = 0;
    }
    transaction_step_ended(t, rc, err);
}

static int build_undo(struct transaction *t, struct vdc_error *err)
{
    struct hv *hv = t->host->hv;
    int rc = hv->domain->destroy(hv, t->domid, unbuilt, t, err);

    if (rc == VDC_E_NOT_FOUND) {
        t->domid = HV_DOMID_NONE;
        return STEP_DONE;
    }
    return rc ? rc : STEP_LATER;
}

const struct step step_build = {
    .doing = "building the domain",
    .check = build_check,
    .plan = build_plan,
    .apply = build_apply,
    .undo = build_undo,
};

static bool publish_plan(const struct transaction *t, char *buf, size_t size)
{
    return false; /* nothing that a person would ask about */
}

static int publish_undo(struct transaction *t, struct vdc_error *err)
{
    struct hv *hv = t->host->hv;

    hv->domain->unwatch(hv, t->domid);
    return unpublish_domain(t->host, t->domid, err);
}

static int publish_apply(struct transaction *t, struct vdc_error *err)
{
    struct hv *hv = t->host->hv;
    int rc = publish_domain(t->host, t->domid, &t->request.uuid, err);

    if (rc)
        return rc;
    rc = hv->domain->watch(hv, t->domid, err);
    if (rc)
        publish_undo(t, NULL);
    return rc;
}

const struct step step_publish = {
    .doing = "watching the domain",
    .plan = publish_plan,
    .apply = publish_apply,
    .undo = publish_undo,
};

static bool unpause_plan(const struct transaction *t, char *buf, size_t size)
{
    snprintf(buf, size, "let it run");
    return true;
}

static void unpaused(void *arg, int rc, const struct vdc_error *err)
{
    transaction_step_ended(arg, rc, err);
}

static int unpause_apply(struct transaction *t, struct vdc_error *err)
{
    struct hv *hv = t->host->hv;
    int rc = hv->domain->unpause(hv, t->domid, unpaused, t, err);

    return rc ? rc : STEP_LATER;
}

const struct step step_unpause = {
    .doing = "letting it run",
    .plan = unpause_plan,
    .apply = unpause_apply,
};
