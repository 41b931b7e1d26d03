/*
 * For implementations of kv.h: whether keys and values are within its limits,
 * whatever else they are.
 */
#ifndef POLICYD_KV_KV_CHECK_H
#define POLICYD_KV_KV_CHECK_H

#include "policyd/kv/kv.h"

/* Errors: VDC_E_BAD_VALUE, to be given to the callback. */
int kv_check_prefix(const char *prefix, struct vdc_error *err);
int kv_check_commit(const struct kv_compare *compares, size_t n_compares,
                    const struct kv_change *changes, size_t n_changes,
                    struct vdc_error *err);

#endif
