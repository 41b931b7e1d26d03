/*
 * Quotas: see quota.h.
 */
#include "policyd/quota.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/reasons.h"

struct row {
    const char *name;
    int64_t limit; /* -1: none */
    uint64_t used, asked;
    bool kib; /* an amount of memory or disk, not a number of things */
};

static void format_row(const struct row *row, char *buf, size_t size)
{
    uint64_t unit = 1;
    const char *word = "";

    if (row->kib) {
        bool whole =
            ((row->used | row->asked | (uint64_t)row->limit) & 1023) == 0;
        unit = whole ? 1024 : 1;
        word = whole ? " MiB" : " KiB";
    }
    snprintf(buf, size,
             "%s quota: %" PRIu64 "%s used + %" PRIu64 "%s asked > %" PRIu64
             "%s limit",
             row->name, row->used / unit, word, row->asked / unit, word,
             (uint64_t)row->limit / unit, word);
}

int quota_check(const char *customer, const struct wire_quota *quota,
                const struct wire_usage *used, const struct wire_usage *asked,
                struct vdc_error *err)
{
    const struct row rows[] = {
        { "memory", quota->memory_kib, used->memory.kib, asked->memory.kib,
          true },
        { "vcpus", quota->vcpus, used->vcpus, asked->vcpus, false },
        { "disk", quota->disk_kib, used->disk.kib, asked->disk.kib, true },
        { "guests", quota->guests, used->guests, asked->guests, false },
    };
    struct reasons reasons = { 0 };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        /* what asks for none of it cannot exceed it */
        if (row->limit < 0 || row->asked == 0 ||
            row->used + row->asked <= (uint64_t)row->limit)
            continue;
        struct vdc_error why;
        char one[192];
        format_row(row, one, sizeof(one));
        vdc_error_set(&why, VDC_E_QUOTA, "customer %s: %s", customer, one);
        vdc_error_hint(&why, "`xl-vdc customer-show %s` shows limits and use",
                       customer);
        reasons_add(&reasons, &why);
    }
    return reasons_error(&reasons, err);
}

void quota_of_definition(const struct wire_definition *definition,
                         struct wire_usage *ret)
{
    wire_init(&wire_struct_usage, ret);
    ret->memory = definition->max_memory;
    ret->vcpus = definition->max_vcpus;
    ret->guests = 1;
    for (uint32_t i = 0; i < definition->n_disks; i++)
        if (!definition->disks[i].readonly)
            ret->disk.kib += definition->disks[i].size.kib;
}
