/*
 * How small and how large a guest may be: bounds for memory, vCPUs, the size
 * of each disk, and the numbers of disks and interfaces, as Ganeti's instance
 * policy has them.
 *
 * A bound that is set for a customer takes the place of the provider's, which
 * holds for all customers that have none of their own.  A project's is held in
 * addition to that of its customer: it can only make the range smaller.  The
 * provider's own guests have no bounds.
 *
 * Pure.
 */
#ifndef POLICYD_CUSTOMERS_BOUNDS_H
#define POLICYD_CUSTOMERS_BOUNDS_H

#include "base/arena.h"
#include "base/reasons.h"
#include "policyd/store/book.h"
#include "wire/wire.h"

/*
 * What holds for a customer's guests, one of each kind that has a bound, with
 * for whom each was set.  In the arena.
 */
void bounds_of(const struct book *book, const struct customer *customer,
               struct arena *arena, struct wire_bound **ret, uint32_t *ret_n);

/*
 * Whether these can be meant: each kind once, min not above max.  `outer`:
 * what holds for the customer of a project, which it may not exceed; NULL: no
 * project.  Errors: VDC_E_BAD_VALUE.
 */
int bounds_check_values(const struct wire_bound *bounds, uint32_t n,
                        const struct wire_bound *outer, uint32_t n_outer,
                        struct vdc_error *err);
bool bounds_same(const struct wire_bound *a, uint32_t n_a,
                 const struct wire_bound *b, uint32_t n_b);

/*
 * Whether a guest may be as `after` says.  `before`: what it was, which may be
 * outside of bounds that were set later: only what goes further out is
 * refused; NULL: it is new.  Adds a reason for each bound, with its value and
 * for whom it was set.  Returns whether there was any.
 */
bool bounds_check(const struct wire_bound *bounds, uint32_t n,
                  const char *guest, const struct wire_definition *before,
                  const struct wire_definition *after,
                  struct reasons *reasons);

#endif
