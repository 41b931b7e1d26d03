/*
 * What may be asked for in a transaction, and by whom.  Pure.
 */
#ifndef POLICYD_API_OPERATION_H
#define POLICYD_API_OPERATION_H

#include <stdbool.h>

#include "base/reasons.h"
#include "wire/wire.h"

/* "mem-max" */
const char *operation_word(const struct wire_operation *op);

/*
 * Adds why it may not be asked for: VDC_E_BAD_VALUE (no kind that clients ask
 * for), VDC_E_DENIED (not by this role: W_OPERATOR, W_CUSTOMER, W_GUEST).
 * Whether there is one.
 */
bool operation_check(const struct wire_operation *op, unsigned role,
                     struct reasons *reasons);

/* What a client may not set is set to nothing. */
void operation_clean(struct wire_operation *op);

#endif
