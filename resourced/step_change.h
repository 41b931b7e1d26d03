/*
 * What the steps that change a partition have in common: which of its two
 * definitions they change, and how they speak to its domain.
 *
 * A change is of the running domain (row.live) and, unless it is live_only, of
 * what is remembered for the next start (row.definition); a partition without
 * a domain has only the latter.
 */
#ifndef RESOURCED_STEP_CHANGE_H
#define RESOURCED_STEP_CHANGE_H

#include "resourced/step.h"

/* Adds a reason; hint may be NULL. */
void step_refuse(struct reasons *reasons, int code, const char *hint,
                 const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Adds VDC_E_WRONG_STATE when there is nothing that could be changed: its
 * domain is kept dead, or live_only without a domain.  false: it did. */
bool step_check_change(struct operation *op, struct reasons *reasons);
/* What Xen says of its domain.  false: it has none yet, or (a reason was
 * added) Xen does not say. */
bool step_check_info(struct operation *op, struct reasons *reasons,
                     struct hv_domain_info *ret);

/* Adds VDC_E_CONFLICT to the reasons when the order is of a move (its epoch)
 * that was, or one after it, here already.  `not_done` begins the sentence
 * after the guest's name ("is not sent"). */
void step_check_epoch(const struct operation *op, struct reasons *reasons,
                      const char *hint, const char *not_done);

/* Whether it will stand still when this operation begins, as somebody has
 * paused it. */
bool step_is_paused(const struct operation *op,
                    const struct hv_domain_info *info);

/* Of op->row: the definition of its domain, NULL when it has none ... */
struct wire_definition *step_live(const struct operation *op);
/* ... and the remembered one, NULL when that is not to be changed. */
struct wire_definition *step_remembered(const struct operation *op);
/* The one that counts: of the domain, or else the remembered one. */
const struct wire_definition *step_definition(const struct operation *op);
/* What its domain had before the transaction. */
const struct wire_definition *step_before(const struct operation *op);
/* What another partition (or its own, before this operation) has at this
 * point of the transaction. */
const struct partition_row *step_row_of(const struct operation *op,
                                        const struct partition *partition);
/* What another transaction, that has begun, makes of it; NULL: none does. */
const struct partition_row *
step_row_to_come(const struct operation *op,
                 const struct partition *partition);

/* The operation as it will be in the journal: what a check has chosen or
 * found goes there, too. */
struct wire_operation *step_journalled(const struct operation *op);
/* "", or when a change will be seen: for plans. */
const char *step_when(const struct operation *op);

/* Amounts of a definition, where 0 stands for the usual. */
struct mem step_max_memory(const struct wire_definition *definition);
uint32_t step_vcpus_of(const struct wire_definition *definition);
uint32_t step_max_vcpus(const struct wire_definition *definition);

/* Its domain now, for apply; HV_DOMID_NONE: only what is remembered
 * changes. */
uint32_t step_domid(const struct operation *op);
/* The domain from before the transaction, for undo; or HV_DOMID_NONE. */
uint32_t step_old_domid(const struct operation *op);
/* Strings of *ret are not to be used. */
int step_info(const struct operation *op, uint32_t domid,
              struct hv_domain_info *ret, struct vdc_error *err);
/* The monotonic time until when a step may wait: a little before the
 * deadline, or without one `most_ms` from now. */
uint64_t step_wait_until(const struct operation *op, uint64_t most_ms);

/* hv_done_fn of an operation: the step has ended so. */
void step_ended(void *arg, int rc, const struct vdc_error *err);
/* The same for undo: what is not there needs none. */
void step_undone(void *arg, int rc, const struct vdc_error *err);
/* What a call that answers by the loop returned, as apply answers ... */
int step_later(int rc);
/* ... and as undo does. */
int step_later_undone(int rc);

#endif
