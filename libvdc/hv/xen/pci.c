/*
 * Attaches and detaches PCI devices.
 *
 * libxl does so in one blocking call: it resets the device through sysfs, and
 * looks up to 10 s, every tenth of a second, whether the backend is ready.  So
 * it runs in a worker.
 */
#include "hv/xen/pci.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/xen/config_device.h"
#include "hv/xen/devices.h"
#include "hv/xen/domain.h"
#include "hv/xen/job.h"

struct pci {
    struct job job; /* first */
    bool force;
    char bdf[32];
    libxl_device_pci device;
};

static bool is_same(const libxl_device_pci *a, const libxl_device_pci *b)
{
    return a->domain == b->domain && a->bus == b->bus && a->dev == b->dev &&
           a->func == b->func;
}

static bool is_in(const libxl_device_pci *list, int n,
                  const libxl_device_pci *device)
{
    for (int i = 0; list && i < n; i++)
        if (is_same(&list[i], device))
            return true;
    return false;
}

static bool domain_has(struct xl *xl, uint32_t domid,
                       const libxl_device_pci *device)
{
    int n = 0;
    libxl_device_pci *list = libxl_device_pci_list(xl->ctx, domid, &n);
    bool has = is_in(list, n, device);

    if (list)
        libxl_device_pci_list_free(list, n);
    return has;
}

/* NULL when there are none.  Without the driver libxl would say so as an
 * error, each time. */
static libxl_device_pci *list_assignable(struct xl *xl, int *ret_n)
{
    *ret_n = 0;
    if (access("/sys/bus/pci/drivers/pciback", F_OK) != 0)
        return NULL;
    return libxl_device_pci_assignable_list(xl->ctx, ret_n);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int pci_assignable(struct hv *hv, struct arena *arena, const char ***ret,
                   size_t *ret_n, struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    char bdf[32];
    int n, rc = hv_xen_check(self, err);

    if (rc)
        return rc;
    libxl_device_pci *list = list_assignable(&self->xl, &n);
    const char **texts = ARENA_ARRAY(arena, n, const char *);
    for (int i = 0; i < n; i++)
        texts[i] =
            arena_strdup(arena, devices_bdf(&list[i], bdf, sizeof(bdf)));
    if (list)
        libxl_device_pci_assignable_list_free(list, n);
    qsort(texts, (size_t)n, sizeof(texts[0]), by_text);
    *ret = texts;
    *ret_n = (size_t)n;
    return 0;
}

static int check_assignable(struct hv_xen *self, uint32_t domid,
                            const libxl_device_pci *device, const char *bdf,
                            struct vdc_error *err)
{
    int n;

    if (domain_has(&self->xl, domid, device))
        return vdc_error_set(err, VDC_E_EXISTS,
                             "domain %u has the PCI device %s already", domid,
                             bdf);
    libxl_device_pci *list = list_assignable(&self->xl, &n);
    bool found = is_in(list, n, device);
    if (list)
        libxl_device_pci_assignable_list_free(list, n);
    if (found)
        return 0;
    int rc = vdc_error_set(err, VDC_E_NO_RESOURCE,
                           "the PCI device %s is not assignable: another "
                           "domain has it, or the host keeps it",
                           bdf);
    vdc_error_hint(err, "see xl pci-assignable-list; xl pci-assignable-add %s",
                   bdf);
    return rc;
}

static void pci_release(struct job *job)
{
    libxl_device_pci_dispose(&((struct pci *)job)->device);
}

static int attach_run(struct job *job, struct xl *xl)
{
    struct pci *pci = (struct pci *)job;
    uint64_t mark = xtl_mark(&xl->log);
    int rc = libxl_device_pci_add(xl->ctx, job->domid, &pci->device, NULL);

    if (rc == 0)
        return 0;
    rc = job_error(job, xl, rc, mark, "attach a PCI device to");
    vdc_error_prefix(&job->err, "%s", pci->bdf);
    /* Also of a host without an IOMMU, but there no domain is made so. */
    if (strstr(job->err.text, "xc_assign_device failed"))
        vdc_error_hint(&job->err,
                       "only a domain that was made with PCI devices can get "
                       "more: name one in its file");
    if (domain_has(xl, job->domid, &pci->device))
        libxl_device_pci_destroy(xl->ctx, job->domid, &pci->device, NULL);
    return rc;
}

static int detach_run(struct job *job, struct xl *xl)
{
    struct pci *pci = (struct pci *)job;
    uint64_t mark = xtl_mark(&xl->log);
    int rc =
        pci->force
            ? libxl_device_pci_destroy(xl->ctx, job->domid, &pci->device, NULL)
            : libxl_device_pci_remove(xl->ctx, job->domid, &pci->device, NULL);
    bool keeps = domain_has(xl, job->domid, &pci->device);

    if (rc == 0 && !keeps)
        return 0;
    if (libxl_domain_info(xl->ctx, NULL, job->domid) == 0 && keeps) {
        rc = vdc_error_set(&job->err, VDC_E_TIMEOUT,
                           "domain %u has not let go of the PCI device %s",
                           job->domid, pci->bdf);
        vdc_error_hint(&job->err, pci->force ? "end the domain"
                                             : "take it away by force");
        return rc;
    }
    rc = job_error(job, xl, rc, mark, "detach a PCI device from");
    vdc_error_prefix(&job->err, "%s", pci->bdf);
    return rc;
}

/* Takes device. */
static int start(struct hv_xen *self, uint32_t domid, libxl_device_pci *device,
                 int (*run)(struct job *job, struct xl *xl), bool force,
                 hv_done_fn *done, void *arg)
{
    struct pci *pci = XNEW(struct pci);

    pci->job.run = run;
    pci->job.release = pci_release;
    pci->device = *device;
    pci->force = force;
    devices_bdf(device, pci->bdf, sizeof(pci->bdf));
    job_start(self, &pci->job, domid, done, arg);
    return 0;
}

int pci_attach(struct hv *hv, uint32_t domid, const char *bdf,
               hv_done_fn *done, void *arg, struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    libxl_device_pci device;
    int rc = domain_check_guest(self, domid, err);

    if (rc)
        return rc;
    libxl_device_pci_init(&device);
    rc = config_map_pci(bdf, &device, err);
    if (rc == 0)
        rc = check_assignable(self, domid, &device, bdf, err);
    if (rc == 0)
        return start(self, domid, &device, attach_run, false, done, arg);
    libxl_device_pci_dispose(&device);
    return rc;
}

int pci_detach(struct hv *hv, uint32_t domid, const char *bdf, bool force,
               hv_done_fn *done, void *arg, struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    libxl_device_pci device;
    int rc = domain_check_guest(self, domid, err);

    if (rc)
        return rc;
    libxl_device_pci_init(&device);
    rc = config_map_pci(bdf, &device, err);
    if (rc == 0 && !domain_has(&self->xl, domid, &device))
        rc = vdc_error_set(err, VDC_E_NOT_FOUND,
                           "domain %u has no PCI device %s", domid, bdf);
    if (rc == 0)
        return start(self, domid, &device, detach_run, force, done, arg);
    libxl_device_pci_dispose(&device);
    return rc;
}
