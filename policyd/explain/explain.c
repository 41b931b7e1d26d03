/*
 * Explanations of decisions: why a guest is on its host, as it was decided;
 * why it is not on another.
 *
 * Operators see all hosts.  A customer is told what it was told when its guest
 * was made (placement/brief.h), and how many hosts were excluded by what: not
 * which ones, nor what is on them.
 */
#include "policyd/explain/explain.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "policyd/api/lookup.h"
#include "policyd/change/change.h"
#include "policyd/explain/decision.h"
#include "policyd/hosts/inventory.h"
#include "policyd/placement/brief.h"
#include "policyd/placement/whatif.h"

#define HOSTS_LISTED 100 /* as wire.def has it */
#define TEXT_SIZE 512

/* ---- what hosts have, now ---- */

struct known {
    struct request *request;
    request_fn *fn;
};

static void known(void *arg)
{
    const struct known *k = arg; /* in the request's arena */
    struct request *request = k->request;
    struct vdc_error err = { 0 };

    if (request_is_cancelled(request, &err))
        request_fail(request, &err);
    else
        k->fn(request);
}

void explain_when_known(struct request *request, request_fn *fn)
{
    struct known *k = ARENA_NEW(request->arena, struct known);

    *k = (struct known){ request, fn };
    hosts_refresh(request->ops->hosts, known, k);
}

/* ---- specs ---- */

int explain_spec(struct operations *ops,
                 const struct wire_placement_spec *from,
                 struct placement_spec *ret, struct vdc_error *err)
{
    *ret = (struct placement_spec){ .memory = from->memory,
                                    .vcpus = from->vcpus,
                                    .n_disks = from->n_disks };
    for (uint32_t i = 0; i < from->n_disks; i++)
        ret->disks[i] = (struct placement_amount){
            inventory_name(ops->inventory, from->disks[i].name),
            from->disks[i].amount
        };
    return placement_view_check_spec(ret, err);
}

void explain_spec_out(const struct placement_view *view,
                      const struct placement_spec *spec, struct arena *arena,
                      struct wire_placement_spec *ret)
{
    wire_init(&wire_struct_placement_spec, ret);
    ret->memory = spec->memory;
    ret->vcpus = spec->vcpus;
    ret->disks = ARENA_ARRAY(arena, spec->n_disks, struct wire_pool_amount);
    ret->n_disks = spec->n_disks;
    for (uint32_t i = 0; i < spec->n_disks; i++) {
        ret->disks[i].name = arena_strdup(
            arena, placement_view_text(view, spec->disks[i].name));
        ret->disks[i].amount = spec->disks[i].amount;
    }
}

void explain_cpu_out(const struct cpu_set *cpu, struct arena *arena,
                     struct wire_placement_spec *ret)
{
    ret->cpu_features =
        ARENA_ARRAY(arena, cpu_set_count(cpu) + 1, const char *);
    for (unsigned i = 0; i < CPU_FEATURES_MAX; i++)
        if (cpu_set_has(cpu, i) && cpu_feature_name(i))
            ret->cpu_features[ret->n_cpu_features++] = cpu_feature_name(i);
}

/* ---- hosts ---- */

/* A decision that is being told of. */
struct telling {
    const struct placement_view *view;
    const struct placement_record *record;
    struct placement_attempt attempt;
    struct arena *arena;
};

static const char *host_text(const struct telling *t, uint32_t host)
{
    if (host >= placement_view_n_hosts(t->view))
        return "";
    return arena_strdup(
        t->arena,
        placement_view_text(t->view,
                            placement_view_host(t->view, host)->name));
}

