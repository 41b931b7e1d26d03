/* What the files of verify share.  Only verify*.c include it. */
#ifndef RESOURCED_VERIFY_IMPL_H
#define RESOURCED_VERIFY_IMPL_H

#include <stdbool.h>
#include <sys/queue.h>

#include "hv/hv.h"
#include "resourced/host.h"
#include "resourced/lock.h"
#include "resourced/verify.h"

struct event;
struct fix;
struct verify;

/* 0; STEP_LATER, and then verify_fixed is called from the loop; or an error.
 * NULL in a fix: a person must do it. */
typedef int fix_fn(struct verify *v, struct fix *fix, struct vdc_error *err);

/* What mends a difference; in v->arena. */
struct fix {
    TAILQ_ENTRY(fix) link;
    uint32_t at; /* of the difference */
    fix_fn *fn;
    /* What fn needs. */
    struct vdc_uuid uuid;
    uint32_t domid;
    int32_t number;
    const char *text, *more;
    struct mem mem;
    const void *what;
};

enum verify_phase {
    VERIFY_PARTITIONS,
    VERIFY_DOMAINS,
    VERIFY_ROWS,
    VERIFY_END
};

struct verify {
    struct host *host;
    bool repair;
    verify_done_fn *fn;
    void *arg;
    struct arena *arena;
    struct event *turn;
    enum verify_phase phase;
    struct hv_domain_info *domains; /* when it began */
    size_t n_domains;
    struct vdc_uuid *uuids; /* of the partitions then */
    size_t n_uuids, at;
    struct locks locks; /* on the partition that is looked at */
    bool locked;
    bool later; /* a fix has answered STEP_LATER */
    TAILQ_HEAD(, fix) fixes;
    struct wire_verify_reply reply;
    size_t room; /* of reply.differences */
};

/* ---- verify.c ---- */

/* Adds a difference; with fn not NULL, its fix, to be filled by the caller
 * (never NULL itself).  partition may be NULL. */
struct fix *verify_found(struct verify *v, const struct partition *partition,
                         const char *kind, fix_fn *fn, const char *hint,
                         const char *format, ...)
    __attribute__((format(printf, 6, 7)));
/* hv_done_fn; arg: the verify. */
void verify_fixed(void *arg, int rc, const struct vdc_error *err);

/* ---- verify_xen.c ---- */

/* A partition with a domain, which is `info`.  Errors: VDC_E_HYPERVISOR;
 * VDC_E_NOT_FOUND: it has gone meanwhile. */
int verify_domain(struct verify *v, struct partition *partition,
                  const struct hv_domain_info *info, struct vdc_error *err);
int verify_devices(struct verify *v, struct partition *partition,
                   struct vdc_error *err);

/* ---- verify_rows.c ---- */

void verify_resources(struct verify *v, struct partition *partition);
/* A partition without a domain of which Xen has one. */
int verify_unknown_domain(struct verify *v, struct partition *partition,
                          const struct hv_domain_info *info,
                          struct vdc_error *err);
/* What belongs to no partition. */
int verify_published(struct verify *v, struct vdc_error *err);
int verify_holders(struct verify *v, struct vdc_error *err);
int verify_leases(struct verify *v, struct vdc_error *err);
int verify_journal(struct verify *v, struct vdc_error *err);

/* ---- verify_repair.c ---- */

fix_fn verify_fix_gone, verify_fix_adopt, verify_fix_take_in, verify_fix_name,
    verify_fix_paused, verify_fix_memory_max, verify_fix_memory_target,
    verify_fix_vcpus, verify_fix_sched, verify_fix_affinity, verify_fix_disk,
    verify_fix_nic, verify_fix_pci, verify_fix_publish, verify_fix_unpublish,
    verify_fix_resources, verify_fix_claim, verify_fix_journal;

#endif
