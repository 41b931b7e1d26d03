/* Blocking operations on a domain, in worker threads. */
#include "hv/xen/job.h"

#include <stdlib.h>

static struct job *job_of(struct work *work)
{
    return (struct job *)work;
}

static void job_free(struct work *work)
{
    struct job *job = job_of(work);

    if (job->release)
        job->release(job);
    free(job);
}

static void job_run(struct work *work)
{
    struct job *job = job_of(work);
    struct xl *xl = XNEW(struct xl);

    job->rc = xl_open(xl, NULL, &job->err);
    if (job->rc == 0)
        job->rc = job->run(job, xl);
    xl_close(xl, false);
    free(xl);
}

static void job_done(struct work *work)
{
    struct job *job = job_of(work);

    job->done(job->arg, job->rc, &job->err);
    job_free(work);
}

void job_start(struct hv_xen *self, struct job *job, uint32_t domid,
               hv_done_fn *done, void *arg)
{
    job->work.run = job_run;
    job->work.done = job_done;
    job->work.drop = job_free;
    job->domid = domid;
    job->done = done;
    job->arg = arg;
    work_start(self->pool, &job->work);
}

int job_error(struct job *job, struct xl *xl, int libxl_rc, uint64_t mark,
              const char *what)
{
    if (libxl_domain_info(xl->ctx, NULL, job->domid) == ERROR_DOMAIN_NOTFOUND)
        return vdc_error_set(&job->err, VDC_E_NOT_FOUND, "no domain %u",
                             job->domid);
    return xl_error(&job->err, xl, libxl_rc, mark, job->domid,
                    "cannot %s domain %u", what, job->domid);
}
