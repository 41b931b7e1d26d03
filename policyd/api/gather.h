/*
 * A list of a host as one, though it comes in pages (wire/page.h); and the
 * lists of all hosts.
 */
#ifndef POLICYD_API_GATHER_H
#define POLICYD_API_GATHER_H

#include "policyd/hosts/hosts.h"

/* As service_ask; `done` gets the body of the answer with the items of all
 * pages. */
int gather(struct service *service, enum wire_message_number number,
           const void *query, service_done_fn *done, void *arg,
           struct vdc_error *err);

/* `done` gets a partition_list, with domains that are not ours. */
int gather_partitions(struct service *service, service_done_fn *done,
                      void *arg, struct vdc_error *err);

/* What one host answered, or why it did not. */
struct gather_part {
    const char *host;
    const void *list; /* as `done` of gather gets it; NULL: */
    struct vdc_error why;
};

/* Of all hosts that were asked, in the order of their names.  Valid during the
 * call. */
typedef void gather_all_fn(void *arg, const struct gather_part *parts,
                           size_t n_parts);

/*
 * Asks all hosts, or those that `wanted` (may be NULL) says, at the same
 * time.  A host that does not answer in some seconds, though it is connected,
 * counts as one that cannot be reached.  `fn` is called once, maybe during
 * this call.
 */
void gather_all(struct operations *ops, enum wire_message_number number,
                const void *query,
                bool (*wanted)(void *arg, const struct host *host),
                gather_all_fn *fn, void *arg);
void gather_all_partitions(struct operations *ops,
                           bool (*wanted)(void *arg, const struct host *host),
                           gather_all_fn *fn, void *arg);

/* Whether no host has answered, though some were asked: then *err is why. */
bool gather_none(const struct gather_part *parts, size_t n_parts,
                 struct vdc_error *err);

#endif
