/* Each message that policyd may send, and the function that handles it. */
#include "resourced/handlers.h"

#include <string.h>

#include "base/clock.h"
#include "resourced/boot.h"
#include "resourced/event_log.h"
#include "resourced/host.h"
#include "resourced/live.h"
#include "resourced/migrate.h"
#include "resourced/resource.h"
#include "resourced/transaction.h"
#include "resourced/view.h"
#include "resourced/waiter.h"

struct partition *handler_partition(struct host *host,
                                    const struct wire_partition_ref *ref,
                                    struct vdc_error *err)
{
    const struct registry *registry = &host->partitions;
    struct partition *partition;
    char uuid[UUID_TEXT_SIZE];

    if (uuid_is_zero(&ref->uuid))
        partition = registry_by_name(registry, ref->customer, ref->name);
    else
        partition = registry_by_uuid(registry, &ref->uuid);
    if (!partition)
        vdc_error_set(err, VDC_E_NOT_FOUND, "no such guest: %s",
                      ref->name[0] ? ref->name
                                   : uuid_format(&ref->uuid, uuid));
    return partition;
}

/* ---- transactions ---- */

static void on_progress(void *arg, unsigned step, unsigned n_steps,
                        const char *text)
{
    struct wire_progress progress;

    wire_init(&wire_struct_progress, &progress);
    progress.step = step;
    progress.n_steps = n_steps;
    progress.text = text;
    request_tell(arg, WIRE_MSG_progress, &progress);
}

static void on_sent(void *arg, const struct transaction *t,
                    const struct wire_progress *progress)
{
    request_tell(arg, WIRE_MSG_progress, progress);
}

static void transaction_done(void *arg, struct transaction *t, int rc,
                             const struct vdc_error *err)
{
    struct request *request = arg;
    struct wire_transaction_reply reply;

    request->transaction = NULL;
    if (rc) {
        request_fail(request, err);
        return;
    }
    transaction_reply(t, request->arena, &reply);
    request_answer(request, WIRE_MSG_transaction_reply, &reply);
}

static void handle_transaction(struct request *request)
{
    static const struct transaction_ops ops = {
        .on_progress = on_progress,
        .on_sent = on_sent,
        .on_done = transaction_done,
    };
    const struct wire_transaction *asked = request->body;

    if (asked->stage != WIRE_STAGE_NOW) {
        migrate_stage(request);
        return;
    }
    if (migrate_has_gone(request) || migrate_waits(request))
        return;
    request->transaction = transaction_begin(request->host, request->body,
                                             &ops, request);
}

static void handle_cancel(struct request *request)
{
    const struct wire_cancel *cancel = request->body;
    struct request *meant = request_of_id(request, cancel->request);

    if (meant)
        meant->cancelled = true;
    if (meant && meant->transaction)
        transaction_cancel(meant->transaction);
    else if (meant)
        waiter_cancel(request->host->waiters, meant);
    request_forget(request);
}

/* ---- requests of one operation ---- */

static void answer_partition(struct request *request,
                             const struct wire_partition *partition,
                             const struct wire_transaction_reply *plan_of)
{
    struct wire_partition_reply reply;

    wire_init(&wire_struct_partition_reply, &reply);
    reply.partition = *partition;
    if (plan_of) {
        reply.plan = plan_of->plan;
        reply.n_plan = plan_of->n_plan;
    }
    request_answer(request, WIRE_MSG_partition_reply, &reply);
}

static void done(void *arg, struct transaction *t, int rc,
                 const struct vdc_error *err)
{
    struct request *request = arg;
    struct wire_transaction_reply reply;

    request->transaction = NULL;
    if (rc) {
        request_fail(request, err);
        return;
    }
    transaction_reply(t, request->arena, &reply);
    answer_partition(request, &reply.results[0].partition, &reply);
}

static const struct transaction_ops ops = {
    .on_progress = on_progress,
    .on_done = done,
};

static void begin(struct request *request, struct wire_transaction *with,
                  struct wire_operation *operation,
                  const struct transaction_ops *how)
{
    with->operations = operation;
    with->n_operations = 1;
    request->transaction =
        transaction_begin(request->host, with, how, request);
}

static void handle_create(struct request *request)
{
    const struct wire_partition_create *create = request->body;
    struct wire_operation operation;
    struct wire_transaction with;

    wire_init(&wire_struct_transaction, &with);
    wire_init(&wire_struct_operation, &operation);
    with.key = create->key;
    with.timeout_ms = create->timeout_ms;
    with.dry_run = create->dry_run;
    with.lease = create->lease;
    operation.kind = WIRE_OP_CREATE;
    operation.customer = create->customer;
    operation.owner = create->owner;
    with.owner = create->owner[0] ? create->owner : create->customer;
    operation.xen_name = create->xen_name;
    operation.definition = create->definition;
    operation.start = create->start;
    operation.paused = create->paused;
    operation.host_reserve = create->host_reserve;
    operation.dom0_keep = create->dom0_keep;
    begin(request, &with, &operation, &ops);
}

