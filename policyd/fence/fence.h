/*
 * Hosts that are off for sure: declared so, and back.
 *
 * Declared is what host_record.fenced_ms says, durably; from then on their
 * protected guests are started elsewhere (restart.h).  A host that is back is
 * one that policyd is connected to again: first that is recorded, then it is
 * told which guests are still to run there (boot_release), and forgets those
 * that were started elsewhere (reconcile.c).  While the store refuses to
 * record it the host is neither off nor back: nothing is started there nor
 * elsewhere, which is said once, and it is tried again.
 */
#ifndef POLICYD_FENCE_FENCE_H
#define POLICYD_FENCE_FENCE_H

#include "policyd/api/operations.h"

/* It is off, for this reason (in a sentence).  Errors: VDC_E_NOT_FOUND, those
 * of the store. */
int fence_declare(struct operations *ops, const char *host, const char *why,
                  const struct store_audit *audit, struct vdc_error *err);
/* Whether guests of this host may be started elsewhere now. */
bool fence_is_off(const struct operations *ops, const char *host);
/* How that is known; "" when it is not off. */
const char *fence_why(const struct operations *ops, const char *host);

/* Policyd is connected to it. */
void fence_host_up(struct operations *ops, struct host *host);
/* Whether orders may go to it: not while it is back and the store has refused
 * to record that, as another policyd would start its guests elsewhere.  To be
 * asked in the same go as what is ordered is recorded.  Errors:
 * VDC_E_STORE. */
int fence_check_back(const struct operations *ops, const char *host,
                     struct vdc_error *err);
/* Whether that it is back is recorded, so that it may be told which guests are
 * to run there. */
bool fence_is_back(const struct host *host);
/* What could not be recorded is tried again. */
void fence_tend(struct operations *ops);

#endif
