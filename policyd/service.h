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
#ifndef POLICYD_SERVICE_H
#define POLICYD_SERVICE_H

#include <stdbool.h>

#include "base/error.h"
#include "policyd/setup.h"
#include "wire/wire.h"

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
    void *arg;
};

struct service *service_new(struct event_base *base, const struct setup *setup,
                            const struct service_notify *notify);
/* What is under way ends with an error, during this call.  NULL allowed. */
void service_free(struct service *service);

/*
 * Looks at a definition as this host sees it: `done` gets a partition_reply
 * whose definition has canonical paths, disk sizes and defaults filled in.
 * `restricted`: for a customer.  Errors (through `done`): those of policy.h
 * and files.h.
 */
int service_examine(struct service *service,
                    const struct wire_partition_create *order, bool restricted,
                    service_done_fn *done, void *arg, struct vdc_error *err);

/* `done` gets a struct wire_host, available_memory after the host's policy. */
int service_host(struct service *service, service_done_fn *done, void *arg,
                 struct vdc_error *err);

int service_create(struct service *service,
                   const struct wire_partition_create *order,
                   service_done_fn *done, service_more_fn *more, void *arg,
                   struct vdc_error *err);

/* What a partition_ref asks: start, shutdown, reboot, destroy, rename, show,
 * console_where. */
int service_act(struct service *service, enum wire_message_number number,
                const struct wire_partition_ref *ref, service_done_fn *done,
                service_more_fn *more, void *arg, struct vdc_error *err);

/* `done` gets a partition_list, with domains that are not ours. */
int service_list(struct service *service, service_done_fn *done, void *arg,
                 struct vdc_error *err);

/* The kept events with a higher number, through `more`. */
int service_events(struct service *service, uint64_t since,
                   service_done_fn *done, service_more_fn *more, void *arg,
                   struct vdc_error *err);

const char *service_host_name(const struct service *service);
/* Of resourced; "" when it cannot be reached. */
const char *service_version(const struct service *service);
/* Why resourced cannot be reached. */
int service_down_error(const struct service *service, struct vdc_error *err);

#endif
