/*
 * policyd: the resource service of its host, and operations for the data
 * center.
 */
#include <signal.h>
#include <sys/resource.h>

#include "base/daemon.h"
#include "base/log.h"
#include "policyd/guests.h"
#include "policyd/operations.h"
#include "policyd/server.h"
#include "policyd/setup.h"

static struct setup setup;
static struct operations *operations;
static struct server *server;
static struct guests *guests;

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

static int start(struct event_base *base, struct arena *arena,
                 struct vdc_error *err)
{
    /* a file-size limit is an error of the write, not our end */
    signal(SIGXFSZ, SIG_IGN);
    allow_descriptors();
    int rc = setup_complete(&setup, arena, err);
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
        .start = start,
        .stop = stop,
    };
    return daemon_main(&daemon, argc, argv);
}
