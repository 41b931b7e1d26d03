/*
 * Consoles of simulated guests.
 */
#include "hv/sim/sim_console.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

struct sim_console {
    struct sim_console *next;
    uint32_t domid;
    int master;
    int slave; /* kept open, so that the master does not hang up */
    char path[64];
    char *greeting;
    struct event *event;
};

/* What nobody reads is lost, as on a real console. */
static void say(const struct sim_console *console, const char *text,
                size_t len)
{
    ssize_t r = write(console->master, text, len);
    (void)r;
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
    const struct sim_console *console = arg;
    char buf[256];
    ssize_t n = read(fd, buf, sizeof(buf));

    for (ssize_t i = 0; i < n; i++) {
        if (buf[i] == '\r' || buf[i] == '\n') {
            say(console, "\r\n", 2);
            say(console, console->greeting, strlen(console->greeting));
        } else {
            say(console, &buf[i], 1);
        }
    }
}

static void console_free(struct sim_console *console)
{
    if (console->event)
        event_free(console->event);
    if (console->slave >= 0)
        close(console->slave);
    if (console->master >= 0)
        close(console->master);
    free(console->greeting);
    free(console);
}

static int open_pty(struct sim_console *console)
{
    struct termios tio;

    console->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (console->master < 0 || grantpt(console->master) != 0 ||
        unlockpt(console->master) != 0 ||
        ptsname_r(console->master, console->path, sizeof(console->path)) != 0)
        return -1;
    console->slave = open(console->path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (console->slave < 0 || tcgetattr(console->slave, &tio) != 0)
        return -1;
    cfmakeraw(&tio);
    return tcsetattr(console->slave, TCSANOW, &tio);
}

int sim_console_open(struct sim *sim, uint32_t domid, const char *name,
                     const char **ret_path, struct vdc_error *err)
{
    struct sim_console *console = sim->consoles;

    while (console && console->domid != domid)
        console = console->next;
    if (console) {
        *ret_path = console->path;
        return 0;
    }
    console = XNEW(struct sim_console);
    console->domid = domid;
    console->master = console->slave = -1;
    if (open_pty(console) != 0) {
        int errnum = errno;
        console_free(console);
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "no pseudo-terminal for the console of domain "
                             "%u: %s",
                             domid, strerror(errnum));
    }
    console->greeting = xasprintf("simulated guest %s\r\n", name);
    if (sim->base) {
        console->event = event_new(sim->base, console->master,
                                   EV_READ | EV_PERSIST, on_input, console);
        event_add(console->event, NULL);
    }
    say(console, console->greeting, strlen(console->greeting));
    console->next = sim->consoles;
    sim->consoles = console;
    *ret_path = console->path;
    return 0;
}

void sim_console_close(struct sim *sim, uint32_t domid)
{
    for (struct sim_console **at = &sim->consoles; *at; at = &(*at)->next) {
        struct sim_console *console = *at;
        if (console->domid == domid) {
            *at = console->next;
            console_free(console);
            return;
        }
    }
}

void sim_console_close_all(struct sim *sim)
{
    while (sim->consoles) {
        struct sim_console *console = sim->consoles;
        sim->consoles = console->next;
        console_free(console);
    }
}
