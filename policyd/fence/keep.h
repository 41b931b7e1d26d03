/*
 * What protected guests are is kept in the data center's store, as their hosts
 * have it, so that they can be started elsewhere when nobody can ask their
 * host any more.  A guest's host is asked when it may be another, or was never
 * heard; a few at a time.
 */
#ifndef POLICYD_FENCE_KEEP_H
#define POLICYD_FENCE_KEEP_H

#include "policyd/api/operations.h"

struct keep;

struct keep *keep_new(struct operations *ops);
/* No more is asked, and no answer counts.  NULL allowed. */
void keep_stop(struct keep *keep);
void keep_free(struct keep *keep); /* NULL allowed */

/* Whether its definition says that it is protected. */
bool keep_is_protected(const struct assignment *a);

/* Its host has said what it is now: asks for more if that is news. */
void keep_note(struct keep *keep, struct assignment *a,
               const struct wire_partition *partition);
/* It may be another. */
void keep_look(struct keep *keep, struct assignment *a);

#endif
