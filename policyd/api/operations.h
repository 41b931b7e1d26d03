/*
 * Operations: customers, quotas, placement and where each partition is
 * assigned; one function for each message that a client may send.
 */
#ifndef POLICYD_API_OPERATIONS_H
#define POLICYD_API_OPERATIONS_H

#include <stdint.h>

#include "policyd/api/service.h"
#include "policyd/api/session.h"
#include "policyd/hosts/hosts.h"
#include "policyd/setup.h"
#include "policyd/store/book.h"

struct events;
struct reconcile;
struct consoles;
struct keys;
struct leases;
struct dc;
struct policies;
struct externals;
struct inventory;
struct backups;
struct channel_quotas;
struct images;
struct decisions;
struct moves;
struct runs;
struct keep;
struct restarts;
struct watch;
struct census_run;
struct metrics;
struct prune;
struct renew;
struct farewells;

struct operations {
    struct event_base *base;
    const struct setup *setup;
    struct book *book;
    struct dc *dc; /* its certificate authority */
    struct hosts *hosts;
    struct events *events;
    struct consoles *consoles;
    struct keys *keys;
    struct leases *leases;
    struct policies *policies; /* those in force */
    struct externals *externals;
    struct inventory *inventory;
    struct backups *backups;
    struct renew *renew;
    struct farewells *farewells;
    struct channel_quotas *channel_quotas;
    struct images *images;
    struct metrics *metrics; /* what was counted; NULL: nothing is */
    uint64_t began_ms;       /* ms since 1970 */
    struct prune *prune; /* NULL: nothing is removed */
    struct decisions *decisions; /* the book's */
    struct moves *moves;
    struct runs *runs;
    struct keep *keep;         /* fence/keep.h */
    struct restarts *restarts; /* fence/restart.h */
    struct watch *watch;       /* fence/watch.h */
    LIST_HEAD(, filling) fillings; /* forecast.c's */
    LIST_HEAD(, question) plans; /* rebalance/plan.c's */
    LIST_HEAD(, census_run) censuses; /* metrics/census.c's */
};

/* Takes over the store, unless it fails, loads it, and starts looking for
 * resourced.  Errors: those of loading. */
int operations_new(struct event_base *base, const struct setup *setup,
                   struct store *store, struct operations **ret,
                   struct vdc_error *err);
/* Ends what is under way with errors; no request may come any more.  NULL
 * allowed. */
void operations_stop(struct operations *ops);
/* After operations_stop, and after all sessions are gone.  NULL allowed. */
void operations_free(struct operations *ops);

/* Checks who asks, and has the request served. */
void operations_dispatch(struct request *request,
                         const struct auth_peer *peer);

/* Reads the placement policies again.  Errors: those of policies_load; then
 * those that were in force stay. */
int operations_reload(struct operations *ops, struct vdc_error *err);

/* The record of what this request changed.  Its answer waits for the store
 * from now on. */
struct store_audit operations_audit(struct request *request,
                                    const char *customer, const char *object,
                                    int result);

/* Who asks, for a person: "user alice (uid 1000)", "token 0123456789abcdef",
 * "guest web"; and from where.  In the request's arena. */
const char *operations_who(const struct request *request);
const char *operations_origin(const struct request *request);

/* Whether who asked may still ask for this: of what goes on after it was
 * asked, when a login, a role or a token may have been taken away meanwhile.
 * Errors: VDC_E_DENIED.
 */
int operations_check_still(const struct request *request,
                           struct vdc_error *err);

/* The customer that a name in a request stands for.  Empty: the one who asks
 * (of a guest, its own); for an operator the provider.  A customer may name
 * its projects.  Another's name is to a
 * customer as one that does not exist.  Errors: VDC_E_NOT_FOUND. */
int operations_customer(const struct request *request, const char *name,
                        struct customer **ret, struct vdc_error *err);

/* What a customer uses, with its projects: guests, leases that live, and files
 * of saved guests in its folders. */
void operations_usage(const struct operations *ops,
                      const struct customer *customer, struct wire_usage *ret);

/* Whether a host can be one no more: it has no guests, none is on its way,
 * and it is not up with its watchdog armed.
 * Errors: VDC_E_NOT_FOUND, VDC_E_WRONG_STATE, VDC_E_BUSY. */
int host_check_remove(const struct operations *ops, const char *name,
                      struct vdc_error *err);

/* The handlers, by file. */
request_fn cancel_request;
request_fn change_begin;
request_fn customer_create, customer_list, customer_set, customer_delete;
request_fn audit_list, use_list;
request_fn token_create, token_list, token_revoke;
request_fn certificate_add, certificate_list, certificate_remove;
request_fn partition_show, partition_list;
request_fn host_list, host_version, host_verify;
request_fn dc_serve_init, dc_serve_token, dc_serve_join, dc_serve_share;
request_fn dc_serve_policyds, dc_serve_policyd_remove, dc_serve_leave;
request_fn host_add, host_remove, host_set;
request_fn lease_create, lease_renew, lease_drop, lease_list;
request_fn resource_list;
request_fn policies_serve_show, policies_serve_reload, policies_serve_check;
request_fn events_query;
request_fn status_serve;
request_fn console_attach;
request_fn store_export;
request_fn explain_why, explain_why_not, explain_try;
request_fn forecast_capacity, forecast_what_if;
request_fn fence_serve;
request_fn moves_rebalance, moves_evacuate;
request_fn moves_list, moves_end, moves_follow, moves_migrate;

#endif