static void tell_terms(const struct telling *t,
                       const struct placement_candidate *candidate,
                       struct wire_placement_verdict *ret)
{
    ret->score = candidate->score;
    ret->terms =
        ARENA_ARRAY(t->arena, PLACEMENT_TERMS, struct wire_placement_term);
    for (int i = 0; i < PLACEMENT_TERMS; i++) {
        if (!t->record->policy.weights[i])
            continue;
        struct wire_placement_term *term = &ret->terms[ret->n_terms++];
        wire_init(&wire_struct_placement_term, term);
        term->name = placement_term_name((enum placement_term)i);
        term->value = candidate->terms[i];
        term->weight = t->record->policy.weights[i];
    }
}

static bool fails_only(const struct telling *t,
                       enum placement_constraint constraint, uint32_t host)
{
    for (int i = 0; i < PLACEMENT_CONSTRAINTS; i++)
        if (i != (int)constraint &&
            placement_constraint_lacks(&t->attempt,
                                       (enum placement_constraint)i, host))
            return false;
    return true;
}

static const char *why_text(const struct telling *t,
                            enum placement_constraint constraint,
                            uint32_t host)
{
    char text[TEXT_SIZE];

    return arena_strdup(t->arena,
                        placement_constraint_why(&t->attempt, constraint, host,
                                                 text, sizeof(text)));
}

static const char *change_text(const struct telling *t,
                               enum placement_constraint constraint,
                               uint32_t host)
{
    char text[TEXT_SIZE];

    return arena_strdup(t->arena,
                        placement_constraint_change(&t->attempt, constraint,
                                                    host, text, sizeof(text)));
}

static void tell_host(const struct telling *t, uint32_t host,
                      struct wire_placement_verdict *ret)
{
    struct placement_verdict verdict;

    wire_init(&wire_struct_placement_verdict, ret);
    ret->host = host_text(t, host);
    if (placement_explain(t->view, &t->record->request, &t->record->policy,
                          host, &verdict, NULL))
        return;
    ret->fits = verdict.failed == PLACEMENT_CONSTRAINTS;
    if (ret->fits) {
        tell_terms(t, &verdict.candidate, ret);
        return;
    }
    ret->constraint = placement_constraint_name(verdict.failed);
    ret->lacks = verdict.lacks;
    ret->text = why_text(t, verdict.failed, host);
    if (fails_only(t, verdict.failed, host))
        ret->change = change_text(t, verdict.failed, host);
}

/* Those that could take it, or those that could not. */
static void tell_more_hosts(const struct telling *t, bool fits,
                            struct wire_placement_decision *ret)
{
    const struct placement_decision *d = &t->record->decision;

    for (uint32_t i = 0; i < placement_view_n_hosts(t->view) &&
                         ret->n_hosts < HOSTS_LISTED;
         i++) {
        if (!placement_view_host(t->view, i)->name || i == d->winner.host ||
            i == d->runner_up.host)
            continue;
        bool could = placement_constraint_first(&t->attempt, i) ==
                     PLACEMENT_CONSTRAINTS;
        if (could == fits)
            tell_host(t, i, &ret->hosts[ret->n_hosts++]);
    }
}

static void tell_hosts(const struct telling *t,
                       struct wire_placement_decision *ret)
{
    const struct placement_decision *d = &t->record->decision;

    ret->hosts =
        ARENA_ARRAY(t->arena, HOSTS_LISTED, struct wire_placement_verdict);
    if (d->winner.host < placement_view_n_hosts(t->view))
        tell_host(t, d->winner.host, &ret->hosts[ret->n_hosts++]);
    if (d->runner_up.host < placement_view_n_hosts(t->view))
        tell_host(t, d->runner_up.host, &ret->hosts[ret->n_hosts++]);
    tell_more_hosts(t, true, ret);
    tell_more_hosts(t, false, ret);
}

/* ---- constraints ---- */

struct counting {
    uint32_t n, n_only, nearest;
    uint64_t lacks;
};

