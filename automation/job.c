/*
 * The row of requests that are carried out; see job.h.
 *
 * A job waits (for its turn, or for the time of another try), or runs.
 */
#include "automation/job.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"

#define AGAIN_MS 1000
#define UNDO_S 60 /* what was told to undo has so long; then it is left */

struct job {
    TAILQ_ENTRY(job) link; /* of jobs->waiting, or of none */
    LIST_ENTRY(job) in_all;
    struct jobs *jobs;
    const struct job_ops *ops; /* NULL: nobody wants it any more */
    void *arg;
    struct arena *arena;
    char **words;
    const char *input, *guest;
    enum command_kind kind;
    bool in_row;
    struct run *run;
    struct event *timer; /* of another try, or of the deadline */
    struct mono begun;   /* its first run */
    bool has_begun, gave_up;
};

struct jobs {
    struct event_base *base;
    const struct setup *setup;
    LIST_HEAD(, job) all;
    TAILQ_HEAD(, job) waiting;
    struct event *turn;
    unsigned n_running;
};

static void start_next(struct jobs *jobs)
{
    static const struct timeval now = { 0, 0 };

    if (!event_pending(jobs->turn, EV_TIMEOUT, NULL))
        event_add(jobs->turn, &now);
}

static void free_job(struct job *job)
{
    if (job->in_row)
        TAILQ_REMOVE(&job->jobs->waiting, job, link);
    LIST_REMOVE(job, in_all);
    event_free(job->timer);
    arena_free(job->arena);
    free(job);
}

static void end(struct job *job, const struct run_result *result)
{
    const struct job_ops *ops = job->ops;

    job->ops = NULL;
    if (ops)
        ops->on_end(job->arg, result);
    free_job(job);
}

static void line_up(struct job *job)
{
    TAILQ_INSERT_TAIL(&job->jobs->waiting, job, link);
    job->in_row = true;
    start_next(job->jobs);
}

/* ---- again or not ---- */

/*
 * For how long it is asked again: policyd was not reached, or its answer was
 * lost; or the first try with this key is still being looked into, which has
 * as long as any request.  0: not at all, this is the answer.
 */
static uint64_t again_for_ms(const struct setup *setup,
                             const struct run_result *result)
{
    if (result->status == vdc_error_exit_status(VDC_E_NO_DAEMON))
        return setup->retry_ms;
    if (result->status == vdc_error_exit_status(VDC_E_BUSY) &&
        (strstr(result->errors, "just now") ||
         strstr(result->errors, "under way")))
        return setup->deadline_ms;
    return 0;
}

static bool try_again(struct job *job, const struct run_result *result)
{
    const struct timeval later = { AGAIN_MS / 1000, AGAIN_MS % 1000 * 1000 };

    if (!job->ops || job->gave_up || job->kind == COMMAND_ONCE ||
        clock_mono().ms >=
            job->begun.ms + again_for_ms(job->jobs->setup, result))
        return false;
    if (job->ops->on_trouble)
        job->ops->on_trouble(job->arg, result->errors);
    evtimer_add(job->timer, &later);
    return true;
}

static void on_percent(void *arg, unsigned percent)
{
    struct job *job = arg;

    if (job->ops && job->ops->on_percent)
        job->ops->on_percent(job->arg, percent);
}

static void on_end(void *arg, const struct run_result *result)
{
    struct job *job = arg;
    struct jobs *jobs = job->jobs;

    job->run = NULL;
    jobs->n_running--;
    evtimer_del(job->timer);
    start_next(jobs);
    if (!try_again(job, result))
        end(job, result);
}

/* ---- its run ---- */

