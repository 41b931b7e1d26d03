/*
 * Carrying requests out: each is one run of xl-vdc, or several when it is not
 * known what became of one and it can be asked again.  So many run at a time
 * as the settings say; the others wait in their order.
 */
#ifndef AUTOMATION_JOB_H
#define AUTOMATION_JOB_H

#include "automation/command.h"
#include "automation/run.h"
#include "automation/setup.h"

struct event_base;
struct job;
struct jobs;

struct job_order {
    const struct command_line *line;
    const char *key;   /* for COMMAND_KEYED */
    const char *input; /* what it reads; NULL: nothing */
    const char *guest; /* its UUID, as which xl-vdc asks; NULL: as ourselves */
};

struct job_ops {
    void (*on_start)(void *arg); /* it runs now; each time */
    void (*on_percent)(void *arg, unsigned percent);
    /* It could not be asked, and will be again. */
    void (*on_trouble)(void *arg, const char *text);
    /* Its end; the job is freed after this. */
    void (*on_end)(void *arg, const struct run_result *result);
};

struct jobs *jobs_new(struct event_base *base, const struct setup *setup);
/* What runs goes on by itself; no callback comes any more.  NULL allowed. */
void jobs_free(struct jobs *jobs);

/* Everything is copied; callbacks come from the loop. */
struct job *job_new(struct jobs *jobs, const struct job_order *order,
                    const struct job_ops *ops, void *arg);
/* Nobody wants it any more: what runs is told to undo it, and no callback
 * comes. */
void job_cancel(struct job *job);

#endif
