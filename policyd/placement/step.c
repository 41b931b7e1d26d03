/*
 * One guest from one host to another; see step.h.
 */
#include "policyd/placement/step.h"

#include <assert.h>
#include <string.h>

#include "policyd/placement/spare.h"
#include "policyd/placement/where.h"

/* ---- which may go ---- */

static bool is_recent(const struct placement_moving *moving,
                      const int64_t *times, uint32_t n, uint32_t at)
{
    return moving->cool_down_ms && times && at < n && times[at] != INT64_MIN &&
           moving->now_ms - times[at] < moving->cool_down_ms;
}

bool placement_step_is_cool(const struct placement_moving *moving,
                            uint32_t host)
{
    return !is_recent(moving, moving->host_changed_ms, moving->n_host_changed,
                      host);
}

enum placement_stay placement_step_stay(const struct placement_view *view,
                                        const struct placement_moving *moving,
                                        uint32_t guest)
{
    const struct placement_guest *g = placement_view_guest(view, guest);

    if (placement_view_host(view, g->host)->state == PLACEMENT_DOWN)
        return PLACEMENT_STAY_DOWN;
    if (g->runs && g->spec.n_devices)
        return PLACEMENT_STAY_DEVICES;
    if (is_recent(moving, moving->guest_moved_ms, moving->n_guest_moved,
                  guest) ||
        !placement_step_is_cool(moving, g->host))
        return PLACEMENT_STAY_COOLING;
    if (moving->is_held && moving->is_held(moving->arg, guest))
        return PLACEMENT_STAY_HELD;
    return PLACEMENT_STAY_NOT;
}

const char *placement_step_stay_text(enum placement_stay stay)
{
    switch (stay) {
    case PLACEMENT_STAY_NOT:
        return "";
    case PLACEMENT_STAY_DOWN:
        return "its host is down";
    case PLACEMENT_STAY_DEVICES:
        return "it runs and has devices of its host";
    case PLACEMENT_STAY_COOLING:
        return "it or its host was changed a short time ago";
    case PLACEMENT_STAY_HELD:
        return "it is held where it is";
    }
    assert(false);
    return "";
}

/* ---- whether it can ---- */

/* What is behind the end of an array stays 0: requests are compared. */
static void copy_spec(const struct placement_spec *spec,
                      struct placement_spec *ret)
{
    ret->memory = spec->memory;
    ret->vcpus = spec->vcpus;
    ret->n_disks = spec->n_disks;
    ret->n_devices = spec->n_devices;
    for (uint32_t i = 0; i < spec->n_disks; i++) {
        ret->disks[i].name = spec->disks[i].name;
        ret->disks[i].amount = spec->disks[i].amount;
    }
    for (uint32_t i = 0; i < spec->n_devices; i++) {
        ret->devices[i].name = spec->devices[i].name;
        ret->devices[i].amount = spec->devices[i].amount;
    }
}

struct cpu_set placement_step_cpu(const struct placement_view *view,
                                  uint32_t guest)
{
    const struct placement_guest *g = placement_view_guest(view, guest);
    struct cpu_set cpu = g->cpu;

    if (g->runs) {
        const struct cpu_set vendor =
            cpu_set_vendor(&placement_view_host(view, g->host)->cpu);
        cpu_set_join(&cpu, &vendor);
    }
    return cpu;
}

void placement_step_request(const struct placement_view *view,
                            const struct placement_moving *moving,
                            uint32_t guest, struct placement_request *ret)
{
    const struct placement_guest *g = placement_view_guest(view, guest);

    memset(ret, 0, sizeof(*ret));
    ret->uuid = g->uuid;
    ret->customer = g->customer;
    copy_spec(&g->spec, &ret->spec);
    ret->start = g->runs;
    ret->cpu = placement_step_cpu(view, guest);
    ret->dedication = g->dedication;
    ret->protected = g->protected;
    ret->n_groups = g->n_groups;
    for (uint32_t i = 0; i < g->n_groups; i++)
        ret->groups[i] = g->groups[i];
    placement_where_ask(view, g->where, ret);
    ret->now_ms = moving->now_ms;
    if (moving->complete)
        moving->complete(moving->arg, guest, ret);
}

static bool is_same_place(const struct placement_view *view,
                          enum placement_scope scope, uint32_t a, uint32_t b)
{
    uint32_t domain = placement_view_host(view, a)->domain;

    return a == b || (scope == PLACEMENT_DOMAINS && domain &&
                      domain == placement_view_host(view, b)->domain);
}

static uint64_t n_near(const struct placement_view *view,
                       const struct placement_guest *guest, uint32_t group,
                       enum placement_scope scope)
{
    uint64_t n = placement_view_near(view, group, scope, guest->host);

