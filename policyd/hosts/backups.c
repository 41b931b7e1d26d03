/*
 * When it is looked for backups; see backups.h.
 *
 * A look is over all guests, in pieces with pauses, so that it takes a small
 * part of the time also where hundreds need another host at once, or there is
 * none for thousands.
 */
#include "policyd/hosts/backups.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/log.h"
#include "policyd/hosts/inventory.h"

/* Hosts are reached one after the other; the first to be there should not be
 * the backup of all. */
#define FIRST_MS 3000
/* What else happens until then is seen, too. */
#define SOON_MS 1000
#define PAUSE_MS 10

struct backups {
    struct inventory *inventory;
    struct event *timer;
    bool under_way;
    bool again;         /* something happened meanwhile */
    uint32_t n_without; /* as was said last */
    uint32_t n_protected; /* then */
};

static void look_in(struct backups *backups, unsigned ms)
{
    const struct timeval tv = { (time_t)(ms / 1000),
                                (suseconds_t)(ms % 1000) * 1000 };

    evtimer_add(backups->timer, &tv);
}

static void tell(struct backups *backups, const struct inventory_backups *now)
{
    if (now->n_renewed)
        log_info("%u of %u protected guests have another backup",
                 now->n_renewed, now->n_protected);
    if (now->n_without && now->n_without != backups->n_without)
        log_warning("%u of %u protected guests have no backup: no host has "
                    "the room, so they would not come back if theirs died; "
                    "`xl-vdc host-list` shows where they are",
                    now->n_without, now->n_protected);
    if (!now->n_without && backups->n_without)
        log_info("all %u protected guests have a backup", now->n_protected);
    backups->n_without = now->n_without;
    backups->n_protected = now->n_protected;
}

void backups_found(const struct backups *backups, uint32_t *ret_protected,
                   uint32_t *ret_without)
{
    *ret_protected = backups->n_protected;
    *ret_without = backups->n_without;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct backups *backups = arg;
    struct inventory_backups now;

    if (!inventory_renew_backups(backups->inventory, &now)) {
        backups->under_way = true;
        look_in(backups, PAUSE_MS);
        return;
    }
    tell(backups, &now);
    backups->under_way = false;
    if (backups->again)
        look_in(backups, SOON_MS);
    backups->again = false;
}

struct backups *backups_new(struct event_base *base,
                            struct inventory *inventory)
{
    struct backups *backups = XNEW(struct backups);

    backups->inventory = inventory;
    backups->timer = evtimer_new(base, on_timer, backups);
    look_in(backups, FIRST_MS);
    return backups;
}

void backups_free(struct backups *backups)
{
    if (!backups)
        return;
    event_free(backups->timer);
    free(backups);
}

void backups_soon(struct backups *backups)
{
    backups->again |= backups->under_way;
    if (!evtimer_pending(backups->timer, NULL))
        look_in(backups, SOON_MS);
}
