/* The watchdog of dom0: SCHEDOP_watchdog by libxenctrl. */
#include "hv/xen/watchdog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xenctrl.h>

#include "base/arena.h"
#include "hv/watchdog.h"

struct watchdog_xen {
    struct hv_watchdog watchdog; /* first */
    xc_interface *xch;
};

/* Of dom0's kernel: dom0 does not boot without Xen. */
static uint64_t read_boot_id(void)
{
    char text[64] = "";
    uint64_t id = 0;
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

    if (f && !fgets(text, sizeof(text), f))
        text[0] = '\0';
    if (f)
        fclose(f);
    for (const char *p = text; *p; p++)
        id = id * 31 + (unsigned char)*p;
    return id ? id : 1;
}

static int set(struct hv_watchdog *self, uint32_t *slot, unsigned seconds,
               struct vdc_error *err)
{
    struct watchdog_xen *xen = (struct watchdog_xen *)self;
    int r = xc_watchdog(xen->xch, *slot, seconds);

    if (r >= 0) {
        if (*slot == 0)
            *slot = (uint32_t)r;
        return 0;
    }
    if (*slot == 0 && (errno == ENOSPC || errno == EEXIST))
        return vdc_error_set(err, VDC_E_NO_RESOURCE,
                             "both slots of Xen's watchdog are taken: is "
                             "another watchdog daemon running?");
    if (*slot != 0 && (errno == EINVAL || errno == EEXIST))
        return vdc_error_set(err, VDC_E_NOT_FOUND,
                             "slot %u of Xen's watchdog does not run", *slot);
    return vdc_error_set(err, VDC_E_HYPERVISOR, "Xen's watchdog: %s",
                         strerror(errno));
}

static int guests(struct hv_watchdog *self, uint32_t *ret_n,
                  struct vdc_error *err)
{
    struct watchdog_xen *xen = (struct watchdog_xen *)self;
    xc_domaininfo_t infos[64];
    uint32_t next = 1, count = 0;
    int n;

    do {
        n = xc_domain_getinfolist(xen->xch, next, 64, infos);
        if (n < 0)
            return vdc_error_set(err, VDC_E_HYPERVISOR,
                                 "cannot list the domains: %s",
                                 strerror(errno));
        count += (uint32_t)n;
        if (n > 0)
            next = infos[n - 1].domain + 1u;
    } while (n == 64);
    *ret_n = count;
    return 0;
}

static void xen_close(struct hv_watchdog *self)
{
    struct watchdog_xen *xen = (struct watchdog_xen *)self;

    if (xen->xch)
        xc_interface_close(xen->xch);
    free(xen);
}

static const struct hv_watchdog_ops ops = {
    .set = set,
    .guests = guests,
    .close = xen_close,
};

int watchdog_xen_open(struct hv_watchdog **ret, struct vdc_error *err)
{
    struct watchdog_xen *xen;

    if (access("/proc/xen/privcmd", F_OK) != 0 &&
        access("/dev/xen/privcmd", F_OK) != 0)
        return vdc_error_set(err, VDC_E_NO_XEN,
                             "this machine does not run Xen, or is not dom0");
    if (geteuid() != 0)
        return vdc_error_set(err, VDC_E_DENIED,
                             "only root may use Xen's interfaces");
    xen = XNEW(struct watchdog_xen);
    xen->watchdog.ops = &ops;
    xen->watchdog.boot_id = read_boot_id();
    xen->xch = xc_interface_open(NULL, NULL, 0);
    if (!xen->xch) {
        int rc = vdc_error_set(err, VDC_E_HYPERVISOR,
                               "cannot open libxenctrl: %s", strerror(errno));
        free(xen);
        return rc;
    }
    *ret = &xen->watchdog;
    return 0;
}
