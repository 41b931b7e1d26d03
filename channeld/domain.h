/*
 * Which domain is which partition, and whose: what resourced says in
 * xenstore, below /tool/xen-vdc/partition.  Nothing that a guest writes.
 */
#ifndef CHANNELD_DOMAIN_H
#define CHANNELD_DOMAIN_H

#include <sys/queue.h>

#include "channeld/party.h"

struct domains;
struct event_base;
struct hv;
struct peer;

struct domain {
    TAILQ_ENTRY(domain) link; /* by domid */
    struct party party;
};

struct domain_ops {
    /* A partition runs that did not, or its domain is another's now. */
    void (*on_come)(void *arg, const struct domain *domain);
    /* It has ended (or is another's); its numbers mean nothing any more. */
    void (*on_gone)(void *arg, const struct domain *domain);
    void (*on_renamed)(void *arg, const struct domain *domain);
};

/* Errors: those of hv's store. */
int domains_new(struct event_base *base, struct hv *hv,
                const struct domain_ops *ops, void *arg, struct domains **ret,
                struct vdc_error *err);
void domains_free(struct domains *domains); /* NULL allowed */

const struct domain *domains_find(const struct domains *domains,
                                  uint32_t domid);
/* In their order; NULL before the first, and after the last. */
const struct domain *domains_next(const struct domains *domains,
                                  const struct domain *domain);

/*
 * By what a user writes: a UUID, a domid, a name of `owner`'s own, or
 * CUSTOMER.NAME.  `all`: a name may be anybody's, if only one has it.
 * NULL: there is none, or several.
 */
const struct domain *domains_by_word(const struct domains *domains,
                                     const char *word, const char *owner,
                                     bool all);

/* Looks again now at what has changed; for tests and reloads. */
void domains_look(struct domains *domains);

#endif
