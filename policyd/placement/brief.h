/*
 * Decisions in words that are for anybody: without the names of other hosts
 * and customers, and without what hosts have and keep for others.  What would
 * help is said as far as it is the request's to change.
 */
#ifndef POLICYD_PLACEMENT_BRIEF_H
#define POLICYD_PLACEMENT_BRIEF_H

#include "policyd/placement/place.h"

/* "host alpha: by spread of 4 hosts"; returns buf. */
const char *placement_brief_reason(const struct placement_view *view,
                                   const struct placement_policy *policy,
                                   const struct placement_decision *decision,
                                   char *buf, size_t size);

/* Instead of the error that placement_choose gave with this decision, of the
 * same code: how many hosts were excluded by what.  Returns the code. */
int placement_brief_refusal(const struct placement_request *request,
                            const struct placement_decision *decision,
                            struct vdc_error *err);

#endif
