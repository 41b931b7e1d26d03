/*
 * Saves a domain into a file, and lets a suspended one run on.
 *
 * libxl saves by events, with a helper process for the memory; but its events
 * are also "this descriptor can be written", and a file is nothing that epoll
 * takes.  So a save runs in a worker, where libxl waits with poll.
 */
#include "hv/xen/save.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "hv/xen/domain.h"
#include "hv/xen/job.h"
#include "hv/xen/op.h"
#include "hv/xen/saved.h"

/* libxl's, for the guest's answer and again for its suspending. */
#define SUSPEND_MS 60000

struct save {
    struct job job; /* first */
    int fd;         /* our own copy */
};

static void save_release(struct job *job)
{
    close(((struct save *)job)->fd);
}

static bool is_suspended(const libxl_dominfo *info)
{
    return info->shutdown &&
           info->shutdown_reason == LIBXL_SHUTDOWN_REASON_SUSPEND;
}

bool save_run_on(const struct job *job, struct xl *xl)
{
    libxl_dominfo info;

    libxl_dominfo_init(&info);
    bool suspended = libxl_domain_info(xl->ctx, &info, job->domid) == 0 &&
                     is_suspended(&info);
    libxl_dominfo_dispose(&info);
    if (suspended)
        libxl_domain_resume(xl->ctx, job->domid, 1, NULL);
    return suspended;
}

/* libxl gives ERROR_GUEST_TIMEDOUT for all that fails before the guest has
 * answered, so that the time itself has to be looked at. */
static int explain(struct job *job, struct xl *xl, int libxl_rc, uint64_t mark,
                   bool timed_out)
{
    if (timed_out) {
        int rc = vdc_error_set(&job->err, VDC_E_TIMEOUT,
                               "domain %u did not suspend in %d s, and runs "
                               "on",
                               job->domid, SUSPEND_MS / 1000);
        vdc_error_hint(&job->err, "see its console, or shut it down");
        return rc;
    }
    int rc = job_error(job, xl, libxl_rc, mark, "save");
    if (rc == VDC_E_TIMEOUT)
        rc = job->err.code = VDC_E_HYPERVISOR;
    if (strstr(job->err.text, strerror(ENOSPC)))
        rc = job->err.code = VDC_E_DISK_FULL;
    return rc;
}

static int save_run(struct job *job, struct xl *xl)
{
    struct save *save = (struct save *)job;
    uint64_t mark = xtl_mark(&xl->log), start_ms = clock_mono().ms;
    int rc = saved_check_room(save->fd, &job->err);

    if (rc) {
        vdc_error_prefix(&job->err, "cannot save domain %u", job->domid);
        return rc;
    }
    /* Not live: a PV guest would need shadow paging for that, which not every
     * Xen has, and to a file the guest gains nothing from it. */
    rc = libxl_domain_suspend(xl->ctx, job->domid, save->fd, 0, NULL);
    if (rc == 0)
        return 0;
    uint64_t took_ms = clock_mono().ms - start_ms;
    bool suspended = save_run_on(job, xl);
    return explain(job, xl, rc, mark, !suspended && took_ms >= SUSPEND_MS);
}

int save_check_runs(struct hv_xen *self, uint32_t domid, struct vdc_error *err)
{
    libxl_dominfo info;
    const char *state = NULL;
    int rc = xl_domain_info(&self->xl, domid, &info, err);

    if (rc == 0 && info.dying)
        state = "is ending";
    else if (rc == 0 && info.shutdown)
        state = is_suspended(&info) ? "is suspended already" : "has shut down";
    else if (rc == 0 && info.paused)
        state = "is paused, and cannot be asked to suspend";
    libxl_dominfo_dispose(&info);
    if (rc || !state)
        return rc;
    return vdc_error_set(err, VDC_E_WRONG_STATE, "domain %u %s", domid, state);
}

int save_domain(struct hv *hv, uint32_t domid, int fd, hv_done_fn *done,
                void *arg, struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    int rc = domain_check_guest(self, domid, err);

    if (rc == 0)
        rc = save_check_runs(self, domid, err);
    if (rc)
        return rc;
    /* With the same offset; the caller may close his when we are closed. */
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        return vdc_error_errno(err, VDC_E_IO, errno, "cannot save domain %u",
                               domid);
    struct save *save = XNEW(struct save);
    save->job.run = save_run;
    save->job.release = save_release;
    save->fd = copy;
    job_start(self, &save->job, domid, done, arg);
    return 0;
}

int save_resume(struct hv *hv, uint32_t domid, hv_done_fn *done, void *arg,
                struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    libxl_dominfo info;
    int rc = domain_check_guest(self, domid, err);

    if (rc)
        return rc;
    rc = xl_domain_info(&self->xl, domid, &info, err);
    bool suspended = rc == 0 && is_suspended(&info);
    libxl_dominfo_dispose(&info);
    if (rc)
        return rc;
    if (!suspended)
        return vdc_error_set(err, VDC_E_WRONG_STATE,
                             "domain %u is not suspended", domid);
    struct op *op = op_new(self, domid, "resume", done, arg);
    /* 1: it is told that its suspending was cancelled, and keeps its devices;
     * all guests since Linux 2.6.18 understand that. */
    return op_started(
        op, libxl_domain_resume(self->xl.ctx, domid, 1, op_how(op)), err);
}
