/*
 * Requests of guests about themselves: the node data/vdc/request of each that
 * runs here and whose definition says vdc_self_service.
 *
 *   data/vdc/request      the guest writes it, and it is removed when taken
 *   data/vdc/state        running; then done or failed, and the answer beside
 *                         it (answer.h), the result in one piece
 *
 * All of that is the guest's to write, and nothing is read but the request.
 * What was taken is in /tool/xen-vdc/guest-request/UUID, dom0's alone, until
 * it is answered.
 */
#ifndef AUTOMATION_GUEST_H
#define AUTOMATION_GUEST_H

#include "automation/job.h"
#include "hv/hv.h"

struct guests;

/* Errors: VDC_E_HYPERVISOR. */
int guests_new(struct event_base *base, struct hv *hv,
               const struct setup *setup, struct jobs *jobs,
               struct guests **ret, struct vdc_error *err);
void guests_free(struct guests *guests); /* NULL allowed */

#endif
