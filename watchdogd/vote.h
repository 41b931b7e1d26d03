/*
 * Who takes part, whom this host hears, and until when it is connected.  Pure:
 * no clock, no I/O.  Times are milliseconds of one monotonic clock.
 *
 * A member is heard for FENCE_HEARD_MS after the moment at which the ping *was
 * sent* that it answered: it had it later, so while we count it as heard, it
 * knows that it has heard us no longer ago than that.
 */
#ifndef WATCHDOGD_VOTE_H
#define WATCHDOGD_VOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define VOTE_NAME_SIZE 64
#define VOTE_ADDRESS_SIZE 256
#define VOTE_MEMBERS_MAX 1024

struct vote_member {
    char name[VOTE_NAME_SIZE];
    char address[VOTE_ADDRESS_SIZE];
    uint64_t asked_ms; /* of the ping that it answered last; 0: none */
    uint64_t came_ms;  /* when its last ping came; 0: none */
};

struct vote_number; /* an address without its port */

struct vote {
    uint64_t version; /* of the list; 0: none was told yet */
    size_t n_members;
    struct vote_member *members; /* by name, as vote_sort leaves them */
    struct vote_number *numbers; /* the same many, in order; vote_sort's */
};

void vote_fini(struct vote *vote);

/* To be called when the members were filled in, before anything else. */
void vote_sort(struct vote *vote);

/* So many names and numbers have been compared in all, for tests: what is done
 * each beat is to grow with the members no more than they do, nearly. */
extern uint64_t vote_n_compared;

/* NULL: it is not among them. */
struct vote_member *vote_find(const struct vote *vote, const char *name);

/* Whether a member has this address, a number without a port. */
bool vote_has_address(const struct vote *vote, const char *number);

/* Whether `self` takes part, among enough. */
bool vote_counts(const struct vote *vote, const char *self);

/*
 * Whether `next` may follow `now`.  Errors: VDC_E_CONFLICT: it is older, or of
 * the same version with other members, which a policyd that leads no more may
 * send; VDC_E_BAD_VALUE: a name is empty, twice or no name, or an address is
 * none.
 */
int vote_check(const struct vote *now, const struct vote *next,
               struct vdc_error *err);
/* Takes over the members of `next`, which is empty then; what was heard of
 * those that stay is kept. */
void vote_replace(struct vote *vote, struct vote *next);

/* The member has answered a ping that was sent at asked_ms, and goes by a list
 * of this version: one that is ahead by more than one does not count, because
 * two majorities share a member only when their lists differ by one. */
void vote_answered(struct vote *vote, struct vote_member *member,
                   uint64_t asked_ms, uint64_t version);

/* How many members are heard at now_ms, `self` among them. */
size_t vote_heard(const struct vote *vote, const char *self, uint64_t now_ms);

/* The host is connected as long as it is earlier than that; 0: it never was.
 * To be asked for those that vote_counts only. */
uint64_t vote_connected_until_ms(const struct vote *vote, const char *self);

#endif
