/*
 * Runs xl-vdc; see run.h.
 *
 * The program is over when its process has ended and its outputs have been
 * read; whoever holds them open beyond that is not waited for.
 */
#include "automation/run.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"

extern char **environ;

struct output {
    int fd;
    struct event *event;
    char *text;
    size_t len, most;
    bool cut;
};

struct run {
    const struct run_ops *ops;
    void *arg;
    pid_t pid;
    int pidfd;
    struct event *ended;
    struct output out, errors;
};

static void close_output(struct output *output)
{
    if (output->event)
        event_free(output->event);
    if (output->fd >= 0)
        close(output->fd);
    output->event = NULL;
    output->fd = -1;
}

static void free_run(struct run *run)
{
    close_output(&run->out);
    close_output(&run->errors);
    free(run->out.text);
    free(run->errors.text);
    if (run->ended)
        event_free(run->ended);
    if (run->pidfd >= 0)
        close(run->pidfd);
    free(run);
}

/* ---- what it writes ---- */

/* What is there now; the rest of what does not fit is thrown away. */
static void take_output(struct output *output)
{
    char rest[4096];

    while (output->fd >= 0) {
        size_t room = output->most - output->len;
        ssize_t r = room ? read(output->fd, output->text + output->len, room)
                         : read(output->fd, rest, sizeof(rest));
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0 && errno == EAGAIN)
            return;
        if (r <= 0) {
            close_output(output);
            return;
        }
        if (room)
            output->len += (size_t)r;
        else
            output->cut = true;
        output->text[output->len] = '\0';
    }
}

static void on_out(evutil_socket_t fd, short what, void *arg)
{
    struct run *run = arg;

    take_output(&run->out);
}

#define PROGRESS "copied "

static int of_progress(const char *line, unsigned long long *ret_done,
                       unsigned long long *ret_of)
{
    return sscanf(line, PROGRESS "%10llu of %10llu MiB", ret_done, ret_of);
}

/* Of the last line of progress, "copied 20 of 128 MiB ..."; false when there
 * is none.  What is copied once more is more than all. */
static bool find_percent(const char *text, unsigned *ret)
{
    const char *last = NULL;
    unsigned long long done, of;

    for (const char *p = text; (p = strstr(p, PROGRESS)); p++)
        last = p;
    if (!last || of_progress(last, &done, &of) != 2 || of == 0)
        return false;
    *ret = done < of ? (unsigned)(done * 100 / of) : 99;
    return true;
}

/* What it says last is the error: without the lines of progress, and what came
 * before them. */
static void drop_progress(struct output *output)
{
    const char *end = NULL, *line_end;

    for (const char *p = output->text; (p = strstr(p, PROGRESS)); p++) {
        line_end = strchr(p, '\n');
        if (line_end)
            end = line_end + 1;
    }
    if (!end)
        return;
    output->len -= (size_t)(end - output->text);
    memmove(output->text, end, output->len + 1);
}

static void on_errors(evutil_socket_t fd, short what, void *arg)
{
    struct run *run = arg;
    size_t before = run->errors.len;
    unsigned percent;

    take_output(&run->errors);
    if (run->errors.len > before && run->ops->on_percent &&
        find_percent(run->errors.text + before, &percent))
        run->ops->on_percent(run->arg, percent);
    if (run->errors.len > run->errors.most / 2)
        drop_progress(&run->errors); /* makes room */
}

/* ---- its end ---- */

static void on_ended(evutil_socket_t fd, short what, void *arg)
{
    struct run *run = arg;
    int status = 0;

    if (waitpid(run->pid, &status, WNOHANG) != run->pid)
        return;
    take_output(&run->out);
    on_errors(fd, what, run);
    drop_progress(&run->errors);
    const struct run_result result = {
        .status = WIFEXITED(status) ? WEXITSTATUS(status)
                                    : 128 + WTERMSIG(status),
        .out = run->out.text,
        .errors = run->errors.text,
        .cut = run->out.cut,
    };
    run->ops->on_end(run->arg, &result);
    free_run(run);
}

