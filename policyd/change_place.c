/*
 * On which host a change happens: that of its guests or of its lease; and
 * where that is open, the one that placement chooses by what hosts have
 * reported.  See change.h.
 *
 * All that is created in one transaction comes to one host, because a
 * transaction is wholly done or not at all on one host.
 */
#include <stdio.h>
#include <string.h>

#include "policyd/change.h"
#include "policyd/lease.h"

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
    change->pinned = host != NULL;
    if (!host)
        host = host_of_files(ops->hosts);
    change->host = arena_strdup(change->request->arena, host);
}

/* ---- the view ---- */

/* Only hosts that have the files which were looked at. */
static bool has_files(const struct change *change, const struct host *host)
{
    const struct host *looked =
        hosts_find(change->request->ops->hosts, change->host);

    if (!looked || looked == host)
        return true;
    return !service_is_away(looked->service) &&
           !service_is_away(host->service);
}

static bool is_candidate(const struct change *change, const struct host *host)
{
    if (change->pinned && strcmp(host->name, change->host) != 0)
        return false;
    for (uint32_t i = 0; i < change->n_refusers; i++)
        if (strcmp(change->refusers[i], host->name) == 0)
            return false;
    return has_files(change, host);
}

static enum placement_state state_of(const struct host *host)
{
    if (!host->up || host->why.code)
        return PLACEMENT_DOWN;
    switch (host->record.state) {
    case WIRE_HOST_UP:
        return strcmp(host->report.state, "up") == 0 ? PLACEMENT_UP
                                                     : PLACEMENT_DOWN;
    case WIRE_HOST_DRAINING:
        return PLACEMENT_DRAINING;
    case WIRE_HOST_MAINTENANCE:
        return PLACEMENT_MAINTENANCE;
    }
    return PLACEMENT_DOWN;
}

static const char *why_of(const struct host *host)
{
    if (!host->up || host->why.code || !*host->report.name)
        return host->why.code ? host->why.text : "resourced does not answer";
    if (host->record.state != WIRE_HOST_UP)
        return host->record.reason;
    return host->report.state;
}

/* What it has, and, as one guest, what of that is not to be had. */
static void view_host(const struct change *change, const struct host *host,
                      struct placement_view *view)
{
    struct placement_names *names = placement_view_names(view);
    struct placement_guest others = { .runs = true };
    struct placement_host h = {
        .name = placement_names_add(names, host->name),
        .state = state_of(host),
        .state_why = placement_names_add(names, why_of(host)),
        .domain = placement_names_add(names, host->record.domain),
        .dedicated = placement_names_add(names, host->record.dedicated),
        .memory = host->report.total_memory,
        .pcpus = host->report.pcpus,
        .n_tags = host->record.n_tags,
    };
    uint64_t left = host->report.available_memory.kib;

    left -= host->placed.kib < left ? host->placed.kib : left;
    /* a lease's memory is not available to others, but to this */
    left += change->lease.memory.kib;
    if (left > MEM_MAX_KIB)
        left = MEM_MAX_KIB;
    if (h.memory.kib < left)
        h.memory.kib = left;
    for (uint32_t i = 0; i < h.n_tags; i++)
        h.tags[i] = placement_names_add(names, host->record.tags[i]);
    if (placement_view_put_host(view, &h, &others.host, NULL))
        return;
    others.spec.memory.kib = h.memory.kib - left;
    others.backup = PLACEMENT_NONE;
    placement_view_add_guest(view, &others, NULL, NULL);
}

static struct placement_view *view_of(const struct change *change,
                                      struct placement_names *names)
{
    struct placement_view *view = placement_view_new(names);
    const struct host *host = hosts_first(change->request->ops->hosts);

    for (; host; host = hosts_next(host))
        if (is_candidate(change, host))
            view_host(change, host, view);
    return view;
}

/* ---- choosing ---- */

static bool is_to_place(const struct change *change, uint32_t i)
{
    const struct change_guest *guest = change->guest_of[i];

    return guest && guest->book == CHANGE_CREATES &&
           change->order.operations[i].kind == WIRE_OP_CREATE;
}

/* All that is created, as if it was one guest. */
static bool sum_created(const struct change *change,
                        struct placement_names *names,
                        struct placement_request *ret)
{
    bool some = false;

    memset(ret, 0, sizeof(*ret));
    for (uint32_t i = 0; i < change->order.n_operations; i++) {
        const struct wire_operation *op = &change->order.operations[i];
        if (!is_to_place(change, i))
            continue;
        some = true;
        ret->start |= op->start;
        if (op->start)
            ret->spec.memory.kib += op->definition.memory.kib;
        ret->customer =
            placement_names_add(names, change->guest_of[i]->customer);
    }
    return some;
}

