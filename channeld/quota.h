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

/*
 * A file that is not there has none.  Of one that is damaged (cut off,
 * changed, not to be read) the lines that can be read hold, none with more
 * than `most`, the limit of customers in the settings (0: none), by which
 * customers without a line are held in any case; it is logged, and stays as it
 * is until policyd tells anew.  path is copied.
 */
struct quotas *quotas_open(const char *path, uint64_t most);
void quotas_close(struct quotas *quotas); /* NULL allowed */

/* NULL: there is none. */
struct quota *quotas_find(const struct quotas *quotas, const char *customer);
/* The first whose customer is after that, by name; NULL: none. */
struct quota *quotas_after(const struct quotas *quotas, const char *customer);
/* limit < 0: none any more. */
void quotas_set(struct quotas *quotas, const char *customer, int64_t limit,
                int64_t whole);
/* Writes the file if it would be another, and waits until it is on the disk:
 * it is the old one or the new one, whatever happens.  Errors: those of
 * vdc_error_errno; what was set holds all the same, until a restart. */
int quotas_save(struct quotas *quotas, struct vdc_error *err);

#endif
