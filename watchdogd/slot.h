/*
 * Xen's watchdog as this host has it, and the file that says which slot it is
 * to a watchdogd that is started anew.
 *
 * The file is "arming BOOT" before a slot is taken, and "armed MASK BOOT"
 * after; of another boot of the host it counts as none.  One who finds
 * "arming" does not know which slot was taken, if any: it sets both that run,
 * another program's too, for if one were missed, the host would stop.
 */
#ifndef WATCHDOGD_SLOT_H
#define WATCHDOGD_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct hv_watchdog;

struct slot {
    struct hv_watchdog *hv;
    const char *path;
    uint32_t mask; /* bit 0: slot 1; those that are ours, or may be */
    bool runs;     /* they were set by this process: it is known */
    uint64_t end_ms; /* runs: Xen stops the host then at the latest, by
                        clock_mono */
};

/* Reads the file; `path` must stay.  What it says is believed when it was
 * set. */
void slot_init(struct slot *slot, struct hv_watchdog *hv, const char *path);
/* Which one it is; 0: none. */
uint32_t slot_number(const struct slot *slot);
/* Sets what is ours anew.  VDC_E_NOT_FOUND: nothing runs; nothing is ours
 * then.  Other errors: those of hv_watchdog_set. */
int slot_pet(struct slot *slot, unsigned seconds, struct vdc_error *err);
/* Takes a slot; only when none is ours.  Errors: those of hv_watchdog_set and
 * of textfile_write: nothing runs then. */
int slot_arm(struct slot *slot, unsigned seconds, struct vdc_error *err);
/* Errors: as hv_watchdog_set; it runs on. */
int slot_disarm(struct slot *slot, struct vdc_error *err);

#endif
