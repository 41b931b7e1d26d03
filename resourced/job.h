/*
 * Work that waits for a disk, in a thread of its own; its end is told in the
 * loop.
 */
#ifndef RESOURCED_JOB_H
#define RESOURCED_JOB_H

#include <stdbool.h>

struct event_base;
struct jobs;

struct jobs *jobs_new(struct event_base *base);
/* Waits for those under way; `done` is not called any more.  NULL allowed. */
void jobs_free(struct jobs *jobs);
/* Non-zero when they are to come to an end; for long ones to look at. */
const volatile int *jobs_stop(const struct jobs *jobs);

/* `work` is called in a thread, then `done` from the loop; neither from
 * within this call.  Until then `arg` is the thread's alone.  owned: it is
 * from malloc, and freed when `done` is not called because of jobs_free. */
void job_run(struct jobs *jobs, void (*work)(void *arg),
             void (*done)(void *arg), void *arg, bool owned);

#endif
