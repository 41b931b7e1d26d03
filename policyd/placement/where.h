/*
 * What a guest asked of its host by name: which one it is, its failure domain,
 * tags that it has and has not.  Most ask nothing, and many the same, so a
 * guest of the view has one number for all of it: of a name in the view's
 * table of names, which is made from the others' numbers.
 */
#ifndef POLICYD_PLACEMENT_WHERE_H
#define POLICYD_PLACEMENT_WHERE_H

#include "policyd/placement/names.h"
#include "policyd/placement/request.h"
#include "policyd/placement/view.h"

/* The number for what this request asks; 0: nothing. */
uint32_t placement_where_of(struct placement_names *names,
                            const struct placement_request *request);

/* Asks the same: request->where, and the fields that it stands for, which were
 * empty. */
void placement_where_ask(const struct placement_view *view, uint32_t where,
                         struct placement_request *request);

#endif