static void operate(struct request *request, enum wire_operation_kind kind,
                    const struct transaction_ops *how)
{
    const struct wire_partition_ref *ref = request->body;
    struct wire_operation operation;
    struct wire_transaction with;

    wire_init(&wire_struct_transaction, &with);
    wire_init(&wire_struct_operation, &operation);
    with.key = ref->key;
    with.owner = ref->owner[0] ? ref->owner : ref->customer;
    with.dry_run = ref->dry_run;
    with.lease = ref->lease;
    /* Of a shutdown it is the time to wait for the guest. */
    if (kind != WIRE_OP_SHUTDOWN && kind != WIRE_OP_REBOOT)
        with.timeout_ms = ref->timeout_ms;
    operation.kind = kind;
    operation.customer = ref->customer;
    operation.name = ref->name;
    operation.uuid = ref->uuid;
    operation.if_generation = ref->if_generation;
    operation.keep = ref->keep;
    operation.paused = ref->paused;
    operation.new_name = ref->new_name;
    operation.new_xen_name = ref->new_xen_name;
    operation.host_reserve = ref->host_reserve;
    operation.dom0_keep = ref->dom0_keep;
    begin(request, &with, &operation, how);
}

static void handle_start(struct request *request)
{
    operate(request, WIRE_OP_START, &ops);
}

static void handle_destroy(struct request *request)
{
    operate(request, WIRE_OP_DESTROY, &ops);
}

static void handle_rename(struct request *request)
{
    operate(request, WIRE_OP_RENAME, &ops);
}

/* ---- what the guest has a say in ---- */

/* What was waited for has been done by a transaction that is about to end:
 * the guest is shown as that leaves it. */
static void waited(void *arg, int rc, const struct vdc_error *err)
{
    struct request *request = arg;
    struct vdc_error gone;
    const struct partition *partition =
        handler_partition(request->host, request->body, &gone);
    struct partition after;
    struct wire_partition shown;

    if (rc || !partition) {
        request_fail(request, rc ? err : &gone);
        return;
    }
    after = *partition;
    after.transaction = NULL;
    if (view_partition(request->host, &after, request->arena, &shown, &gone))
        request_fail(request, &gone);
    else
        answer_partition(request, &shown, NULL);
}

static void wait_for_guest(struct request *request,
                           const struct partition *partition,
                           uint64_t timeout_ms, const char *what)
{
    struct vdc_error err;
    char limit[32];

    vdc_error_set(&err, VDC_E_TIMEOUT, "%s has not %s within %s",
                  partition->row.name, what,
                  units_duration_format(timeout_ms, limit, sizeof(limit)));
    vdc_error_hint(&err, "it runs on; wait longer, or end it at once: xl-vdc "
                         "destroy --keep");
    waiter_add(request->host->waiters, &partition->row.uuid, timeout_ms, &err,
               waited, request);
}

static void asked(struct request *request, struct transaction *t, int rc,
                  const struct vdc_error *err, const char *what)
{
    const struct wire_partition_ref *ref = request->body;
    struct partition *partition = t->operations[0].partition;
    bool is_asked = !rc && !t->request.dry_run && partition;
    uint64_t timeout_ms = ref->timeout_ms
                              ? ref->timeout_ms
                              : request->host->settings->shutdown_timeout_ms;

    /* Longer than a day is as good as for ever, and fits every clock. */
    if (timeout_ms > UINT64_C(86400000))
        timeout_ms = UINT64_C(86400000);
    if (is_asked && t->operations[0].kind == WIRE_OP_SHUTDOWN) {
        partition->stop_asked_until = clock_mono();
        partition->stop_asked_until.ms += timeout_ms;
    }
    if (is_asked && ref->wait) {
        request->transaction = NULL;
        wait_for_guest(request, partition, timeout_ms, what);
        /* The cancel came too late for the asking, not for the wait. */
        if (request->cancelled)
            waiter_cancel(request->host->waiters, request);
        return;
    }
    done(request, t, rc, err);
}

static void asked_shutdown(void *arg, struct transaction *t, int rc,
                           const struct vdc_error *err)
{
    asked(arg, t, rc, err, "shut down");
}

static void asked_reboot(void *arg, struct transaction *t, int rc,
                         const struct vdc_error *err)
{
    asked(arg, t, rc, err, "rebooted");
}

static void handle_shutdown(struct request *request)
{
    static const struct transaction_ops with = {
        .on_progress = on_progress,
        .on_done = asked_shutdown,
    };

    operate(request, WIRE_OP_SHUTDOWN, &with);
}

static void handle_reboot(struct request *request)
{
    static const struct transaction_ops with = {
        .on_progress = on_progress,
        .on_done = asked_reboot,
    };

    operate(request, WIRE_OP_REBOOT, &with);
}

/* ---- what is only looked at ---- */

static void list(void *arg, int rc, const struct vdc_error *err)
{
    struct request *request = arg;
    struct wire_partition_list reply;
    struct vdc_error list_err;

    if (rc)
        request_fail(request, err);
    else if (view_list(request->host, request->body, request->arena, &reply,
                       &list_err))
        request_fail(request, &list_err);
    else
        request_answer(request, WIRE_MSG_partition_list_reply, &reply);
}

