/*
 * The inventory: what policyd knows of hosts and of the guests on them, as
 * one view for placement that is always there (placement/view.h), with its
 * index.  Nobody is asked while something is decided.
 *
 * It is fed from the book (each assignment, from when it is decided), from
 * what hosts report (inventory_put_host), and from what they say of single
 * guests.
 *
 * How much memory a host has for guests is worked out at each report, so
 * that what is free in the view is what the host said is available:
 *
 *     memory = available + what its guests have in the view
 *
 * Whoever is placed afterwards is subtracted until the next report, and
 * whoever goes is added.  Guests that were being changed while the host made
 * its report are in it or not: with them the sum is anything between two
 * figures, and what is known already is kept if it is between them.  So no
 * guest is counted twice while it is being made, and as soon as nothing is
 * going on a report corrects everything.  A wrong figure does no harm: the
 * host's own check is the last word.
 *
 * What a lease keeps is not available, as the host reports it; who uses it up
 * brings it back (inventory_lend).
 */
#ifndef POLICYD_HOSTS_INVENTORY_H
#define POLICYD_HOSTS_INVENTORY_H

#include "policyd/placement/index.h"
#include "policyd/store/book.h"

struct inventory;

/* Watches the book until it is freed, which must be before the book is. */
struct inventory *inventory_new(struct book *book);
void inventory_free(struct inventory *inventory); /* NULL allowed */

/* To decide on; rules, promises and the ratio may be put into it. */
struct placement_view *inventory_view(struct inventory *inventory);
struct placement_index *inventory_index(struct inventory *inventory);
/* Adds the name. */
uint32_t inventory_name(struct inventory *inventory, const char *text);
/* What a request asks of its host by name, as one (placement/where.h). */
uint32_t inventory_where(struct inventory *inventory,
                         const struct placement_request *request);
/* The number of a group, "customer/word".  One that has no guests and no rules
 * is forgotten some time after it was named, or after its last guest. */
uint32_t inventory_group(struct inventory *inventory, const char *text);
#define INVENTORY_GROUP_KEEP_MS 600000 /* a request may still be under way */
void inventory_forget_groups(struct inventory *inventory, uint64_t mono_ms);
/* PLACEMENT_NONE when there is none. */
uint32_t inventory_find_host(const struct inventory *inventory,
                             const char *name);
uint32_t inventory_find_guest(const struct inventory *inventory,
                              const struct vdc_uuid *uuid);

/* What is known of a host, and, `reported`, what it has said anew. */
struct inventory_host {
    const char *name;
    enum placement_state state;
    const char *why;       /* of a state that is not up */
    const char *domain;    /* or "" */
    const char *dedicated; /* or "" */
    const char *const *tags;
    uint32_t n_tags; /* at most 16 */
    bool here;       /* policyd looks at its files itself */
    bool reported;
    uint32_t pcpus;
    struct cpu_set cpu;
    struct mem available;
    uint64_t asked_ms; /* monotonic; when it was asked for that */
    const struct wire_resource_total *totals; /* pools and PCI devices, as in
                                                 its report */
    uint32_t n_totals;
};
/* The tag of those that are `here`. */
#define INVENTORY_HERE "policyd's files"

/* Its guests stay what they are. */
void inventory_put_host(struct inventory *inventory,
                        const struct inventory_host *host);
/* The same of one of the registry. */
struct host;
void inventory_host(struct inventory *inventory, const struct host *host,
                    bool reported);
/* Whether all hosts that are up have told of their pools and devices, and the
 * view has room for them; otherwise nothing should be asked for of these, as
 * it might be there all the same. */
bool inventory_knows_amounts(const struct inventory *inventory);
/* It is none of ours any more; its guests, if any, stay there. */
void inventory_remove_host(struct inventory *inventory, const char *name);
/* Since when there have been guests on it without a pause, ms since 1970; 0:
 * there are none.  Each assignment is stored with that, and it stays so as
 * long as there is one; after a restart they say it. */
uint64_t inventory_busy_since(const struct inventory *inventory,
                              const char *host);
/* What the host says of a guest: whether it runs, and what it has. */
void inventory_partition(struct inventory *inventory,
                         const struct wire_partition *p);

/* And that it began or ceased to run. */
void inventory_event(struct inventory *inventory,
                     const struct wire_event *event);

/*
 * Backups.  After a restart protected guests have none; later their backups
 * may go down, or not have the memory any more.
 *
 * Looks at all guests and gives another to whoever needs one, as far as it
 * comes with little work; the next call goes on.  True: all were looked at,
 * and `ret` says what came of it.
 */
struct inventory_backups {
    uint32_t n_protected; /* that run */
    uint32_t n_without;   /* of them: no host can be their backup */
    uint32_t n_renewed;   /* of them: another is */
};
bool inventory_renew_backups(struct inventory *inventory,
                             struct inventory_backups *ret);
/* Protected guests that run on the host and have no backup which would take
 * them. */
uint32_t inventory_without_backup(const struct inventory *inventory,
                                  const char *host);

/* It was decided: the next sees it there.  Until the book has it, or it is
 * dropped again. */
int inventory_put(struct inventory *inventory,
                  const struct placement_request *request,
                  const struct placement_decision *decision,
                  struct vdc_error *err);
/* Unless the book has it. */
void inventory_drop(struct inventory *inventory, const struct vdc_uuid *uuid);
/* The guest's room on a host that it is not on: it goes there, or may come
 * back.  Another host in place of the one before; NULL: none any more. */
void inventory_hold(struct inventory *inventory, const struct vdc_uuid *uuid,
                    const char *host);
/* A lease's memory comes to the host's guests (sign 1), or goes back; of no
 * host (PLACEMENT_NONE) nothing. */
void inventory_lend(struct inventory *inventory, uint32_t host,
                    struct mem memory, int sign);

#endif
