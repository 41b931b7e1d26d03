/*
 * channeld: makes, authorises, counts and cleans up memory channels.  In dom0
 * it is the broker of the host; with --guest, that of a guest.
 */
#include <string.h>

#include "base/daemon.h"
#include "base/log.h"
#include "channeld/guest.h"
#include "channeld/host.h"

static struct setup setup;
static struct host *host;

static int start(struct event_base *base, struct arena *arena,
                 struct vdc_error *err)
{
    int rc = setup_complete(&setup, arena, err);

    return rc ? rc : host_new(base, &setup, &host, err);
}

static void reload(void)
{
    struct vdc_error err = { 0 };

    if (host_reload(host, &err) == 0)
        return;
    log_error("%s", err.text);
    if (err.hint[0])
        log_error("%s", err.hint);
}

static void stop(void)
{
    host_free(host);
}

int main(int argc, char **argv)
{
    const struct daemon daemon = {
        .name = "channeld",
        .text = "The broker of memory channels; with --guest as the first "
                "option, in a guest.",
        .config_path = SYSCONFDIR "/xen-vdc/channeld.conf",
        .settings = setup_rows,
        .n_settings = setup_n_rows,
        .settings_base = &setup,
        .start = start,
        .reload = reload,
        .stop = stop,
    };

    if (argc > 1 && strcmp(argv[1], "--guest") == 0) {
        argv[1] = argv[0];
        return guest_main(argc - 1, argv + 1);
    }
    return daemon_main(&daemon, argc, argv);
}
