/*
 * Operations: start, stop, and from a message to its function.
 */
#include "policyd/api/operations.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/daemon.h"
#include "base/log.h"
#include "policyd/api/console.h"
#include "policyd/api/events.h"
#include "policyd/api/keys.h"
#include "policyd/change/reconcile.h"
#include "policyd/customers/certificate.h"
#include "policyd/customers/channel_quotas.h"
#include "policyd/customers/prune.h"
#include "policyd/customers/quota.h"
#include "policyd/dc/dc.h"
#include "policyd/explain/decision.h"
#include "policyd/explain/explain.h"
#include "policyd/fence/keep.h"
#include "policyd/fence/restart.h"
#include "policyd/fence/watch.h"
#include "policyd/hosts/backups.h"
#include "policyd/hosts/farewell.h"
#include "policyd/hosts/inventory.h"
#include "policyd/hosts/renew.h"
#include "policyd/images/images.h"
#include "policyd/hosts/lease.h"
#include "policyd/metrics/census.h"
#include "policyd/metrics/metrics.h"
#include "policyd/policies/external.h"
#include "policyd/policies/policies.h"
#include "policyd/rebalance/plan.h"
#include "policyd/rebalance/run.h"

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
    { WIRE_MSG_certificate_add, certificate_add },
    { WIRE_MSG_certificate_list, certificate_list },
    { WIRE_MSG_certificate_remove, certificate_remove },
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
    { WIRE_MSG_policy_show, policies_serve_show },
    { WIRE_MSG_policy_reload, policies_serve_reload },
    { WIRE_MSG_policy_check, policies_serve_check },
    { WIRE_MSG_image_add, image_add },
    { WIRE_MSG_image_data, image_data },
    { WIRE_MSG_image_list, image_list },
    { WIRE_MSG_image_remove, image_remove },
    { WIRE_MSG_image_verify, image_verify },
    { WIRE_MSG_host_add, host_add },
    { WIRE_MSG_host_remove, host_remove },
    { WIRE_MSG_host_set, host_set },
    { WIRE_MSG_host_fenced, fence_serve },
    { WIRE_MSG_dc_init, dc_serve_init },
    { WIRE_MSG_dc_token, dc_serve_token },
    { WIRE_MSG_dc_join, dc_serve_join },
    { WIRE_MSG_dc_leave, dc_serve_leave },
    { WIRE_MSG_dc_share, dc_serve_share },
    { WIRE_MSG_dc_policyds, dc_serve_policyds },
    { WIRE_MSG_dc_policyd_remove, dc_serve_policyd_remove },
    { WIRE_MSG_dc_status, status_serve },
    { WIRE_MSG_events, events_query },
    { WIRE_MSG_store_export, store_export },
    { WIRE_MSG_placement_why, explain_why },
    { WIRE_MSG_placement_why_not, explain_why_not },
    { WIRE_MSG_placement_try, explain_try },
    { WIRE_MSG_placement_capacity, forecast_capacity },
    { WIRE_MSG_placement_what_if, forecast_what_if },
    { WIRE_MSG_rebalance, moves_rebalance },
    { WIRE_MSG_host_evacuate, moves_evacuate },
    { WIRE_MSG_moves_list, moves_list },
    { WIRE_MSG_moves_stop, moves_end },
    { WIRE_MSG_moves_follow, moves_follow },
    { WIRE_MSG_partition_migrate, moves_migrate },
};

void operations_dispatch(struct request *request, const struct auth_peer *peer)
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

/* What was taken back may be otherwise on its host. */
static void book_refused(void *arg, size_t n, const struct vdc_error *why)
{
    struct operations *ops = arg;

    log_error("%zu change%s could not be recorded and %s taken back: %s", n,
              n == 1 ? "" : "s", n == 1 ? "is" : "are", why->text);
    if (!ops->hosts)
        return;
    hosts_take_book(ops->hosts);
    hosts_reconcile_soon(ops->hosts, NULL, RECONCILE_RETRY_MS);
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
                   struct store *store, struct operations **ret,
                   struct vdc_error *err)
{
    struct operations *ops = XNEW(struct operations);
    const struct book_notify changed = { book_refused, book_lost, ops };

    ops->base = base;
    ops->setup = setup;
    int rc = policies_load(setup->placement, true, &ops->policies, err);
    if (!rc)
        rc = book_open(store, &ops->book, err);
    if (rc) {
        policies_drop(ops->policies);
        free(ops);
        return rc;
    }
    ops->inventory = inventory_new(ops->book);
    policies_apply(ops->policies, inventory_view(ops->inventory));
    ops->backups = backups_new(base, ops->inventory);
    ops->decisions = book_decisions(ops->book);
    decisions_set_most(ops->decisions, setup->decisions_kept);
    decisions_tend(ops->decisions, base, inventory_view(ops->inventory));
    ops->externals = externals_new(base);
    book_set_notify(ops->book, &changed);
    ops->metrics = metrics_new();
    ops->began_ms = clock_wall().ms;
    ops->events = events_new(ops);
    ops->consoles = consoles_new(base, setup);
    ops->keys = keys_new();
    ops->leases = leases_new(ops);
    ops->channel_quotas = channel_quotas_new(ops);
    ops->images = images_new(ops);
    ops->dc = dc_new(base, setup);
    dc_note_holder(ops);
    ops->keep = keep_new(ops);
    ops->hosts = hosts_new(ops);
    ops->renew = renew_new(ops);
    ops->farewells = farewells_new(ops);
    ops->moves = moves_new(ops);
    ops->runs = runs_new(ops);
    moves_load(ops->moves);
    runs_load(ops->runs);
    ops->restarts = restarts_new(ops);
    ops->watch = watch_new(ops);
    ops->prune = prune_new(base, ops->book,
                           &(struct prune_keep){ setup->audit_keep_ms,
                                                 setup->usage_keep_ms });
    *ret = ops;
    return 0;
}

