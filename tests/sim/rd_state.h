/* The whole state of a simulated host and of the daemon on it as one text, for
 * comparing before and after. */
#ifndef TESTS_SIM_RD_STATE_H
#define TESTS_SIM_RD_STATE_H

#include "tests/sim/rd.h"

/* A time that no save of a test has, for one that was there before. */
#define RD_OLD_SAVE_MS 1

/*
 * What the daemon says of each partition (without times and domids) and of
 * who has which resource, and what Xen has of each domain; in rd->arena.
 * NULL when the daemon does not answer.
 */
const char *rd_state(struct rd *rd);
/* The first line in which they differ, in the arena. */
const char *rd_state_difference(struct rd *rd, const char *a, const char *b);

/* All that outlives the process, into DIR/saved and back; the daemon must not
 * run. */
void rd_save(struct rd *rd);
void rd_restore(struct rd *rd);

#endif
