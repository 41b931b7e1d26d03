/*
 * On which host a change happens: that of its guests or of its lease; and
 * where that is open, the one that placement chooses, on the standing view
 * (inventory.h), so that what is decided next sees it there.  See change.h.
 *
 * All that is created in one transaction comes to one host, because a
 * transaction is wholly done or not at all on one host.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "policyd/change/change.h"
#include "policyd/explain/decision.h"
#include "policyd/hosts/inventory.h"
#include "policyd/hosts/lease.h"
#include "policyd/metrics/metrics.h"
#include "policyd/placement/brief.h"
#include "policyd/policies/policies.h"

/* ---- what it is about ---- */

static void refuse_several(struct change *change,
                           const struct change_guest *one,
                           const struct change_guest *other)
{
    struct vdc_error err = { 0 };

    vdc_error_set(&err, VDC_E_BAD_VALUE,
                  "a transaction is about guests of one host: '%s' is on host "
                  "%s, '%s' on host %s",
                  one->name, one->host, other->name, other->host);
    vdc_error_hint(&err, "ask for each by itself");
    change_refuse(change, &err);
}

/* Where files are looked at that no guest says the host of. */
static const char *host_of_files(const struct hosts *hosts)
{
    const struct host *any = hosts_any(hosts);

    if (!any || any->up)
        return any ? any->name : "";
    for (const struct host *host = hosts_first(hosts); host;
         host = hosts_next(host))
        if (host->up)
            return host->name;
    return any->name;
}

/* The one that is named for what is created; NULL: none is, or it is not one
 * of ours, which placement says then.  Of a customer it is refused. */
static const char *host_asked(const struct change *change)
{
    const struct operations *ops = change->request->ops;

    for (uint32_t i = 0; i < change->order.n_operations; i++) {
        const struct wire_operation *op = &change->order.operations[i];
        if (op->kind == WIRE_OP_CREATE && *op->definition.host &&
            change->request->auth.role == W_OPERATOR &&
            hosts_find(ops->hosts, op->definition.host))
            return op->definition.host;
    }
    return NULL;
}

static int choose(struct change *change,
                  const struct placement_request *request, bool keep,
                  struct placement_decision *ret, char *reason,
                  struct vdc_error *err);

/* The best for what is created, if that one has files of its own; else NULL.
 * Not when a program is to choose, which is asked later. */
static const char *host_away(struct change *change)
{
    const struct operations *ops = change->request->ops;
    const struct placement_view *view = inventory_view(ops->inventory);
    struct placement_decision decision;
    struct placement_request sum;
    char reason[PLACEMENT_REASON_MAX + 1];
    const char *name;

    change->nowhere = false;
    change->host = ""; /* none is looked at yet */
    if (change->not_away || change->reasons->n_errors ||
        hosts_count_away(ops->hosts) == 0 || hosts_count(ops->hosts) == 1 ||
        !change_sum(change, &sum) ||
        policies_for(ops->policies, change->guests[0].customer)->strategy ==
            POLICIES_EXTERNAL)
        return NULL;
    change->nowhere =
        choose(change, &sum, false, &decision, reason, NULL) != 0;
    if (change->nowhere)
        return NULL;
    name = placement_view_text(
        view, placement_view_host(view, decision.winner.host)->name);
    const struct host *host = hosts_find(ops->hosts, name);
    return host && service_is_away(host->service) ? name : NULL;
}

void change_route(struct change *change)
{
    struct operations *ops = change->request->ops;
    const struct change_guest *first = NULL;
    const char *host = leases_host(ops->leases, &change->order.lease);

    for (uint32_t i = 0; i < change->n_guests; i++) {
        const struct change_guest *guest = &change->guests[i];
        if (guest->book == CHANGE_CREATES)
            continue;
        if (!first)
            first = guest;
        else if (strcmp(first->host, guest->host) != 0)
            refuse_several(change, first, guest);
    }
    if (first)
        host = first->host;
    if (!host)
        host = host_asked(change);
    change->pinned = host != NULL;
    if (!host)
        host = host_away(change);
    change->away = host && !change->pinned;
    if (!host)
        host = host_of_files(ops->hosts);
    change->host = arena_strdup(change->request->arena, host);
}

bool change_turns_back(struct change *change, bool refused)
{
    if (!change->away || !refused)
        return false;
    change->not_away = true;
    return true;
}

