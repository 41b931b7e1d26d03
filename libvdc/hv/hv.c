/* Chooses the implementation of the hypervisor interface, and names things. */
#include "hv/hv.h"

#include <string.h>

#include "hv/sim/sim.h"
#ifdef WITH_XEN
#include "hv/xen/xen.h"
#endif

static int open_xen(struct event_base *base, bool beside, struct hv **ret,
                    struct vdc_error *err)
{
#ifdef WITH_XEN
    return hv_xen_open(base, beside, ret, err);
#else
    int rc = vdc_error_set(err, VDC_E_NO_XEN, "this build is without Xen");
    vdc_error_hint(err, "build it where libxen-dev is installed, or use the "
                        "simulator: --hv sim");
    return rc;
#endif
}

int hv_open(const char *spec, struct event_base *base, struct hv **ret,
            struct vdc_error *err)
{
    if (strcmp(spec, "xen") == 0)
        return open_xen(base, false, ret, err);
    if (strcmp(spec, "xen:beside") == 0)
        return open_xen(base, true, ret, err);
    if (strcmp(spec, "sim") == 0)
        return hv_sim_open("", base, ret, err);
    if (strncmp(spec, "sim:", 4) == 0)
        return hv_sim_open(spec + 4, base, ret, err);
    return vdc_error_set(err, VDC_E_BAD_VALUE,
                         "\"%s\" is not a hypervisor: it is xen, sim or "
                         "sim:OPTIONS",
                         spec);
}

void hv_close(struct hv *hv)
{
    if (hv)
        hv->close(hv);
}

const char *hv_domain_type_name(enum hv_domain_type type)
{
    switch (type) {
    case HV_DOMAIN_PV:
        return "pv";
    case HV_DOMAIN_PVH:
        return "pvh";
    case HV_DOMAIN_HVM:
        return "hvm";
    }
    return "unknown";
}

const char *hv_shutdown_reason_name(enum hv_shutdown_reason reason)
{
    switch (reason) {
    case HV_SHUTDOWN_POWEROFF:
        return "poweroff";
    case HV_SHUTDOWN_REBOOT:
        return "reboot";
    case HV_SHUTDOWN_SUSPEND:
        return "suspend";
    case HV_SHUTDOWN_CRASH:
        return "crash";
    case HV_SHUTDOWN_WATCHDOG:
        return "watchdog";
    case HV_SHUTDOWN_SOFT_RESET:
        return "soft_reset";
    case HV_SHUTDOWN_NONE:
        return "none";
    }
    return "unknown";
}
