/*
 * What placement knows of the data center: hosts, guests, rules of groups,
 * promises.  What a host has left is not told but computed, from the guests
 * on it, and kept up to date with each change.
 *
 * Nothing in here asks anybody, and there is no clock: times come in.  Every
 * change makes a new version.  A copy is independent of its original, so that
 * one can ask what would be if.
 */
#ifndef POLICYD_PLACEMENT_VIEW_H
#define POLICYD_PLACEMENT_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"
#include "base/error.h"
#include "base/units.h"
#include "base/uuid.h"
#include "policyd/placement/names.h"

/* How many of each a host or guest may have; what comes from outside is
 * refused above that. */
#define PLACEMENT_HOST_AMOUNTS_MAX 8
#define PLACEMENT_AMOUNTS_MAX 4
#define PLACEMENT_TAGS_MAX 17 /* 16 that are entered, and one of ours */
#define PLACEMENT_GROUPS_MAX 4
#define PLACEMENT_RULES_MAX 100000
#define PLACEMENT_PROMISES_MAX 64
#define PLACEMENT_VCPUS_MAX 65535

/* No such host, or guest. */
#define PLACEMENT_NONE UINT32_MAX

/* KiB of a pool, or the number of devices of a kind.  Each guest has room for
 * eight, and there are many guests. */
struct __attribute__((packed, aligned(4))) placement_amount {
    uint32_t name;
    uint64_t amount;
};

/* What a guest needs; no name twice. */
struct placement_spec {
    struct mem memory;
    uint32_t vcpus;
    uint32_t n_disks;
    uint32_t n_devices;
    struct placement_amount disks[PLACEMENT_AMOUNTS_MAX];
    struct placement_amount devices[PLACEMENT_AMOUNTS_MAX];
};

enum placement_state {
    PLACEMENT_UP,
    PLACEMENT_DRAINING,
    PLACEMENT_DOWN,
    PLACEMENT_MAINTENANCE
};

struct placement_host {
    uint32_t name;
    enum placement_state state;
    uint32_t state_why; /* said with it when not up, or 0 */
    uint32_t domain;    /* what fails with it (rack, room); 0: it alone */
    uint32_t dedicated; /* the customer that it is kept for, or 0 */
    struct mem memory;  /* for guests */
    uint32_t pcpus;
    uint32_t n_pools;
    uint32_t n_devices;
    uint32_t n_tags;
    struct placement_amount pools[PLACEMENT_HOST_AMOUNTS_MAX];
    struct placement_amount devices[PLACEMENT_HOST_AMOUNTS_MAX];
    uint32_t tags[PLACEMENT_TAGS_MAX];
    struct cpu_set cpu; /* what its CPUs can do, and who made them */
};

/* What guests have of a host; amounts in the order of the host's. */
struct placement_use {
    struct mem memory;
    uint64_t vcpus;
    uint64_t vcpus_most; /* by the ratio; UINT64_MAX: no limit */
    uint32_t n_guests;
    uint32_t n_strict;     /* of PLACEMENT_STRICT */
    uint32_t n_implicit;   /* of PLACEMENT_STRICT or PLACEMENT_PREFERRED */
    uint32_t first_guest;  /* of those on it, or PLACEMENT_NONE */
    uint32_t n_backed;     /* guests elsewhere that it is the backup of */
    uint32_t first_backed; /* of them */
    struct mem reserve;    /* the most of them that one host's death brings */
    int64_t busy_since_ms; /* when the first came after it was empty */
    uint64_t pools[PLACEMENT_HOST_AMOUNTS_MAX];
    uint64_t devices[PLACEMENT_HOST_AMOUNTS_MAX];
};

/* Who else may be on its host, as CloudStack has it. */
enum placement_dedication {
    PLACEMENT_SHARED,
    /* On hosts that are dedicated to its customer, nowhere else; and there
     * are only such. */
    PLACEMENT_EXPLICIT,
    /* On hosts where nobody but STRICT and PREFERRED guests of its customer
     * is; nor comes while it is there. */
    PLACEMENT_STRICT,
    /* The same where it can be had, otherwise shared. */
    PLACEMENT_PREFERRED
};