/* ---- what is asked ---- */

static bool is_to_place(const struct change *change, uint32_t i)
{
    const struct change_guest *guest = change->guest_of[i];

    return guest && guest->book == CHANGE_CREATES &&
           change->order.operations[i].kind == WIRE_OP_CREATE;
}

/* Only hosts that have the files which were looked at; where none can take it
 * whatever its files are, that is what is to be said. */
static void restrict_hosts(const struct change *change,
                           struct placement_request *request)
{
    const struct operations *ops = change->request->ops;
    const struct host *looked = hosts_find(ops->hosts, change->host);

    if (change->nowhere)
        return;
    if (change->pinned || (looked && service_is_away(looked->service))) {
        request->pinned = inventory_name(ops->inventory, change->host);
    } else if (looked) {
        place_add_once(request->wanted, &request->n_wanted, PLACEMENT_TAGS_MAX,
                 inventory_name(ops->inventory, INVENTORY_HERE));
    }
}

static void request_of(const struct change *change, uint32_t i,
                       struct placement_request *ret)
{
    const struct wire_operation *op = &change->order.operations[i];

    place_request(change->request->ops, change->guest_of[i]->customer,
                  &op->definition, op->start, ret);
    ret->uuid = change->guest_of[i]->uuid;
    /* what a lease keeps is not free, but for this */
    if (!uuid_is_zero(&change->order.lease))
        ret->spec.n_disks = ret->spec.n_devices = 0;
    restrict_hosts(change, ret);
}

bool change_sum(const struct change *change, struct placement_request *ret)
{
    bool some = false;

    for (uint32_t i = 0; i < change->order.n_operations; i++) {
        struct placement_request one;
        if (!is_to_place(change, i))
            continue;
        request_of(change, i, &one);
        if (!one.start) {
            one.spec.memory = MEM_KIB(0);
            one.spec.vcpus = one.spec.n_devices = 0;
        }
        if (!some) {
            *ret = one;
            some = true;
            continue;
        }
        place_join(ret, &one);
    }
    return some;
}

/* ---- whether they can be on one host ---- */

/* A hard rule that keeps guests of these groups off one host, or NULL. */
static const struct placement_rule *
rule_between(const struct placement_view *view,
             const struct placement_request *a,
             const struct placement_request *b)
{
    for (uint32_t i = 0; i < a->n_groups; i++) {
        const struct placement_rule_side *sides;
        uint32_t n = placement_view_rules(view, a->groups[i], &sides);
        for (uint32_t s = 0; s < n; s++)
            for (uint32_t j = 0; j < b->n_groups; j++)
                if (sides[s].rule->anti && sides[s].rule->hard &&
                    sides[s].other == b->groups[j])
                    return sides[s].rule;
    }
    return NULL;
}

static int check_pair(const struct placement_view *view,
                      const struct placement_request *a,
                      const struct placement_request *b,
                      struct vdc_error *err)
{
    const struct placement_rule *rule = rule_between(view, a, b);
    struct placement_request sum = *a;
    uint32_t n = 0;

    place_join(&sum, b);
    for (uint32_t i = 0; i < b->n_groups; i++)
        n += place_add_once(sum.groups, &sum.n_groups, PLACEMENT_GROUPS_MAX,
                      b->groups[i]);
    if (rule)
        vdc_error_set(err, VDC_E_BAD_VALUE,
                      "all that one transaction creates comes to one host, "
                      "and rule '%s' keeps two of these guests apart",
                      placement_view_text(view, rule->name));
    else if (a->pinned != b->pinned || a->domain != b->domain ||
             a->dedication != b->dedication || n < b->n_groups)
        vdc_error_set(err, VDC_E_BAD_VALUE,
                      "all that one transaction creates comes to one host, "
                      "and these guests ask for different ones");
    else
        return 0;
    vdc_error_hint(err, "ask for each by itself");
    return VDC_E_BAD_VALUE;
}

/* Each against the sum of those before it. */
static bool can_be_together(struct change *change)
{
    const struct placement_view *view =
        inventory_view(change->request->ops->inventory);
    struct placement_request sum;
    bool some = false;

    for (uint32_t i = 0; i < change->order.n_operations; i++) {
        struct placement_request one;
        struct vdc_error err = { 0 };
        if (!is_to_place(change, i))
            continue;
        request_of(change, i, &one);
        if (some && check_pair(view, &sum, &one, &err)) {
            change_refuse_operation(change, i, &err);
            return false;
        }
        if (some)
            place_join(&sum, &one);
        else
            sum = one;
        some = true;
    }
    return true;
}

