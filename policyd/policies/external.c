/*
 * Programs that place; see external.h.
 *
 * A run waits, runs, and is over; when it was killed it stays until the kernel
 * says that its process has ended, so that its number is nobody else's.
 *
 * Its input is a file in memory that it finds under /proc by our number:
 * nothing stays behind when we die, and a program that starts others, which
 * do not inherit our descriptors, can hand the name on.
 */
#include "policyd/policies/external.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/queue.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/units.h"

#define COMPLAINT_MAX 255 /* of what it writes on standard error */

/* One of its two outputs. */
struct output {
    int fd;
    struct event *event;
    size_t len;
};

struct run {
    TAILQ_ENTRY(run) link;
    struct externals *all;
    struct policies_policy policy; /* texts are in the arena */
    struct arena *arena;
    external_fn *fn; /* NULL: it was called */
    void *arg;
    int input; /* descriptor; -1: closed */
    pid_t pid; /* 0: not started */
    int pidfd;
    struct event *ended;
    struct event *timer;
    struct output answer, complaint;
    char text[IALLOCATOR_ANSWER_MAX + 1];
    char words[COMPLAINT_MAX + 1];
};

struct externals {
    struct event_base *base;
    struct event *turn; /* one more waits */
    TAILQ_HEAD(, run) waiting;
    TAILQ_HEAD(, run) running;
    unsigned n_running;
    bool stopped;
};

static void start_next(struct externals *all);

/* ---- the end of a run ---- */

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
    close_output(&run->answer);
    close_output(&run->complaint);
    if (run->ended)
        event_free(run->ended);
    if (run->timer)
        event_free(run->timer);
    if (run->pidfd >= 0)
        close(run->pidfd);
    if (run->input >= 0)
        close(run->input);
    arena_free(run->arena);
    free(run);
}

static void tell(struct run *run, const struct iallocator_answer *answer,
                 const struct vdc_error *err)
{
    external_fn *fn = run->fn;

    run->fn = NULL;
    if (fn)
        fn(run->arg, answer, err);
}

/* Who asked is told at once; the process goes when it goes. */
static void give_up(struct run *run, const struct vdc_error *err)
{
    kill(-run->pid, SIGKILL);
    close_output(&run->answer);
    close_output(&run->complaint);
    evtimer_del(run->timer);
    tell(run, NULL, err);
}

/* What it wrote on standard error, as the end of a sentence. */
static const char *complaint_of(struct run *run)
{
    run->words[strcspn(run->words, "\n")] = '\0';
    return run->words;
}

/* ---- its output ---- */

/* False when there is more than fits. */
static bool take_output(struct output *output, char *buf, size_t most)
{
    char rest[512];

    for (;;) {
        bool full = output->len == most;
        ssize_t r = read(output->fd, full ? rest : buf + output->len,
                         full ? sizeof(rest) : most - output->len);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0 && errno == EAGAIN)
            return true;
        if (r <= 0) {
            close_output(output);
            return true;
        }
        if (full)
            return false;
        output->len += (size_t)r;
        buf[output->len] = '\0';
    }
}

static int too_long(struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_BAD_VALUE, "it wrote more than %d bytes",
                         IALLOCATOR_ANSWER_MAX);
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
    struct run *run = arg;
    struct vdc_error err = { 0 };

    if (take_output(&run->answer, run->text, IALLOCATOR_ANSWER_MAX))
        return;
    too_long(&err);
    give_up(run, &err);
}

static void on_complaint(evutil_socket_t fd, short what, void *arg)
{
    struct run *run = arg;

    /* what is more than a line is not looked at */
    if (!take_output(&run->complaint, run->words, COMPLAINT_MAX))
        close_output(&run->complaint);
}

/* ---- it has ended ---- */

