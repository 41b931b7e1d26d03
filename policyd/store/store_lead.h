/*
 * Which of several policyds works on a store that they share: the one whose
 * name is in its key "leader", with a lease that ends when it is no more.
 *
 * This is for who serves; that nothing is changed by two is held by the store
 * itself (see store.c), whatever anybody thinks of who leads.
 */
#ifndef POLICYD_STORE_STORE_LEAD_H
#define POLICYD_STORE_STORE_LEAD_H

#include <stdint.h>

#include "base/error.h"
#include "policyd/store/store.h"

struct store_lead;

/* Each at most once, from the loop. */
struct store_lead_notify {
    void (*lost)(void *arg, const struct vdc_error *why); /* who leads */
    void (*vacant)(void *arg); /* who does not: nobody leads now */
    void *arg;
};

/*
 * Tries to lead, and runs the loop until it is known who does.  `name` is for
 * people, and tells this policyd from others: one of the same name was this
 * one before it ended, and is not waited for.  A file of SQLite has one
 * policyd anyway.  Errors: VDC_E_STORE and the like.
 */
int store_lead_new(struct store *store, const char *name, uint64_t ttl_ms,
                   const struct store_lead_notify *notify,
                   struct store_lead **ret, struct vdc_error *err);
/* Who leads; NULL: we do. */
const char *store_lead_other(const struct store_lead *lead);
/* Before the store is closed.  Gives it up.  NULL allowed. */
void store_lead_free(struct store_lead *lead);

#endif
