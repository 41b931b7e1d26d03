/*
 * Whether a host can take a guest: a function for each row of constraint.def.
 * They are called for every host, so they look up and allocate nothing that
 * is the same for all.
 */
#include "policyd/placement/constraint.h"
#include "policyd/placement/spare.h"

#include <string.h>

/* ---- what is asked ---- */

static bool is_within(const struct placement_request *request,
                      const struct placement_policy *policy)
{
    for (int i = 0; i < PLACEMENT_TERMS; i++)
        if (policy->weights[i] > PLACEMENT_WEIGHT_MAX)
            return false;
    return request->n_wanted <= PLACEMENT_TAGS_MAX &&
           request->n_forbidden <= PLACEMENT_TAGS_MAX &&
           request->n_groups <= PLACEMENT_GROUPS_MAX;
}

static bool is_implicit(const struct placement_request *request)
{
    return request->dedication == PLACEMENT_STRICT ||
           request->dedication == PLACEMENT_PREFERRED;
}

/* Most requests ask for little, and there are many hosts. */
static uint32_t asked_by(const struct placement_attempt *attempt)
{
    const struct placement_request *request = attempt->request;
    const bool asked[PLACEMENT_CONSTRAINTS] = {
        [PLACEMENT_MUST_PINNED] = request->pinned,
        [PLACEMENT_MUST_STATE] = true,
        [PLACEMENT_MUST_DOMAIN] = request->domain,
        [PLACEMENT_MUST_WANTED] = request->n_wanted,
        [PLACEMENT_MUST_FORBIDDEN] = request->n_forbidden,
        [PLACEMENT_MUST_FEATURES] = !cpu_set_is_empty(&request->cpu),
        [PLACEMENT_MUST_DEDICATED] = true,
        [PLACEMENT_MUST_MEMORY] = attempt->memory.kib,
        [PLACEMENT_MUST_VCPUS] = attempt->vcpus,
        [PLACEMENT_MUST_DISK] = request->spec.n_disks,
        [PLACEMENT_MUST_DEVICES] = request->spec.n_devices,
        [PLACEMENT_MUST_STRICT] = true,
        [PLACEMENT_MUST_ALONE] = is_implicit(request),
        [PLACEMENT_MUST_AFFINITY] = request->n_groups,
        [PLACEMENT_MUST_ANTI_AFFINITY] = request->n_groups,
        [PLACEMENT_MUST_PROMISE] = attempt->n_promises,
        [PLACEMENT_MUST_SPARE] = attempt->memory.kib,
        [PLACEMENT_MUST_BACKUP] = request->protected && request->start,
    };
    uint32_t bits = 0;

    for (int i = 0; i < PLACEMENT_CONSTRAINTS; i++)
        bits |= (uint32_t)asked[i] << i;
    return bits;
}

struct placement_guest
placement_guest_of(const struct placement_request *request, uint32_t host,
                   uint32_t backup)
{
    struct placement_guest guest = {
        .uuid = request->uuid,
        .customer = request->customer,
        .host = host,
        .spec = request->spec,
        .n_groups = request->n_groups,
        .where = request->where,
        .cpu = request->cpu,
        .dedication = request->dedication,
        .runs = request->start,
        .protected = request->protected,
        .backup = backup,
        .since_ms = request->now_ms,
    };

    memcpy(guest.groups, request->groups, sizeof(guest.groups));
    return guest;
}

int placement_attempt_init(struct placement_attempt *attempt,
                           const struct placement_view *view,
                           const struct placement_request *request,
                           const struct placement_policy *policy,
                           struct vdc_error *err)
{
    int rc = placement_view_check_spec(&request->spec, err);

    if (rc)
        return rc;
    if (!is_within(request, policy))
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "too many tags or groups are asked for, or a "
                             "weight is too large");
    if (request->protected &&
        (request->dedication == PLACEMENT_STRICT || request->spec.n_devices))
        return vdc_error_set(err, VDC_E_UNSUPPORTED,
                             "a protected guest can neither insist on being "
                             "alone nor have devices");
    *attempt = (struct placement_attempt){
        .view = view,
        .request = request,
        .guest = placement_guest_of(request, 0, PLACEMENT_NONE),
        .memory = request->start ? request->spec.memory : MEM_KIB(0),
        .vcpus = request->start ? request->spec.vcpus : 0,
    };
    attempt->promises = placement_view_promises(view, &attempt->n_promises);
    for (uint32_t i = 0; i < request->n_groups; i++) {
        attempt->n_rules[i] =
            placement_view_rules(view, request->groups[i], &attempt->rules[i]);
    }
    attempt->asked = asked_by(attempt);
    return 0;
}