/* As a refusal counts them; also when there is a host that could take it. */
static void count_excluded(const struct telling *t, struct counting *counts)
{
    for (uint32_t i = 0; i < placement_view_n_hosts(t->view); i++) {
        if (!placement_view_host(t->view, i)->name)
            continue;
        enum placement_constraint c =
            placement_constraint_first(&t->attempt, i);
        if (c == PLACEMENT_CONSTRAINTS)
            continue;
        uint64_t lacks = placement_constraint_lacks(&t->attempt, c, i);
        bool only = fails_only(t, c, i);
        struct counting *e = &counts[c];
        if (!e->n || (only && !e->n_only) ||
            (only == (e->n_only > 0) && lacks < e->lacks)) {
            e->nearest = i;
            e->lacks = lacks;
        }
        e->n++;
        e->n_only += only;
    }
}

static void tell_excluded(const struct telling *t, bool all,
                          struct wire_placement_decision *ret)
{
    struct counting counts[PLACEMENT_CONSTRAINTS] = { { 0 } };

    count_excluded(t, counts);
    ret->excluded = ARENA_ARRAY(t->arena, PLACEMENT_CONSTRAINTS,
                                struct wire_placement_exclusion);
    for (int i = 0; i < PLACEMENT_CONSTRAINTS; i++) {
        enum placement_constraint c = (enum placement_constraint)i;
        if (!counts[i].n)
            continue;
        struct wire_placement_exclusion *e = &ret->excluded[ret->n_excluded++];
        wire_init(&wire_struct_placement_exclusion, e);
        e->constraint = placement_constraint_name(c);
        e->hosts = counts[i].n;
        e->only = counts[i].n_only;
        if (!all)
            continue;
        e->nearest = host_text(t, counts[i].nearest);
        e->lacks = counts[i].lacks;
        e->text = why_text(t, c, counts[i].nearest);
        if (counts[i].n_only)
            e->change = change_text(t, c, counts[i].nearest);
    }
}

/* ---- a decision ---- */

void explain_error(const struct vdc_error *err, struct arena *arena,
                   struct wire_error *ret)
{
    if (!err->code)
        return;
    ret->code = (uint32_t)-err->code;
    ret->text = arena_strdup(arena, err->text);
    ret->hint = arena_strdup(arena, err->hint);
}

int explain_decision(const struct request *request,
                     const struct placement_view *view,
                     const struct placement_record *record,
                     struct wire_placement_decision *ret,
                     struct vdc_error *err)
{
    struct telling t = { view, record, { 0 }, request->arena };
    const struct placement_decision *d = &record->decision;
    bool all = request->auth.role == W_OPERATOR;
    char reason[PLACEMENT_REASON_MAX + 1] = "";
    struct placement_decision again;
    struct vdc_error why = { 0 };
    int rc = placement_attempt_init(&t.attempt, view, &record->request,
                                    &record->policy, err);

    if (rc)
        return rc;
    ret->uuid = record->request.uuid;
    ret->host = host_text(&t, d->winner.host);
    ret->version = all ? d->version : 0;
    ret->policy = arena_strdup(request->arena, record->policy.name);
    ret->of_hosts = d->n_hosts;
    explain_spec_out(view, &record->request.spec, request->arena, &ret->spec);
    explain_cpu_out(&record->request.cpu, request->arena, &ret->spec);
    if (d->rc) {
        placement_choose(view, &record->request, &record->policy, &again,
                         &why);
        if (!all)
            placement_brief_refusal(&record->request, d, &why);
        explain_error(&why, request->arena, &ret->error);
    } else if (!all) {
        placement_brief_reason(view, &record->policy, d, reason,
                               sizeof(reason));
    } else if (d->winner.host < placement_view_n_hosts(view)) {
        placement_reason(view, &record->request, &record->policy, d, reason,
                         sizeof(reason));
    }
    ret->reason = arena_strdup(request->arena, reason);
    tell_excluded(&t, all, ret);
    if (!all)
        return 0;
    ret->runner_up = host_text(&t, d->runner_up.host);
    ret->backup = host_text(&t, d->backup);
    tell_hosts(&t, ret);
    return 0;
}