static int check_status(struct run *run, int status, struct vdc_error *err)
{
    const char *words = complaint_of(run);
    const char *colon = *words ? ": " : "";

    if (WIFSIGNALED(status))
        return vdc_error_set(err, VDC_E_IO, "it was ended by signal %d%s%s",
                             WTERMSIG(status), colon, words);
    if (WEXITSTATUS(status) == 127)
        return vdc_error_set(err, VDC_E_IO,
                             "it could not be run, or said so%s%s", colon,
                             words);
    if (WEXITSTATUS(status) != 0)
        return vdc_error_set(err, VDC_E_IO, "it ended with status %d%s%s",
                             WEXITSTATUS(status), colon, words);
    return 0;
}

static void finish(struct run *run, int status)
{
    struct iallocator_answer answer = { 0 };
    struct vdc_error err = { 0 };

    if (run->complaint.fd >= 0)
        on_complaint(-1, 0, run);
    int rc = check_status(run, status, &err);
    if (!rc && run->answer.fd >= 0 &&
        !take_output(&run->answer, run->text, IALLOCATOR_ANSWER_MAX))
        rc = too_long(&err);
    if (!rc)
        rc = iallocator_read_answer(run->text, run->answer.len, run->arena,
                                    &answer, &err);
    tell(run, &answer, rc ? &err : NULL);
}

static void on_ended(evutil_socket_t fd, short what, void *arg)
{
    struct run *run = arg;
    struct externals *all = run->all;
    siginfo_t info = { 0 };
    int status = 0;

    if (waitid(P_PID, (id_t)run->pid, &info, WEXITED | WNOHANG | WNOWAIT) ||
        !info.si_pid)
        return;
    /* what it left behind has nobody to answer to; its number is its own as
     * long as nobody has waited for it */
    kill(-run->pid, SIGKILL);
    waitpid(run->pid, &status, 0);
    TAILQ_REMOVE(&all->running, run, link);
    all->n_running--;
    if (run->fn)
        finish(run, status);
    free_run(run);
    start_next(all);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct run *run = arg;
    struct vdc_error err = { 0 };
    char limit[32];

    vdc_error_set(
        &err, VDC_E_TIMEOUT, "it did not answer within %s",
        units_duration_format(run->policy.timeout_ms, limit, sizeof(limit)));
    give_up(run, &err);
}

/* ---- its begin ---- */

static void open_output(struct run *run, struct output *output, int *ret_fd,
                        event_callback_fn fn)
{
    int fds[2];

    *ret_fd = -1;
    if (pipe2(fds, O_CLOEXEC))
        return;
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    output->fd = fds[0];
    output->event =
        event_new(run->all->base, fds[0], EV_READ | EV_PERSIST, fn, run);
    event_add(output->event, NULL);
    *ret_fd = fds[1];
}

