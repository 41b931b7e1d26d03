/*
 * From what a client calls a guest to its assignment.
 */
#ifndef POLICYD_API_LOOKUP_H
#define POLICYD_API_LOOKUP_H

#include "policyd/api/operations.h"

typedef void lookup_fn(struct request *request, struct assignment *a);

/*
 * Finds the guest that `ref` (in the request) means, and calls `found`, maybe
 * later, with an assignment that is there at that moment; or fails the
 * request.  A customer finds its own only: another's gives the same words as
 * one that does not exist.  A guest finds itself only, by name, or without;
 * another of its customer's is VDC_E_DENIED.  Operators may also say
 * CUSTOMER.NAME, a UUID or a domid.
 */
void lookup_guest(struct request *request,
                  const struct wire_partition_ref *ref, lookup_fn *found);

/* The same, and `done` is told also when there is none: `a` is NULL then, and
 * `why` says so; nothing is answered. */
typedef void lookup_done_fn(void *arg, struct assignment *a,
                            const struct vdc_error *why);
void lookup_assignment(struct request *request,
                       const struct wire_partition_ref *ref,
                       lookup_done_fn *done, void *arg);

/* What everybody is told who names a guest that is not there (for them).
 * Returns VDC_E_NOT_FOUND. */
int lookup_no_guest(const char *name, struct vdc_error *err);

/* VDC_E_BUSY while the assignment is being created, deleted or renamed.  What
 * else is done to it at the same time waits for its turn on the host. */
int lookup_check_idle(const struct assignment *a, struct vdc_error *err);

#endif