static int choose(const struct change *change, struct placement_view *view,
                  const struct placement_request *request,
                  struct placement_decision *ret, char *reason, size_t size,
                  struct vdc_error *err)
{
    const struct placement_policy *policy = placement_policy_find("spread");
    int rc = placement_choose(view, request, policy, ret, err);

    if (!rc)
        placement_reason(view, request, policy, ret, reason, size);
    return rc;
}

/* Which of them find no room by themselves; when each does, and not all
 * together, `all` says so. */
static void refuse_each(struct change *change, struct placement_view *view,
                        const struct placement_request *sum,
                        const struct vdc_error *all)
{
    bool some = false;

    for (uint32_t i = 0; i < change->order.n_operations; i++) {
        const struct wire_operation *op = &change->order.operations[i];
        const struct placement_request one = {
            .customer = sum->customer,
            .spec = { .memory = op->definition.memory },
            .start = op->start,
        };
        struct placement_decision decision;
        struct vdc_error err = { 0 };
        char reason[PLACEMENT_REASON_MAX + 1];
        if (!is_to_place(change, i))
            continue;
        if (choose(change, view, &one, &decision, reason, sizeof(reason),
                   &err)) {
            change->unplaced[i] = some = true;
            change_refuse(change, &err);
            continue;
        }
        const struct placement_guest guest = {
            .host = decision.winner.host,
            .spec = one.spec,
            .runs = one.start,
            .backup = PLACEMENT_NONE,
        };
        placement_view_add_guest(view, &guest, NULL, NULL);
    }
    if (some)
        return;
    for (uint32_t i = 0; i < change->order.n_operations; i++)
        change->unplaced[i] |= is_to_place(change, i);
    change_refuse(change, all);
}

/* What one choice came to. */
struct place {
    struct placement_names *names;
    struct placement_view *view;
    struct placement_request sum;
    const char *host; /* of the names */
    struct vdc_error why;
    char reason[PLACEMENT_REASON_MAX + 1];
};

/* False when there is nothing to place. */
static bool place_begin(const struct change *change, struct place *place)
{
    struct placement_decision decision;

    memset(place, 0, sizeof(*place));
    place->names = placement_names_new();
    if (!sum_created(change, place->names, &place->sum)) {
        placement_names_free(place->names);
        return false;
    }
    place->view = view_of(change, place->names);
    if (!choose(change, place->view, &place->sum, &decision, place->reason,
                sizeof(place->reason), &place->why))
        place->host = placement_view_text(
            place->view,
            placement_view_host(place->view, decision.winner.host)->name);
    return true;
}

static void place_end(struct place *place)
{
    placement_view_free(place->view);
    placement_names_free(place->names);
}

/* It is to be there. */
static void take(struct change *change, const struct place *place)
{
    struct request *request = change->request;
    struct host *host = hosts_find(request->ops->hosts, place->host);

    change->host = arena_strdup(request->arena, place->host);
    for (uint32_t i = 0; i < change->n_guests; i++)
        if (change->guests[i].book == CHANGE_CREATES)
            change->guests[i].host = change->host;
    if (host && !change->order.dry_run && place->sum.start)
        hosts_note_placed(host, place->sum.spec.memory);
}

bool change_has_place(const struct change *change)
{
    struct place place;

    if (!place_begin(change, &place))
        return true;
    bool ok = place.host != NULL;
    place_end(&place);
    return ok;
}

void change_place(struct change *change)
{
    struct place place;

    if (!place_begin(change, &place))
        return;
    if (place.host) {
        strcpy(change->place_reason, place.reason);
        if (!change->reasons.n_errors)
            take(change, &place);
    } else {
        refuse_each(change, place.view, &place.sum, &place.why);
    }
    place_end(&place);
}

/* ---- another one ---- */

static bool may_be_another(const struct change *change)
{
    if (change->pinned || !change_creates(change) || change->order.dry_run ||
        change->n_refusers == CHANGE_PLACES_MAX)
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
            rc = book_assignment_place(book, a, change->host, reason, err);
    }
    return rc;
}

bool change_place_again(struct change *change)
{
    struct vdc_error err = { 0 };
    struct place place;
    int rc = VDC_E_NO_HOST;

    if (!may_be_another(change))
        return false;
    change->refusers[change->n_refusers++] = change->host;
    if (!place_begin(change, &place))
        return false;
    if (place.host) {
        take(change, &place);
        snprintf(change->place_reason, sizeof(change->place_reason),
                 "%.300s; host %s refused it: %.150s", place.reason,
                 change->refusers[change->n_refusers - 1], change->why.text);
        rc = record_place(change, change->place_reason, &err);
        if (rc)
            change->why = err;
    }
    place_end(&place);
    if (!rc)
        memset(&change->why, 0, sizeof(change->why));
    return rc == 0;
}