/* ---- what the host is ---- */

static uint64_t lacks_pinned(const struct placement_attempt *attempt,
                             uint32_t host)
{
    uint32_t pinned = attempt->request->pinned;

    return pinned && placement_view_host(attempt->view, host)->name != pinned;
}

static uint64_t lacks_state(const struct placement_attempt *attempt,
                            uint32_t host)
{
    return placement_view_host(attempt->view, host)->state != PLACEMENT_UP;
}

static uint64_t lacks_domain(const struct placement_attempt *attempt,
                             uint32_t host)
{
    uint32_t domain = attempt->request->domain;

    return domain &&
           placement_view_host(attempt->view, host)->domain != domain;
}

static bool has(const uint32_t *names, uint32_t n, uint32_t name)
{
    for (uint32_t i = 0; i < n; i++)
        if (names[i] == name)
            return true;
    return false;
}

static uint64_t lacks_wanted(const struct placement_attempt *attempt,
                             uint32_t host)
{
    const struct placement_host *h = placement_view_host(attempt->view, host);
    uint64_t n = 0;

    for (uint32_t i = 0; i < attempt->request->n_wanted; i++)
        n += !has(h->tags, h->n_tags, attempt->request->wanted[i]);
    return n;
}

static uint64_t lacks_forbidden(const struct placement_attempt *attempt,
                                uint32_t host)
{
    const struct placement_host *h = placement_view_host(attempt->view, host);
    uint64_t n = 0;

    for (uint32_t i = 0; i < attempt->request->n_forbidden; i++)
        n += has(h->tags, h->n_tags, attempt->request->forbidden[i]);
    return n;
}

static uint64_t lacks_features(const struct placement_attempt *attempt,
                               uint32_t host)
{
    const struct cpu_set lacks =
        cpu_set_lacks(&placement_view_host(attempt->view, host)->cpu,
                      &attempt->request->cpu);

    return cpu_set_count(&lacks);
}

static uint64_t lacks_dedicated(const struct placement_attempt *attempt,
                                uint32_t host)
{
    const struct placement_request *request = attempt->request;
    uint32_t dedicated = placement_view_host(attempt->view, host)->dedicated;

    if (request->dedication == PLACEMENT_EXPLICIT)
        return dedicated != request->customer || !dedicated;
    return dedicated != 0;
}

/* ---- what is taken of it ---- */

static uint64_t over(uint64_t most, uint64_t used, uint64_t ask)
{
    if (!ask || (used <= most && most - used >= ask))
        return 0;
    return ask - (used < most ? most - used : 0);
}

static uint64_t lacks_memory(const struct placement_attempt *attempt,
                             uint32_t host)
{
    const struct placement_use *use = placement_view_use(attempt->view, host);
    uint64_t most = placement_view_host(attempt->view, host)->memory.kib;
    uint64_t kib = use->memory.kib + attempt->memory.kib;

    if (!attempt->memory.kib || kib <= most)
        return 0;
    /* it must then not take what is kept free, either */
    return kib + use->reserve.kib - most;
}

static uint64_t lacks_vcpus(const struct placement_attempt *attempt,
                            uint32_t host)
{
    const struct placement_use *use = placement_view_use(attempt->view, host);

    return over(use->vcpus_most, use->vcpus, attempt->vcpus);
}

uint64_t placement_constraint_free(const struct placement_amount *amounts,
                                   uint32_t n, const uint64_t *used,
                                   uint32_t name)
{
    for (uint32_t i = 0; i < n; i++)
        if (amounts[i].name == name)
            return used[i] < amounts[i].amount ? amounts[i].amount - used[i]
                                               : 0;
    return 0;
}

static uint64_t lacks_disk(const struct placement_attempt *attempt,
                           uint32_t host)
{
    const struct placement_spec *spec = &attempt->request->spec;
    const struct placement_host *h = placement_view_host(attempt->view, host);
    const struct placement_use *use = placement_view_use(attempt->view, host);
    uint64_t n = 0;

    for (uint32_t i = 0; i < spec->n_disks; i++)
        n += over(placement_constraint_free(h->pools, h->n_pools, use->pools,
                                            spec->disks[i].name),
                  0, spec->disks[i].amount);
    return n;
}