static void start(struct job *job)
{
    static const struct run_ops ops = { on_percent, on_end };
    struct jobs *jobs = job->jobs;
    const struct timeval limit = {
        (time_t)(jobs->setup->deadline_ms / 1000),
        (suseconds_t)(jobs->setup->deadline_ms % 1000 * 1000)
    };
    struct vdc_error err = { 0 };

    if (!job->has_begun)
        job->begun = clock_mono();
    job->has_begun = true;
    if (job->ops->on_start)
        job->ops->on_start(job->arg);
    int rc = run_start(jobs->base, job->words, job->input, job->guest, &ops,
                       job, &job->run, &err);
    if (rc) {
        char text[sizeof(err.text) + sizeof(err.hint) + 3];
        snprintf(text, sizeof(text), "%s\n%s", err.text, err.hint);
        const struct run_result result = {
            .status = vdc_error_exit_status(rc), .out = "", .errors = text
        };
        log_error("%s; %s", err.text, err.hint);
        end(job, &result);
        return;
    }
    jobs->n_running++;
    evtimer_add(job->timer, &limit);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    static const struct timeval undo = { UNDO_S, 0 };
    struct job *job = arg;

    if (!job->run) {
        line_up(job);
        return;
    }
    job->gave_up = true;
    run_stop(job->run);
    evtimer_add(job->timer, &undo);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct jobs *jobs = arg;
    struct job *job;

    while (jobs->n_running < jobs->setup->parallel &&
           (job = TAILQ_FIRST(&jobs->waiting))) {
        TAILQ_REMOVE(&jobs->waiting, job, link);
        job->in_row = false;
        start(job);
    }
}

/* ---- the words ---- */

/* Options of ours stand before the request's own words, which may end with
 * `--` and more. */
static char **make_words(const struct setup *setup, struct arena *arena,
                         const struct job_order *order)
{
    const struct command_line *line = order->line;
    char **ret = ARENA_ARRAY(arena, line->n_words + 6, char *);
    size_t n = 0;

    ret[n++] = arena_strdup(arena, setup->xl_vdc);
    if (*setup->policyd_socket) {
        ret[n++] = arena_strdup(arena, "--socket");
        ret[n++] = arena_strdup(arena, setup->policyd_socket);
    }
    ret[n++] = arena_strdup(arena, line->words[0]);
    if (line->kind == COMMAND_KEYED) {
        ret[n++] = arena_strdup(arena, "--key");
        ret[n++] = arena_strdup(arena, order->key);
    }
    for (size_t i = 1; i < line->n_words; i++)
        ret[n++] = arena_strdup(arena, line->words[i]);
    ret[n] = NULL;
    return ret;
}

struct job *job_new(struct jobs *jobs, const struct job_order *order,
                    const struct job_ops *ops, void *arg)
{
    struct job *job = XNEW(struct job);

    job->jobs = jobs;
    job->ops = ops;
    job->arg = arg;
    job->arena = arena_new();
    job->kind = order->line->kind;
    job->words = make_words(jobs->setup, job->arena, order);
    job->input = order->input ? arena_strdup(job->arena, order->input) : NULL;
    job->guest = order->guest ? arena_strdup(job->arena, order->guest) : NULL;
    job->timer = evtimer_new(jobs->base, on_timer, job);
    LIST_INSERT_HEAD(&jobs->all, job, in_all);
    line_up(job);
    return job;
}

void job_cancel(struct job *job)
{
    job->ops = NULL;
    if (job->run)
        run_stop(job->run); /* on_end frees it */
    else
        free_job(job);
}

struct jobs *jobs_new(struct event_base *base, const struct setup *setup)
{
    struct jobs *jobs = XNEW(struct jobs);

    jobs->base = base;
    jobs->setup = setup;
    LIST_INIT(&jobs->all);
    TAILQ_INIT(&jobs->waiting);
    jobs->turn = evtimer_new(base, on_turn, jobs);
    return jobs;
}

/* The process ends: programs that run are the kernel's to forget. */
void jobs_free(struct jobs *jobs)
{
    struct job *job;

    if (!jobs)
        return;
    while ((job = LIST_FIRST(&jobs->all))) {
        run_leave(job->run);
        free_job(job);
    }
    event_free(jobs->turn);
    free(jobs);
}
