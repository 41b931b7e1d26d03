/* Dumps a domain's core, in a worker thread: libxl writes it in one call. */
#include "hv/xen/dump.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hv/xen/self.h"
#include "hv/xen/work.h"

struct dump {
    struct work work; /* first */
    hv_done_fn *done;
    void *arg;
    uint32_t domid;
    char *path;
    int rc;
    struct vdc_error err;
};

static void dump_free(struct work *work)
{
    struct dump *dump = (struct dump *)work;

    free(dump->path);
    free(dump);
}

/* What was written of it is of no use, and may fill the disk. */
static void remove_partial(const char *path)
{
    struct stat st;

    if (lstat(path, &st) == 0 && S_ISREG(st.st_mode))
        unlink(path);
}

static int dump_in(struct dump *dump, struct xl *xl)
{
    uint64_t mark = xtl_mark(&xl->log);
    int rc = libxl_domain_core_dump(xl->ctx, dump->domid, dump->path, NULL);

    if (rc == 0)
        return 0;
    remove_partial(dump->path);
    if (libxl_domain_info(xl->ctx, NULL, dump->domid) == ERROR_DOMAIN_NOTFOUND)
        return vdc_error_set(&dump->err, VDC_E_NOT_FOUND, "no domain %u",
                             dump->domid);
    return xl_error(&dump->err, xl, rc, mark, dump->domid,
                    "cannot dump the core of domain %u", dump->domid);
}

static void dump_run(struct work *work)
{
    struct dump *dump = (struct dump *)work;
    struct xl *xl = XNEW(struct xl);

    dump->rc = xl_open(xl, NULL, &dump->err);
    if (dump->rc == 0)
        dump->rc = dump_in(dump, xl);
    xl_close(xl, false);
    free(xl);
}

static void dump_done(struct work *work)
{
    struct dump *dump = (struct dump *)work;

    dump->done(dump->arg, dump->rc, &dump->err);
    dump_free(work);
}

int dump_core(struct hv *hv, uint32_t domid, const char *path,
              hv_done_fn *done, void *arg, struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    int rc = hv_xen_check(self, err);

    if (rc == 0 && (domid == 0 || domid > HV_DOMID_MAX))
        rc = vdc_error_set(err, VDC_E_BAD_VALUE, "domain %u is not a guest",
                           domid);
    if (rc == 0)
        rc = xl_domain_info(&self->xl, domid, NULL, err);
    if (rc)
        return rc;
    struct dump *dump = XNEW(struct dump);
    dump->work.run = dump_run;
    dump->work.done = dump_done;
    dump->work.drop = dump_free;
    dump->done = done;
    dump->arg = arg;
    dump->domid = domid;
    dump->path = xstrdup(path);
    work_start(self->pool, &dump->work);
    return 0;
}
