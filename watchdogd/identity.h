/*
 * This host's certificate, and what is made of it.  One that is replaced is
 * taken within two seconds; one that is gone or wrong is gone on with, for who
 * is not heard any more stops.
 */
#ifndef WATCHDOGD_IDENTITY_H
#define WATCHDOGD_IDENTITY_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/tls.h"
#include "watchdogd/vote.h"

struct identity {
    char *path; /* of the certificates and the key, in one file */
    struct stat seen;
    bool told_gone;
    struct tls *server, *client; /* NULL: this host has not joined */
    char name[VOTE_NAME_SIZE];   /* "": the same */
};

void identity_init(struct identity *identity, const char *dc_directory);
void identity_fini(struct identity *identity);
/* Reads the file if it is another; logs. */
void identity_look(struct identity *identity);

/* The host whose certificate it is; "": it is no host's. */
void identity_host_name(const struct tls_certificate *peer,
                        char ret[VOTE_NAME_SIZE]);

#endif