void operations_stop(struct operations *ops)
{
    if (!ops)
        return;
    watch_stop(ops->watch);
    restarts_stop(ops->restarts);
    keep_stop(ops->keep);
    renew_stop(ops->renew);
    farewells_stop(ops->farewells);
    runs_stop(ops->runs);
    moves_stop(ops->moves);
    externals_stop(ops->externals);
    images_stop(ops->images);
    hosts_stop(ops->hosts);
    consoles_stop(ops->consoles);
    forecast_stop(ops);
    plans_stop(ops);
    census_stop(ops);
    /* answers that wait for it go while there are sessions */
    book_drain(ops->book);
}

void operations_free(struct operations *ops)
{
    if (!ops)
        return;
    externals_free(ops->externals);
    watch_free(ops->watch);
    restarts_free(ops->restarts);
    hosts_free(ops->hosts);
    images_free(ops->images);
    keep_free(ops->keep);
    renew_free(ops->renew);
    farewells_free(ops->farewells);
    dc_free(ops->dc);
    channel_quotas_free(ops->channel_quotas);
    leases_free(ops->leases);
    keys_free(ops->keys);
    consoles_free(ops->consoles);
    events_free(ops->events);
    backups_free(ops->backups);
    inventory_free(ops->inventory);
    book_close(ops->book);
    runs_free(ops->runs);
    moves_free(ops->moves);
    prune_free(ops->prune);
    policies_drop(ops->policies);
    metrics_free(ops->metrics);
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

int operations_check_still(const struct request *request,
                           struct vdc_error *err)
{
    const struct operations *ops = request->ops;
    const struct auth *was = &request->auth;
    struct auth now;
    int rc = auth_identify(ops->setup, ops->book, &request->peer, &now, err);

    if (!rc)
        rc = auth_check(&now, request->message, err);
    if (!rc && (now.role != was->role ||
                strcmp(now.customer, was->customer) != 0))
        rc = vdc_error_set(err, VDC_E_DENIED,
                           "who asked is somebody else's now");
    return rc;
}

const char *operations_who(const struct request *request)
{
    const struct auth *auth = &request->auth;
    const struct wire_login *login;
    const struct assignment *a;

    if (!auth->role) /* refused before that was known */
        return arena_strdup(request->arena, request->peer.text);
    if (auth->role == W_JOINER && dc_host_of(request))
        return arena_printf(request->arena, "host %s",
                            dc_host_of(request)->name);
    if (auth->role == W_JOINER)
        return "a machine that joins";
    if (auth->by_certificate)
        return certificate_name(request->ops->book, auth->token,
                                request->arena);
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
    if (!customer) {
        vdc_error_set(err, VDC_E_NOT_FOUND, "no such customer: %s", name);
        vdc_error_hint(err, "'xl-vdc customer-list' shows them");
        return VDC_E_NOT_FOUND;
    }
    *ret = customer;
    return 0;
}

/* Hosts that policyd is on have the same files. */
static uint64_t measure_saved(const struct operations *ops,
                              const char *customer)
{
    size_t n_away = hosts_count_away(ops->hosts);
    const struct host *host;
    uint64_t kib = 0;
    bool here = false;

    /* there may be thousands of hosts, and all be here */
    for (host = hosts_first(ops->hosts); host && (n_away || !here);
         host = hosts_next(host)) {
        bool away = service_is_away(host->service);
        n_away -= away;
        if (away || !here)
            kib += service_measure_saved(host->service, customer).kib;
        here |= !away;
    }
    return kib;
}

/* By itself. */
static void add_usage(const struct operations *ops, const struct customer *c,
                      struct wire_usage *sum)
{
    struct wire_usage own;

    book_usage(c, &own);
    leases_usage(ops->leases, c->name, &own);
    own.disk.kib += c->image_kib;
    if (!c->builtin)
        own.disk.kib += measure_saved(ops, c->name);
    own.channels = channel_quotas_used(ops->channel_quotas, c->name);
    usage_add(sum, &own);
}

void operations_usage(const struct operations *ops,
                      const struct customer *customer, struct wire_usage *ret)
{
    size_t n_projects = customer->n_projects;
    const struct customer *c;

    wire_init(&wire_struct_usage, ret);
    add_usage(ops, customer, ret);
    for (c = TAILQ_NEXT(customer, link); c && n_projects;
         c = TAILQ_NEXT(c, link))
        if (c->parent == customer) {
            add_usage(ops, c, ret);
            n_projects--;
        }
}
