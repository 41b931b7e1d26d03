/*
 * Between the files that read placement policies: policies_load.c the
 * settings and what an item must have, policies_keys.c its keys.
 */
#ifndef POLICYD_POLICIES_POLICIES_IMPL_H
#define POLICYD_POLICIES_POLICIES_IMPL_H

#include "policyd/policies/policies.h"

/* The lists; named as in the file. */
enum policies_list {
    POLICIES_LIST_policies,
    POLICIES_LIST_customers,
    POLICIES_LIST_rules,
    POLICIES_LIST_promises
};

/* An item of a list on its way: "key=value, key=value". */
struct policies_item {
    struct policies *policies;
    void *target; /* struct policies_policy, ... */
    bool has_strategy;
    bool has_weights;
    struct vdc_error *err;
};

/* Errors: VDC_E_BAD_CONFIG, without the place. */
int policies_read_item(struct policies_item *item, enum policies_list list,
                       const char *text);

/* Digits, and maybe a fraction, in parts of 1/unit; what is finer is cut.
 * Errors: VDC_E_BAD_CONFIG (`what` first), when it is over `most` parts. */
int policies_read_part(const char *text, uint64_t unit, uint64_t most,
                       const char *what, uint64_t *ret, struct vdc_error *err);

#endif
