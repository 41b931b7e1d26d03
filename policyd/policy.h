/*
 * What a definition may say: sense for everybody, and for customers nothing
 * that could hurt others.  Pure; what is about files is in files.h.
 */
#ifndef POLICYD_POLICY_H
#define POLICYD_POLICY_H

#include "base/arena.h"
#include "base/error.h"
#include "base/settings.h"
#include "wire/wire.h"

struct policy {
    const struct setting_list *bridges; /* of customers; the first is taken
                                           when none is named */
};

/*
 * Checks the definition and fills in what it leaves open (max_memory, vcpus,
 * max_vcpus, bridges); lists are changed in place, so the caller owns them.
 * `restricted`: asked for by a customer, not by an operator.
 * Errors: VDC_E_BAD_VALUE, VDC_E_DENIED; both name the key and the device.
 */
int policy_check(const struct policy *policy, const char *customer,
                 bool restricted, struct wire_definition *definition,
                 struct vdc_error *err);

/* Six pairs of hex digits with colons, no group address, not all zero. */
bool policy_mac_valid(const char *mac);

#endif
