/*
 * Bounds of guests' sizes; see bounds.h.
 */
#include "policyd/customers/bounds.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define N_KINDS 5 /* of bound_kind, which begins with 1 */

static bool in_kib(enum wire_bound_kind kind)
{
    return kind == WIRE_BOUND_MEMORY || kind == WIRE_BOUND_DISK;
}

static const struct wire_bound *find(const struct wire_bound *bounds,
                                     uint32_t n, enum wire_bound_kind kind)
{
    for (uint32_t i = 0; i < n; i++)
        if (bounds[i].kind == kind)
            return &bounds[i];
    return NULL;
}

/* ---- what holds ---- */

static int64_t min_of(const struct customer *c, enum wire_bound_kind kind)
{
    const struct wire_bound *b = find(c->bounds, c->n_bounds, kind);

    return b ? b->min : -1;
}

static int64_t max_of(const struct customer *c, enum wire_bound_kind kind)
{
    const struct wire_bound *b = find(c->bounds, c->n_bounds, kind);

    return b ? b->max : -1;
}

static void inherit(const struct book *book, const struct customer *c,
                    struct wire_bound *ret)
{
    const struct customer *provider = book_customer(book, NAMES_PROVIDER);
    const struct customer *top = c->parent ? c->parent : c;
    const struct customer *from = min_of(top, ret->kind) >= 0 ? top : provider;

    ret->min = min_of(from, ret->kind);
    ret->min_by = from->name;
    from = max_of(top, ret->kind) >= 0 ? top : provider;
    ret->max = max_of(from, ret->kind);
    ret->max_by = from->name;
    if (!c->parent)
        return;
    if (min_of(c, ret->kind) > ret->min) {
        ret->min = min_of(c, ret->kind);
        ret->min_by = c->name;
    }
    int64_t most = max_of(c, ret->kind);
    if (most >= 0 && (ret->max < 0 || most < ret->max)) {
        ret->max = most;
        ret->max_by = c->name;
    }
}

void bounds_of(const struct book *book, const struct customer *customer,
               struct arena *arena, struct wire_bound **ret, uint32_t *ret_n)
{
    struct wire_bound *all = ARENA_ARRAY(arena, N_KINDS, struct wire_bound);
    uint32_t n = 0;

    for (int kind = 1; kind <= N_KINDS; kind++) {
        struct wire_bound *b = &all[n];
        wire_init(&wire_struct_bound, b);
        b->kind = (enum wire_bound_kind)kind;
        inherit(book, customer, b);
        if (b->min < 0)
            b->min_by = "";
        if (b->max < 0)
            b->max_by = "";
        n += b->min >= 0 || b->max >= 0;
    }
    *ret = all;
    *ret_n = n;
}

/* ---- setting ---- */

static const char *word_of(enum wire_bound_kind kind)
{
    return wire_enum_word(&wire_enum_bound_kind, (int)kind);
}

static const char *amount(enum wire_bound_kind kind, int64_t value, char *buf,
                          size_t size)
{
    if (in_kib(kind))
        units_mem_format(MEM_KIB(value), buf, size);
    else
        snprintf(buf, size, "%" PRId64, value);
    return buf;
}

static int check_one(const struct wire_bound *b, struct vdc_error *err)
{
    if (b->kind < 1 || b->kind > N_KINDS)
        return vdc_error_set(err, VDC_E_BAD_VALUE, "a bound of what?");
    if (b->min < -1 || b->max < -1 || b->min > (int64_t)MEM_MAX_KIB ||
        b->max > (int64_t)MEM_MAX_KIB)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "%s: such a bound is not possible",
                             word_of(b->kind));
    if (b->min >= 0 && b->max >= 0 && b->min > b->max)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "%s: the least, %" PRId64
                             ", is above the most, %" PRId64,
                             word_of(b->kind), b->min, b->max);
    return 0;
}

static int check_inside(const struct wire_bound *b,
                        const struct wire_bound *outer, struct vdc_error *err)
{
    char mine[32], theirs[32];
    bool low = b->min >= 0 && b->min < outer->min;
    bool high = outer->max >= 0 && b->max > outer->max;
    bool crossed = (outer->max >= 0 && b->min > outer->max) ||
                   (b->max >= 0 && b->max < outer->min);

    if (!low && !high && !crossed)
        return 0;
    bool is_min = low || (crossed && outer->max >= 0 && b->min > outer->max);
    int64_t of_outer = low || (crossed && !is_min) ? outer->min : outer->max;
    vdc_error_set(
        err, VDC_E_BAD_VALUE,
        "%s: a %s of %s is outside of what is set for %s: %s",
        word_of(b->kind), is_min ? "least" : "most",
        amount(b->kind, is_min ? b->min : b->max, mine, sizeof(mine)),
        of_outer == outer->min ? outer->min_by : outer->max_by,
        amount(b->kind, of_outer, theirs, sizeof(theirs)));
    vdc_error_hint(err, "a project's bounds lie within its customer's");
    return VDC_E_BAD_VALUE;
}

