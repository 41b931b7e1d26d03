/*
 * Start and stop of our daemons, the same for all: options, settings, event
 * loop, signals, and the few words that systemd wants to hear.
 *
 * One daemon a process, so its state is in one static struct.  The order at
 * the end is: STOPPING=1, the daemon's stop(), the loop once more for what is
 * ready, the loop ends, everything is freed.
 */
#include "base/daemon.h"

#include <assert.h>
#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/stream.h"
#include "base/suggest.h"

enum {
    OPTION_CONFIG = 256, /* over all characters */
    OPTION_LOG_LEVEL,
    OPTION_FOREGROUND,
    OPTION_VERSION,
    OPTION_HELP,
    OPTION_SHOW_SETTINGS,
    OPTION_CHECK_CONFIG,
    OPTION_OWN /* the daemon's first; its others follow */
};

static const struct common_option {
    const char *name, *argument;
    int value;
    const char *text;
} common[] = {
    { "config", "FILE", OPTION_CONFIG, "read settings from FILE" },
    { "log-level", "LEVEL", OPTION_LOG_LEVEL,
      "error, warning, info (default) or debug" },
    { "foreground", NULL, OPTION_FOREGROUND,
      "do not detach; it never does, this is for scripts" },
    { "show-settings", NULL, OPTION_SHOW_SETTINGS,
      "print all settings as a settings file and exit" },
    { "check-config", NULL, OPTION_CHECK_CONFIG,
      "check the settings file and exit" },
    { "version", NULL, OPTION_VERSION, "print the version and exit" },
    { "help", NULL, OPTION_HELP, "print this text and exit" },
};

#define N_COMMON (sizeof(common) / sizeof(common[0]))

/* What the command line says. */
struct command_line {
    const char *config; /* NULL: the daemon's own path, which may be missing */
    enum log_level log_level;
    bool show_settings, check_config;
    bool done; /* nothing is left to do but exit with `status` */
    int status;
};

static struct {
    const struct daemon *daemon;
    struct event_base *base;
    struct arena *arena;
    bool started, quit_wanted, stopping;
    bool goes_on; /* this process runs a program anew then */
    int status;
} run;

/* ---- systemd ---- */

/* sd_notify(3) by its documented protocol: one datagram.  Nobody is told of a
 * failure, as in libsystemd's own examples; without systemd it is normal. */
static void notify(const char *message)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (!path || (path[0] != '/' && path[0] != '@'))
        return;
    size_t len = strlen(path);
    if (len >= sizeof(address.sun_path))
        return;
    memcpy(address.sun_path, path, len);
    if (path[0] == '@')
        address.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    ssize_t r = sendto(fd, message, strlen(message), MSG_NOSIGNAL,
                       (const struct sockaddr *)&address, size);
    if (r < 0)
        log_debug("systemd was not told '%s'", message);
    close(fd);
}

/* ---- the command line ---- */

static void print_option(const char *name, const char *argument,
                         const char *text)
{
    char left[64];
    snprintf(left, sizeof(left), "--%s%s%s", name, argument ? "=" : "",
             argument ? argument : "");
    printf("  %-24s %s\n", left, text);
}

static void print_help(const struct daemon *daemon)
{
    printf("Usage: %s [OPTION]...\n%s\n\n", daemon->name, daemon->text);
    for (size_t i = 0; i < daemon->n_options; i++)
        print_option(daemon->options[i].name, daemon->options[i].argument,
                     daemon->options[i].text);
    for (size_t i = 0; i < N_COMMON; i++)
        print_option(common[i].name, common[i].argument, common[i].text);
    if (daemon->config_path)
        printf("\nSettings are in %s when it is there; SIGHUP reads %s\n",
               daemon->config_path,
               daemon->reload ? "other files again, not these."
                              : "nothing again.");
}

