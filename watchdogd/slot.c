/* The slot and its file; see slot.h. */
#include "watchdogd/slot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/textfile.h"
#include "hv/watchdog.h"

#define FILE_MAX 100
#define ALL_SLOTS ((1u << HV_WATCHDOG_SLOTS) - 1)

void slot_init(struct slot *slot, struct hv_watchdog *hv, const char *path)
{
    char *text = NULL;
    uint64_t boot = 0;
    uint32_t mask = 0;

    *slot = (struct slot){ .hv = hv, .path = path };
    if (textfile_read(path, FILE_MAX, &text, NULL))
        return;
    if (sscanf(text, "arming %" SCNx64, &boot) == 1)
        mask = ALL_SLOTS;
    else if (sscanf(text, "armed %" SCNu32 " %" SCNx64, &mask, &boot) != 2)
        mask = 0;
    if (boot == hv->boot_id)
        slot->mask = mask & ALL_SLOTS;
    free(text);
}

uint32_t slot_number(const struct slot *slot)
{
    return slot->mask == 0 ? 0 : slot->mask & 1 ? 1 : 2;
}

static int write_file(const struct slot *slot, uint32_t mask,
                      struct vdc_error *err)
{
    char text[FILE_MAX];

    if (mask)
        snprintf(text, sizeof(text), "armed %" PRIu32 " %" PRIx64 "\n", mask,
                 slot->hv->boot_id);
    else
        snprintf(text, sizeof(text), "arming %" PRIx64 "\n",
                 slot->hv->boot_id);
    return textfile_write(slot->path, 0600, text, err);
}

/* The time is taken after the call: Xen's timer ends no later. */
static void is_set(struct slot *slot, unsigned seconds)
{
    slot->runs = true;
    slot->end_ms = clock_mono().ms + seconds * UINT64_C(1000);
}

int slot_pet(struct slot *slot, unsigned seconds, struct vdc_error *err)
{
    uint32_t found = 0;
    int rc = 0;

    for (uint32_t i = 1; i <= HV_WATCHDOG_SLOTS; i++) {
        if (!(slot->mask & 1u << (i - 1)))
            continue;
        int r = hv_watchdog_set(slot->hv, &i, seconds, err);
        if (r == 0 || r != VDC_E_NOT_FOUND)
            found |= 1u << (i - 1);
        if (r && r != VDC_E_NOT_FOUND)
            rc = r;
    }
    if (found != slot->mask) {
        slot->mask = found;
        if (found)
            write_file(slot, found, NULL);
        else
            unlink(slot->path);
    }
    if (found == 0) {
        slot->runs = false;
        return vdc_error_set(err, VDC_E_NOT_FOUND, "no watchdog of Xen runs");
    }
    if (rc == 0)
        is_set(slot, seconds);
    return rc;
}

int slot_arm(struct slot *slot, unsigned seconds, struct vdc_error *err)
{
    uint32_t number = 0;
    int rc = write_file(slot, 0, err);

    if (rc)
        return rc;
    rc = hv_watchdog_set(slot->hv, &number, seconds, err);
    if (rc) {
        unlink(slot->path);
        return rc;
    }
    slot->mask = 1u << (number - 1);
    is_set(slot, seconds);
    /* If it cannot be written, "arming" is what the next one finds. */
    write_file(slot, slot->mask, NULL);
    return 0;
}

int slot_disarm(struct slot *slot, struct vdc_error *err)
{
    int rc = 0;

    for (uint32_t i = 1; i <= HV_WATCHDOG_SLOTS; i++) {
        if (!(slot->mask & 1u << (i - 1)))
            continue;
        int r = hv_watchdog_set(slot->hv, &i, 0, err);
        if (r && r != VDC_E_NOT_FOUND)
            rc = r;
        else
            slot->mask &= ~(1u << (i - 1));
    }
    if (rc)
        return rc;
    slot->runs = false;
    unlink(slot->path);
    return 0;
}
