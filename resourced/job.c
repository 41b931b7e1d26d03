/* Work that waits for a disk; see job.h. */
#include "resourced/job.h"

#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/arena.h"

struct job {
    LIST_ENTRY(job) link;
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
    bool owned;
    pthread_t thread;
    int fd; /* an eventfd: the work is done */
    struct event *event;
};

struct jobs {
    struct event_base *base;
    LIST_HEAD(, job) all;
    volatile int stop;
};

struct jobs *jobs_new(struct event_base *base)
{
    struct jobs *jobs = XNEW(struct jobs);

    jobs->base = base;
    LIST_INIT(&jobs->all);
    return jobs;
}

const volatile int *jobs_stop(const struct jobs *jobs)
{
    return &jobs->stop;
}

/* Waits for its thread. */
static void end(struct job *job)
{
    pthread_join(job->thread, NULL);
    event_free(job->event);
    close(job->fd);
    LIST_REMOVE(job, link);
}

void jobs_free(struct jobs *jobs)
{
    struct job *job;

    if (!jobs)
        return;
    jobs->stop = 1;
    while ((job = LIST_FIRST(&jobs->all))) {
        end(job);
        if (job->owned)
            free(job->arg);
        free(job);
    }
    free(jobs);
}

static void *run(void *arg)
{
    struct job *job = arg;
    const uint64_t one = 1;

    job->work(job->arg);
    if (write(job->fd, &one, sizeof(one)) != (ssize_t)sizeof(one))
        abort(); /* cannot be: it is one of its own, and was 0 */
    return NULL;
}

static void has_ended(evutil_socket_t fd, short what, void *arg)
{
    struct job *job = arg;
    void (*done)(void *arg) = job->done;
    void *done_arg = job->arg;

    end(job);
    free(job);
    done(done_arg);
}

void job_run(struct jobs *jobs, void (*work)(void *arg),
             void (*done)(void *arg), void *arg, bool owned)
{
    struct job *job = XNEW(struct job);
    sigset_t all, before;

    job->work = work;
    job->done = done;
    job->arg = arg;
    job->owned = owned;
    job->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (job->fd < 0)
        abort(); /* no descriptors: nothing goes on without any */
    job->event = event_new(jobs->base, job->fd, EV_READ, has_ended, job);
    if (!job->event || event_add(job->event, NULL))
        abort(); /* out of memory */
    LIST_INSERT_HEAD(&jobs->all, job, link);
    /* signals are the loop's */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&job->thread, NULL, run, job);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r)
        abort(); /* out of memory */
}