static struct option *make_options(const struct daemon *daemon,
                                   struct arena *arena)
{
    size_t n = N_COMMON + daemon->n_options;
    struct option *options = ARENA_ARRAY(arena, n + 1, struct option);
    for (size_t i = 0; i < N_COMMON; i++)
        options[i] = (struct option){
            .name = common[i].name,
            .has_arg = common[i].argument ? required_argument : no_argument,
            .val = common[i].value,
        };
    for (size_t i = 0; i < daemon->n_options; i++)
        options[N_COMMON + i] = (struct option){
            .name = daemon->options[i].name,
            .has_arg = required_argument,
            .val = OPTION_OWN + (int)i,
        };
    return options;
}

static void end_usage(const struct daemon *daemon, struct command_line *line)
{
    fprintf(stderr, "Try '%s --help'.\n", daemon->name);
    line->done = true;
    line->status = vdc_error_exit_status(VDC_E_USAGE);
}

/* getopt says nothing by itself (opterr is 0), to name the nearest option. */
static void bad_option(const struct daemon *daemon,
                       const struct option *options, const char *word,
                       bool lacks_value, struct command_line *line)
{
    fprintf(stderr, "%s: %s: %s\n", daemon->name, word,
            lacks_value ? "needs a value"
                        : "no such option, or one that takes no value");
    const char *names[64];
    size_t n = 0;
    for (; options[n].name && n < sizeof(names) / sizeof(names[0]); n++)
        names[n] = options[n].name;
    char name[64];
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
    const char *near = suggest_nearest(name + strspn(name, "-"), names, n);
    if (near && !lacks_value)
        fprintf(stderr, "Did you mean --%s?\n", near);
    end_usage(daemon, line);
}

static void take_option(const struct daemon *daemon, int value,
                        struct command_line *line)
{
    switch (value) {
    case OPTION_CONFIG:
        line->config = optarg;
        break;
    case OPTION_LOG_LEVEL:
        if (!log_level_parse(optarg, &line->log_level)) {
            fprintf(stderr,
                    "%s: --log-level: '%s' is none of error, "
                    "warning, info, debug\n",
                    daemon->name, optarg);
            end_usage(daemon, line);
        }
        break;
    case OPTION_FOREGROUND:
        break;
    case OPTION_VERSION:
        printf("%s (%s) %s\n", daemon->name, PACKAGE_NAME, PACKAGE_VERSION);
        line->done = true;
        break;
    case OPTION_HELP:
        print_help(daemon);
        line->done = true;
        break;
    case OPTION_SHOW_SETTINGS:
        line->show_settings = true;
        break;
    case OPTION_CHECK_CONFIG:
        line->check_config = true;
        break;
    default:
        assert(value >= OPTION_OWN);
        *daemon->options[value - OPTION_OWN].ret = optarg;
        break;
    }
}

static void parse_command_line(const struct daemon *daemon, int argc,
                               char **argv, struct arena *arena,
                               struct command_line *ret)
{
    const struct option *options = make_options(daemon, arena);
    *ret = (struct command_line){ .log_level = VDC_LOG_INFO };
    opterr = 0;
    optind = 0; /* a test calls this more than once */
    while (!ret->done) {
        int value = getopt_long(argc, argv, ":", options, NULL);
        if (value == -1)
            break;
        if (value == '?' || value == ':')
            bad_option(daemon, options, argv[optind - 1], value == ':', ret);
        else
            take_option(daemon, value, ret);
    }
    if (!ret->done && optind < argc) {
        fprintf(stderr, "%s: '%s': only options are expected\n", daemon->name,
                argv[optind]);
        end_usage(daemon, ret);
    }
}

/* ---- the loop ---- */

static void report(const struct vdc_error *err)
{
    log_error("%s", err->text);
    if (err->hint[0])
        log_error("%s", err->hint);
}

static void begin_stop(int status)
{
    if (run.stopping)
        return;
    run.stopping = true;
    run.status = status;
    if (!run.goes_on)
        notify("STOPPING=1");
    if (run.daemon->stop)
        run.daemon->stop();
    event_base_loopexit(run.base, NULL);
}

