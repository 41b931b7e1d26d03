/*
 * Tells a host that was removed that it is none any more, so that it takes its
 * certificate away: once, when the removal is durable, and if it answers
 * within seconds.  One that does not hear it keeps a certificate that is good
 * for nothing.
 */
#ifndef POLICYD_HOSTS_FAREWELL_H
#define POLICYD_HOSTS_FAREWELL_H

struct farewells;
struct operations;
struct wire_host_record;

struct farewells *farewells_new(struct operations *ops);
/* To one that is in the book no more; `record` is copied.  Nothing happens
 * for one that has not joined. */
void farewell_begin(struct farewells *farewells,
                    const struct wire_host_record *record);
/* Nobody is told any more. */
void farewells_stop(struct farewells *farewells); /* NULL allowed */
void farewells_free(struct farewells *farewells); /* NULL allowed */

#endif
