/*
 * Sends a domain to another host, in a worker; libxl writes into a pipe, from
 * which a thread carries it to the socket (hv/xen/carry.h).
 */
#include "hv/xen/send.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "hv/socket.h"
#include "hv/xen/carry.h"
#include "hv/xen/domain.h"
#include "hv/xen/job.h"
#include "hv/xen/save.h"

struct send {
    struct job job; /* first */
    int fd;         /* our own copy */
    bool live;
};

static void send_release(struct job *job)
{
    close(((struct send *)job)->fd);
}

/* What libxl (4.17) says when the time is over in which a guest must answer,
 * or suspend; its codes do not tell. */
static bool has_timed_out(const char *words)
{
    return strstr(words, "guest didn't acknowledge suspend") ||
           strstr(words, "guest did not suspend, timed out");
}

static int explain(struct job *job, struct xl *xl, int libxl_rc, uint64_t mark)
{
    int rc = job_error(job, xl, libxl_rc, mark, "send");

    if (has_timed_out(job->err.text)) {
        rc = vdc_error_set(&job->err, VDC_E_TIMEOUT,
                           "domain %u did not suspend in time, and runs on",
                           job->domid);
        vdc_error_hint(&job->err, "see its console, or shut it down");
    } else if (rc == VDC_E_TIMEOUT) {
        rc = job->err.code = VDC_E_HYPERVISOR;
    }
    return rc;
}

/* The helper process that writes the memory inherits this thread's mask; so a
 * pipe that is closed is an error to it, after which it puts the guest in
 * order, and does not kill it.  libxl sets the signal itself to be fatal. */
static void block_sigpipe(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static int send_run(struct job *job, struct xl *xl)
{
    struct send *send = (struct send *)job;
    uint64_t mark = xtl_mark(&xl->log);
    struct carry carry;

    block_sigpipe();
    int rc = work_check_thread(&job->work, &job->err);
    if (rc == 0)
        rc = carry_begin(&carry, send->fd, &job->err);
    if (rc) {
        vdc_error_prefix(&job->err, "cannot send domain %u", job->domid);
        return rc;
    }
    int libxl_rc =
        libxl_domain_suspend(xl->ctx, job->domid, carry.pipe,
                             send->live ? LIBXL_SUSPEND_LIVE : 0, NULL);
    rc = carry_end(&carry, &job->err);
    if (rc == 0 && libxl_rc == 0)
        return 0;
    save_run_on(job, xl);
    if (rc) /* what libxl says is the consequence */
        vdc_error_prefix(&job->err, "cannot send domain %u", job->domid);
    else
        rc = explain(job, xl, libxl_rc, mark);
    return rc;
}

/* Xen can log what a PV guest writes by shadow paging alone, which is left out
 * of some (Debian's); of the others, by the processor's nested paging too. */
static int check_live(struct hv_xen *self, uint32_t domid,
                      struct vdc_error *err)
{
    libxl_dominfo info;
    libxl_physinfo physinfo;
    int rc = xl_domain_info(&self->xl, domid, &info, err);
    bool is_pv = rc == 0 && info.domain_type == LIBXL_DOMAIN_TYPE_PV;

    libxl_dominfo_dispose(&info);
    if (rc || !is_pv)
        return rc;
    libxl_physinfo_init(&physinfo);
    bool can = libxl_get_physinfo(self->xl.ctx, &physinfo) != 0 ||
               physinfo.cap_shadow; /* if it is not known, libxl will tell */
    libxl_physinfo_dispose(&physinfo);
    if (can)
        return 0;
    return vdc_error_set(err, VDC_E_UNSUPPORTED,
                         "domain %u is a PV guest, and this Xen, without "
                         "shadow paging, cannot copy the memory of such while "
                         "it runs",
                         domid);
}

int send_domain(struct hv *hv, uint32_t domid, int fd, bool live,
                hv_done_fn *done, void *arg, struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    int rc = socket_check(fd, err);

    if (rc == 0)
        rc = domain_check_guest(self, domid, err);
    if (rc == 0)
        rc = save_check_runs(self, domid, err);
    if (rc == 0 && live)
        rc = check_live(self, domid, err);
    if (rc)
        return rc;
    /* The caller may close his when we are closed. */
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        return vdc_error_errno(err, VDC_E_IO, errno, "cannot send domain %u",
                               domid);
    struct send *send = XNEW(struct send);
    send->job.work.waits = true;
    send->job.run = send_run;
    send->job.release = send_release;
    send->fd = copy;
    send->live = live;
    job_start(self, &send->job, domid, done, arg);
    return 0;
}