void run_stop(struct run *run)
{
    kill(run->pid, SIGTERM);
}

void run_leave(struct run *run)
{
    if (run)
        free_run(run);
}

/* ---- its begin ---- */

static int open_output(struct event_base *base, struct output *output,
                       size_t most, event_callback_fn fn, void *arg)
{
    int fds[2];

    output->most = most;
    output->text = malloc(most + 1);
    if (!output->text)
        abort();
    output->text[0] = '\0';
    if (pipe2(fds, O_CLOEXEC))
        return -1;
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    output->fd = fds[0];
    output->event = event_new(base, fds[0], EV_READ | EV_PERSIST, fn, arg);
    event_add(output->event, NULL);
    return fds[1];
}

/* A file in memory that has the text, at its beginning. */
static int open_input(const char *text)
{
    int fd = memfd_create("input", MFD_CLOEXEC);
    size_t size = strlen(text);

    if (fd < 0 || (write(fd, text, size) == (ssize_t)size &&
                   lseek(fd, 0, SEEK_SET) == 0))
        return fd;
    close(fd);
    return -1;
}

/* Ours, but that it is no guest's, or this one's. */
static char **environment(struct arena *arena, const char *guest)
{
    size_t n = 0, n_ret = 0;

    while (environ[n])
        n++;
    char **ret = ARENA_ARRAY(arena, n + 2, char *);
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], "XEN_VDC_GUEST=", 14) != 0)
            ret[n_ret++] = environ[i];
    if (guest)
        ret[n_ret++] = arena_printf(arena, "XEN_VDC_GUEST=%s", guest);
    ret[n_ret] = NULL;
    return ret;
}

static int spawn(struct run *run, char *const *words, char **env, int in,
                 int out, int errors)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, usual;

    posix_spawn_file_actions_init(&actions);
    if (in >= 0)
        posix_spawn_file_actions_adddup2(&actions, in, 0);
    else
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY,
                                         0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    posix_spawn_file_actions_adddup2(&actions, errors, 2);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    sigemptyset(&none);
    sigfillset(&usual);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    int r = posix_spawn(&run->pid, words[0], &actions, &attributes, words,
                        env);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return r;
}

static int start(struct run *run, struct event_base *base, char *const *words,
                 const char *input, const char *guest)
{
    struct arena *arena = arena_new();
    int in = input ? open_input(input) : -1;
    int out = open_output(base, &run->out, RUN_OUT_MAX, on_out, run);
    int errors =
        open_output(base, &run->errors, RUN_ERRORS_MAX, on_errors, run);
    int r = EMFILE;

    if (out >= 0 && errors >= 0 && (in >= 0 || !input))
        r = spawn(run, words, environment(arena, guest), in, out, errors);
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    if (errors >= 0)
        close(errors);
    arena_free(arena);
    return r;
}

int run_start(struct event_base *base, char *const *words, const char *input,
              const char *guest, const struct run_ops *ops, void *arg,
              struct run **ret, struct vdc_error *err)
{
    struct run *run = XNEW(struct run);

    run->ops = ops;
    run->arg = arg;
    run->pidfd = run->out.fd = run->errors.fd = -1;
    int r = start(run, base, words, input, guest);
    if (!r) {
        run->pidfd = pidfd_open(run->pid, 0);
        r = run->pidfd < 0 ? errno : 0;
        if (r)
            kill(run->pid, SIGKILL);
        if (r)
            waitpid(run->pid, NULL, 0);
    }
    if (r) {
        free_run(run);
        vdc_error_set(err, VDC_E_IO, "%s cannot be run: %s", words[0],
                      strerror(r));
        vdc_error_hint(err, "'xl_vdc' of automation.conf names it");
        return VDC_E_IO;
    }
    run->ended =
        event_new(base, run->pidfd, EV_READ | EV_PERSIST, on_ended, run);
    event_add(run->ended, NULL);
    *ret = run;
    return 0;
}
