/*
 * A program that is run once: its words, what it reads, what it writes, and
 * how it ends.
 */
#ifndef AUTOMATION_RUN_H
#define AUTOMATION_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define RUN_OUT_MAX 32768 /* bytes of its standard output that are kept */
#define RUN_ERRORS_MAX 2047 /* and of its standard error */

struct event_base;
struct run;

struct run_result {
    int status;         /* exit status; 128 and the signal that ended it */
    const char *out;    /* valid within the callback */
    const char *errors;
    bool cut; /* it wrote more than is kept */
};

struct run_ops {
    /* How far it is, as it said on its standard error. */
    void (*on_percent)(void *arg, unsigned percent);
    /* It has ended, and the run is freed after this; once. */
    void (*on_end)(void *arg, const struct run_result *result);
};

/*
 * Starts words[0]; the words end with NULL.  input is its standard input (at
 * most 64 KiB; NULL: nothing).  guest: the value of XEN_VDC_GUEST, or NULL.
 * Everything is copied.  Errors: VDC_E_IO, and nothing runs.
 */
int run_start(struct event_base *base, char *const *words, const char *input,
              const char *guest, const struct run_ops *ops, void *arg,
              struct run **ret, struct vdc_error *err);

/* SIGTERM, upon which xl-vdc undoes what it has begun; on_end comes. */
void run_stop(struct run *run);
/* No callback comes any more, and the program goes on; it is not waited for.
 * NULL is allowed. */
void run_leave(struct run *run);

#endif
