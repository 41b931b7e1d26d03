/*
 * Placement by looking at every host, and what is said of it; see place.h.
 */
#include "policyd/placement/place.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "policyd/placement/spare.h"

/* ---- nobody can take it ---- */

static void exclude(const struct placement_attempt *attempt, uint32_t host,
                    struct placement_exclusion *excluded)
{
    int first = PLACEMENT_CONSTRAINTS, n = 0;

    for (int i = 0; i < PLACEMENT_CONSTRAINTS; i++)
        if (placement_constraint_lacks(attempt, (enum placement_constraint)i,
                                       host)) {
            first = n++ ? first : i;
        }
    if (!n)
        return;
    struct placement_exclusion *e = &excluded[first];
    uint64_t lacks = placement_constraint_lacks(
        attempt, (enum placement_constraint)first, host);
    bool only = n == 1;
    /* a host where it alone fails is nearer than any where it does not */
    if (e->nearest == PLACEMENT_NONE || (only && !e->n_only) ||
        (only == (e->n_only > 0) && lacks < e->lacks)) {
        e->nearest = host;
        e->lacks = lacks;
    }
    e->n_hosts++;
    e->n_only += only;
}

static void exclude_all(const struct placement_attempt *attempt,
                        struct placement_decision *decision)
{
    uint32_t n = placement_view_n_hosts(attempt->view);

    for (int i = 0; i < PLACEMENT_CONSTRAINTS; i++)
        decision->excluded[i] =
            (struct placement_exclusion){ .nearest = PLACEMENT_NONE };
    for (uint32_t i = 0; i < n; i++)
        if (placement_view_host(attempt->view, i)->name)
            exclude(attempt, i, decision->excluded);
}

static void append(char *buf, size_t size, const char *separator,
                   const char *text)
{
    size_t len = strlen(buf);

    snprintf(buf + len, size - len, "%s%s", len ? separator : "", text);
}

/* "memory: 3 of 4 hosts (host h2 has ...)" for each that excluded any. */
static void tell_excluded(const struct placement_attempt *attempt,
                          const struct placement_decision *decision, char *buf,
                          size_t size)
{
    char each[384], why[256];

    *buf = '\0';
    for (int i = 0; i < PLACEMENT_CONSTRAINTS; i++) {
        enum placement_constraint constraint = (enum placement_constraint)i;
        const struct placement_exclusion *e = &decision->excluded[i];
        if (!e->n_hosts)
            continue;
        placement_constraint_why(attempt, constraint, e->nearest, why,
                                 sizeof(why));
        if (decision->n_hosts == 1)
            snprintf(each, sizeof(each), "%s: %s",
                     placement_constraint_name(constraint), why);
        else
            snprintf(each, sizeof(each), "%s: %u of %u hosts (%s%s)",
                     placement_constraint_name(constraint), e->n_hosts,
                     decision->n_hosts, e->n_hosts > 1 ? "nearest: " : "",
                     why);
        append(buf, size, "; ", each);
    }
}

/* At most four: more nobody reads. */
static void tell_changes(const struct placement_attempt *attempt,
                         const struct placement_decision *decision,
                         struct vdc_error *err)
{
    char all[480] = "", change[256];
    int n = 0;

    for (int i = 0; i < PLACEMENT_CONSTRAINTS && n < 4; i++) {
        const struct placement_exclusion *e = &decision->excluded[i];
        if (!e->n_only)
            continue;
        placement_constraint_change(attempt, (enum placement_constraint)i,
                                    e->nearest, change, sizeof(change));
        append(all, sizeof(all), "; or ", change);
        n++;
    }
    if (n)
        vdc_error_hint(err, "%s", all);
    else if (decision->n_hosts)
        vdc_error_hint(err, "no single change would let it fit");
    else
        vdc_error_hint(err, "add a host");
}

int placement_refusal(const struct placement_decision *decision)
{
    return decision->excluded[PLACEMENT_MUST_MEMORY].n_hosts
               ? VDC_E_NO_MEMORY
               : VDC_E_NO_HOST;
}

static int refuse(const struct placement_attempt *attempt,
                  struct placement_decision *ret, struct vdc_error *err)
{
    char each[900];

    exclude_all(attempt, ret);
    ret->rc = placement_refusal(ret);
    if (!err)
        return ret->rc;
    tell_excluded(attempt, ret, each, sizeof(each));
    if (ret->n_hosts)
        vdc_error_set(err, ret->rc, "no host can take it: %s", each);
    else
        vdc_error_set(err, ret->rc, "there is no host");
    tell_changes(attempt, ret, err);
    return ret->rc;
}

/* ---- choosing ---- */

void placement_fill(const struct placement_attempt *attempt,
                    const struct placement_policy *policy, uint32_t winner,
                    uint32_t runner_up, struct placement_decision *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->version = placement_view_version(attempt->view);
    ret->n_hosts = placement_view_n_present(attempt->view);
    ret->winner = placement_score_candidate(attempt, policy, winner);
    ret->runner_up = placement_score_candidate(attempt, policy, runner_up);
    ret->backup = PLACEMENT_NONE;
    if (winner != PLACEMENT_NONE && attempt->request->protected &&
        attempt->request->start)
        ret->backup = placement_spare_backup(attempt, winner);
}

