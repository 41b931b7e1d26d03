/* Connections to the other members, over which they are asked, each beat,
 * whether they are there; what they answer is entered in the vote. */
#ifndef WATCHDOGD_PEERS_H
#define WATCHDOGD_PEERS_H

struct event_base;
struct identity;
struct peers;
struct vote;

/* All must stay; nothing is done before peers_beat. */
struct peers *peers_new(struct event_base *base, struct identity *identity,
                        struct vote *vote);
void peers_free(struct peers *peers); /* NULL allowed */
/* Asks each member, connects to those that there is no connection to, and
 * leaves those that are members no more. */
void peers_beat(struct peers *peers);

#endif