/* ---- why ---- */

static void answer(struct request *request,
                   const struct wire_placement_decision *decision)
{
    request_reply(request, WIRE_MSG_placement_reply, decision);
}

/* The decision is not kept any more, or was none of ours; what is in the book
 * stays. */
static void answer_from_book(struct request *request,
                             const struct assignment *a)
{
    const struct wire_why *asked = request->body;
    struct wire_placement_decision ret;
    struct vdc_error err = { 0 };

    if (asked->replay) {
        vdc_error_set(&err, VDC_E_NOT_FOUND,
                      "the decision about guest '%s' is not kept", a->name);
        vdc_error_hint(&err, "decisions_kept of policyd.conf says how many "
                             "are");
        request_fail(request, &err);
        return;
    }
    wire_init(&wire_struct_placement_decision, &ret);
    ret.customer = a->customer->name;
    ret.guest = a->name;
    ret.uuid = a->uuid;
    ret.host = a->host;
    ret.time_ms = a->created_ms;
    if (request->auth.role == W_OPERATOR)
        ret.reason = a->reason;
    answer(request, &ret);
}

static void answer_decision(struct request *request, const struct decision *d)
{
    const struct wire_why *asked = request->body;
    struct wire_placement_decision ret;
    struct placement_decision again;
    struct placement_replay *replay;
    struct vdc_error err = { 0 };

    wire_init(&wire_struct_placement_decision, &ret);
    if (decisions_replay(request->ops->decisions, d, &replay, &err)) {
        request_fail(request, &err);
        return;
    }
    ret.number = d->number;
    ret.customer = d->customer;
    ret.guest = d->guest;
    ret.time_ms = d->time_ms;
    ret.replayed = asked->replay;
    if (asked->replay)
        ret.same = placement_replay_run(replay, &again);
    int rc = explain_decision(request, placement_replay_view(replay),
                              placement_replay_record(replay), &ret, &err);
    if (rc)
        request_fail(request, &err);
    else
        answer(request, &ret);
    placement_replay_free(replay);
}

static void why_found(void *arg, struct assignment *a,
                      const struct vdc_error *why)
{
    struct request *request = arg;
    const struct wire_why *asked = request->body;
    const struct decisions *decisions = request->ops->decisions;
    const struct decision *d = NULL;
    struct customer *customer = NULL;

    if (a) {
        d = decisions_find(decisions, &a->uuid);
        /* another's guest may have had the UUID before */
        if (d && strcmp(d->customer, a->customer->name) == 0)
            answer_decision(request, d);
        else
            answer_from_book(request, a);
        return;
    }
    /* one that was refused is nowhere, for a reason */
    if (why->code == VDC_E_NOT_FOUND && *asked->guest.name &&
        !operations_customer(request, asked->guest.customer, &customer, NULL))
        d = decisions_find_name(decisions, customer->name, asked->guest.name);
    /* a namesake's are not this customer's */
    if (d && request->auth.role != W_OPERATOR &&
        d->time_ms < customer->created_ms)
        d = NULL;
    if (d && !*d->host)
        answer_decision(request, d);
    else
        request_fail(request, why);
}

void explain_why(struct request *request)
{
    const struct wire_why *asked = request->body;

    lookup_assignment(request, &asked->guest, why_found, request);
}

/* ---- why not ---- */

/* The guest anew, on a copy without it. */
static int decide_again(struct operations *ops, const struct assignment *a,
                        struct placement_view *copy,
                        struct placement_record *record, struct vdc_error *err)
{
    uint32_t guest = inventory_find_guest(ops->inventory, &a->uuid);