    for (uint32_t i = 0; i < guest->n_groups; i++)
        if (guest->groups[i] == group)
            return n - 1;
    return n;
}

/* Whether one that stays behind might lose the last that it is to be with.
 * One that is left may be the one that is left alone. */
static bool is_missed(const struct placement_view *view,
                      const struct placement_guest *guest, uint32_t to)
{
    const struct placement_rule_side *sides;

    for (uint32_t i = 0; i < guest->n_groups; i++) {
        uint32_t n = placement_view_rules(view, guest->groups[i], &sides);
        for (uint32_t j = 0; j < n; j++) {
            const struct placement_rule *rule = sides[j].rule;
            if (rule->anti || !rule->hard ||
                is_same_place(view, rule->scope, guest->host, to))
                continue;
            if (n_near(view, guest, sides[j].group, rule->scope) <= 1 &&
                n_near(view, guest, sides[j].other, rule->scope) > 0)
                return true;
        }
    }
    return false;
}

/* With the guest on both hosts, no promise has less room than it has and is
 * owed. */
static bool keeps_promises(struct placement_view *view,
                           const struct placement_guest *guest, uint32_t to,
                           uint32_t backup)
{
    struct placement_guest twin = *guest;
    uint64_t rooms[PLACEMENT_PROMISES_MAX];
    uint32_t n, at;
    const struct placement_promise *promises =
        placement_view_promises(view, &n);
    bool ok = true;

    for (uint32_t i = 0; i < n; i++)
        rooms[i] = promises[i].room;
    twin.host = to;
    twin.backup = backup;
    int rc = placement_view_add_guest(view, &twin, &at, NULL);
    assert(rc == 0);
    (void)rc;
    for (uint32_t i = 0; i < n; i++)
        ok = ok && (promises[i].room >= rooms[i] ||
                    promises[i].room >= promises[i].n_guests);
    placement_view_remove_guest(view, at);
    return ok;
}

static bool fits(const struct placement_view *view,
                 const struct placement_request *request, uint32_t to,
                 uint32_t *ret_backup)
{
    static const struct placement_policy any = { .name = "any" };
    struct placement_attempt attempt;
    uint32_t backup = PLACEMENT_NONE;

    if (placement_attempt_init(&attempt, view, request, &any, NULL) ||
        placement_constraint_first(&attempt, to) != PLACEMENT_CONSTRAINTS)
        return false;
    if (request->protected && request->start) {
        backup = placement_spare_backup(&attempt, to);
        if (backup == PLACEMENT_NONE)
            return false;
    }
    *ret_backup = backup;
    return true;
}

/* Only rules and backups are about who is where, so only for those it must
 * not be found where it is. */
static bool fits_without_it(struct placement_view *view,
                            const struct placement_request *request,
                            uint32_t guest, uint32_t to, uint32_t *ret_backup)
{
    struct placement_guest copy = *placement_view_guest(view, guest);
    uint32_t at;

    if (!copy.n_groups && !copy.protected)
        return fits(view, request, to, ret_backup);
    int64_t since_ms = placement_view_use(view, copy.host)->busy_since_ms;
    placement_view_remove_guest(view, guest);
    bool ok = fits(view, request, to, ret_backup);
    int rc = placement_view_add_guest(view, &copy, &at, NULL);
    /* the slot that became free last is taken first */
    assert(rc == 0 && at == guest);
    (void)rc;
    placement_view_set_busy_since(view, copy.host, since_ms);
    return ok;
}

bool placement_step_can(struct placement_view *view,
                        const struct placement_moving *moving, uint32_t guest,
                        uint32_t to, uint32_t *ret_backup)
{
    const struct placement_guest *g = placement_view_guest(view, guest);
    struct placement_request request;
    uint32_t n_promises, backup;

    if (to == g->host || !placement_view_host(view, to)->name ||
        is_missed(view, g, to))
        return false;
    placement_step_request(view, moving, guest, &request);
    if (!fits_without_it(view, &request, guest, to, &backup))
        return false;
    placement_view_promises(view, &n_promises);
    struct placement_guest copy = *placement_view_guest(view, guest);
    if (n_promises && !keeps_promises(view, &copy, to, backup))
        return false;
    *ret_backup = backup;
    return true;
}

void placement_step_do(struct placement_view *view, uint32_t guest,
                       uint32_t to, uint32_t backup, int64_t now_ms)
{
    placement_view_set_backup(view, guest, PLACEMENT_NONE);
    placement_view_move_guest(view, guest, to, now_ms);
    placement_view_set_backup(view, guest, backup);
}
