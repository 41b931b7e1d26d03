/* Steps that bring a domain to its end: asking the guest, saving its memory,
 * ending it. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/log.h"
#include "resourced/host.h"
#include "resourced/publish.h"
#include "resourced/step.h"

static void asked(void *arg, int rc, const struct vdc_error *err)
{
    transaction_step_ended(arg, rc, err);
}

static int ask(struct transaction *t, enum hv_shutdown_reason reason,
               struct vdc_error *err)
{
    struct hv *hv = t->host->hv;
    int rc = hv->domain->shutdown(hv, t->partition->row.domid, reason, asked,
                                  t, err);

    return rc ? rc : STEP_LATER;
}

static int ask_shutdown_apply(struct transaction *t, struct vdc_error *err)
{
    return ask(t, HV_SHUTDOWN_POWEROFF, err);
}

static bool ask_shutdown_plan(const struct transaction *t, char *buf,
                              size_t size)
{
    snprintf(buf, size, "ask %s to power off", t->partition->row.name);
    return true;
}

const struct step step_ask_shutdown = {
    .doing = "asking the guest to power off",
    .plan = ask_shutdown_plan,
    .apply = ask_shutdown_apply,
};

static int ask_reboot_apply(struct transaction *t, struct vdc_error *err)
{
    return ask(t, HV_SHUTDOWN_REBOOT, err);
}

static bool ask_reboot_plan(const struct transaction *t, char *buf,
                            size_t size)
{
    snprintf(buf, size, "ask %s to reboot", t->partition->row.name);
    return true;
}

const struct step step_ask_reboot = {
    .doing = "asking the guest to reboot",
    .plan = ask_reboot_plan,
    .apply = ask_reboot_apply,
};

/* A dump that fails does not keep the guest down: it is logged. */
static void dumped(void *arg, int rc, const struct vdc_error *err)
{
    struct transaction *t = arg;

    if (rc)
        log_error("the memory of %s could not be written: %s",
                  t->partition->row.name, err->text);
    transaction_step_ended(t, 0, NULL);
}

static int core_dump_apply(struct transaction *t, struct vdc_error *err)
{
    struct hv *hv = t->host->hv;
    const char *dir = t->host->settings->dump_dir;
    struct vdc_error why;
    char *file = arena_strdup(t->arena, t->partition->row.xen_name);

    for (char *c = file; *c; c++)
        if (*c == '/')
            *c = '_';
    /* One file a guest: one that crashes again and again fills no disk. */
    char *path = arena_printf(t->arena, "%s/%s.core", dir, file);
    int rc = 0;
    if (mkdir(dir, 0700) && errno != EEXIST)
        rc = vdc_error_errno(&why, VDC_E_IO, errno, "%s cannot be made", dir);
    if (!rc)
        rc = hv->domain->core_dump(hv, t->partition->row.domid, path, dumped,
                                   t, &why);
    if (!rc)
        return STEP_LATER;
    log_error("the memory of %s could not be written: %s",
              t->partition->row.name, why.text);
    return STEP_DONE;
}

const struct step step_core_dump = {
    .doing = "writing the guest's memory to a file",
    .apply = core_dump_apply,
};

static void end_done(struct transaction *t)
{
    struct hv *hv = t->host->hv;

    t->ended_domain = true;
    hv->domain->unwatch(hv, t->old_domid);
}

/* It lives on: it is published as before. */
static void end_failed(struct transaction *t)
{
    struct vdc_error err;

    if (publish_domain(t->host, t->old_domid, &t->request.uuid, &err))
        log_warning("domain %u is missing in xenstore: %s", t->old_domid,
                    err.text);
}

static void ended(void *arg, int rc, const struct vdc_error *err)
{
    struct transaction *t = arg;

    if (rc == VDC_E_NOT_FOUND)
        rc = 0;
    if (rc)
        end_failed(t);
    else
        end_done(t);
    transaction_step_ended(t, rc, err);
}

static int end_apply(struct transaction *t, struct vdc_error *err)
{
    struct hv *hv = t->host->hv;
    int rc = unpublish_domain(t->host, t->old_domid, err);

    if (rc)
        return rc;
    rc = hv->domain->destroy(hv, t->old_domid, ended, t, err);
    if (rc == VDC_E_NOT_FOUND) {
        end_done(t);
        return STEP_DONE;
    }
    if (rc)
        end_failed(t);
    return rc ? rc : STEP_LATER;
}

static bool end_plan(const struct transaction *t, char *buf, size_t size)
{
    snprintf(buf, size, "end the domain %s (domid %u) at once",
             t->partition->row.xen_name, t->old_domid);
    return true;
}

/* Cannot be undone: see outcome.c for what that means. */
const struct step step_end_domain = {
    .doing = "ending the domain",
    .plan = end_plan,
    .apply = end_apply,
};
