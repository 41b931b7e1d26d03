/*
 * Requests of scripts in dom0: nodes below /tool/xen-vdc/request.
 *
 *   request/ID        a command of xl-vdc with its words
 *   request/ID/input  what the command reads as its standard input
 *   request/ID/key    under which it is done once; made, when it is not there
 *
 * and beside them the answer (answer.h), state (queued, running, done,
 * failed), percent and trouble.  A request that is removed is cancelled.
 */
#ifndef AUTOMATION_REQUEST_H
#define AUTOMATION_REQUEST_H

#include "automation/job.h"
#include "hv/hv.h"

struct requests;

/* Makes the folder, dom0's alone, and takes what is there: a request that
 * ran when automationd ended is asked again by its key.  Errors:
 * VDC_E_HYPERVISOR. */
int requests_new(struct event_base *base, struct hv *hv,
                 const struct setup *setup, struct jobs *jobs,
                 struct requests **ret, struct vdc_error *err);
/* NULL allowed.  What runs stays `running` in xenstore. */
void requests_free(struct requests *requests);

#endif
