/* resourced: the resource database of a host, and the only one that changes
 * what the host's partitions have. */
#include <stddef.h>

#include "base/daemon.h"
#include "base/log.h"
#include "resourced/host.h"
#include "resourced/lifecycle.h"
#include "resourced/metrics.h"
#include "resourced/publish.h"
#include "resourced/recovery.h"
#include "resourced/server.h"
#include "resourced/settings.h"

static struct resourced_settings settings;
static const char *hv_option;

static struct host *host;
static struct server *server;
static struct recovery *recovery;
static struct metrics *metrics;

static void recovered(void *arg, int rc, const struct vdc_error *err)
{
    if (rc) {
        log_error("Xen and the database cannot be brought to agree: %s%s%s",
                  err->text, err->hint[0] ? "; " : "", err->hint);
        daemon_quit(vdc_error_exit_status(rc));
        return;
    }
    log_info("%u partitions; ready for commands",
             host->partitions.n_partitions);
    server_open(server);
}

static int start(struct event_base *base, struct arena *arena,
                 struct vdc_error *err)
{
    if (hv_option)
        settings.hypervisor = hv_option;
    int rc = host_open(base, &settings, &host, err);
    if (!rc)
        rc = server_start(host, settings.command_address, &server, err);
    if (!rc)
        rc = metrics_start(host, server, &metrics, err);
    if (rc) {
        server_stop(server);
        server = NULL;
        host_close(host);
        host = NULL;
        return rc;
    }
    if (host->damage.code) {
        log_error("%s; nothing is done but to tell so, until it is made "
                  "anew: %s", host->damage.text, host->damage.hint);
        server_open(server);
        return 0;
    }
    lifecycle_begin(host);
    recovery = recovery_start(host, recovered, NULL);
    return 0;
}

/* What is under way stays in the journal; guests run on. */
static void stop(void)
{
    recovery_free(recovery);
    recovery = NULL;
    metrics_stop(metrics);
    metrics = NULL;
    server_stop(server);
    server = NULL;
    if (host)
        unpublish_daemon(host);
    host_close(host);
    host = NULL;
}

static const struct daemon_option options[] = {
    { "hv", "xen|sim[:OPTIONS]",
      "the hypervisor, instead of the setting of that name", &hv_option },
};

int main(int argc, char **argv)
{
    const struct daemon daemon = {
        .name = "resourced",
        .text = "keeps the resource database of this host and executes "
                "transactions on Xen",
        .config_path = SYSCONFDIR "/xen-vdc/resourced.conf",
        .settings = resourced_setting_rows,
        .n_settings = resourced_n_setting_rows,
        .settings_base = &settings,
        .options = options,
        .n_options = sizeof(options) / sizeof(options[0]),
        .start = start,
        .stop = stop,
    };

    return daemon_main(&daemon, argc, argv);
}
