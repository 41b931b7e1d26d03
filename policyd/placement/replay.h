/*
 * Reading what record.h has written, and deciding again.
 *
 * Entries of a run are read in their order, from the whole one on.  After
 * each, the view is as it was when that entry's decision was made, as far as
 * decisions depend on it: it has no guests of its own, and can be
 * neither changed nor written again.
 */
#ifndef POLICYD_PLACEMENT_REPLAY_H
#define POLICYD_PLACEMENT_REPLAY_H

#include "policyd/placement/record.h"

struct placement_replay;

struct placement_replay *placement_replay_new(void);
void placement_replay_free(struct placement_replay *replay); /* NULL allowed */

/*
 * Reads the next entry, which may be a part of a view without a decision.
 * Errors: VDC_E_BAD_VALUE: it is no such text, or does not follow the one
 * before; nothing can be read any more then.
 */
int placement_replay_read(struct placement_replay *replay, const char *text,
                          size_t len, struct vdc_error *err);

/* Of the entry read last; both valid until the next is read. */
const struct placement_view *
placement_replay_view(struct placement_replay *replay);
const struct placement_record *
placement_replay_record(const struct placement_replay *replay);

/*
 * Makes the decision of the entry read last again.  true: it is the same in
 * every bit, and so is what each host came to, where the entry says it.
 * *ret is the decision made now.
 */
bool placement_replay_run(struct placement_replay *replay,
                          struct placement_decision *ret);

#endif