static uint64_t lacks_devices(const struct placement_attempt *attempt,
                              uint32_t host)
{
    const struct placement_spec *spec = &attempt->request->spec;
    const struct placement_host *h = placement_view_host(attempt->view, host);
    const struct placement_use *use = placement_view_use(attempt->view, host);
    uint64_t n = 0;

    for (uint32_t i = 0; attempt->request->start && i < spec->n_devices; i++)
        n += over(placement_constraint_free(h->devices, h->n_devices,
                                            use->devices,
                                            spec->devices[i].name),
                  0, spec->devices[i].amount);
    return n;
}

static uint64_t lacks_strict(const struct placement_attempt *attempt,
                             uint32_t host)
{
    const struct placement_use *use = placement_view_use(attempt->view, host);

    if (attempt->request->dedication == PLACEMENT_STRICT)
        return use->n_guests - use->n_implicit;
    return is_implicit(attempt->request) ? 0 : use->n_strict;
}

/* ---- who is there ---- */

static uint64_t own_implicit(const struct placement_attempt *attempt,
                             uint32_t host)
{
    return placement_view_implicit(attempt->view, attempt->request->customer,
                                   host);
}

bool placement_constraint_shares(const struct placement_attempt *attempt,
                                 uint32_t host)
{
    const struct placement_use *use = placement_view_use(attempt->view, host);

    return is_implicit(attempt->request) && use->n_guests &&
           own_implicit(attempt, host) != use->n_guests;
}

static uint64_t lacks_alone(const struct placement_attempt *attempt,
                            uint32_t host)
{
    const struct placement_use *use = placement_view_use(attempt->view, host);

    /* one who prefers to be alone must only not disturb who must be */
    if (!use->n_implicit || !is_implicit(attempt->request) ||
        (attempt->request->dedication != PLACEMENT_STRICT && !use->n_strict))
        return 0;
    return use->n_implicit - own_implicit(attempt, host);
}

static uint64_t breaks(const struct placement_attempt *attempt,
                       const struct placement_rule_side *side, uint32_t host)
{
    uint64_t near = placement_view_near(attempt->view, side->other,
                                        side->rule->scope, host);

    if (side->rule->anti)
        return near;
    /* the first of them is free to be anywhere */
    return !near && placement_view_members(attempt->view, side->other);
}

const struct placement_rule *
placement_constraint_broken(const struct placement_attempt *attempt, bool anti,
                            bool hard, uint32_t host, uint64_t *ret_n)
{
    for (uint32_t i = 0; i < attempt->request->n_groups; i++)
        for (uint32_t j = 0; j < attempt->n_rules[i]; j++) {
            const struct placement_rule_side *side = &attempt->rules[i][j];
            if (side->rule->anti != anti || side->rule->hard != hard)
                continue;
            *ret_n = breaks(attempt, side, host);
            if (*ret_n)
                return side->rule;
        }
    *ret_n = 0;
    return NULL;
}

uint32_t placement_constraint_n_soft(const struct placement_attempt *attempt,
                                     uint32_t host)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < attempt->request->n_groups; i++)
        for (uint32_t j = 0; j < attempt->n_rules[i]; j++)
            if (!attempt->rules[i][j].rule->hard)
                n += breaks(attempt, &attempt->rules[i][j], host) != 0;
    return n;
}

static uint64_t lacks_affinity(const struct placement_attempt *attempt,
                               uint32_t host)
{
    uint64_t n;

    placement_constraint_broken(attempt, false, true, host, &n);
    return n;
}

static uint64_t lacks_anti_affinity(const struct placement_attempt *attempt,
                                    uint32_t host)
{
    uint64_t n;

    placement_constraint_broken(attempt, true, true, host, &n);
    return n;
}

static bool may_use(const struct placement_request *request,
                    const struct placement_promise *promise)
{
    if (promise->customer)
        return promise->customer == request->customer;
    return request->spec.memory.kib >= promise->spec.memory.kib &&
           request->spec.vcpus >= promise->spec.vcpus;
}

/* What a promise loses when the guest is on the host. */
static uint64_t loss_on(const struct placement_attempt *attempt, uint32_t host,
                        const struct placement_promise *promise)
{
    const struct placement_host *h = placement_view_host(attempt->view, host);
    const struct placement_use *use = placement_view_use(attempt->view, host);
    struct placement_use then = *use;

    placement_view_count(h, &attempt->guest, 1, &then);
    return placement_view_room(h, use, promise) -
           placement_view_room(h, &then, promise);
}

