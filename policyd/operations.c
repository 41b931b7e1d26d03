/*
 * Operations: start, stop, and from a message to its function.
 */
#include "policyd/operations.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/daemon.h"
#include "base/log.h"
#include "policyd/console.h"
#include "policyd/events.h"
#include "policyd/keys.h"
#include "policyd/lease.h"
#include "policyd/quota.h"
#include "policyd/reconcile.h"

static const struct {
    enum wire_message_number number;
    request_fn *serve;
} handlers[] = {
    { WIRE_MSG_version, host_version },
    { WIRE_MSG_customer_create, customer_create },
    { WIRE_MSG_customer_list, customer_list },
    { WIRE_MSG_customer_set, customer_set },
    { WIRE_MSG_customer_delete, customer_delete },
    { WIRE_MSG_audit_list, audit_list },
    { WIRE_MSG_use_list, use_list },
    { WIRE_MSG_token_create, token_create },
    { WIRE_MSG_token_list, token_list },
    { WIRE_MSG_token_revoke, token_revoke },
    { WIRE_MSG_partition_create, change_begin },
    { WIRE_MSG_partition_start, change_begin },
    { WIRE_MSG_partition_shutdown, change_begin },
    { WIRE_MSG_partition_reboot, change_begin },
    { WIRE_MSG_partition_destroy, change_begin },
    { WIRE_MSG_partition_rename, change_begin },
    { WIRE_MSG_transaction, change_begin },
    { WIRE_MSG_cancel, cancel_request },
    { WIRE_MSG_partition_list, partition_list },
    { WIRE_MSG_partition_show, partition_show },
    { WIRE_MSG_device_list, partition_show },
    { WIRE_MSG_resource_list, resource_list },
    { WIRE_MSG_lease_create, lease_create },
    { WIRE_MSG_lease_renew, lease_renew },
    { WIRE_MSG_lease_drop, lease_drop },
    { WIRE_MSG_lease_list, lease_list },
    { WIRE_MSG_console_attach, console_attach },
    { WIRE_MSG_host_list, host_list },
    { WIRE_MSG_host_verify, host_verify },
    { WIRE_MSG_events, events_query },
};

void operations_dispatch(struct request *request,
                         const struct auth_peer *peer)
{
    const struct wire_message *message = request->message;
    struct operations *ops = request->ops;
    struct vdc_error err = { 0 };
    int rc = auth_identify(ops->setup, ops->book, peer, &request->auth, &err);

    request->peer = *peer; /* the client may go before the work is done */
    if (!rc)
        rc = auth_check(&request->auth, message, &err);
    if (rc) {
        request_fail(request, &err);
        return;
    }
    for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
        if (handlers[i].number == message->number) {
            handlers[i].serve(request);
            return;
        }
    }
    vdc_error_set(&err, VDC_E_UNSUPPORTED, "'%s' is not served by policyd",
                  message->name);
    request_fail(request, &err);
}

static void service_up(void *arg)
{
    struct operations *ops = arg;

    leases_up(ops->leases);
    reconcile_soon(ops->reconcile, 0);
}

static void service_down(void *arg)
{
    struct operations *ops = arg;

    leases_down(ops->leases);
}

static void service_event(void *arg, const struct wire_event *event)
{
    struct operations *ops = arg;

    if (event->kind == WIRE_EVENT_MISSED)
        reconcile_soon(ops->reconcile, 0);
    else
        reconcile_event(ops->reconcile, event);
    events_publish(ops->events, event);
}

/* What was taken back may be otherwise on its host. */
static void book_refused(void *arg, size_t n, const struct vdc_error *why)
{
    struct operations *ops = arg;

    log_error("%zu change%s could not be recorded and %s taken back: %s", n,
              n == 1 ? "" : "s", n == 1 ? "is" : "are", why->text);
    if (ops->reconcile)
        reconcile_soon(ops->reconcile, RECONCILE_RETRY_MS);
}

static void quit(evutil_socket_t fd, short what, void *arg)
{
    daemon_quit(vdc_error_exit_status(VDC_E_STORE));
}

/* What is in memory is out of date: who starts us again has it anew. */
static void book_lost(void *arg, const struct vdc_error *why)
{
    struct operations *ops = arg;
    const struct timeval now = { 0, 0 };

    log_error("%s", why->text);
    log_error("%s", why->hint);
    event_base_once(ops->base, -1, EV_TIMEOUT, quit, NULL, &now);
}

