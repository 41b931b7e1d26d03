/*
 * A list of the host as one, though it comes in pages (wire/page.h).
 */
#ifndef POLICYD_GATHER_H
#define POLICYD_GATHER_H

#include "policyd/service.h"

/* As service_ask; `done` gets the body of the answer with the items of all
 * pages. */
int gather(struct service *service, enum wire_message_number number,
           const void *query, service_done_fn *done, void *arg,
           struct vdc_error *err);

/* `done` gets a partition_list, with domains that are not ours. */
int gather_partitions(struct service *service, service_done_fn *done,
                      void *arg, struct vdc_error *err);

#endif
