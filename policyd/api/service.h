/*
 * The resource service of one host: takes what operations ask for this host,
 * applies the host's own policy (what it keeps for itself, which files and
 * bridges its customers may use), and has resourced do it.
 *
 * Operations call it with the structs of the protocol and get a callback
 * later, from the event loop, never from inside the call: it may be on
 * another host one day.  A call that returns an error was not taken on, and
 * has no callback.
 */
#ifndef POLICYD_API_SERVICE_H
#define POLICYD_API_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reasons.h"
#include "policyd/setup.h"
#include "wire/wire.h"

struct dc;
struct event_base;
struct service;

/* The end: the answer (of the message that the table of messages says), or
 * an error; VDC_E_CLOSED means that the outcome is not known. */
typedef void service_done_fn(void *arg, const void *answer,
                             const struct vdc_error *err);
/* Before it: a progress or event message.  May be NULL. */
typedef void service_more_fn(void *arg, const struct wire_frame *frame);

struct service_notify {
    void (*up)(void *arg);
    void (*down)(void *arg);
    void (*event)(void *arg, const struct wire_event *event); /* in order */
    /* Whether the host may be asked for more than looks now; NULL: it may. */
    int (*check_may)(void *arg, struct vdc_error *err);
    void *arg;
};

/* Which host it is of. */
struct service_host {
    const char *name;
    const char *address; /* of its command channel */
    bool own;            /* policyd.conf names it: errors need not */
    const char *certificate; /* over TLS: the one that it must show ... */
    const char *certificate_next; /* ... or this; "": none */
    const struct dc *dc;     /* over TLS: by which policyd shows who it is;
                                not copied */
};

/* What is in `host` is copied. */
struct service *service_new(struct event_base *base, const struct setup *setup,
                            const struct service_host *host,
                            const struct service_notify *notify);
/* What is under way ends with an error, during this call, and what is asked
 * from now on is refused; nothing is told any more. */
void service_stop(struct service *service);
/* After that, or with it.  NULL allowed. */
void service_free(struct service *service);

/*
 * Looks at operations as this host sees them: `done` gets a struct
 * service_examined, where the files of definitions, disks, save and restore
 * have canonical paths, disks their sizes, and what was left open is filled
 * in.  `customers`: of each operation's guest, ""  for one that is not to be
 * looked at.  `restricted`: asked for by a customer.  A host that policyd is
 * not on, and that has not answered within 30 s: VDC_E_TIMEOUT; nothing was
 * done.
 */
#define SERVICE_OPERATIONS_MAX 16 /* of a transaction, in wire.def */
struct service_examined {
    const struct wire_transaction *order;
    const struct reasons *reasons; /* of policy.h and files.h; may be none */
    const bool *refused;           /* which of the operations they are about */
};
int service_examine(struct service *service,
                    const struct wire_transaction *order,
                    const char *const *customers, bool restricted,
                    service_done_fn *done, void *arg, struct vdc_error *err);

/*
 * What a guest has, its disks measured now: `done` gets a struct
 * service_measured.
 */
struct service_measured {
    const struct wire_partition_reply *shown;
    bool grown; /* a disk that it may write is larger than when attached */
};
int service_measure(struct service *service, const struct vdc_uuid *uuid,
                    service_done_fn *done, void *arg, struct vdc_error *err);

/* As in service_host, from the next time on that it is connected to. */
void service_set_certificates(struct service *service,
                              const char *certificate, const char *next);

/* Whether policyd is not on this host, so that its files are not here. */
bool service_is_away(const struct service *service);
const char *service_address(const struct service *service);

/* How much this host has of files that guests of the customer were saved to:
 * now, or, when policyd is not on it, when they were looked at last, which
 * service_examine does. */
struct mem service_measure_saved(struct service *service,
                                 const char *customer);

/* `done` gets a struct wire_host, available_memory after the host's policy. */
int service_report(struct service *service, service_done_fn *done, void *arg,
                   struct vdc_error *err);

/*
 * Requests that take their time are known by *ret_call (may be NULL), by which
 * they can be cancelled until `done` is called.
 */
struct service_call {
    struct service *service; /* NULL: none */
    uint32_t number;
};
int service_create(struct service *service,
                   const struct wire_partition_create *order,
                   service_done_fn *done, service_more_fn *more, void *arg,
                   struct service_call *ret_call, struct vdc_error *err);

/* What a partition_ref asks: start, shutdown, reboot, destroy, rename, show,
 * console_where, device_list. */
int service_act(struct service *service, enum wire_message_number number,
                const struct wire_partition_ref *ref, service_done_fn *done,
                service_more_fn *more, void *arg,
                struct service_call *ret_call, struct vdc_error *err);

int service_transaction(struct service *service,
                        const struct wire_transaction *order,
                        service_done_fn *done, service_more_fn *more,
                        void *arg, struct service_call *ret_call,
                        struct vdc_error *err);

/* lease_create, with what this host keeps for itself. */
int service_lease(struct service *service, const struct wire_lease *lease,
                  service_done_fn *done, void *arg, struct vdc_error *err);

/* A message to which the host's policy has nothing to add. */
int service_ask(struct service *service, enum wire_message_number number,
                const void *body, service_done_fn *done, service_more_fn *more,
                void *arg, struct service_call *ret_call,
                struct vdc_error *err);

/* Not wanted any more; it ends as it ends. */
void service_cancel(const struct service_call *call);

/* The host's database is in order again: goes on with events. */
void service_resume(struct service *service);

/* The kept events with a higher number, through `more`. */
int service_events(struct service *service, uint64_t since,
                   service_done_fn *done, service_more_fn *more, void *arg,
                   struct vdc_error *err);

const char *service_host_name(const struct service *service);
/* Of resourced; "" when it cannot be reached. */
const char *service_version(const struct service *service);
/* Why resourced cannot be reached; the words alone are valid until it
 * changes. */
const char *service_why_down(const struct service *service);
int service_why_code(const struct service *service); /* VDC_E_... */
int service_down_error(const struct service *service, struct vdc_error *err);

#endif
