/* What is done to domains that exist: run, stop, end, rename; and the table of
 * all operations on domains. */
#include "hv/xen/domain.h"

#include <string.h>

#include "hv/xen/create.h"
#include "hv/xen/devices.h"
#include "hv/xen/dump.h"
#include "hv/xen/hotplug.h"
#include "hv/xen/memory.h"
#include "hv/xen/op.h"
#include "hv/xen/pci.h"
#include "hv/xen/query.h"
#include "hv/xen/reserve.h"
#include "hv/xen/save.h"
#include "hv/xen/sched.h"
#include "hv/xen/send.h"
#include "hv/xen/usage.h"
#include "hv/xen/vcpus.h"
#include "hv/xen/watches.h"

int domain_check(struct hv_xen *self, uint32_t domid, struct vdc_error *err)
{
    int rc = hv_xen_check(self, err);

    if (rc)
        return rc;
    if (domid > HV_DOMID_MAX || domid == self->holder)
        return vdc_error_set(err, VDC_E_NOT_FOUND, "no domain %u", domid);
    return xl_domain_info(&self->xl, domid, NULL, err);
}

int domain_check_guest(struct hv_xen *self, uint32_t domid,
                       struct vdc_error *err)
{
    if (domid == 0 || domid > HV_DOMID_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE, "domain %u is not a guest",
                             domid);
    return domain_check(self, domid, err);
}

static int domain_unpause(struct hv *hv, uint32_t domid, hv_done_fn *done,
                          void *arg, struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    int rc = domain_check_guest(self, domid, err);

    if (rc)
        return rc;
    struct op *op = op_new(self, domid, "unpause", done, arg);
    rc = libxl_domain_unpause(self->xl.ctx, domid, op_how(op));
    return op_started(op, rc, err);
}

static int domain_pause(struct hv *hv, uint32_t domid, hv_done_fn *done,
                        void *arg, struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    int rc = domain_check_guest(self, domid, err);

    if (rc)
        return rc;
    struct op *op = op_new(self, domid, "pause", done, arg);
    rc = libxl_domain_pause(self->xl.ctx, domid, op_how(op));
    return op_started(op, rc, err);
}

static int domain_shutdown(struct hv *hv, uint32_t domid,
                           enum hv_shutdown_reason reason, hv_done_fn *done,
                           void *arg, struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    bool reboot = reason == HV_SHUTDOWN_REBOOT;
    int rc = domain_check_guest(self, domid, err);

    if (rc)
        return rc;
    if (!reboot && reason != HV_SHUTDOWN_POWEROFF)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "a domain can be asked to poweroff or reboot, "
                             "not to %s",
                             hv_shutdown_reason_name(reason));
    struct op *op =
        op_new(self, domid, reboot ? "reboot" : "shut down", done, arg);
    /* libxl writes the request at once, and then waits a minute for the
     * guest to take it; that is for the owner of the loop to judge. */
    op_done_when_begun(op);
    rc = reboot ? libxl_domain_reboot(self->xl.ctx, domid, op_how(op))
                : libxl_domain_shutdown(self->xl.ctx, domid, op_how(op));
    return op_started(op, rc, err);
}

static int domain_destroy(struct hv *hv, uint32_t domid, hv_done_fn *done,
                          void *arg, struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    int rc = domain_check_guest(self, domid, err);

    if (rc)
        return rc;
    struct op *op = op_new(self, domid, "destroy", done, arg);
    rc = libxl_domain_destroy(self->xl.ctx, domid, op_how(op));
    return op_started(op, rc, err);
}

static int domain_rename(struct hv *hv, uint32_t domid, const char *name,
                         struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    uint32_t other;
    int rc = domain_check_guest(self, domid, err);

    if (rc)
        return rc;
    if (!*name)
        return vdc_error_set(err, VDC_E_BAD_VALUE, "the new name is empty");
    if (libxl_name_to_domid(self->xl.ctx, name, &other) == 0 && other != domid)
        return vdc_error_set(err, VDC_E_EXISTS,
                             "the name '%s' is taken by domain %u", name,
                             other);
    uint64_t mark = xtl_mark(&self->xl.log);
    rc = libxl_domain_rename(self->xl.ctx, domid, NULL, name);
    if (rc)
        return xl_error(err, &self->xl, rc, mark, domid,
                        "cannot rename domain %u to '%s'", domid, name);
    return 0;
}

const struct hv_domain_ops domain_ops = {
    .create = create_domain,
    .memory_needed = create_memory_needed,
    .unpause = domain_unpause,
    .pause = domain_pause,
    .shutdown = domain_shutdown,
    .destroy = domain_destroy,
    .core_dump = dump_core,
    .rename = domain_rename,
    .set_memory_target = memory_set_target,
    .list = query_list,
    .info = query_info,
    .console_path = query_console_path,
    .watch = watches_add,
    .unwatch = watches_remove,
    .host_info = query_host_info,
    .set_max_memory = memory_set_max,
    .memory_target = memory_target,
    .set_vcpus = vcpus_set,
    .vcpus = vcpus_list,
    .set_affinity = vcpus_set_affinity,
    .set_sched = sched_set,
    .sched = sched_get,
    .disk_attach = hotplug_disk_attach,
    .disk_detach = hotplug_disk_detach,
    .nic_attach = hotplug_nic_attach,
    .nic_detach = hotplug_nic_detach,
    .pci_attach = pci_attach,
    .pci_detach = pci_detach,
    .devices = devices_list,
    .pci_assignable = pci_assignable,
    .save = save_domain,
    .resume = save_resume,
    .restore = create_restore,
    .send = send_domain,
    .receive = create_receive,
    .reserve = reserve_set,
    .usage = usage_get,
    .cpupools = sched_cpupools,
};