    if (guest == PLACEMENT_NONE)
        return vdc_error_set(err, VDC_E_NOT_FOUND,
                             "nothing is known of guest '%s' yet", a->name);
    record->policy = *place_policy(ops, a->customer->name);
    placement_whatif_request(copy, guest, (int64_t)clock_wall().ms,
                             &record->request);
    placement_view_remove_guest(copy, guest);
    placement_choose(copy, &record->request, &record->policy,
                     &record->decision, NULL);
    return 0;
}

static const char *not_there(const struct telling *t, uint32_t host,
                             const struct wire_placement_verdict *verdict)
{
    const struct placement_decision *d = &t->record->decision;

    if (!verdict->fits)
        return arena_printf(t->arena, "host %s cannot take it: %s: %s",
                            verdict->host, verdict->constraint, verdict->text);
    if (d->winner.host == host)
        return arena_printf(t->arena,
                            "host %s would be chosen now, by %s of %u hosts",
                            verdict->host, t->record->policy.name, d->n_hosts);
    return arena_printf(t->arena,
                        "host %s could take it, but by %s host %s is better",
                        verdict->host, t->record->policy.name,
                        host_text(t, d->winner.host));
}

/* The host that was asked for first, then who would win, then where it is. */
static int tell_not(struct request *request, const struct assignment *a,
                    uint32_t host, struct wire_placement_decision *ret,
                    struct vdc_error *err)
{
    struct operations *ops = request->ops;
    struct placement_view *copy =
        placement_view_copy(inventory_view(ops->inventory));
    struct placement_record record;
    struct telling t = { copy, &record, { 0 }, request->arena };
    uint32_t here = inventory_find_host(ops->inventory, a->host);
    int rc = decide_again(ops, a, copy, &record, err);

    if (!rc)
        rc = placement_attempt_init(&t.attempt, copy, &record.request,
                                    &record.policy, err);
    if (!rc) {
        uint32_t winner = record.decision.winner.host;
        rc = explain_decision(request, copy, &record, ret, err);
        ret->hosts =
            ARENA_ARRAY(request->arena, 3, struct wire_placement_verdict);
        ret->n_hosts = 0;
        tell_host(&t, host, &ret->hosts[ret->n_hosts++]);
        if (winner != PLACEMENT_NONE && winner != host)
            tell_host(&t, winner, &ret->hosts[ret->n_hosts++]);
        if (here != PLACEMENT_NONE && here != winner)
            tell_host(&t, here, &ret->hosts[ret->n_hosts++]);
        ret->reason = not_there(&t, host, &ret->hosts[0]);
        ret->customer = a->customer->name;
        ret->guest = a->name;
        ret->uuid = a->uuid;
        ret->version = placement_view_version(inventory_view(ops->inventory));
    }
    placement_view_free(copy);
    return rc;
}

static void not_found(struct request *request, struct assignment *a)
{
    const struct wire_why *asked = request->body;
    struct operations *ops = request->ops;
    uint32_t host = inventory_find_host(ops->inventory, asked->host);
    struct wire_placement_decision ret;
    struct vdc_error err = { 0 };
    int rc;

    wire_init(&wire_struct_placement_decision, &ret);
    if (host == PLACEMENT_NONE) {
        rc = vdc_error_set(&err, VDC_E_NOT_FOUND, "no such host: %s",
                           asked->host);
        vdc_error_hint(&err, "'xl-vdc host-list' shows them");
    } else if (strcmp(a->host, asked->host) == 0) {
        rc = vdc_error_set(&err, VDC_E_BAD_VALUE, "guest '%s' is on host %s",
                           a->name, a->host);
        vdc_error_hint(&err, "'xl-vdc why %s' says why", a->name);
    } else {
        rc = tell_not(request, a, host, &ret, &err);
    }
    if (rc)
        request_fail(request, &err);
    else
        answer(request, &ret);
}

static void find_not(struct request *request)
{
    const struct wire_why *asked = request->body;

    lookup_guest(request, &asked->guest, not_found);
}

void explain_why_not(struct request *request)
{
    explain_when_known(request, find_not);
}
