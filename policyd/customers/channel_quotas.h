/*
 * The quotas of channels.  channeld holds them, without asking policyd for
 * each channel; policyd tells each host its share (channel_share.h), and is
 * told what there is: after each report of the host, and when a quota has
 * changed.
 */
#ifndef POLICYD_CUSTOMERS_CHANNEL_QUOTAS_H
#define POLICYD_CUSTOMERS_CHANNEL_QUOTAS_H

#include <stdint.h>

struct channel_quotas;
struct operations;

struct channel_quotas *channel_quotas_new(struct operations *ops);
void channel_quotas_free(struct channel_quotas *quotas); /* NULL allowed */

/* The host can be reached: compares and tells, unless that is under way. */
void channel_quotas_look(struct channel_quotas *quotas, const char *host);
/* A customer has another quota, or is gone: the same of all hosts. */
void channel_quotas_changed(struct channel_quotas *quotas);
/* It is no host any more: nothing is there. */
void channel_quotas_forget(struct channel_quotas *quotas, const char *host);

/* Channels that the customer's own guests and programs have, as hosts said
 * last; those of projects are not in it. */
uint64_t channel_quotas_used(const struct channel_quotas *quotas,
                             const char *customer);

#endif
