/*
 * This host's certificate, and what is made of it.  One that is replaced is
 * taken within two seconds; one that is gone or wrong is gone on with, for who
 * is not heard any more stops.  Once it was read at the beginning, only a
 * thread of its own touches the disk: one that stands still must not keep the
 * watchdog from being petted.
 */
#ifndef WATCHDOGD_IDENTITY_H
#define WATCHDOGD_IDENTITY_H

#include <stdbool.h>

#include "base/tls.h"
#include "watchdogd/vote.h"

struct event_base;
struct identity_reader;

struct identity {
    struct identity_reader *reader; /* of the file */
    bool told_gone;
    struct tls *server, *client; /* NULL: this host has not joined */
    char name[VOTE_NAME_SIZE];   /* "": the same */
};

/* Reads the file, and waits for it. */
void identity_init(struct identity *identity, struct event_base *base,
                   const char *dc_directory);
/* Before the base is freed.  Does not wait for a disk that stands still. */
void identity_fini(struct identity *identity);
/* Has the file looked at, and read if it is another, which is taken from the
 * loop then; logs.  Nothing while it is being looked at.  Does not block. */
void identity_look(struct identity *identity);

/* The host whose certificate it is; "": it is no host's. */
void identity_host_name(const struct tls_certificate *peer,
                        char ret[VOTE_NAME_SIZE]);

#endif
