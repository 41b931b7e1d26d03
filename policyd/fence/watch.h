/*
 * The connections to the hosts' watchdogds: each is told who takes part in
 * fencing, and says what it knows, every beat; and hosts that are off for sure
 * (decide.h) are declared so.
 */
#ifndef POLICYD_FENCE_WATCH_H
#define POLICYD_FENCE_WATCH_H

#include "policyd/api/operations.h"
#include "policyd/fence/decide.h"

struct watch;

/* Of hosts that have joined; after the hosts. */
struct watch *watch_new(struct operations *ops);
void watch_stop(struct watch *watch); /* NULL allowed */
void watch_free(struct watch *watch); /* NULL allowed */

/* Its resourced is connected to: the host may have booted. NULL allowed. */
void watch_host_up(struct watch *watch, const char *host);
/* Whether what follows from that is durable: it is on record as not armed, or
 * its watchdogd has said since then that it is armed.  NULL allowed: true. */
bool watch_is_recorded(const struct watch *watch, const char *host);
/* Writes it again when that has failed; nothing while something is being
 * written.  NULL allowed. */
void watch_record_again(struct watch *watch, const char *host);

/* How it stands with a host, as of the last beat; FENCE_UNARMED when it takes
 * no part. */
enum fence_verdict watch_verdict(const struct watch *watch, const char *host);
/* Another host that has heard it just now; NULL: none says so. */
const char *watch_heard_by(const struct watch *watch, const char *host);

/* Whether the host, which is to be removed from the data center, may be
 * stopped by its watchdog later (fence_list_would_stop), as policyd knows it
 * at this moment.  NULL allowed: false. */
bool watch_would_stop(const struct watch *watch, const char *host);

struct watch_counts {
    uint32_t n_members, n_armed, n_telling;
    bool settled;
};
void watch_count(const struct watch *watch, struct watch_counts *ret);

#endif