void daemon_quit(int status)
{
    if (run.started) {
        begin_stop(status);
        return;
    }
    /* From within start(): nothing to stop yet. */
    run.quit_wanted = true;
    run.status = status;
}

void daemon_quit_to_go_on(void)
{
    run.goes_on = true;
    daemon_quit(0);
}

static void on_stop_signal(evutil_socket_t signal_number, short what,
                           void *arg)
{
    log_info("stopping: %s", strsignal(signal_number));
    if (!run.daemon->may_stop || run.daemon->may_stop())
        begin_stop(0);
}

static void on_reload_signal(evutil_socket_t signal_number, short what,
                             void *arg)
{
    if (run.daemon->reload)
        run.daemon->reload();
    else
        log_info("there is nothing to reload");
}

#define N_SIGNALS 3

static void add_signals(struct event *events[N_SIGNALS])
{
    events[0] = evsignal_new(run.base, SIGTERM, on_stop_signal, NULL);
    events[1] = evsignal_new(run.base, SIGINT, on_stop_signal, NULL);
    events[2] = evsignal_new(run.base, SIGHUP, on_reload_signal, NULL);
    for (size_t i = 0; i < N_SIGNALS; i++)
        if (!events[i] || event_add(events[i], NULL))
            abort();
}

static void run_loop(void)
{
    run.started = true;
    notify("READY=1\nSTATUS=running");
    if (run.quit_wanted)
        begin_stop(run.status);
    if (event_base_dispatch(run.base) != 0 && !run.stopping) {
        /* Without any event left there is nothing to wait for; signals are
         * events, so this does not happen. */
        log_error("the event loop ended by itself");
        begin_stop(vdc_error_exit_status(VDC_E_INTERNAL));
    }
    /* What stop() made ready, last answers most of all. */
    event_base_loop(run.base, EVLOOP_NONBLOCK);
}

static int serve(const struct daemon *daemon)
{
    struct event *signals[N_SIGNALS];
    struct vdc_error err = { 0 };
    run.base = event_base_new();
    if (!run.base) {
        log_error("no event loop can be made");
        return vdc_error_exit_status(VDC_E_INTERNAL);
    }
    signal(SIGPIPE, SIG_IGN);
    add_signals(signals);
    int rc = daemon->start(run.base, run.arena, &err);
    if (rc) {
        if (!err.code)
            vdc_error_set(&err, rc, "%s", vdc_error_text(rc));
        report(&err);
        run.status = vdc_error_exit_status(rc);
    } else {
        run_loop();
    }
    stream_finish_drop(run.base);
    for (size_t i = 0; i < N_SIGNALS; i++)
        event_free(signals[i]);
    event_base_free(run.base);
    return run.status;
}

static int load_and_serve(const struct daemon *daemon,
                          const struct command_line *line)
{
    struct vdc_error err;
    const char *path = line->config ? line->config : daemon->config_path;
    int rc = settings_load(daemon->settings, daemon->n_settings,
                           daemon->settings_base, path, line->config != NULL,
                           run.arena, &err);
    if (rc) {
        report(&err);
        return vdc_error_exit_status(rc);
    }
    if (line->show_settings) {
        settings_print(daemon->settings, daemon->n_settings,
                       daemon->settings_base, stdout);
        return 0;
    }
    if (line->check_config) {
        rc = daemon->check ? daemon->check(run.arena, &err) : 0;
        if (rc) {
            report(&err);
            return vdc_error_exit_status(rc);
        }
        printf("%s: the settings are valid\n", path ? path : "(no file)");
        return 0;
    }
    return serve(daemon);
}

int daemon_main(const struct daemon *daemon, int argc, char **argv)
{
    struct command_line line;
    memset(&run, 0, sizeof(run));
    run.daemon = daemon;
    run.arena = arena_new();
    parse_command_line(daemon, argc, argv, run.arena, &line);
    log_init(daemon->name, line.log_level);
    int status = line.done ? line.status : load_and_serve(daemon, &line);
    arena_free(run.arena);
    libevent_global_shutdown();
    return status;
}
