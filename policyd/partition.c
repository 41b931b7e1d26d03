/*
 * What is done with guests that are there: start, shutdown, reboot, show,
 * destroy, rename, list.
 */
#include "policyd/partition.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "policyd/lookup.h"
#include "policyd/operations.h"
#include "policyd/reconcile.h"

void partition_present(const struct operations *ops, struct wire_partition *p)
{
    const struct assignment *a =
        p->managed ? book_assignment(ops->book, &p->uuid) : NULL;

    p->host = service_host_name(ops->service);
    if (!a)
        return;
    p->customer = a->customer->name;
    if (a->state != ASSIGNMENT_RENAMING)
        p->name = a->name;
    p->host = a->host;
}

void partition_more(void *arg, const struct wire_frame *frame)
{
    if (frame->message->number == WIRE_MSG_progress)
        request_more(arg, WIRE_MSG_progress, frame->body);
}

void partition_record(const struct request *request, const char *customer,
                      const char *object, int result)
{
    struct store_audit audit =
        operations_audit(request, customer, object, result);
    struct vdc_error err = { 0 };

    if (book_audit(request->ops->book, &audit, &err))
        log_error("record of %s: %s", audit.message, err.text);
}

bool partition_outcome_unknown(const struct vdc_error *err)
{
    return err->code == VDC_E_CLOSED || err->code == VDC_E_PROTOCOL ||
           err->code == VDC_E_INTERNAL;
}

/* The request to the resource service for what the client asked. */
static struct wire_partition_ref service_ref(const struct request *request,
                                             const struct assignment *a)
{
    struct wire_partition_ref ref =
        *(const struct wire_partition_ref *)request->body;

    ref.customer = "";
    ref.name = a->name;
    ref.uuid = a->uuid;
    ref.new_xen_name = "";
    return ref;
}

/* The assignment of a request whose answer has come; NULL when it is gone. */
static struct assignment *assignment_of(const struct request *request)
{
    return book_assignment(request->ops->book, request->owner);
}

static void reply(struct request *request, const void *answer)
{
    struct wire_partition_reply full =
        *(const struct wire_partition_reply *)answer;

    partition_present(request->ops, &full.partition);
    if (request->message->number == WIRE_MSG_partition_show)
        full.definition.name = full.partition.name;
    request_reply(request, WIRE_MSG_partition_reply, &full);
}

/* The host says that it does not have what we recorded there. */
static void explain_missing(const struct assignment *a, struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_NOT_FOUND,
                  "guest '%s' is assigned to host %s, which does not know it "
                  "any more",
                  a->name, a->host);
    vdc_error_hint(err, "`xl-vdc destroy %s` forgets it; then create it anew",
                   a->name);
}

/* ---- start, shutdown, reboot, show ---- */

static void act_done(void *arg, const void *answer,
                     const struct vdc_error *err)
{
    struct request *request = arg;
    const struct assignment *a = assignment_of(request);
    const struct wire_partition_ref *ref = request->body;
    struct vdc_error missing = { 0 };

    if (a && request->message->number != WIRE_MSG_partition_show &&
        !ref->dry_run)
        partition_record(request, a->customer->name, a->name,
                         err ? err->code : 0);
    if (!err) {
        reply(request, answer);
    } else if (err->code == VDC_E_NOT_FOUND && a) {
        explain_missing(a, &missing);
        request_fail(request, &missing);
    } else {
        request_fail(request, err);
    }
}

static void act_found(struct request *request, struct assignment *a)
{
    struct wire_partition_ref ref = service_ref(request, a);
    struct vdc_error err = { 0 };
    int rc = 0;

    request->owner = arena_memdup(request->arena, &a->uuid, sizeof(a->uuid));
    if (request->message->number != WIRE_MSG_partition_show &&
        *service_version(request->ops->service))
        rc = lookup_check_idle(a, &err);
    if (!rc)
        rc = service_act(request->ops->service, request->message->number, &ref,
                         act_done, partition_more, request, &err);
    if (rc)
        request_fail(request, &err);
}

void partition_act(struct request *request)
{
    lookup_guest(request, request->body, act_found);
}

/* ---- destroy ---- */

static void destroy_gone(struct request *request, struct assignment *a)
{
    struct store_audit audit =
        operations_audit(request, a->customer->name, a->name, 0);
    struct vdc_error err = { 0 };

    a->in_flight = false;
    if (book_assignment_remove(request->ops->book, a, &audit, &err)) {
        log_error("guest '%s' is gone, but: %s", a->name, err.text);
        reconcile_soon(request->ops->reconcile, RECONCILE_RETRY_MS);
    }
}

static void destroy_failed(struct request *request, struct assignment *a,
                           const struct vdc_error *why)
{
    struct store_audit audit =
        operations_audit(request, a->customer->name, a->name, why->code);
    struct vdc_error err = { 0 };

    a->in_flight = false;
    if (partition_outcome_unknown(why) ||
        book_assignment_move(request->ops->book, a, ASSIGNMENT_ACTIVE, NULL,
                             NULL, &audit, &err))
        reconcile_soon(request->ops->reconcile, RECONCILE_RETRY_MS);
}

