/*
 * What a host that has booted is told of its guests; see back.h.
 */
#include "policyd/fence/back.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "policyd/change/reconcile.h"
#include "policyd/fence/fence.h"
#include "policyd/fence/watch.h"

/* So many guests in one message; boot_release in wire.def. */
#define RELEASE_MOST 4096

struct forgetting {
    struct host *host;
    struct vdc_uuid uuid;
};

static void forgotten(void *arg, const void *answer,
                      const struct vdc_error *why)
{
    struct forgetting *f = arg;
    struct host *host = f->host;
    struct operations *ops = hosts_ops(host->all);
    struct vdc_error err = { 0 };

    if (!why || why->code == VDC_E_NOT_FOUND) {
        if (book_taken_forgotten(ops->book, &f->uuid, host->name, &err))
            log_error("host %s: %s", host->name, err.text);
    } else if (why->code != VDC_E_CLOSED && why->code != VDC_E_NO_DAEMON) {
        log_limited(VDC_LOG_WARNING, host->name,
                    "host %s cannot forget a guest that was started "
                    "elsewhere: %s", host->name, why->text);
        reconcile_soon(host->reconcile, RECONCILE_RETRY_MS);
    }
    free(f);
}

bool back_forget(struct host *host, const struct wire_partition *p,
                 const struct assignment *a)
{
    const struct book *book = hosts_ops(host->all)->book;
    struct wire_transaction order;
    struct wire_operation op;

    if (!book_was_taken(book, &p->uuid, host->name) ||
        (a && (book_moves(a) || strcmp(a->host, host->name) == 0)))
        return false;
    wire_init(&wire_struct_transaction, &order);
    wire_init(&wire_struct_operation, &op);
    op.kind = WIRE_OP_DESTROY;
    op.uuid = p->uuid;
    op.name = p->name;
    op.forget = true;
    op.reason = "it was started on another host while this one was off";
    order.operations = &op;
    order.n_operations = 1;
    struct forgetting *f = XNEW(struct forgetting);
    *f = (struct forgetting){ host, p->uuid };
    log_info("host %s forgets guest '%s', which was started elsewhere while "
             "it was off", host->name, p->name);
    if (service_transaction(host->service, &order, forgotten, NULL, f,
                            NULL, NULL))
        free(f); /* at the next connection */
    return true;
}

struct wire_boot_release *back_release_new(uint32_t n_most,
                                           struct arena *arena)
{
    struct wire_boot_release *release =
        ARENA_NEW(arena, struct wire_boot_release);

    wire_init(&wire_struct_boot_release, release);
    release->guests = ARENA_ARRAY(arena, n_most + 1, struct wire_boot_guest);
    return release;
}

static void released(void *arg, const void *answer,
                     const struct vdc_error *why)
{
    if (why)
        log_warning("guests that are to run where they were: %s", why->text);
}

void back_release(struct host *host, const struct wire_boot_release *release)
{
    struct wire_boot_release part = *release;
    struct watch *watch = hosts_ops(host->all)->watch;

    if (!release->n_guests || !fence_is_back(host))
        return; /* it is compared again then */
    /* that its watchdog is not armed any more, as it has booted; the store may
     * have refused that, and it is tried until it is durable */
    if (!watch_is_recorded(watch, host->name)) {
        watch_record_again(watch, host->name);
        reconcile_soon(host->reconcile, RECONCILE_RETRY_MS);
        return;
    }
    for (uint32_t at = 0; at < release->n_guests; at += part.n_guests) {
        part.guests = &release->guests[at];
        part.n_guests = release->n_guests - at;
        if (part.n_guests > RELEASE_MOST)
            part.n_guests = RELEASE_MOST;
        log_info("host %s is told that %u guest%s to run there", host->name,
                 part.n_guests, part.n_guests == 1 ? " is" : "s are");
        if (service_ask(host->service, WIRE_MSG_boot_release, &part,
                        released, NULL, NULL, NULL, NULL)) {
            reconcile_soon(host->reconcile, RECONCILE_RETRY_MS);
            return;
        }
    }
}