static void handle_list(struct request *request)
{
    live_read(request->host->live, list, request);
}

static void show(void *arg, int rc, const struct vdc_error *err)
{
    struct request *request = arg;
    struct wire_partition_reply reply;
    struct vdc_error gone;
    const struct partition *partition =
        handler_partition(request->host, request->body, &gone);

    if (rc || !partition) {
        request_fail(request, rc ? err : &gone);
        return;
    }
    wire_init(&wire_struct_partition_reply, &reply);
    view_partition_read(request->host, partition, request->arena,
                        &reply.partition);
    reply.definition = partition->row.definition;
    if (partition_has_domain(partition))
        reply.live = partition->row.live;
    handler_measure(request, &reply);
    request_answer(request, WIRE_MSG_partition_reply, &reply);
}

static void handle_show(struct request *request)
{
    live_read(request->host->live, show, request);
}

int handler_console_path(struct host *host,
                         const struct wire_partition_ref *ref,
                         struct arena *arena, const char **ret,
                         struct vdc_error *err)
{
    const struct partition *partition = handler_partition(host, ref, err);

    if (!partition)
        return VDC_E_NOT_FOUND;
    if (!partition_has_domain(partition)) {
        vdc_error_set(err, VDC_E_WRONG_STATE, "%s is not running",
                      partition->row.name);
        vdc_error_hint(err, "start it: xl-vdc start");
        return VDC_E_WRONG_STATE;
    }
    return host->hv->domain->console_path(host->hv, partition->row.domid,
                                          arena, ret, err);
}

static void handle_console_where(struct request *request)
{
    struct wire_console_path reply;
    struct vdc_error err;

    wire_init(&wire_struct_console_path, &reply);
    if (handler_console_path(request->host, request->body, request->arena,
                             &reply.path, &err))
        request_fail(request, &err);
    else
        request_answer(request, WIRE_MSG_console_path, &reply);
}

static void show_host(void *arg, int rc, const struct vdc_error *err)
{
    struct request *request = arg;
    struct wire_host_list list;
    struct wire_host host;
    uint8_t cpu[CPU_SET_SIZE];

    if (rc) {
        request_fail(request, err);
        return;
    }
    view_host(request->host, cpu, &host);
    resources_report(request->host, request->arena, &host);
    wire_init(&wire_struct_host_list, &list);
    list.hosts = &host;
    list.n_hosts = 1;
    request_answer(request, WIRE_MSG_host_list_reply, &list);
}

static void handle_host_show(struct request *request)
{
    live_read(request->host->live, show_host, request);
}

static bool on_event(void *arg, const struct wire_event *event)
{
    if (request_is_clogged(arg))
        return false;
    request_tell(arg, WIRE_MSG_event, event);
    return true;
}

static void on_events_end(void *arg, const struct vdc_error *err)
{
    struct request *request = arg;
    struct wire_empty nothing;

    wire_init(&wire_struct_empty, &nothing);
    if (err)
        request_fail(request, err);
    else
        request_answer(request, WIRE_MSG_ok, &nothing);
}

static const struct event_follower_ops follower_ops = {
    .on_event = on_event,
    .on_end = on_events_end,
};

static void handle_events(struct request *request)
{
    request_follows(request,
                    event_follow(request->host->events, request->body,
                                 &follower_ops, request));
}

static void handle_boot_release(struct request *request)
{
    struct wire_empty nothing;

    boot_release(request->host, request->body);
    wire_init(&wire_struct_empty, &nothing);
    request_answer(request, WIRE_MSG_ok, &nothing);
}

static const struct {
    enum wire_message_number number;
    request_fn *handler;
} handlers[] = {
    { WIRE_MSG_transaction, handle_transaction },
    { WIRE_MSG_cancel, handle_cancel },
    { WIRE_MSG_partition_create, handle_create },
    { WIRE_MSG_partition_start, handle_start },
    { WIRE_MSG_partition_shutdown, handle_shutdown },
    { WIRE_MSG_partition_reboot, handle_reboot },
    { WIRE_MSG_partition_destroy, handle_destroy },
    { WIRE_MSG_partition_rename, handle_rename },
    { WIRE_MSG_partition_list, handle_list },
    { WIRE_MSG_partition_show, handle_show },
    { WIRE_MSG_console_where, handle_console_where },
    { WIRE_MSG_host_show, handle_host_show },
    { WIRE_MSG_events, handle_events },
    { WIRE_MSG_files_look, handle_files_look },
    { WIRE_MSG_file_probe, handle_file_probe },
    { WIRE_MSG_boot_release, handle_boot_release },
    { WIRE_MSG_dc_renew, handle_dc_renew },
    { WIRE_MSG_dc_renewed, handle_dc_renewed },
};

request_fn *handler_of(unsigned message_number)
{
    for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
        if ((unsigned)handlers[i].number == message_number)
            return handlers[i].handler;
    return handler_of_resources(message_number);
}
