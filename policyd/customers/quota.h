/*
 * Quotas: what a customer uses is the sum over its assignments, which is not
 * stored (book_usage).
 *
 * Each kind has two limits: of what is defined, stopped guests included, and
 * of what runs.  A guest that runs counts as much as it is defined to have at
 * most, so ballooning never runs into a limit.
 */
#ifndef POLICYD_CUSTOMERS_QUOTA_H
#define POLICYD_CUSTOMERS_QUOTA_H

#include "base/error.h"
#include "wire/wire.h"

/* What every limit of a quota is about, for who goes over all of them. */
struct quota_kind {
    const char *name;   /* "memory", "running memory" */
    const char *option; /* of customer-set: "memory", "running-memory" */
    size_t limit;       /* offset in struct wire_quota, int64_t */
    size_t used;        /* in struct wire_usage: uint64_t or struct mem */
    bool kib;           /* an amount of memory or disk */
    bool runs;          /* of what runs */
};
extern const struct quota_kind quota_kinds[];
extern const size_t quota_n_kinds;

int64_t quota_limit(const struct wire_quota *quota,
                    const struct quota_kind *kind);
void quota_set_limit(struct wire_quota *quota, const struct quota_kind *kind,
                     int64_t limit);
uint64_t quota_used(const struct wire_usage *usage,
                    const struct quota_kind *kind);

/*
 * Whether `asked` more fits.  Pure.  Errors: VDC_E_QUOTA, a reason for every
 * quota that would be exceeded, with used, asked and limit (reasons.h), and
 * whose it is.
 */
int quota_check(const char *customer, const struct wire_quota *quota,
                const struct wire_usage *used, const struct wire_usage *asked,
                struct vdc_error *err);

/*
 * Whether a project may have this quota: no limit of it may be above that of
 * its customer.  A kind without a limit is bounded by the customer's.
 * Errors: VDC_E_BAD_VALUE, naming both.
 */
int quota_check_within(const char *project, const struct wire_quota *quota,
                       const char *customer, const struct wire_quota *outer,
                       struct vdc_error *err);
/* Whether all limits can be meant.  Errors: VDC_E_BAD_VALUE. */
int quota_check_values(const struct wire_quota *quota, struct vdc_error *err);
bool quota_same(const struct wire_quota *a, const struct wire_quota *b);

/* What a guest of this definition counts for; disks have their sizes.  It is
 * not said to run. */
void quota_of_definition(const struct wire_definition *definition,
                         struct wire_usage *ret);

/* ---- arithmetic of usage ---- */

void usage_add(struct wire_usage *sum, const struct wire_usage *more);
/* The other way: what was added before. */
void usage_take(struct wire_usage *sum, const struct wire_usage *part);
/* after - before, kind by kind; 0 where that is less. */
struct wire_usage usage_over(const struct wire_usage *after,
                             const struct wire_usage *before);
bool usage_is_none(const struct wire_usage *usage);
/* Counts what is defined as running, too; or nothing. */
void usage_run(struct wire_usage *usage);
void usage_stop(struct wire_usage *usage);

#endif
