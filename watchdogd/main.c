/* watchdogd: keeps Xen's watchdog from stopping this host, as long as it
 * hears the majority of the hosts. */
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/daemon.h"
#include "base/log.h"
#include "base/tcp.h"
#include "watchdogd/guard.h"
#include "watchdogd/settings.h"

static struct watchdogd_settings settings;
static const char *hv_option;
static const char *config_path = SYSCONFDIR "/xen-vdc/watchdogd.conf";

static struct guard *guard;
static bool again; /* to be run anew by the same process */

static int check_settings(const struct watchdogd_settings *s,
                          struct vdc_error *err)
{
    char host[TCP_HOST_MAX + 1], port[6];
    int rc = *s->fence_address
        ? tcp_split(s->fence_address, host, port, err) : 0;

    if (rc)
        vdc_error_prefix(err, "fence_address");
    return rc;
}

static int check(struct arena *arena, struct vdc_error *err)
{
    return check_settings(&settings, err);
}

static int start(struct event_base *base, struct arena *arena,
                 struct vdc_error *err)
{
    if (hv_option)
        settings.hypervisor = hv_option;
    /* Neither a slow journal nor a page that was swapped out may keep it from
     * its work; a simulated host is too large for that. */
    if (getenv("JOURNAL_STREAM"))
        fcntl(STDERR_FILENO, F_SETFL,
              fcntl(STDERR_FILENO, F_GETFL) | O_NONBLOCK);
    if (strcmp(settings.hypervisor, "xen") == 0 &&
        mlockall(MCL_CURRENT | MCL_FUTURE))
        log_warning("its memory cannot be locked: it may be swapped out");
    int rc = check_settings(&settings, err);
    return rc ? rc : guard_new(base, &settings, &guard, err);
}

/* As a program that was just installed, or with other settings; the watchdog
 * runs on.  With settings that have an error, the host would stop. */
static void reload(void)
{
    struct watchdogd_settings next = { 0 };
    struct arena *arena = arena_new();
    struct vdc_error err = { 0 };
    int rc = settings_load(watchdogd_setting_rows, watchdogd_n_setting_rows,
                           &next, config_path, false, arena, &err);

    if (rc == 0)
        rc = check_settings(&next, &err);
    arena_free(arena);
    if (rc) {
        log_error("it goes on as it is: %s", err.text);
        return;
    }
    log_info("it is begun anew");
    again = true;
    daemon_quit_to_go_on();
}

static bool may_stop(void)
{
    return guard_leave(guard);
}

static void stop(void)
{
    guard_free(guard);
    guard = NULL;
}

static const struct daemon_option options[] = {
    { "hv", "xen|sim[:OPTIONS]",
      "the hypervisor, instead of the setting of that name", &hv_option },
};

/* --config is read by daemon_main; reload must know it, too. */
static void find_config(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "--config=", 9) == 0)
            config_path = argv[i] + 9;
        else if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            config_path = argv[i + 1];
}

int main(int argc, char **argv)
{
    const struct daemon daemon = {
        .name = "watchdogd",
        .text = "stops this host when it does not hear the majority of the "
                "hosts",
        .config_path = SYSCONFDIR "/xen-vdc/watchdogd.conf",
        .settings = watchdogd_setting_rows,
        .n_settings = watchdogd_n_setting_rows,
        .settings_base = &settings,
        .options = options,
        .n_options = sizeof(options) / sizeof(options[0]),
        .check = check,
        .start = start,
        .may_stop = may_stop,
        .reload = reload,
        .stop = stop,
    };

    find_config(argc, argv);
    int status = daemon_main(&daemon, argc, argv);
    if (!again || status)
        return status;
    execvp(argv[0], argv);
    log_error("%s cannot be run anew: it is for systemd to do", argv[0]);
    return 70;
}
