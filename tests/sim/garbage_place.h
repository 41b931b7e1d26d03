/*
 * Where garbage is sent to: two hosts, customers, guests and what else there
 * is; and what there is to say of them.
 */
#ifndef TESTS_SIM_GARBAGE_PLACE_H
#define TESTS_SIM_GARBAGE_PLACE_H

#include "tests/sim/garbage.h"
#include "tests/sim/hosts_bed.h"

/* Logins of acme, beside ACME_UID. */
#define READER_UID 54004 /* read-only */

extern struct place {
    struct hosts_bed hosts;
    struct garbage garbage; /* with what is known here; see place_open */
} place;

/* Starts all, on hosts h1 and h2.  What is known is kept in `answers` of the
 * moment. */
void place_open(uint64_t seed);
/* What an operator's garbage did to the hosts and to acme's first guest, so
 * that there is more to be done with them; hosts that were added go. */
void place_mend(void);
/* A body that is in order, mostly about acme's; in `answers`. */
void place_sane(const struct wire_struct *s, void *ret_body);

#endif
