/* The table of leases.  Only lease*.c include it. */
#ifndef RESOURCED_LEASE_IMPL_H
#define RESOURCED_LEASE_IMPL_H

#include <sys/queue.h>

#include "resourced/lease.h"

struct event;

TAILQ_HEAD(lease_list, lease);

struct lease_table {
    struct host *host;
    struct lease_list all;
    struct event *timer; /* of the one that expires first */
    struct mem asked;    /* of Xen, with success */
};

#endif