/* And when another one is its backup. */
static uint64_t loss_by_backup(const struct placement_attempt *attempt,
                               uint32_t host, uint32_t backup,
                               const struct placement_promise *promise)
{
    const struct placement_host *h =
        placement_view_host(attempt->view, backup);
    const struct placement_use *use =
        placement_view_use(attempt->view, backup);
    struct placement_use then = *use;
    uint64_t kib = placement_view_backed(attempt->view, backup, host).kib +
                   attempt->memory.kib;

    if (kib > then.reserve.kib)
        then.reserve.kib = kib;
    return placement_view_room(h, use, promise) -
           placement_view_room(h, &then, promise);
}

const struct placement_promise *
placement_constraint_promise(const struct placement_attempt *attempt,
                             uint32_t host, uint32_t backup,
                             uint64_t *ret_lacks)
{
    *ret_lacks = 0;
    for (uint32_t i = 0; i < attempt->n_promises; i++) {
        const struct placement_promise *promise = &attempt->promises[i];
        if (may_use(attempt->request, promise))
            continue;
        uint64_t loss = loss_on(attempt, host, promise);
        if (backup != PLACEMENT_NONE)
            loss += loss_by_backup(attempt, host, backup, promise);
        uint64_t left = promise->room - loss;
        /* what is broken already must only not get worse */
        if (!loss || left >= promise->n_guests)
            continue;
        *ret_lacks = promise->n_guests - left;
        return promise;
    }
    return NULL;
}

static uint64_t lacks_promise(const struct placement_attempt *attempt,
                              uint32_t host)
{
    uint64_t n;

    placement_constraint_promise(attempt, host, PLACEMENT_NONE, &n);
    return n;
}

/* ---- when a host dies ---- */

static uint64_t lacks_spare(const struct placement_attempt *attempt,
                            uint32_t host)
{
    const struct placement_use *use = placement_view_use(attempt->view, host);
    uint64_t most = placement_view_host(attempt->view, host)->memory.kib;
    uint64_t kib = use->memory.kib + use->reserve.kib + attempt->memory.kib;

    /* what is not there at all is not lacking as a reserve */
    if (!attempt->memory.kib || !use->reserve.kib || kib <= most ||
        lacks_memory(attempt, host))
        return 0;
    return kib - most;
}

static uint64_t lacks_backup(const struct placement_attempt *attempt,
                             uint32_t host)
{
    return attempt->request->protected && attempt->request->start &&
           placement_spare_backup(attempt, host) == PLACEMENT_NONE;
}

/* ---- the table ---- */

static const struct {
    const char *name;
    const char *text;
    enum placement_kind kind;
    uint64_t (*lacks)(const struct placement_attempt *attempt, uint32_t host);
} table[] = {
#define PLACEMENT_CONSTRAINT(id, function, name, kind, text) \
    { name, text, PLACEMENT_KIND_##kind, lacks_##function },
#include "policyd/placement/constraint.def"
#undef PLACEMENT_CONSTRAINT
};

const char *placement_constraint_name(enum placement_constraint constraint)
{
    return table[constraint].name;
}

const char *placement_constraint_text(enum placement_constraint constraint)
{
    return table[constraint].text;
}

enum placement_kind
placement_constraint_kind(enum placement_constraint constraint)
{
    return table[constraint].kind;
}

uint64_t placement_constraint_lacks(const struct placement_attempt *attempt,
                                    enum placement_constraint constraint,
                                    uint32_t host)
{
    return table[constraint].lacks(attempt, host);
}

enum placement_constraint
placement_constraint_first_of(const struct placement_attempt *attempt,
                              uint32_t constraints, uint32_t host)
{
    for (uint32_t bits = constraints; bits; bits &= bits - 1) {
        int i = __builtin_ctz(bits);
        if (table[i].lacks(attempt, host))
            return (enum placement_constraint)i;
    }
    return PLACEMENT_CONSTRAINTS;
}

enum placement_constraint
placement_constraint_first(const struct placement_attempt *attempt,
                           uint32_t host)
{
    return placement_constraint_first_of(attempt, attempt->asked, host);
}

uint32_t placement_constraint_asked(const struct placement_attempt *attempt,
                                    enum placement_kind kind)
{
    uint32_t bits = 0;

    for (int i = 0; i < PLACEMENT_CONSTRAINTS; i++)
        bits |= (uint32_t)(table[i].kind == kind) << i;
    return bits & attempt->asked;
}

bool placement_constraint_meets(const struct placement_attempt *attempt,
                                uint32_t constraints, uint32_t host)
{
    return placement_constraint_first_of(attempt, constraints, host) ==
           PLACEMENT_CONSTRAINTS;
}
