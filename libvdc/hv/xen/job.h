/*
 * An operation on a domain that libxl does in one blocking call: it runs in a
 * worker (hv/xen/work.h), and `done` comes from the loop.
 *
 *     struct save { struct job job; int fd; };    the job first
 *     struct save *save = XNEW(struct save);
 *     save->job.run = run_save;
 *     job_start(self, &save->job, domid, done, arg);
 */
#ifndef VDC_HV_XEN_JOB_H
#define VDC_HV_XEN_JOB_H

#include "hv/xen/self.h"
#include "hv/xen/work.h"

struct job {
    struct work work; /* first */
    /* In the thread, with a libxl context of its own; fills job->err when it
     * does not return 0. */
    int (*run)(struct job *job, struct xl *xl);
    void (*release)(struct job *job); /* what it owns, not itself; or NULL */
    uint32_t domid;
    int rc;
    struct vdc_error err;
    hv_done_fn *done;
    void *arg;
};

/* Takes the job, which is on the heap with `run` and `release` set. */
void job_start(struct hv_xen *self, struct job *job, uint32_t domid,
               hv_done_fn *done, void *arg);

/* For `run`: the error of a libxl answer that is not 0; VDC_E_NOT_FOUND when
 * the domain has gone meanwhile, which explains it better. */
int job_error(struct job *job, struct xl *xl, int libxl_rc, uint64_t mark,
              const char *what);

#endif
