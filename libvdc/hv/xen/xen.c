/* Opens this machine's Xen: finds out why it cannot be opened, in words, and
 * puts the parts together. */
#include "hv/xen/xen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xenctrl.h>

#include "hv/xen/create.h"
#include "hv/xen/domain.h"
#include "hv/xen/grant.h"
#include "hv/xen/hotplug.h"
#include "hv/xen/op.h"
#include "hv/xen/reserve.h"
#include "hv/xen/self.h"
#include "hv/xen/store.h"
#include "hv/xen/watches.h"
#include "hv/xen/work.h"

/* The first word or words of a small file; "" when it cannot be read. */
static void read_line(const char *path, char *buf, int size)
{
    FILE *f = fopen(path, "re");

    buf[0] = '\0';
    if (!f)
        return;
    if (!fgets(buf, size, f))
        buf[0] = '\0';
    fclose(f);
    buf[strcspn(buf, "\n")] = '\0';
}

/* Without a call to Xen, so that it answers anywhere and at once. */
static int check_host(struct vdc_error *err)
{
    char text[64];
    int rc;

    read_line("/sys/hypervisor/type", text, sizeof(text));
    if (strcmp(text, "xen") != 0 && access("/proc/xen/privcmd", F_OK) != 0) {
        rc = vdc_error_set(err, VDC_E_NO_XEN, "this machine does not run Xen");
        vdc_error_hint(err,
                       "boot it with Xen, or use the simulator: --hv sim");
        return rc;
    }
    if (geteuid() != 0) {
        rc = vdc_error_set(err, VDC_E_DENIED,
                           "only root may use Xen's interfaces");
        vdc_error_hint(err, "run it as root");
        return rc;
    }
    read_line("/proc/xen/capabilities", text, sizeof(text));
    if (strstr(text, "control_d"))
        return 0;
    if (access("/proc/xen/privcmd", F_OK) != 0) {
        rc = vdc_error_set(err, VDC_E_NO_XEN, "/proc/xen is not mounted");
        vdc_error_hint(err, "mount -t xenfs xenfs /proc/xen");
        return rc;
    }
    return vdc_error_set(err, VDC_E_NO_XEN,
                         "this is a guest of a Xen host, not its dom0");
}

static void xen_close(struct hv *hv)
{
    struct hv_xen *self = hv_xen_of(hv);

    work_pool_destroy(self->pool);
    create_abandon_all(self);
    watches_destroy(self->watches);
    hotplug_abandon_all(self);
    xl_close(&self->xl, op_abandon_all(self));
    grants_destroy(self->grants);
    reserve_close(self);
    if (self->xch)
        xc_interface_close(self->xch);
    store_destroy(self->store);
    free(self->broken);
    free(self);
}

static int open_xenctrl(struct hv_xen *self, struct vdc_error *err)
{
    self->xch = xc_interface_open(&self->xl.log.logger, NULL, 0);
    if (self->xch)
        return 0;
    return vdc_error_set(err, VDC_E_HYPERVISOR, "cannot open libxenctrl");
}

static int open_parts(struct hv_xen *self, bool beside, struct vdc_error *err)
{
    int rc = store_new(self->base, &self->store, err);

    if (rc == 0)
        rc = work_pool_new(self->base, &self->pool, err);
    if (rc == 0)
        rc = xl_open(&self->xl, self->base, err);
    if (rc == 0)
        rc = watches_new(self, &self->watches, err);
    if (rc == 0)
        rc = open_xenctrl(self, err);
    if (rc == 0 && !beside)
        rc = reserve_open(self, err);
    if (rc == 0)
        self->grants = grants_new(self->base, &self->xl.log.logger);
    return rc;
}

int hv_xen_open(struct event_base *base, bool beside, struct hv **ret,
                struct vdc_error *err)
{
    int rc = check_host(err);

    if (rc)
        return rc;
    struct hv_xen *self = XNEW(struct hv_xen);
    self->hv.name = "xen";
    self->hv.domain = &domain_ops;
    self->hv.store = &store_ops;
    self->hv.grant = &grant_ops;
    self->hv.close = xen_close;
    self->base = base;
    self->holder = HV_DOMID_NONE;
    LIST_INIT(&self->ops);
    LIST_INIT(&self->creates);
    LIST_INIT(&self->hotplugs);
    rc = open_parts(self, beside, err);
    if (rc) {
        xen_close(&self->hv);
        return rc;
    }
    *ret = &self->hv;
    return 0;
}
