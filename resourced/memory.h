/*
 * The host's memory as those see it who need some: what Xen has free, less
 * what operations under way were promised and have not taken yet, less what
 * leases keep, less what must stay free; and what may be taken from dom0 when
 * that is not enough.
 */
#ifndef RESOURCED_MEMORY_H
#define RESOURCED_MEMORY_H

#include "base/error.h"
#include "base/units.h"

struct host;
struct operation;

/* Memory that is being taken from dom0. */
struct memory_account {
    struct mem dom0_before; /* dom0's memory before the first of the takers */
    struct mem taken;       /* that it was asked to give since */
    unsigned n_takers;
};

/*
 * Whether `op` can have the memory that it needs (op->need), and how much of
 * it dom0 must give first.  A start's domain has none before; one that grows
 * says in op->had what it had.  What others were promised, and what leases
 * keep, counts as taken; the lease that op's transaction uses counts as free
 * for it.  Errors: VDC_E_NO_MEMORY, in words with figures; VDC_E_HYPERVISOR.
 */
int memory_check(struct operation *op, struct mem *ret_from_dom0,
                 struct vdc_error *err);
/* The same for a lease; dom0 gives nothing for it. */
int memory_check_lease(struct host *host, struct mem amount,
                       struct mem host_reserve, struct vdc_error *err);
/* Before op takes memory from the host: what its lease has Xen keep is free
 * for it from now on. */
void memory_unlock(struct operation *op);
/* Asks dom0 to give so much; op remembers it, and so does xenstore. */
int memory_take(struct operation *op, struct mem amount,
                struct vdc_error *err);
/* What was taken has reached its guest: it stays with it. */
void memory_keep(struct operation *op);
/* It is not needed any more: dom0 may have it back.  Before the journal says
 * that op's transaction is undone; after an error to be tried again. */
int memory_give_back(struct operation *op, struct vdc_error *err);
/* After a crash, when the transactions of the journal have begun and none has
 * run: they have what they had taken. */
int memory_recover(struct host *host, struct vdc_error *err);

#endif