/* ---- choosing ---- */

/* Hosts that have refused are as if they were down, while it is chosen. */
static void set_refusers(const struct change *change,
                         enum placement_state *states, bool out)
{
    struct inventory *inventory = change->request->ops->inventory;
    struct placement_view *view = inventory_view(inventory);

    for (uint32_t i = 0; i < change->n_refusers; i++) {
        uint32_t at = inventory_find_host(inventory, change->refusers[i]);
        if (at == PLACEMENT_NONE)
            continue;
        if (out)
            states[i] = placement_view_host(view, at)->state;
        placement_view_set_state(view, at, out ? PLACEMENT_DOWN : states[i]);
    }
}

/* A lease's memory is not available to others, but to this.  A change with
 * one is pinned to its host. */
static void lend(struct change *change, int sign)
{
    struct inventory *inventory = change->request->ops->inventory;
    uint32_t host = inventory_find_host(inventory, change->host);

    if (host == PLACEMENT_NONE || !change->lease.memory.kib ||
        change->lent == (sign > 0))
        return;
    inventory_lend(inventory, host, change->lease.memory, sign);
    change->lent = sign > 0;
}

/* What was decided is remembered if nothing else is in the way of it, and it
 * is not only tried: for each guest by itself. */
static void remember(const struct change *change,
                     const struct placement_record *record)
{
    struct operations *ops = change->request->ops;
    struct placement_record mine = *record;

    if (change->reasons->n_errors || change->order.dry_run)
        return;
    for (uint32_t i = 0; i < change->order.n_operations; i++) {
        const struct change_guest *guest = change->guest_of[i];
        if (!is_to_place(change, i))
            continue;
        mine.request.uuid = guest->uuid;
        decisions_add(ops->decisions, inventory_view(ops->inventory), &mine,
                      guest->customer, guest->name, clock_wall().ms);
    }
}

/* `keep`: it is to be remembered, and may use the lease from now on. */
static int choose(struct change *change,
                  const struct placement_request *request, bool keep,
                  struct placement_decision *ret, char *reason,
                  struct vdc_error *err)
{
    struct operations *ops = change->request->ops;
    const struct placement_view *view = inventory_view(ops->inventory);
    enum placement_state states[CHANGE_PLACES_MAX];
    struct placement_record record = { .request = *request };

    record.policy = *place_policy(
        ops, placement_view_text(view, request->customer));
    lend(change, 1);
    set_refusers(change, states, true);
    bool decided = true;
    uint64_t begun_us = metrics_now_us();
    int rc = change_choose(change, &record, &decided, reason, err);
    *ret = record.decision;
    if (keep && !change->order.dry_run)
        metrics_placed(ops->metrics, begun_us, rc, ret);
    if (keep && decided &&
        (!rc || rc == VDC_E_NO_HOST || rc == VDC_E_NO_MEMORY))
        remember(change, &record);
    if (!rc)
        placement_brief_reason(view, &record.policy, ret, change->place_brief,
                               sizeof(change->place_brief));
    else if (err && change->request->auth.role != W_OPERATOR && !decided)
        vdc_error_set(err, VDC_E_NO_HOST, "no host was named for it");
    else if (err && change->request->auth.role != W_OPERATOR &&
             (rc == VDC_E_NO_HOST || rc == VDC_E_NO_MEMORY))
        placement_brief_refusal(request, ret, err);
    set_refusers(change, states, false);
    if (rc || !keep)
        lend(change, -1);
    return rc;
}

/* Which of them find no room by themselves; when each does, and not all
 * together, `all` says so. */
static void refuse_each(struct change *change, const struct vdc_error *all)
{
    struct inventory *inventory = change->request->ops->inventory;
    bool some = false;

    for (uint32_t i = 0; i < change->order.n_operations; i++) {
        struct placement_decision decision;
        struct placement_request one;
        struct vdc_error err = { 0 };
        char reason[PLACEMENT_REASON_MAX + 1];
        if (!is_to_place(change, i))
            continue;
        request_of(change, i, &one);
        if (choose(change, &one, false, &decision, reason, &err)) {
            change->unplaced[i] = some = true;
            change_refuse(change, &err);
        } else {
            change->guest_of[i]->placed = true;
            inventory_put(inventory, &one, &decision, NULL);
        }
    }
    if (some)
        return;
    for (uint32_t i = 0; i < change->order.n_operations; i++)
        change->unplaced[i] |= is_to_place(change, i);
    change_refuse(change, all);
}