int placement_decide(const struct placement_attempt *attempt,
                     const struct placement_policy *policy, uint32_t winner,
                     uint32_t runner_up, struct placement_decision *ret,
                     struct vdc_error *err)
{
    placement_fill(attempt, policy, winner, runner_up, ret);
    return winner == PLACEMENT_NONE ? refuse(attempt, ret, err) : 0;
}

int placement_choose(const struct placement_view *view,
                     const struct placement_request *request,
                     const struct placement_policy *policy,
                     struct placement_decision *ret, struct vdc_error *err)
{
    const struct placement_rank none = { INT64_MAX, INT64_MAX,
                                         PLACEMENT_NONE };
    struct placement_rank best = none, second = none;
    struct placement_attempt attempt;
    int rc = placement_attempt_init(&attempt, view, request, policy, err);

    if (rc)
        return rc;
    for (uint32_t i = 0; i < placement_view_n_hosts(view); i++) {
        if (!placement_view_host(view, i)->name ||
            placement_constraint_first(&attempt, i) != PLACEMENT_CONSTRAINTS)
            continue;
        struct placement_rank rank = placement_score_rank(&attempt, policy, i);
        if (placement_rank_before(&rank, &best)) {
            second = best;
            best = rank;
        } else if (placement_rank_before(&rank, &second)) {
            second = rank;
        }
    }
    return placement_decide(&attempt, policy, best.host, second.host, ret,
                            err);
}

int placement_explain(const struct placement_view *view,
                      const struct placement_request *request,
                      const struct placement_policy *policy, uint32_t host,
                      struct placement_verdict *ret, struct vdc_error *err)
{
    struct placement_attempt attempt;
    int rc = placement_attempt_init(&attempt, view, request, policy, err);

    if (rc)
        return rc;
    if (host >= placement_view_n_hosts(view) ||
        !placement_view_host(view, host)->name)
        return vdc_error_set(err, VDC_E_NOT_FOUND, "no such host");
    memset(ret, 0, sizeof(*ret));
    ret->failed = placement_constraint_first(&attempt, host);
    if (ret->failed == PLACEMENT_CONSTRAINTS)
        ret->candidate = placement_score_candidate(&attempt, policy, host);
    else
        ret->candidate.host = PLACEMENT_NONE;
    if (ret->failed != PLACEMENT_CONSTRAINTS)
        ret->lacks = placement_constraint_lacks(&attempt, ret->failed, host);
    return 0;
}

/* ---- why ---- */

/* "fit 0.250, age 3.401": what has weight in this policy and is not 0. */
static void tell_terms(const struct placement_policy *policy,
                       const struct placement_candidate *candidate, char *buf,
                       size_t size)
{
    char each[64];

    *buf = '\0';
    for (int i = 0; i < PLACEMENT_TERMS; i++) {
        if (!policy->weights[i] ||
            (!candidate->terms[i] && i >= PLACEMENT_TERM_EMPTY))
            continue;
        int64_t milli =
            (candidate->terms[i] * 1000 + PLACEMENT_ONE / 2) / PLACEMENT_ONE;
        snprintf(each, sizeof(each), "%s %" PRId64 ".%03" PRId64,
                 placement_term_name((enum placement_term)i), milli / 1000,
                 milli % 1000);
        append(buf, size, ", ", each);
    }
}

static void tell_winner(const struct placement_view *view,
                        const struct placement_policy *policy,
                        const struct placement_decision *decision, char *buf,
                        size_t size)
{
    char terms[160], next[240] = ", the only one that can take it";
    const struct placement_candidate *second = &decision->runner_up;

    if (second->host != PLACEMENT_NONE) {
        tell_terms(policy, second, terms, sizeof(terms));
        snprintf(next, sizeof(next), ", before host %s (%s)",
                 placement_view_text(
                     view, placement_view_host(view, second->host)->name),
                 terms);
    }
    tell_terms(policy, &decision->winner, terms, sizeof(terms));
    snprintf(buf, size, "by %s of %u hosts (%s)%s", policy->name,
             decision->n_hosts, terms, next);
}

const char *placement_reason(const struct placement_view *view,
                             const struct placement_request *request,
                             const struct placement_policy *policy,
                             const struct placement_decision *decision,
                             char *buf, size_t size)
{
    const struct placement_candidate *winner = &decision->winner;
    char why[400] = "the only host";

    *buf = '\0';
    if (winner->host == PLACEMENT_NONE)
        return buf;
    const struct placement_host *host =
        placement_view_host(view, winner->host);
    const struct placement_use *use = placement_view_use(view, winner->host);
    uint64_t free = host->memory.kib > use->memory.kib
                        ? host->memory.kib - use->memory.kib
                        : 0;
    if (decision->n_hosts > 1)
        tell_winner(view, policy, decision, why, sizeof(why));
    snprintf(buf, size,
             "host %s: %s; %" PRIu64 " MiB available, %" PRIu64 " MiB asked",
             placement_view_text(view, host->name), why, free / 1024,
             request->spec.memory.kib / 1024);
    return buf;
}
