/*
 * Counting a guest anew; see recount.h.
 */
#include "policyd/change/recount.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "policyd/change/effect.h"
#include "policyd/change/reconcile.h"
#include "policyd/customers/quota.h"

struct recount {
    struct operations *ops;
    struct vdc_uuid uuid;
    char *host;
    recount_fn *fn;
    void *arg;
};

static bool same(const struct wire_usage *a, const struct wire_usage *b)
{
    return a->memory.kib == b->memory.kib && a->vcpus == b->vcpus &&
           a->disk.kib == b->disk.kib && a->networks == b->networks;
}

static int record(struct recount *r, struct assignment *a,
                  const struct wire_partition_reply *shown,
                  struct vdc_error *err)
{
    struct arena *arena = arena_new();
    struct effect effect;
    struct wire_usage counts, stopped, known = book_counted(a);
    int rc = effect_init(&effect, shown, arena, err);

    if (!rc) {
        const char *macs = effect_macs(&effect, arena);
        effect_usage(&effect, &counts);
        quota_of_definition(&effect.definition, &stopped);
        a->uncounted = false;
        a->loose = !same(&counts, &stopped);
        if (a->state != ASSIGNMENT_ACTIVE || !same(&counts, &known) ||
            strcmp(macs, a->macs) != 0)
            rc = book_assignment_count(r->ops->book, a, ASSIGNMENT_ACTIVE,
                                       &counts, macs, NULL, err);
    }
    arena_free(arena);
    return rc;
}

static void measured(void *arg, const void *answer,
                     const struct vdc_error *why)
{
    struct recount *r = arg;
    const struct service_measured *measured = answer;
    struct assignment *a = book_assignment(r->ops->book, &r->uuid);
    struct vdc_error err = { 0 };
    int rc = 0;

    /* another request may have begun, which counts when it ends */
    if (a && a->n_changing == 0 && !a->in_flight &&
        (a->state == ASSIGNMENT_CHANGING || a->state == ASSIGNMENT_ACTIVE)) {
        if (measured)
            rc = record(r, a, measured->shown, &err);
        else if (why->code == VDC_E_NOT_FOUND)
            rc = book_assignment_count(r->ops->book, a, ASSIGNMENT_ACTIVE,
                                       NULL, NULL, NULL, &err);
    }
    if (rc)
        log_error("what guest '%s' counts for: %s", a->name, err.text);
    if (rc || !measured)
        hosts_reconcile_soon(r->ops->hosts, r->host, RECONCILE_RETRY_MS);
    r->fn(r->arg);
    free(r->host);
    free(r);
}

void recount_guest(struct operations *ops, const struct vdc_uuid *uuid,
                   recount_fn *fn, void *arg)
{
    const struct assignment *a = book_assignment(ops->book, uuid);
    struct recount *r = XNEW(struct recount);
    struct service *service;

    *r = (struct recount){ ops, *uuid, xstrdup(a ? a->host : ""), fn, arg };
    if (hosts_service(ops->hosts, r->host, &service, NULL) ||
        service_measure(service, uuid, measured, r, NULL)) {
        free(r->host);
        free(r); /* the next connection begins with a comparison */
        fn(arg);
    }
}
