/*
 * Quotas: what a customer uses is computed from its assignments each time.
 */
#ifndef POLICYD_QUOTA_H
#define POLICYD_QUOTA_H

#include "base/error.h"
#include "wire/wire.h"

/*
 * Whether `asked` more fits.  Pure.  Errors: VDC_E_QUOTA, a reason for every
 * quota that would be exceeded, with used, asked and limit (reasons.h).
 */
int quota_check(const char *customer, const struct wire_quota *quota,
                const struct wire_usage *used, const struct wire_usage *asked,
                struct vdc_error *err);

/* What a guest of this definition counts for; disks have their sizes. */
void quota_of_definition(const struct wire_definition *definition,
                         struct wire_usage *ret);

#endif
