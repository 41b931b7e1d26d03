/*
 * Quotas of channels: how many a customer and its projects may have as
 * clients on this host, as policyd tells it.  What was told last holds, also
 * while policyd is away and after a restart: it is in a file.
 */
#ifndef CHANNELD_QUOTA_H
#define CHANNELD_QUOTA_H

#include "base/error.h"
#include "channeld/party.h"

struct quotas;

struct quota {
    char customer[PARTY_OWNER_MAX + 1];
    uint64_t limit; /* on this host */
    uint64_t whole; /* what it has on all hosts; that is a share of it */
    bool wanted;    /* more than it was refused since that was told */
};

/* A file that is not there has none, and so has one that is damaged, which
 * is logged: policyd tells anew.  path is copied. */
struct quotas *quotas_open(const char *path);
void quotas_close(struct quotas *quotas); /* NULL allowed */

/* NULL: there is none. */
struct quota *quotas_find(const struct quotas *quotas, const char *customer);
/* The first whose customer is after that, by name; NULL: none. */
struct quota *quotas_after(const struct quotas *quotas, const char *customer);
/* limit < 0: none any more. */
void quotas_set(struct quotas *quotas, const char *customer, int64_t limit,
                int64_t whole);
/* Writes the file if it would be another.  Errors: those of vdc_error_errno;
 * what was set holds all the same, until a restart. */
int quotas_save(struct quotas *quotas, struct vdc_error *err);

#endif