static int spawn(struct run *run, int out, int complaints)
{
    static char path_env[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    static char locale_env[] = "LC_ALL=C.UTF-8";
    char *env[] = { path_env, locale_env, NULL };
    const struct policies_policy *policy = &run->policy;
    const char *words[POLICIES_ARGUMENTS_MAX + 3] = { policy->program };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    char file[64];

    snprintf(file, sizeof(file), "/proc/%d/fd/%d", (int)getpid(), run->input);
    for (uint32_t i = 0; i < policy->n_arguments; i++)
        words[i + 1] = policy->arguments[i];
    words[policy->n_arguments + 1] = file;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    posix_spawn_file_actions_adddup2(&actions, complaints, 2);
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
    int r = posix_spawn(&run->pid, policy->program, &actions, &attributes,
                        (char *const *)words, env);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return r;
}

static int watch(struct run *run)
{
    const struct timeval limit = { (time_t)(run->policy.timeout_ms / 1000),
                                   (suseconds_t)(run->policy.timeout_ms %
                                                 1000 * 1000) };

    run->pidfd = pidfd_open(run->pid, 0);
    if (run->pidfd < 0) {
        int errnum = errno;
        kill(-run->pid, SIGKILL);
        waitpid(run->pid, NULL, 0);
        return errnum;
    }
    run->ended = event_new(run->all->base, run->pidfd, EV_READ | EV_PERSIST,
                           on_ended, run);
    event_add(run->ended, NULL);
    run->timer = evtimer_new(run->all->base, on_timer, run);
    evtimer_add(run->timer, &limit);
    return 0;
}

static void start(struct run *run)
{
    struct vdc_error err = { 0 };
    int out, complaints;

    open_output(run, &run->answer, &out, on_answer);
    open_output(run, &run->complaint, &complaints, on_complaint);
    int r = out < 0 || complaints < 0 || run->input < 0
                ? EMFILE
                : spawn(run, out, complaints);
    if (!r)
        r = watch(run);
    if (out >= 0)
        close(out);
    if (complaints >= 0)
        close(complaints);
    if (r) {
        vdc_error_errno(&err, VDC_E_IO, r, "it could not be run");
        err.code = VDC_E_IO;
        tell(run, NULL, &err);
        free_run(run);
        return;
    }
    run->all->n_running++;
    TAILQ_INSERT_TAIL(&run->all->running, run, link);
}

static void start_next(struct externals *all)
{
    struct run *run;

    while (!all->stopped && all->n_running < EXTERNAL_AT_ONCE &&
           (run = TAILQ_FIRST(&all->waiting))) {
        TAILQ_REMOVE(&all->waiting, run, link);
        start(run);
    }
}

/* Not from within external_ask, also for one that need not wait. */
static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    start_next(arg);
}

/* ---- for all ---- */

struct externals *externals_new(struct event_base *base)
{
    struct externals *all = XNEW(struct externals);

    all->base = base;
    all->turn = evtimer_new(base, on_turn, all);
    TAILQ_INIT(&all->waiting);
    TAILQ_INIT(&all->running);
    return all;
}

void externals_stop(struct externals *all)
{
    struct vdc_error err = { 0 };
    struct run *run;

    vdc_error_set(&err, VDC_E_CANCELLED, "policyd is being stopped");
    all->stopped = true;
    while ((run = TAILQ_FIRST(&all->waiting))) {
        TAILQ_REMOVE(&all->waiting, run, link);
        tell(run, NULL, &err);
        free_run(run);
    }
    TAILQ_FOREACH(run, &all->running, link)
    give_up(run, &err);
}

void externals_free(struct externals *all)
{
    struct run *run;

    if (!all)
        return;
    externals_stop(all);
    while ((run = TAILQ_FIRST(&all->running))) {
        TAILQ_REMOVE(&all->running, run, link);
        /* it was killed; if it is not gone yet, init will see to it */
        waitpid(run->pid, NULL, WNOHANG);
        free_run(run);
    }
    event_free(all->turn);
    free(all);
}

static int open_input(const char *input, size_t len)
{
    int fd = memfd_create("iallocator", MFD_CLOEXEC);
    size_t done = 0;

    while (fd >= 0 && done < len) {
        ssize_t r = write(fd, input + done, len - done);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0) {
            close(fd);
            return -1;
        }
        done += (size_t)r;
    }
    return fd;
}

void external_ask(struct externals *all, const struct policies_policy *policy,
                  const char *input, size_t len, external_fn *fn, void *arg)
{
    struct run *run = XNEW(struct run);

    assert(policy->strategy == POLICIES_EXTERNAL && !all->stopped);
    run->all = all;
    run->arena = arena_new();
    run->policy = *policy;
    run->policy.program = arena_strdup(run->arena, policy->program);
    for (uint32_t i = 0; i < policy->n_arguments; i++)
        run->policy.arguments[i] =
            arena_strdup(run->arena, policy->arguments[i]);
    run->fn = fn;
    run->arg = arg;
    run->pidfd = run->answer.fd = run->complaint.fd = -1;
    run->input = open_input(input, len);
    TAILQ_INSERT_TAIL(&all->waiting, run, link);
    event_active(all->turn, 0, 0);
}
