/*
 * Xen's watchdog of dom0: a timer in Xen that stops the whole machine when
 * nobody sets it anew.  Apart from hv.h, so that the program that has it needs
 * neither libxl nor xenstored.
 *
 * Xen has two such timers for a domain, slots 1 and 2.  When one runs out, Xen
 * reboots the machine at once (domain_watchdog_timeout in xen/common/sched).
 * No call waits; not thread-safe.
 */
#ifndef VDC_HV_WATCHDOG_H
#define VDC_HV_WATCHDOG_H

#include <stdint.h>

#include "base/error.h"

#define HV_WATCHDOG_SLOTS 2u

struct event_base;
struct hv_watchdog;

struct hv_watchdog_ops {
    int (*set)(struct hv_watchdog *self, uint32_t *slot, unsigned seconds,
               struct vdc_error *err);
    int (*guests)(struct hv_watchdog *self, uint32_t *ret_n,
                  struct vdc_error *err);
    void (*close)(struct hv_watchdog *self);
};

/* The head of each implementation's own struct. */
struct hv_watchdog {
    const struct hv_watchdog_ops *ops;
    uint64_t boot_id; /* another after each boot of the host; never 0 */
    int simulated;
};

/* As hv_open, and its errors; of the options of "sim" `state` is what matters:
 * when a watchdog runs out, the host loses power, and each process that has
 * this state open with an event loop is killed. */
int hv_watchdog_open(const char *spec, struct event_base *base,
                     struct hv_watchdog **ret, struct vdc_error *err);
/* What runs, runs on.  NULL allowed. */
void hv_watchdog_close(struct hv_watchdog *watchdog);

/*
 * The machine stops in so many seconds from now, if this is not called again.
 *   slot     0: takes a free one, which is left there; 1, 2: that one anew
 *   seconds  0: that slot runs no more, and is free
 * Errors: VDC_E_NO_RESOURCE: none is free; VDC_E_NOT_FOUND: this slot does not
 * run; VDC_E_BAD_VALUE: no such slot, or slot 0 with 0 seconds;
 * VDC_E_HYPERVISOR.
 */
int hv_watchdog_set(struct hv_watchdog *watchdog, uint32_t *slot,
                    unsigned seconds, struct vdc_error *err);

/* How many domains there are besides dom0, whosever they are. */
int hv_watchdog_guests(struct hv_watchdog *watchdog, uint32_t *ret_n,
                       struct vdc_error *err);

#endif
