/*
 * What a definition may say: sense for everybody, and for customers nothing
 * that could hurt others.  Pure; what is about files is in files.h.
 */
#ifndef POLICYD_POLICIES_POLICY_H
#define POLICYD_POLICIES_POLICY_H

#include "base/arena.h"
#include "base/error.h"
#include "base/reasons.h"
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
 * Adds every reason why not: VDC_E_BAD_VALUE, VDC_E_DENIED; each names the
 * key and the device.
 */
void policy_check(const struct policy *policy, const char *customer,
                  bool restricted, struct wire_definition *definition,
                  struct reasons *reasons);

/* The same for one disk or interface, as it is attached to a guest that is
 * there; `device` is what it is called in reasons. */
void policy_check_disk(const char *customer, bool restricted,
                       const struct wire_disk *disk, struct reasons *reasons);
void policy_check_nic(const struct policy *policy, const char *customer,
                      bool restricted, const char *device,
                      struct wire_nic *nic, struct reasons *reasons);

/* A name that the kernel could give a bridge; `scripted`: for a script of its
 * own, which may take more than that. */
bool policy_bridge_valid(const char *name, bool scripted);
/* Six pairs of hex digits with colons, no group address, not all zero. */
bool policy_mac_valid(const char *mac);

#endif
