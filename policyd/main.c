/*
 * policyd: the resource service of its host, and operations for the data
 * center.
 */
#include <signal.h>

#include "base/daemon.h"
#include "policyd/guests.h"
#include "policyd/operations.h"
#include "policyd/server.h"
#include "policyd/setup.h"
#include "policyd/transfer.h"

static struct setup setup;
static struct operations *operations;
static struct server *server;
static struct guests *guests;

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

static int start(struct event_base *base, struct arena *arena,
                 struct vdc_error *err)
{
    /* a file-size limit is an error of the write, not our end */
    signal(SIGXFSZ, SIG_IGN);
    int rc = setup_complete(&setup, arena, err);
    if (!rc && (export_to || import_from || replace_from || migrate_to))
        return transfer(base, err);
    if (!rc)
        rc = operations_new(base, &setup, &operations, err);
    if (!rc)
        rc = server_new(base, setup.socket, operations, &server, err);
    if (!rc)
        guests = guests_new(base, &setup, operations);
    return rc;
}

static void stop(void)
{
    operations_stop(operations);
    server_free(server);
    guests_free(guests);
    operations_free(operations);
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
        .options = options,
        .n_options = sizeof(options) / sizeof(options[0]),
        .start = start,
        .stop = stop,
    };
    return daemon_main(&daemon, argc, argv);
}