/* It is to be there; from now on everybody sees it there. */
static void take(struct change *change,
                 const struct placement_decision *decision)
{
    struct operations *ops = change->request->ops;
    const struct placement_view *view = inventory_view(ops->inventory);
    const char *name = placement_view_text(
        view, placement_view_host(view, decision->winner.host)->name);
    struct host *host = hosts_find(ops->hosts, name);

    change->host = arena_strdup(change->request->arena, name);
    for (uint32_t i = 0; i < change->order.n_operations; i++) {
        struct change_guest *guest = change->guest_of[i];
        struct placement_request one;
        if (!is_to_place(change, i))
            continue;
        request_of(change, i, &one);
        guest->host = change->host;
        guest->placed = true;
        inventory_put(ops->inventory, &one, decision, NULL);
        if (host && !change->order.dry_run && one.start)
            hosts_note_placed(host, one.spec.memory);
    }
}

bool change_has_place(struct change *change)
{
    struct placement_decision decision;
    struct placement_request sum;
    char reason[PLACEMENT_REASON_MAX + 1];

    return !change_sum(change, &sum) ||
           choose(change, &sum, false, &decision, reason, NULL) == 0;
}

void change_place(struct change *change)
{
    struct placement_decision decision;
    struct placement_request sum;
    struct vdc_error why = { 0 };
    char reason[PLACEMENT_REASON_MAX + 1];

    if (!change_sum(change, &sum) || !can_be_together(change))
        return;
    if (choose(change, &sum, true, &decision, reason, &why)) {
        refuse_each(change, &why);
        return;
    }
    strcpy(change->place_reason, reason);
    if (!change->reasons->n_errors)
        take(change, &decision);
}

void change_unplace(struct change *change)
{
    struct inventory *inventory = change->request->ops->inventory;

    for (uint32_t i = 0; i < change->n_guests; i++)
        if (change->guests[i].placed)
            inventory_drop(inventory, &change->guests[i].uuid);
    lend(change, -1);
}

/* ---- another one ---- */

static bool may_be_another(const struct change *change)
{
    const struct policies_policy *policy =
        policies_for(change->request->ops->policies,
                     change->n_guests ? change->guests[0].customer : "");

    if (change->pinned || !change_creates(change) || change->order.dry_run ||
        change->n_refusers == CHANGE_PLACES_MAX)
        return false;
    /* it was the program's to say, and nobody's else */
    if (policy->strategy == POLICIES_EXTERNAL && !policy->fallback)
        return false;
    return !request_is_cancelled(change->request, NULL);
}

static int record_place(struct change *change, const char *reason,
                        struct vdc_error *err)
{
    struct book *book = change->request->ops->book;
    int rc = 0;

    if (change->keyed)
        rc = keys_note(change->keyed, change->host, err);
    for (uint32_t i = 0; !rc && i < change->n_guests; i++) {
        struct assignment *a = book_assignment(book, &change->guests[i].uuid);
        if (a && a->state == ASSIGNMENT_CREATING)
            rc = book_assignment_place(
                book, a, change->host,
                inventory_busy_since(change->request->ops->inventory,
                                     change->host),
                reason, err);
    }
    return rc;
}

bool change_place_again(struct change *change)
{
    struct placement_decision decision;
    struct placement_request sum;
    struct vdc_error err = { 0 };
    char reason[PLACEMENT_REASON_MAX + 1];

    if (!may_be_another(change) || !change_sum(change, &sum))
        return false;
    change->refusers[change->n_refusers++] = change->host;
    if (choose(change, &sum, true, &decision, reason, NULL))
        return false;
    take(change, &decision);
    snprintf(change->place_reason, sizeof(change->place_reason),
             "%.300s; host %s refused it: %.150s", reason,
             change->refusers[change->n_refusers - 1], change->why.text);
    int rc = record_place(change, change->place_reason, &err);
    if (rc)
        change->why = err;
    else
        memset(&change->why, 0, sizeof(change->why));
    return rc == 0;
}