struct placement_guest {
    struct vdc_uuid uuid;
    uint32_t customer;
    uint32_t host; /* index */
    struct placement_spec spec;
    uint32_t n_groups;
    uint32_t groups[PLACEMENT_GROUPS_MAX];
    uint32_t where;     /* what it asked of its host by name (where.h) */
    struct cpu_set cpu; /* what it asked of CPUs */
    enum placement_dedication dedication;
    bool runs; /* has its memory, vCPUs, devices; its disks it has anyway */
    bool protected;  /* goes to its backup when its host dies */
    uint32_t backup; /* index; PLACEMENT_NONE: it has none */
    int64_t since_ms;
    uint32_t next; /* on the same host; the view's own */
    uint32_t previous;
    uint32_t next_backed; /* of the same backup; the view's own */
    uint32_t previous_backed;
};

enum placement_scope { PLACEMENT_HOSTS, PLACEMENT_DOMAINS };

/* Guests of the two groups (of one group, when they are the same) are
 * together on one host or in one failure domain, or nowhere together. */
struct placement_rule {
    uint32_t name;
    uint32_t group;
    uint32_t other;
    bool anti;
    bool hard; /* otherwise it costs score */
    enum placement_scope scope;
};

/* A rule as one of its groups sees it. */
struct placement_rule_side {
    uint32_t group;
    uint32_t other;
    const struct placement_rule *rule;
};

/*
 * Room is kept for `n_guests` of this spec.  A promise to a customer is kept
 * from all others; one to nobody in particular, from whoever asks for less
 * memory or vCPUs than the spec says.  Hosts that are dedicated, or taken by
 * strict guests, or not up, have no such room; nor does what is kept for
 * guests of hosts that die.
 */
struct placement_promise {
    uint32_t name;
    uint32_t customer; /* 0: nobody in particular */
    uint32_t n_guests;
    struct placement_spec spec;
    uint64_t room; /* how many fit now; the view's own */
};

struct placement_view;

/* `names` is used, not owned, and must outlive the view. */
struct placement_view *placement_view_new(struct placement_names *names);
struct placement_view *placement_view_copy(const struct placement_view *view);
/* The hosts, what is left of them, and promises, without guests and rules: for
 * what depends on room alone, at a cost that does not grow with the guests. */
struct placement_view *
placement_view_copy_room(const struct placement_view *view);
void placement_view_free(struct placement_view *view);

struct placement_names *
placement_view_names(const struct placement_view *view);
/* Of a name; never NULL. */
const char *placement_view_text(const struct placement_view *view,
                                uint32_t name);
/* From 1 on, one more with each change of one host, or of more. */
uint64_t placement_view_version(const struct placement_view *view);
/*
 * Which hosts were changed after `version`: true, and calls fn for each (maybe
 * more than once), or false when that is too long ago or concerned them all.
 */
bool placement_view_changes(const struct placement_view *view,
                            uint64_t version,
                            void (*fn)(void *arg, uint32_t host), void *arg);
/* Whether that would be true. */
bool placement_view_knows(const struct placement_view *view,
                          uint64_t version);
/* Bytes of heap in use, without the names. */
size_t placement_view_size(const struct placement_view *view);

/*
 * Adds a host, or replaces what is known of the one of this name; guests stay
 * on it.  A new one takes the place of one that was removed, or the last.
 * Errors: VDC_E_BAD_VALUE (no name, too many amounts, tags).
 */
int placement_view_put_host(struct placement_view *view,
                            const struct placement_host *host,
                            uint32_t *ret_host, struct vdc_error *err);
/* Guests that do not run lose it as their backup.  Errors: VDC_E_WRONG_STATE
 * while there are guests on it, or running elsewhere whose backup it is. */
int placement_view_remove_host(struct placement_view *view, uint32_t host,
                               struct vdc_error *err);
void placement_view_set_state(struct placement_view *view, uint32_t host,
                              enum placement_state state);
/* For a view that is built anew of hosts that were in use before; after their
 * guests were put there, as nothing is noted of an empty host. */
void placement_view_set_busy_since(struct placement_view *view, uint32_t host,
                                   int64_t ms);
