/*
 * policyd: the resource service of its host, and operations for the data
 * center.
 */
#include <event2/event.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/daemon.h"
#include "base/log.h"
#include "policyd/api/guests.h"
#include "policyd/api/operations.h"
#include "policyd/api/remote.h"
#include "policyd/api/server.h"
#include "policyd/dc/dc.h"
#include "policyd/metrics/page.h"
#include "policyd/policies/policies.h"
#include "policyd/setup.h"
#include "policyd/standby.h"
#include "policyd/store/store_lead.h"
#include "policyd/store/transfer.h"

static struct setup setup;
static struct operations *operations;
static struct server *server;
static struct remote *remote, *joining;
static struct guests *guests;
static struct metrics_page *metrics;
static struct store_lead *lead;
static struct standby *standby;
static struct dc_stay *stay;
static struct store *store; /* where nobody else has it: we stand by */

/* --check-config: the placement policies, too. */
static int check(struct arena *arena, struct vdc_error *err)
{
    struct policies *policies;
    int rc = setup_complete(&setup, arena, err);

    if (!rc)
        rc = policies_load(setup.placement, true, &policies, err);
    if (!rc)
        policies_drop(policies);
    return rc ? rc : remote_check(&setup, err);
}

/* Each host takes some descriptors, each client one. */
static void allow_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_warning("no more than %llu descriptors are allowed",
                    (unsigned long long)limit.rlim_cur);
}

/* What is large goes back to the system when it is not needed any more; the
 * C library would begin to keep it. */
#define LARGE_BYTES (256 * 1024)

static void give_back_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
}

/* Instead of serving. */
static const char *export_to, *import_from, *replace_from, *migrate_to;

static const struct daemon_option options[] = {
    { "export-store", "FILE", "write the whole store as JSON and exit",
      &export_to },
    { "import-store", "FILE",
      "fill the store, which is empty, from such a file and exit",
      &import_from },
    { "replace-store", "FILE", "the same, and what the store has goes before",
      &replace_from },
    { "migrate-store", "STORE",
      "copy the whole store to another, which is empty, and exit",
      &migrate_to },
};

static int transfer(struct event_base *base, struct vdc_error *err)
{
    struct store_settings to = setup.store;
    int rc = 0;

    if (export_to)
        rc = transfer_export(base, &setup.store, export_to, err);
    if (!rc && import_from)
        rc = transfer_import(base, &setup.store, import_from, false, err);
    if (!rc && replace_from)
        rc = transfer_import(base, &setup.store, replace_from, true, err);
    to.address = migrate_to;
    if (!rc && migrate_to)
        rc = transfer_migrate(base, &setup.store, &to, err);
    if (!rc)
        daemon_quit(0);
    return rc;
}

static void log_failure(const struct vdc_error *err)
{
    log_error("%s", err->text);
    if (err->hint[0])
        log_error("%s", err->hint);
}

static void quit(evutil_socket_t fd, short what, void *arg)
{
    daemon_quit(*(int *)arg);
}

/* Not from within what is being stopped. */
static void quit_soon(struct event_base *base, int code)
{
    static int status;
    const struct timeval now = { 0, 0 };

    status = vdc_error_exit_status(code);
    event_base_once(base, -1, EV_TIMEOUT, quit, &status, &now);
}

/* Whoever starts us again begins anew, with what is in the store then. */
static void lead_lost(void *arg, const struct vdc_error *why)
{
    log_error("this policyd does not lead any more: %s", why->text);
    quit_soon(arg, VDC_E_STORE);
}

static void lead_vacant(void *arg)
{
    log_info("nobody leads: ending, to take over when started again");
    quit_soon(arg, 0);
}

/* It would find that at its next start, when the leader has died. */
static void stay_removed(void *arg, const struct vdc_error *why)
{
    log_failure(why);
    quit_soon(arg, why->code);
}

/* Several of one host are told apart by their sockets. */
static int look_for_leader(struct event_base *base, struct arena *arena,
                           struct vdc_error *err)
{
    const struct store_lead_notify notify = { lead_lost, lead_vacant, base };
    const char *name =
        arena_printf(arena, "host %s (%s)", setup.host_name, setup.socket);

    return store_lead_new(store, name, setup.store_lease_ms, &notify, &lead,
                          err);
}

static void authority_changed(void *arg)
{
    remote_take_authority(joining);
}

static int serve(struct event_base *base, struct vdc_error *err)
{
    int rc = operations_new(base, &setup, store, &operations, err);

    if (rc)
        return rc;
    store = NULL; /* it is theirs now */
    rc = server_new(base, setup.socket, operations, &server, err);
    if (!rc)
        rc = remote_new(base, &setup, operations, &remote, err);
    if (!rc)
        rc = remote_new_joining(base, &setup, operations, &joining, err);
    dc_notify(operations->dc, authority_changed, NULL);
    if (!rc)
        guests = guests_new(base, &setup, operations);
    if (!rc)
        rc = metrics_page_new(base, &setup, operations, &metrics, err);
    return rc;
}

static void reload(void)
{
    struct vdc_error err = { 0 };

    /* standing by: they are read when this one leads */
    if (!operations)
        return;
    if (operations_reload(operations, &err))
        log_failure(&err);
    if (remote_reload(remote, &err))
        log_failure(&err);
}

static int begin(struct event_base *base, struct arena *arena,
                 struct vdc_error *err)
{
    int rc = setup_complete(&setup, arena, err);
    if (!rc && (export_to || import_from || replace_from || migrate_to))
        return transfer(base, err);
    if (!rc)
        rc = store_open(base, &setup.store, &store, err);
    if (!rc)
        rc = dc_check_removed(&setup, store, err);
    if (!rc)
        rc = look_for_leader(base, arena, err);
    if (!rc && store_lead_other(lead)) {
        log_info("policyd of %s leads; standing by", store_lead_other(lead));
        rc = standby_new(base, &setup, store_lead_other(lead), &standby, err);
        if (!rc)
            stay = dc_stay_new(base, &setup, store, stay_removed, base);
        return rc ? rc
                  : metrics_page_new(base, &setup, NULL, &metrics, err);
    }
    return rc ? rc : serve(base, err);
}

static void stop(void)
{
    metrics_page_free(metrics);
    operations_stop(operations);
    server_free(server);
    remote_free(remote);
    remote_free(joining);
    guests_free(guests);
    store_lead_free(lead);
    operations_free(operations);
    standby_free(standby);
    store_close(store);
    dc_stay_free(stay);
}

static int start(struct event_base *base, struct arena *arena,
                 struct vdc_error *err)
{
    /* a file-size limit is an error of the write, not our end */
    signal(SIGXFSZ, SIG_IGN);
    allow_descriptors();
    give_back_memory();
    int rc = begin(base, arena, err);
    if (rc)
        stop();
    return rc;
}

int main(int argc, char **argv)
{
    const struct daemon daemon = {
        .name = "policyd",
        .text = "Serves customers and operators of the data center, and "
                "decides.",
        .config_path = SYSCONFDIR "/xen-vdc/policyd.conf",
        .settings = setup_rows,
        .n_settings = setup_n_rows,
        .settings_base = &setup,
        .check = check,
        .options = options,
        .n_options = sizeof(options) / sizeof(options[0]),
        .start = start,
        .reload = reload,
        .stop = stop,
    };
    return daemon_main(&daemon, argc, argv);
}
