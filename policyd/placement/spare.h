/*
 * Room for protected guests when a host dies.  Each protected guest has a
 * backup, another host, which keeps as much memory free as the death of any
 * one host would bring to it: not the sum of all, as one host dies at a time.
 * As this holds before, and each placement keeps it, it always does.
 *
 * It is about memory, and about what hosts are; vCPUs are shared closer for a
 * while, and rules of groups give way.
 */
#ifndef POLICYD_PLACEMENT_SPARE_H
#define POLICYD_PLACEMENT_SPARE_H

#include "policyd/placement/constraint.h"

/*
 * The backup for the guest if it were on `host`: it is up and what the guest
 * needs a host to be, has or gets the memory free, and no promise is broken by
 * that.  One that need keep no more than it does goes first, of the
 * PLACEMENT_PROBES that are looked at first; where these begin depends on
 * `host`, so that the guests of one are spread.  PLACEMENT_NONE: there is
 * none.
 */
uint32_t placement_spare_backup(const struct placement_attempt *attempt,
                                uint32_t host);

#define PLACEMENT_PROBES 16

/*
 * Whether a guest that needs no backup, or has one that is up and has what it
 * is to keep free.  Where a host has died its guests have taken that of their
 * backups, and both they and whoever else relied on these need another:
 * placement_spare_backup, placement_view_set_backup.
 */
bool placement_spare_holds(const struct placement_view *view, uint32_t guest);

/*
 * Gives a running protected guest another backup than the one it has, if it
 * has one: `request` is what would be asked for it if it were placed anew.
 * False: there is none, and it has none any more.  Its index stays.
 */
bool placement_spare_renew(struct placement_view *view,
                           const struct placement_request *request,
                           uint32_t guest);

#endif
