/* Dumps a domain's core, in a worker thread: libxl writes it in one call. */
#include "hv/xen/dump.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hv/xen/domain.h"
#include "hv/xen/job.h"

struct dump {
    struct job job; /* first */
    char *path;
};

static void dump_release(struct job *job)
{
    free(((struct dump *)job)->path);
}

/* What was written of it is of no use, and may fill the disk. */
static void remove_partial(const char *path)
{
    struct stat st;

    if (lstat(path, &st) == 0 && S_ISREG(st.st_mode))
        unlink(path);
}

static int dump_run(struct job *job, struct xl *xl)
{
    struct dump *dump = (struct dump *)job;
    uint64_t mark = xtl_mark(&xl->log);
    int rc = libxl_domain_core_dump(xl->ctx, job->domid, dump->path, NULL);

    if (rc == 0)
        return 0;
    remove_partial(dump->path);
    return job_error(job, xl, rc, mark, "dump the core of");
}

int dump_core(struct hv *hv, uint32_t domid, const char *path,
              hv_done_fn *done, void *arg, struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    int rc = domain_check_guest(self, domid, err);

    if (rc)
        return rc;
    struct dump *dump = XNEW(struct dump);
    dump->job.run = dump_run;
    dump->job.release = dump_release;
    dump->path = xstrdup(path);
    job_start(self, &dump->job, domid, done, arg);
    return 0;
}