int bounds_check_values(const struct wire_bound *bounds, uint32_t n,
                        const struct wire_bound *outer, uint32_t n_outer,
                        struct vdc_error *err)
{
    int rc = 0;

    for (uint32_t i = 0; !rc && i < n; i++) {
        rc = check_one(&bounds[i], err);
        if (!rc && find(bounds, i, bounds[i].kind))
            rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                               "%s: there are two bounds of it",
                               word_of(bounds[i].kind));
        const struct wire_bound *o =
            rc ? NULL : find(outer, n_outer, bounds[i].kind);
        if (o)
            rc = check_inside(&bounds[i], o, err);
    }
    return rc;
}

bool bounds_same(const struct wire_bound *a, uint32_t n_a,
                 const struct wire_bound *b, uint32_t n_b)
{
    for (int kind = 1; kind <= N_KINDS; kind++) {
        const struct wire_bound *x = find(a, n_a, (enum wire_bound_kind)kind);
        const struct wire_bound *y = find(b, n_b, (enum wire_bound_kind)kind);
        if ((x ? x->min : -1) != (y ? y->min : -1) ||
            (x ? x->max : -1) != (y ? y->max : -1))
            return false;
    }
    return true;
}

/* ---- a guest ---- */

struct check {
    const struct wire_bound *bounds;
    uint32_t n;
    const char *guest;
    struct reasons *reasons;
    bool found;
};

static void refuse(struct check *check, const struct wire_bound *b,
                   const char *of, int64_t value, bool is_min)
{
    struct vdc_error err;
    char has[32], bound[32];
    const char *by = is_min ? b->min_by : b->max_by;

    vdc_error_set(
        &err, VDC_E_QUOTA,
        "guest '%s': %s%s %s is %s the bound %s, set for %s", check->guest,
        word_of(b->kind), of, amount(b->kind, value, has, sizeof(has)),
        is_min ? "below" : "above",
        amount(b->kind, is_min ? b->min : b->max, bound, sizeof(bound)), by);
    vdc_error_hint(&err, "`xl-vdc customer-show` shows how large guests may "
                         "be");
    reasons_add(check->reasons, &err);
    check->found = true;
}

/* before < 0: there was nothing. */
static void look(struct check *check, enum wire_bound_kind kind,
                 const char *of, int64_t before, int64_t after)
{
    const struct wire_bound *b = find(check->bounds, check->n, kind);

    if (!b)
        return;
    if (b->min >= 0 && after < b->min && (before < 0 || after < before))
        refuse(check, b, of, after, true);
    if (b->max >= 0 && after > b->max && (before < 0 || after > before))
        refuse(check, b, of, after, false);
}

static int64_t count_disks(const struct wire_definition *d)
{
    int64_t n = 0;

    for (uint32_t i = 0; i < d->n_disks; i++)
        n += !d->disks[i].readonly;
    return n;
}

static int64_t size_of_disk(const struct wire_definition *d, const char *vdev)
{
    for (uint32_t i = 0; d && i < d->n_disks; i++)
        if (strcmp(d->disks[i].vdev, vdev) == 0 && !d->disks[i].readonly)
            return (int64_t)d->disks[i].size.kib;
    return -1;
}

bool bounds_check(const struct wire_bound *bounds, uint32_t n,
                  const char *guest, const struct wire_definition *before,
                  const struct wire_definition *after, struct reasons *reasons)
{
    struct check check = { bounds, n, guest, reasons, false };

    look(&check, WIRE_BOUND_MEMORY, "",
         before ? (int64_t)before->max_memory.kib : -1,
         (int64_t)after->max_memory.kib);
    look(&check, WIRE_BOUND_VCPUS, "",
         before ? (int64_t)before->max_vcpus : -1, after->max_vcpus);
    look(&check, WIRE_BOUND_DISKS, "", before ? count_disks(before) : -1,
         count_disks(after));
    look(&check, WIRE_BOUND_NICS, "", before ? (int64_t)before->n_nics : -1,
         after->n_nics);
    for (uint32_t i = 0; i < after->n_disks; i++) {
        const struct wire_disk *disk = &after->disks[i];
        char of[40];
        if (disk->readonly)
            continue;
        snprintf(of, sizeof(of), " %.31s of", disk->vdev);
        look(&check, WIRE_BOUND_DISK, of, size_of_disk(before, disk->vdev),
             (int64_t)disk->size.kib);
    }
    return check.found;
}