static void destroy_done(void *arg, const void *answer,
                         const struct vdc_error *err)
{
    struct request *request = arg;
    struct assignment *a = assignment_of(request);
    struct wire_partition_reply forgotten;

    if (!err) {
        /* before the assignment goes, because its names are used */
        struct wire_partition_reply full =
            *(const struct wire_partition_reply *)answer;
        partition_present(request->ops, &full.partition);
        if (*full.partition.name == '\0' && a)
            full.partition.name = arena_strdup(request->arena, a->name);
        full.partition.customer =
            arena_strdup(request->arena, full.partition.customer);
        full.partition.name =
            arena_strdup(request->arena, full.partition.name);
        full.partition.host =
            arena_strdup(request->arena, full.partition.host);
        if (a)
            destroy_gone(request, a);
        request_reply(request, WIRE_MSG_partition_reply, &full);
        return;
    }
    if (err->code == VDC_E_NOT_FOUND && a) {
        wire_init(&wire_struct_partition_reply, &forgotten);
        forgotten.partition.uuid = a->uuid;
        forgotten.partition.managed = true;
        forgotten.partition.customer =
            arena_strdup(request->arena, a->customer->name);
        forgotten.partition.name = arena_strdup(request->arena, a->name);
        forgotten.partition.host = arena_strdup(request->arena, a->host);
        destroy_gone(request, a);
        request_reply(request, WIRE_MSG_partition_reply, &forgotten);
        return;
    }
    if (a)
        destroy_failed(request, a, err);
    request_fail(request, err);
}

static void destroy_found(struct request *request, struct assignment *a)
{
    const struct wire_partition_ref *asked = request->body;
    struct operations *ops = request->ops;
    struct vdc_error err = { 0 };

    if (asked->keep || asked->dry_run) {
        act_found(request, a);
        return;
    }
    int rc = *service_version(ops->service)
                 ? lookup_check_idle(a, &err)
                 : service_down_error(ops->service, &err);
    if (!rc)
        rc = book_assignment_move(ops->book, a, ASSIGNMENT_DELETING, NULL,
                                  NULL, NULL, &err);
    if (rc) {
        request_fail(request, &err);
        return;
    }
    request->owner = arena_memdup(request->arena, &a->uuid, sizeof(a->uuid));
    a->in_flight = true;
    struct wire_partition_ref ref = service_ref(request, a);
    rc = service_act(ops->service, WIRE_MSG_partition_destroy, &ref,
                     destroy_done, partition_more, request, &err);
    if (rc) {
        destroy_failed(request, a, &err);
        request_fail(request, &err);
    }
}

void partition_destroy(struct request *request)
{
    lookup_guest(request, request->body, destroy_found);
}

/* ---- rename ---- */

static void rename_settle(struct request *request, struct assignment *a,
                          const struct vdc_error *why)
{
    struct store_audit audit = operations_audit(request, a->customer->name,
                                                a->name, why ? why->code : 0);
    struct vdc_error err = { 0 };

    a->in_flight = false;
    if ((why && partition_outcome_unknown(why)) ||
        book_assignment_move(request->ops->book, a, ASSIGNMENT_ACTIVE,
                             why ? NULL : a->new_name, NULL, &audit, &err))
        reconcile_soon(request->ops->reconcile, RECONCILE_RETRY_MS);
}

static void rename_done(void *arg, const void *answer,
                        const struct vdc_error *err)
{
    struct request *request = arg;
    struct assignment *a = assignment_of(request);

    if (a)
        rename_settle(request, a, err);
    if (err)
        request_fail(request, err);
    else
        reply(request, answer);
}

static int rename_check(struct request *request, const struct assignment *a,
                        const char *new_name, struct vdc_error *err)
{
    const struct operations *ops = request->ops;
    int rc = names_check_guest(new_name, err);

    if (!rc)
        rc = partition_check_name_free(ops, a->customer, new_name, err);
    if (!rc)
        rc = *service_version(ops->service)
                 ? lookup_check_idle(a, err)
                 : service_down_error(ops->service, err);
    return rc;
}

static void rename_found(struct request *request, struct assignment *a)
{
    const struct wire_partition_ref *asked = request->body;
    struct operations *ops = request->ops;
    struct vdc_error err = { 0 };
    char xen_name[NAMES_XEN_MAX + 1];
    int rc = rename_check(request, a, asked->new_name, &err);

    if (!rc && !asked->dry_run)
        rc = book_assignment_move(ops->book, a, ASSIGNMENT_RENAMING, NULL,
                                  asked->new_name, NULL, &err);
    if (rc) {
        request_fail(request, &err);
        return;
    }
    request->owner = arena_memdup(request->arena, &a->uuid, sizeof(a->uuid));
    struct wire_partition_ref ref = service_ref(request, a);
    ref.new_xen_name = names_xen(a->customer->name, asked->new_name, xen_name);
    if (!asked->dry_run)
        a->in_flight = true;
    rc = service_act(ops->service, WIRE_MSG_partition_rename, &ref,
                     asked->dry_run ? act_done : rename_done, partition_more,
                     request, &err);
    if (rc) {
        if (!asked->dry_run)
            rename_settle(request, a, &err);
        request_fail(request, &err);
    }
}

void partition_rename(struct request *request)
{
    lookup_guest(request, request->body, rename_found);
}

int partition_check_name_free(const struct operations *ops,
                              const struct customer *customer,
                              const char *name, struct vdc_error *err)
{
    char prefix[NAMES_CUSTOMER_MAX + 1];
    const char *rest;

    if (book_assignment_by_name(customer, name))
        return vdc_error_set(err, VDC_E_EXISTS,
                             "there is a guest '%s' already", name);
    if (customer->builtin && names_split(name, prefix, &rest) &&
        book_customer(ops->book, prefix))
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "'%s' would look like a guest of customer %s",
                             name, prefix);
    return 0;
}
