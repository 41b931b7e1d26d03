/*
 * Quotas: see quota.h.
 */
#include "policyd/customers/quota.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/reasons.h"
#include "base/units.h"
#include "policyd/names.h"

#define KIND(name, option, limit, used, kib, runs)        \
    {                                                     \
        name, option, offsetof(struct wire_quota, limit), \
            offsetof(struct wire_usage, used), kib, runs  \
    }

/* Of each kind what is defined, and after all of them what runs. */
const struct quota_kind quota_kinds[] = {
    KIND("memory", "memory", memory_kib, memory, true, false),
    KIND("vcpus", "vcpus", vcpus, vcpus, false, false),
    KIND("disk", "disk", disk_kib, disk, true, false),
    KIND("guests", "guests", guests, guests, false, false),
    KIND("networks", "networks", networks, networks, false, false),
    KIND("channels", "channels", channels, channels, false, false),
    KIND("running memory", "running-memory", running_memory_kib,
         running_memory, true, true),
    KIND("running vcpus", "running-vcpus", running_vcpus, running_vcpus, false,
         true),
    KIND("running disk", "running-disk", running_disk_kib, running_disk, true,
         true),
    KIND("running guests", "running-guests", running_guests, running_guests,
         false, true),
    KIND("running networks", "running-networks", running_networks,
         running_networks, false, true),
};
#define N_KINDS (sizeof(quota_kinds) / sizeof(quota_kinds[0]))
const size_t quota_n_kinds = N_KINDS;

/* struct mem is a number of KiB, so one way of reading does for both. */
_Static_assert(sizeof(struct mem) == sizeof(uint64_t), "struct mem");

int64_t quota_limit(const struct wire_quota *quota,
                    const struct quota_kind *kind)
{
    int64_t limit;

    memcpy(&limit, (const char *)quota + kind->limit, sizeof(limit));
    return limit;
}

void quota_set_limit(struct wire_quota *quota, const struct quota_kind *kind,
                     int64_t limit)
{
    memcpy((char *)quota + kind->limit, &limit, sizeof(limit));
}

uint64_t quota_used(const struct wire_usage *usage,
                    const struct quota_kind *kind)
{
    uint64_t used;

    memcpy(&used, (const char *)usage + kind->used, sizeof(used));
    return used;
}

static void set_used(struct wire_usage *usage, const struct quota_kind *kind,
                     uint64_t used)
{
    memcpy((char *)usage + kind->used, &used, sizeof(used));
}

static const char *what_of(const char *name)
{
    return strchr(name, NAMES_PROJECT_MARK) ? "project" : "customer";
}

struct row {
    uint64_t used, asked, limit;
};

static void format_row(const struct quota_kind *kind, const struct row *row,
                       char *buf, size_t size)
{
    uint64_t unit = 1;
    const char *word = "";

    if (kind->kib) {
        bool whole = ((row->used | row->asked | row->limit) & 1023) == 0;
        unit = whole ? 1024 : 1;
        word = whole ? " MiB" : " KiB";
    }
    snprintf(buf, size,
             "%s quota: %" PRIu64 "%s used + %" PRIu64 "%s asked > %" PRIu64
             "%s limit",
             kind->name, row->used / unit, word, row->asked / unit, word,
             row->limit / unit, word);
}

int quota_check(const char *customer, const struct wire_quota *quota,
                const struct wire_usage *used, const struct wire_usage *asked,
                struct vdc_error *err)
{
    struct reasons reasons;

    reasons_init(&reasons);
    for (size_t i = 0; i < N_KINDS; i++) {
        const struct quota_kind *kind = &quota_kinds[i];
        int64_t limit = quota_limit(quota, kind);
        const struct row row = { quota_used(used, kind),
                                 quota_used(asked, kind), (uint64_t)limit };
        /* what asks for none of it cannot exceed it */
        if (limit < 0 || row.asked == 0 || row.used + row.asked <= row.limit)
            continue;
        struct vdc_error why;
        char one[192];
        format_row(kind, &row, one, sizeof(one));
        vdc_error_set(&why, VDC_E_QUOTA, "%s %s: %s", what_of(customer),
                      customer, one);
        vdc_error_hint(&why, "`xl-vdc customer-show %s` shows limits and use",
                       customer);
        reasons_add(&reasons, &why);
    }
    return reasons_error(&reasons, err);
}

