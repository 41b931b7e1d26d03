/* What clients ask for one partition, and which steps that has in which state
 * of the partition. */
#ifndef RESOURCED_OPERATION_H
#define RESOURCED_OPERATION_H

#include "resourced/transaction.h"

/* Whether a client may ask for it, and this resourced can do it. */
bool operation_is_for_clients(enum wire_operation_kind kind);
/* Whether the partition's row is another afterwards. */
bool operation_changes_row(const struct operation *op);

/*
 * Finds the partition of the operation (or makes it, as `pending`) and its
 * row, which it shares with those before it.  Errors: VDC_E_NOT_FOUND,
 * VDC_E_EXISTS (uuid), VDC_E_BAD_VALUE.
 */
int operation_find(struct operation *op, struct vdc_error *err);
/*
 * Adds the steps to its transaction: those that can be undone to `steps`,
 * those that cannot to `finals`.  With `checks` each is checked first, and
 * reasons are collected; without any, op->row is what it will be.
 */
struct step_list {
    struct step_run runs[TRANSACTION_STEPS_MAX];
    size_t n_runs;
};
void operation_plan(struct operation *op, bool checks, struct step_list *steps,
                    struct step_list *finals, struct reasons *reasons);

#endif
