/*
 * The record of who did what: of what was refused, too.
 */
#ifndef POLICYD_CUSTOMERS_AUDIT_H
#define POLICYD_CUSTOMERS_AUDIT_H

#include "policyd/api/session.h"

/*
 * The request is about to be answered with this error: records it, if it
 * would have changed something and is not recorded yet.  So many of each
 * account in a minute, as who is refused can try for ever.
 */
void audit_refused(struct request *request, const struct vdc_error *err);

/* The request has changed something that no commit of its own records. */
void audit_done(struct request *request);

#endif
