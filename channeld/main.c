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

static int check(struct arena *arena, struct vdc_error *err)
{
    struct rule_table *rules;
    int rc = setup_complete(&setup, arena, err);

    if (rc == 0)
        rc = rule_table_read(setup.rules, &rules, err);
    if (rc == 0)
        rule_table_free(rules);
    return rc;
}

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

/* --guest, wherever it is, is taken out of the words. */
static bool take_guest(int *argc, char **argv)
{
    for (int i = 1; i < *argc; i++)
        if (strcmp(argv[i], "--guest") == 0) {
            memmove(argv + i, argv + i + 1,
                    (size_t)(*argc - i) * sizeof(*argv));
            --*argc;
            return true;
        }
    return false;
}

int main(int argc, char **argv)
{
    const struct daemon daemon = {
        .name = "channeld",
        .text = "The broker of memory channels; with --guest, in a guest.",
        .config_path = SYSCONFDIR "/xen-vdc/channeld.conf",
        .settings = setup_rows,
        .n_settings = setup_n_rows,
        .settings_base = &setup,
        .check = check,
        .start = start,
        .reload = reload,
        .stop = stop,
    };

    if (take_guest(&argc, argv))
        return guest_main(argc, argv);
    return daemon_main(&daemon, argc, argv);
}