/* "2 GiB", or "4"; returns buf. */
static const char *amount(const struct quota_kind *kind, int64_t value,
                          char *buf, size_t size)
{
    if (kind->kib)
        return units_mem_format(MEM_KIB((uint64_t)value), buf, size);
    snprintf(buf, size, "%" PRId64, value);
    return buf;
}

int quota_check_within(const char *project, const struct wire_quota *quota,
                       const char *customer, const struct wire_quota *outer,
                       struct vdc_error *err)
{
    for (size_t i = 0; i < N_KINDS; i++) {
        const struct quota_kind *kind = &quota_kinds[i];
        int64_t inner_limit = quota_limit(quota, kind);
        int64_t outer_limit = quota_limit(outer, kind);
        char inner_text[32], outer_text[32];
        if (inner_limit < 0 || outer_limit < 0 || inner_limit <= outer_limit)
            continue;
        vdc_error_set(err, VDC_E_BAD_VALUE,
                      "project %s: the %s limit %s is above that of "
                      "customer %s, which is %s",
                      project, kind->name,
                      amount(kind, inner_limit, inner_text,
                             sizeof(inner_text)),
                      customer,
                      amount(kind, outer_limit, outer_text,
                             sizeof(outer_text)));
        vdc_error_hint(err,
                       "take at most that; or leave it out, and customer "
                       "%s's limit holds alone",
                       customer);
        return VDC_E_BAD_VALUE;
    }
    return 0;
}

int quota_check_values(const struct wire_quota *quota, struct vdc_error *err)
{
    for (size_t i = 0; i < N_KINDS; i++) {
        int64_t limit = quota_limit(quota, &quota_kinds[i]);
        if (limit < -1 || limit > (int64_t)MEM_MAX_KIB)
            return vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "a quota of %lld is not possible",
                                 (long long)limit);
    }
    return 0;
}

bool quota_same(const struct wire_quota *a, const struct wire_quota *b)
{
    for (size_t i = 0; i < N_KINDS; i++)
        if (quota_limit(a, &quota_kinds[i]) != quota_limit(b, &quota_kinds[i]))
            return false;
    return true;
}

void quota_of_definition(const struct wire_definition *definition,
                         struct wire_usage *ret)
{
    wire_init(&wire_struct_usage, ret);
    ret->memory = definition->max_memory;
    ret->vcpus = definition->max_vcpus;
    ret->guests = 1;
    ret->networks = definition->n_nics;
    for (uint32_t i = 0; i < definition->n_disks; i++)
        if (!definition->disks[i].readonly)
            ret->disk.kib += definition->disks[i].size.kib;
}

/* ---- arithmetic ---- */

void usage_add(struct wire_usage *sum, const struct wire_usage *more)
{
    for (size_t i = 0; i < N_KINDS; i++)
        set_used(sum, &quota_kinds[i],
                 quota_used(sum, &quota_kinds[i]) +
                     quota_used(more, &quota_kinds[i]));
}

void usage_take(struct wire_usage *sum, const struct wire_usage *part)
{
    for (size_t i = 0; i < N_KINDS; i++)
        set_used(sum, &quota_kinds[i],
                 quota_used(sum, &quota_kinds[i]) -
                     quota_used(part, &quota_kinds[i]));
}

struct wire_usage usage_over(const struct wire_usage *after,
                             const struct wire_usage *before)
{
    struct wire_usage ret;

    wire_init(&wire_struct_usage, &ret);
    for (size_t i = 0; i < N_KINDS; i++) {
        uint64_t a = quota_used(after, &quota_kinds[i]);
        uint64_t b = quota_used(before, &quota_kinds[i]);
        set_used(&ret, &quota_kinds[i], a > b ? a - b : 0);
    }
    return ret;
}

bool usage_is_none(const struct wire_usage *usage)
{
    for (size_t i = 0; i < N_KINDS; i++)
        if (quota_used(usage, &quota_kinds[i]))
            return false;
    return true;
}

void usage_run(struct wire_usage *usage)
{
    usage->running_memory = usage->memory;
    usage->running_vcpus = usage->vcpus;
    usage->running_disk = usage->disk;
    usage->running_guests = usage->guests;
    usage->running_networks = usage->networks;
}

void usage_stop(struct wire_usage *usage)
{
    for (size_t i = 0; i < N_KINDS; i++)
        if (quota_kinds[i].runs)
            set_used(usage, &quota_kinds[i], 0);
}
