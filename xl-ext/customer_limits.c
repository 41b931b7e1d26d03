/*
 * Limits and bounds of customers as options; see customer.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "base/units.h"
#include "xl-ext/customer.h"

struct limit {
    const char *option;
    size_t offset; /* in struct wire_quota */
    bool kib;
};

#define LIMIT(option, member, kib)                       \
    {                                                    \
        option, offsetof(struct wire_quota, member), kib \
    }

static const struct limit limits[] = {
    LIMIT("memory", memory_kib, true),
    LIMIT("vcpus", vcpus, false),
    LIMIT("disk", disk_kib, true),
    LIMIT("guests", guests, false),
    LIMIT("networks", networks, false),
    LIMIT("channels", channels, false),
    LIMIT("running-memory", running_memory_kib, true),
    LIMIT("running-vcpus", running_vcpus, false),
    LIMIT("running-disk", running_disk_kib, true),
    LIMIT("running-guests", running_guests, false),
    LIMIT("running-networks", running_networks, false),
};
#define N_LIMITS (sizeof(limits) / sizeof(limits[0]))

static const struct bound {
    const char *min, *max; /* options */
    enum wire_bound_kind kind;
    bool kib;
} bounds[] = {
    { "min-memory", "max-memory", WIRE_BOUND_MEMORY, true },
    { "min-vcpus", "max-vcpus", WIRE_BOUND_VCPUS, false },
    { "min-disk", "max-disk", WIRE_BOUND_DISK, true },
    { "min-disks", "max-disks", WIRE_BOUND_DISKS, false },
    { "min-nics", "max-nics", WIRE_BOUND_NICS, false },
};
#define N_BOUNDS (sizeof(bounds) / sizeof(bounds[0]))

static int take_count(const char *option, const char *text, int64_t *ret,
                      struct vdc_error *err)
{
    size_t len = strspn(text, "0123456789");

    if (len == 0 || len > 9 || text[len])
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "--%s wants a number from 0 to 999999999 or "
                             "none, got '%s'",
                             option, text);
    *ret = atoll(text);
    return 0;
}

/* "none" lifts a limit that is there. */
static int take_text(const char *option, const char *text, bool kib,
                     int64_t *ret, struct vdc_error *err)
{
    struct mem mem;

    if (strcmp(text, "none") == 0) {
        *ret = -1;
        return 0;
    }
    if (!kib)
        return take_count(option, text, ret, err);
    int rc = units_mem_parse(text, 1024, &mem, err);
    if (rc)
        vdc_error_prefix(err, "--%s", option);
    else
        *ret = (int64_t)mem.kib;
    return rc;
}

static int take(const struct command_args *args, const char *option, bool kib,
                int64_t *ret, struct vdc_error *err)
{
    const char *text = command_value(args, option);

    return text ? take_text(option, text, kib, ret, err) : 0;
}

static int set_limit(const struct limit *limit, const char *text,
                     struct wire_quota *quota, struct vdc_error *err)
{
    int64_t value;
    int rc = take_text(limit->option, text, limit->kib, &value, err);

    if (rc == 0)
        memcpy((char *)quota + limit->offset, &value, sizeof(value));
    return rc;
}

static int no_limit(const char *word, size_t len, struct vdc_error *err)
{
    const char *names[N_LIMITS], *near;
    char name[32];

    for (size_t i = 0; i < N_LIMITS; i++)
        names[i] = limits[i].option;
    snprintf(name, sizeof(name), "%.*s", (int)(len < 31 ? len : 31), word);
    near = suggest_nearest(name, names, N_LIMITS);
    vdc_error_set(err, VDC_E_USAGE, "'%.60s' is not a limit", word);
    if (near)
        vdc_error_hint(err, "did you mean %s=?", near);
    else
        vdc_error_hint(err,
                       "memory=SIZE, vcpus=N, disk=SIZE, guests=N, "
                       "networks=N, channels=N; but for channels also as "
                       "running-memory=SIZE and so on; none lifts one");
    return VDC_E_USAGE;
}

int customer_take_limit(const char *word, struct wire_quota *quota,
                        struct vdc_error *err)
{
    size_t len = strcspn(word, "=");

    for (size_t i = 0; word[len] && i < N_LIMITS; i++)
        if (strlen(limits[i].option) == len &&
            strncmp(limits[i].option, word, len) == 0)
            return set_limit(&limits[i], word + len + 1, quota, err);
    return no_limit(word, len, err);
}

int customer_take_limits(const struct command_args *args,
                         struct wire_quota *quota, struct vdc_error *err)
{
    int rc = 0;

    for (size_t i = 0; !rc && i < N_LIMITS; i++) {
        int64_t limit;
        char *at = (char *)quota + limits[i].offset;
        memcpy(&limit, at, sizeof(limit));
        rc = take(args, limits[i].option, limits[i].kib, &limit, err);
        memcpy(at, &limit, sizeof(limit));
    }
    return rc;
}

int customer_take_bounds(const struct command_args *args,
                         struct wire_customer_create *create,
                         struct vdc_error *err)
{
    struct wire_bound *all =
        ARENA_ARRAY(args->arena, N_BOUNDS, struct wire_bound);
    uint32_t n = 0;
    int rc = 0;

    for (size_t i = 0; !rc && i < N_BOUNDS; i++) {
        struct wire_bound *b = &all[n];
        wire_init(&wire_struct_bound, b);
        b->kind = bounds[i].kind;
        for (uint32_t j = 0; j < create->n_bounds; j++)
            if (create->bounds[j].kind == b->kind)
                *b = create->bounds[j];
        rc = take(args, bounds[i].min, bounds[i].kib, &b->min, err);
        if (!rc)
            rc = take(args, bounds[i].max, bounds[i].kib, &b->max, err);
        n += b->min >= 0 || b->max >= 0;
    }
    create->bounds = all;
    create->n_bounds = n;
    return rc;
}

void customer_own_bounds(const struct wire_customer *customer,
                         struct arena *arena, struct wire_customer_create *ret)
{
    ret->bounds = ARENA_ARRAY(arena, customer->n_bounds, struct wire_bound);
    ret->n_bounds = customer->n_bounds;
    for (uint32_t i = 0; i < customer->n_bounds; i++) {
        struct wire_bound *b = &ret->bounds[i];
        *b = customer->bounds[i];
        if (strcmp(b->min_by, customer->name))
            b->min = -1;
        if (strcmp(b->max_by, customer->name))
            b->max = -1;
        b->min_by = b->max_by = "";
    }
}

bool customer_sets_something(const struct command_args *args)
{
    bool given = command_given(args, "user");

    for (size_t i = 0; i < N_LIMITS; i++)
        given |= command_given(args, limits[i].option);
    for (size_t i = 0; i < N_BOUNDS; i++)
        given |= command_given(args, bounds[i].min) ||
                 command_given(args, bounds[i].max);
    return given;
}