/* Indices go from 0 to one less; of those that were removed name is 0. */
uint32_t placement_view_n_hosts(const struct placement_view *view);
/* How many there are. */
uint32_t placement_view_n_present(const struct placement_view *view);
const struct placement_host *
placement_view_host(const struct placement_view *view, uint32_t host);
const struct placement_use *
placement_view_use(const struct placement_view *view, uint32_t host);
/* By name; PLACEMENT_NONE when there is none. */
uint32_t placement_view_find_host(const struct placement_view *view,
                                  uint32_t name);

/*
 * Puts a guest on guest->host, whether it fits there or not: it is a fact, or
 * was decided.  Errors: VDC_E_BAD_VALUE (too many amounts or groups, a
 * name twice, an amount over MEM_MAX_KIB), VDC_E_NOT_FOUND (no such host).
 */
int placement_view_add_guest(struct placement_view *view,
                             const struct placement_guest *guest,
                             uint32_t *ret_guest, struct vdc_error *err);
/* Its share of guest->host, without a guest; for a copy of the room. */
void placement_view_take(struct placement_view *view,
                         const struct placement_guest *guest);
void placement_view_remove_guest(struct placement_view *view, uint32_t guest);
void placement_view_move_guest(struct placement_view *view, uint32_t guest,
                               uint32_t host, int64_t now_ms);
/* Where it goes when its host dies; PLACEMENT_NONE: nowhere. */
void placement_view_set_backup(struct placement_view *view, uint32_t guest,
                               uint32_t backup);
/* NULL when there is no such guest (any more). */
const struct placement_guest *
placement_view_guest(const struct placement_view *view, uint32_t guest);
/* Indices are below this. */
uint32_t placement_view_guests_end(const struct placement_view *view);
/* How many guests there are. */
uint32_t placement_view_n_guests(const struct placement_view *view);
/* Whether a guest may ask for this: placement_view_add_guest's check. */
int placement_view_check_spec(const struct placement_spec *spec,
                              struct vdc_error *err);

/* vCPUs for each hundred pCPUs; 0 (as at first): any number. */
void placement_view_set_overcommit(struct placement_view *view,
                                   uint32_t percent);

/* By its name: adds or replaces. Errors: VDC_E_BAD_VALUE (no group, too
 * many). */
int placement_view_put_rule(struct placement_view *view,
                            const struct placement_rule *rule,
                            struct vdc_error *err);
void placement_view_remove_rule(struct placement_view *view, uint32_t name);
/* All rules that a group takes part in; valid until rules change. */
uint32_t placement_view_rules(const struct placement_view *view,
                              uint32_t group,
                              const struct placement_rule_side **ret);

/* By its name: adds or replaces. Errors: VDC_E_BAD_VALUE (a spec that asks for
 * nothing, too many). */
int placement_view_put_promise(struct placement_view *view,
                               const struct placement_promise *promise,
                               struct vdc_error *err);
void placement_view_remove_promise(struct placement_view *view, uint32_t name);
const struct placement_promise *
placement_view_promises(const struct placement_view *view, uint32_t *ret_n);
/* How many of a promise's guests fit on a host that has `use` taken. */
uint64_t placement_view_room(const struct placement_host *host,
                             const struct placement_use *use,
                             const struct placement_promise *promise);

/* What guests of `host` would bring to `backup` if it died. */
struct mem placement_view_backed(const struct placement_view *view,
                                 uint32_t backup, uint32_t host);
/* Guests of this group on the host, or in its failure domain. */
uint64_t placement_view_near(const struct placement_view *view, uint32_t group,
                             enum placement_scope scope, uint32_t host);
/* Guests of this group anywhere. */
uint64_t placement_view_members(const struct placement_view *view,
                                uint32_t group);
/* STRICT and PREFERRED guests of this customer on the host. */
uint64_t placement_view_implicit(const struct placement_view *view,
                                 uint32_t customer, uint32_t host);
/* The use of a host with this guest added (or, sign -1, taken away). */
void placement_view_count(const struct placement_host *host,
                          const struct placement_guest *guest, int sign,
                          struct placement_use *use);

#endif
