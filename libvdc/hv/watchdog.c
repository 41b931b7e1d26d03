/* Chooses the implementation of the watchdog. */
#include "hv/watchdog.h"

#include <string.h>

#include "hv/sim/sim_watchdog.h"
#ifdef WITH_XEN
#include "hv/xen/watchdog.h"
#endif

static int open_xen(struct hv_watchdog **ret, struct vdc_error *err)
{
#ifdef WITH_XEN
    return watchdog_xen_open(ret, err);
#else
    return vdc_error_set(err, VDC_E_NO_XEN, "this build is without Xen");
#endif
}

int hv_watchdog_open(const char *spec, struct event_base *base,
                     struct hv_watchdog **ret, struct vdc_error *err)
{
    if (strcmp(spec, "xen") == 0)
        return open_xen(ret, err);
    if (strcmp(spec, "sim") == 0)
        return sim_watchdog_open("", base, ret, err);
    if (strncmp(spec, "sim:", 4) == 0)
        return sim_watchdog_open(spec + 4, base, ret, err);
    return vdc_error_set(err, VDC_E_BAD_VALUE,
                         "\"%s\" is not a hypervisor: it is xen, sim or "
                         "sim:OPTIONS", spec);
}

void hv_watchdog_close(struct hv_watchdog *watchdog)
{
    if (watchdog)
        watchdog->ops->close(watchdog);
}

int hv_watchdog_set(struct hv_watchdog *watchdog, uint32_t *slot,
                    unsigned seconds, struct vdc_error *err)
{
    if (*slot > HV_WATCHDOG_SLOTS || (*slot == 0 && seconds == 0))
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "there is no slot %u of the watchdog to set to "
                             "%u s", *slot, seconds);
    return watchdog->ops->set(watchdog, slot, seconds, err);
}

int hv_watchdog_guests(struct hv_watchdog *watchdog, uint32_t *ret_n,
                       struct vdc_error *err)
{
    return watchdog->ops->guests(watchdog, ret_n, err);
}