int operations_new(struct event_base *base, const struct setup *setup,
                   struct operations **ret, struct vdc_error *err)
{
    struct operations *ops = XNEW(struct operations);
    const struct service_notify notify = { service_up, service_down,
                                           service_event, ops };
    const struct book_notify changed = { book_refused, book_lost, ops };
    struct store *store;

    ops->base = base;
    ops->setup = setup;
    int rc = store_open(base, &setup->store, &store, err);
    if (!rc)
        rc = book_open(store, &ops->book, err);
    if (rc) {
        free(ops);
        return rc;
    }
    book_set_notify(ops->book, &changed);
    ops->events = events_new(ops);
    ops->reconcile = reconcile_new(ops);
    ops->consoles = consoles_new(base, setup);
    ops->keys = keys_new();
    ops->leases = leases_new(ops);
    ops->service = service_new(base, setup, &notify);
    *ret = ops;
    return 0;
}

void operations_stop(struct operations *ops)
{
    if (!ops)
        return;
    service_free(ops->service);
    ops->service = NULL;
    consoles_stop(ops->consoles);
    reconcile_stop(ops->reconcile);
    /* answers that wait for it go while there are sessions */
    book_drain(ops->book);
}

void operations_free(struct operations *ops)
{
    if (!ops)
        return;
    leases_free(ops->leases);
    keys_free(ops->keys);
    consoles_free(ops->consoles);
    reconcile_free(ops->reconcile);
    events_free(ops->events);
    book_close(ops->book);
    free(ops);
}

struct store_audit operations_audit(struct request *request,
                                    const char *customer, const char *object,
                                    int result)
{
    request->changes = request->audited = true;
    return (struct store_audit){ .time_ms = clock_wall().ms,
                                 .uid = request->auth.uid,
                                 .customer = customer,
                                 .message = request->message->name,
                                 .object = object,
                                 .result = result,
                                 .who = operations_who(request),
                                 .origin = operations_origin(request) };
}

const char *operations_who(const struct request *request)
{
    const struct auth *auth = &request->auth;
    const struct wire_login *login;
    const struct assignment *a;

    if (!auth->role) /* refused before that was known */
        return arena_strdup(request->arena, request->peer.text);
    if (*auth->token)
        return arena_printf(request->arena, "token %s", auth->token);
    if (auth->role == W_GUEST) {
        a = book_assignment(request->ops->book, &auth->guest);
        return arena_printf(request->arena, "guest %s",
                            a ? a->name : "that is gone");
    }
    if (book_customer_by_uid(request->ops->book, auth->uid, &login))
        return arena_printf(request->arena, "user %s (uid %u)", login->user,
                            (unsigned)auth->uid);
    return arena_printf(request->arena, "uid %u", (unsigned)auth->uid);
}

const char *operations_origin(const struct request *request)
{
    const struct auth_peer *peer = &request->peer;

    if (peer->pid)
        return arena_printf(request->arena, "%s, process %ld", peer->text,
                            (long)peer->pid);
    return arena_strdup(request->arena, peer->text);
}

int operations_customer(const struct request *request, const char *name,
                        struct customer **ret, struct vdc_error *err)
{
    const struct auth *auth = &request->auth;
    const char *own =
        auth->role == W_OPERATOR ? NAMES_PROVIDER : auth->customer;
    struct customer *customer = NULL;

    if (!*name)
        name = own;
    if (auth->role == W_OPERATOR || strcmp(name, own) == 0 ||
        (auth->role == W_CUSTOMER && names_covers(own, name)))
        customer = book_customer(request->ops->book, name);
    if (!customer)
        return vdc_error_set(err, VDC_E_NOT_FOUND, "no such customer: %s",
                             name);
    *ret = customer;
    return 0;
}

/* By itself. */
static void add_usage(const struct operations *ops, const struct customer *c,
                      struct wire_usage *sum)
{
    struct wire_usage own;

    book_usage(c, &own);
    leases_usage(ops->leases, c->name, &own);
    if (ops->service && !c->builtin)
        own.disk.kib += service_measure_saved(ops->service, c->name).kib;
    usage_add(sum, &own);
}

void operations_usage(const struct operations *ops,
                      const struct customer *customer, struct wire_usage *ret)
{
    const struct customer *c;

    wire_init(&wire_struct_usage, ret);
    TAILQ_FOREACH(c, book_customers(ops->book), link)
    if (c == customer || c->parent == customer)
        add_usage(ops, c, ret);
}
