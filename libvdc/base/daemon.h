/*
 * What each of our daemons does when it starts and stops, once.
 *
 * daemon_main parses the common options (--config FILE, --log-level LEVEL,
 * --foreground, --version, --help, --show-settings, --check-config, and the
 * daemon's own), loads the settings, makes the event base, ignores SIGPIPE,
 * turns SIGTERM and SIGINT into an orderly stop and SIGHUP into `reload`,
 * tells systemd when it is ready (READY=1 over $NOTIFY_SOCKET), runs the
 * loop, and stops.
 */
#ifndef VDC_BASE_DAEMON_H
#define VDC_BASE_DAEMON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/settings.h"

struct event_base;

struct daemon_option {
    const char *name;     /* "hv", used as --hv=VALUE or --hv VALUE */
    const char *argument; /* for the help, "xen|sim" */
    const char *text;
    const char **ret; /* where the value goes; NULL when not given */
};

struct daemon {
    const char *name; /* "resourced" */
    const char *text; /* one sentence for --help */
    const char *config_path;
    const struct setting *settings;
    size_t n_settings;
    void *settings_base;
    const struct daemon_option *options;
    size_t n_options;
    /* --check-config, besides the settings: the files that they name.  NULL:
     * nothing else.  Errors are told as those of start. */
    int (*check)(struct arena *arena, struct vdc_error *err);
    /* After settings are loaded.  An error is logged, text and hint, and the
     * process exits with vdc_error_exit_status of the code; start has undone
     * what it did, as stop is not called then. */
    int (*start)(struct event_base *base, struct arena *arena,
                 struct vdc_error *err);
    void (*reload)(void); /* SIGHUP; may be NULL */
    /* SIGTERM or SIGINT: false, not yet; the daemon calls daemon_quit when it
     * may be.  NULL: at once. */
    bool (*may_stop)(void);
    /* Before the loop is left; must not block.  Called once, for a signal or
     * daemon_quit; may be NULL.  The loop turns once more after it, so that
     * what was sent can leave; streams that still finish are dropped. */
    void (*stop)(void);
};

/* Returns the exit status of main(). */
int daemon_main(const struct daemon *daemon, int argc, char **argv);

/* Ends the loop from inside, with this exit status; from within start() as
 * soon as that has returned.  Only the first call counts. */
void daemon_quit(int status);
/* The same with status 0, when main() goes on to run a program anew in this
 * process: systemd is not told that it ends. */
void daemon_quit_to_go_on(void);

#endif
