/*
 * Comparing the book with the host.  The host is right about what exists; the
 * book is right about what was asked.  Assignments that a request of ours is
 * changing at the moment are left alone.
 *
 *   recorded    host has it          host does not have it
 *   creating    active               forgotten
 *   deleting    changing             forgotten
 *   renaming    changing, its name   active, missing
 *   changing    counted: active      active, missing
 *   active      -                    missing (logged, shown in lists)
 *   -           taken over           -
 *
 * A guest that the host is still building or ending is looked at again later.
 *
 * What a host holds (it is protected, and the host has booted; or its row was
 * made anew with the database, and may be of before a move) is told to run
 * there when it is assigned there; then alone its host starts it by itself.
 * It is not taken over before all other hosts were compared: it may run on one
 * of them, which is right about it.
 */
#include "policyd/change/reconcile.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policyd/api/gather.h"
#include "policyd/api/partition.h"
#include "policyd/change/change.h"
#include "policyd/change/effect.h"
#include "policyd/change/recount.h"
#include "policyd/fence/back.h"
#include "policyd/fence/fence.h"
#include "policyd/hosts/inventory.h"
#include "policyd/images/images.h"

/* Waits for the end of a pass that begins after it came. */
struct reconcile_wait {
    TAILQ_ENTRY(reconcile_wait) link;
    bool begun;
    reconcile_fn *fn;
    void *arg;
};

struct reconcile {
    struct operations *ops;
    struct host *host;
    struct event *timer;
    bool running;
    bool again; /* asked for while running */
    bool compared; /* all that the host has is in the book, since a start */
    unsigned n_adopting;
    TAILQ_HEAD(, reconcile_wait) waits;
};

void reconcile_soon(struct reconcile *r, unsigned ms)
{
    const struct timeval tv = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };
    struct timeval due, now;

    if (r->running) {
        r->again = true;
        return;
    }
    /* an earlier date stands */
    if (evtimer_pending(r->timer, &due)) {
        struct timeval wanted;
        evutil_gettimeofday(&now, NULL);
        evutil_timeradd(&now, &tv, &wanted);
        if (evutil_timercmp(&due, &wanted, <))
            return;
    }
    evtimer_add(r->timer, &tv);
}

void reconcile_anew(struct reconcile *r, unsigned ms)
{
    r->compared = false;
    reconcile_soon(r, ms);
}

/* ---- who waits ---- */

void reconcile_then(struct reconcile *r, reconcile_fn *fn, void *arg)
{
    struct reconcile_wait *wait = XNEW(struct reconcile_wait);

    wait->fn = fn;
    wait->arg = arg;
    TAILQ_INSERT_TAIL(&r->waits, wait, link);
    reconcile_soon(r, 0);
}

static void begin_waits(struct reconcile *r)
{
    struct reconcile_wait *wait;

    TAILQ_FOREACH(wait, &r->waits, link)
    wait->begun = true;
}

/* Those that come meanwhile are behind, and have not begun. */
static void end_waits(struct reconcile *r, const struct vdc_error *why)
{
    struct reconcile_wait *wait;

    while ((wait = TAILQ_FIRST(&r->waits)) && wait->begun) {
        TAILQ_REMOVE(&r->waits, wait, link);
        wait->fn(wait->arg, why);
        free(wait);
    }
}

void reconcile_stop(struct reconcile *r)
{
    struct vdc_error err = { 0 };

    vdc_error_set(&err, VDC_E_CLOSED,
                  "policyd is being stopped, or the host removed");
    begin_waits(r);
    end_waits(r, &err);
}

/* ---- one guest ---- */

static struct store_audit own_audit(const struct assignment *a,
                                    const char *what)
{
    return (struct store_audit){ .time_ms = clock_wall().ms,
                                 .uid = STORE_UID_NONE,
                                 .customer = a->customer->name,
                                 .message = what,
                                 .object = a->name };
}

static bool in_motion(const struct wire_partition *p)
{
    return p->state == WIRE_STARTING || p->state == WIRE_STOPPING;
}

static void store_state(struct reconcile *r, struct assignment *a,
                        enum assignment_state state, const char *name,
                        const char *what)
{
    struct store_audit audit = own_audit(a, what);
    struct vdc_error err = { 0 };

    if (book_assignment_move(r->ops->book, a, state, name, NULL, &audit,
                             &err)) {
        log_error("guest '%s': %s", a->name, err.text);
        r->again = true;
    }
}

/* It is there: to ACTIVE; or to CHANGING, to be counted then.  What an order
 * of before a restart still does to it may end it: so it is looked at again,
 * and has settled when it is there then, and nothing is under way. */
static void settle(struct reconcile *r, struct assignment *a,
                   enum assignment_state state, const char *name)
{
    log_info("guest '%s' of customer %s: found on its host %s", name,
             a->customer->name, a->host);
    a->settling = true;
    r->again = true;
    store_state(r, a, state, name, "found");
}

static void look_settled(struct reconcile *r, struct assignment *a,
                         const struct wire_partition *p)
{
    if (!a->settling)
        return;
    if (a->state == ASSIGNMENT_ACTIVE && !in_motion(p))
        a->settling = false;
    else
        r->again = true;
}

/* Its host does not know it, whatever was asked of it: it is missing. */
static void give_up(struct reconcile *r, struct assignment *a)
{
    log_info("guest '%s' of customer %s: what was asked of it is over, and "
             "its host %s does not have it", a->name, a->customer->name,
             a->host);
    store_state(r, a, ASSIGNMENT_ACTIVE, a->name, "not found");
}

static void counted(void *arg)
{
}

static void count(struct reconcile *r, struct assignment *a)
{
    if (a->state == ASSIGNMENT_CHANGING && a->n_changing == 0)
        recount_guest(r->ops, &a->uuid, counted, NULL);
}

static void forget(struct reconcile *r, struct assignment *a)
{
    struct store_audit audit = own_audit(a, "forgotten");
    struct vdc_error err = { 0 };

    log_info("guest '%s' of customer %s: its host does not have it: forgotten",
             a->name, a->customer->name);
    if (book_assignment_remove(r->ops->book, a, &audit, &err)) {
        log_error("guest '%s': %s", a->name, err.text);
        r->again = true;
    }
}

/* The host has it. */
static void compare_there(struct reconcile *r, struct assignment *a,
                          const struct wire_partition *p)
{
    a->missing = false;
    look_settled(r, a, p);
    switch ((enum assignment_state)a->state) {
    case ASSIGNMENT_CREATING:
    case ASSIGNMENT_DELETING:
        if (in_motion(p))
            r->again = true;
        else
            settle(r, a,
                   a->state == ASSIGNMENT_CREATING ? ASSIGNMENT_ACTIVE
                                                   : ASSIGNMENT_CHANGING,
                   a->name);
        break;
    case ASSIGNMENT_RENAMING:
        settle(r, a, ASSIGNMENT_CHANGING,
               strcmp(p->name, a->new_name) == 0 ? a->new_name : a->name);
        break;
    case ASSIGNMENT_CHANGING:
    case ASSIGNMENT_ACTIVE:
        if (strcmp(p->name, a->name) != 0) {
            log_warning("guest '%s' of customer %s is '%s' on its host",
                        a->name, a->customer->name, p->name);
        }
        break;
    }
    count(r, a);
}

static void compare_gone(struct reconcile *r, struct assignment *a)
{
    switch ((enum assignment_state)a->state) {
    case ASSIGNMENT_CREATING:
    case ASSIGNMENT_DELETING:
        forget(r, a);
        return;
    case ASSIGNMENT_RENAMING:
        give_up(r, a);
        break;
    case ASSIGNMENT_CHANGING:
        if (a->n_changing == 0)
            give_up(r, a);
        break;
    case ASSIGNMENT_ACTIVE:
        if (a->settling) {
            forget(r, a);
            return;
        }
        break;
    }
    if (!a->missing)
        log_warning("guest '%s' of customer %s: its host does not know it",
                    a->name, a->customer->name);
    a->missing = true;
}

/* ---- taking over ---- */

struct adoption {
    struct reconcile *reconcile;
    char customer[NAMES_CUSTOMER_MAX + 1];
    struct vdc_uuid uuid;
};

static int adopt_add(const struct adoption *adoption,
                     const struct wire_partition_reply *reply,
                     const struct customer *c, struct arena *arena,
                     struct vdc_error *err)
{
    struct operations *ops = adoption->reconcile->ops;
    const char *host = adoption->reconcile->host->name;
    struct store_assignment row = {
        .uuid = adoption->uuid,
        .customer = c->name,
        .name = reply->partition.name,
        .new_name = "",
        .host = host,
        .state = ASSIGNMENT_ACTIVE,
        .reason = "it was found there",
        .created_ms = reply->partition.created_ms,
        .placing = place_text(c->name, &reply->definition, arena),
        .images = images_of_definition(&reply->definition, arena),
        .host_busy_ms = inventory_busy_since(ops->inventory, host),
    };
    struct assignment *a;
    struct effect effect;
    int rc = effect_init(&effect, reply, arena, err);

    if (rc)
        return rc;
    effect_usage(&effect, &row.counts);
    row.macs = effect_macs(&effect, arena);
    if (book_assignment_by_name(c, row.name))
        return vdc_error_set(err, VDC_E_EXISTS, "there is another '%s'",
                             row.name);
    rc = book_assignment_add(ops->book, &row, NULL, &a, err);
    if (rc)
        return rc;
    struct store_audit audit = own_audit(a, "taken over");
    a->settling = true;
    if (book_audits(ops->book, &audit, 1, err))
        log_error("record: %s", err->text);
    log_info("guest '%s' of customer %s, found on its host, is taken over",
             a->name, c->name);
    return 0;
}

static void adopt_shown(void *arg, const void *answer,
                        const struct vdc_error *why)
{
    struct adoption *adoption = arg;
    const struct wire_partition_reply *reply = answer;
    struct book *book = adoption->reconcile->ops->book;
    const struct customer *c = book_customer(book, adoption->customer);
    struct vdc_error err = { 0 };
    struct arena *arena = arena_new();

    adoption->reconcile->n_adopting--;
    if (why) {
        reconcile_anew(adoption->reconcile, RECONCILE_RETRY_MS);
    } else if (c && !book_assignment(book, &adoption->uuid)) {
        int rc = adopt_add(adoption, reply, c, arena, &err);
        if (rc)
            log_limited(VDC_LOG_ERROR, adoption->reconcile->host->name,
                        "guest '%s' of customer %s, found on its host, "
                        "cannot be taken over: %s",
                        reply->partition.name, c->name, err.text);
        if (rc && rc != VDC_E_EXISTS) /* until then it is not in the book */
            reconcile_anew(adoption->reconcile, RECONCILE_RETRY_MS);
        else if (!rc)
            reconcile_soon(adoption->reconcile, RECONCILE_RETRY_MS);
    }
    arena_free(arena);
    free(adoption);
}

/* Another host, which may have it, too; NULL: none. */
static const struct host *may_have(const struct reconcile *r)
{
    const struct host *host;

    for (host = hosts_first(r->ops->hosts); host; host = hosts_next(host))
        if (host != r->host &&
            (!host->reconcile->compared || host->reconcile->n_adopting) &&
            !fence_is_off(r->ops, host->name))
            return host;
    return NULL;
}

static void adopt(struct reconcile *r, const struct wire_partition *p)
{
    const struct customer *c = book_customer(r->ops->book, p->customer);
    struct adoption *adoption;
    struct wire_partition_ref ref;
    struct vdc_error err = { 0 };
    char uuid[UUID_TEXT_SIZE];

    if (!c) {
        log_warning("partition %s ('%s', %s) belongs to customer '%s', whom "
                    "nobody knows here",
                    uuid_format(&p->uuid, uuid), p->name, p->xen_name,
                    p->customer);
        return;
    }
    if (in_motion(p)) {
        r->again = true;
        r->compared = false;
        return;
    }
    if (p->held && may_have(r)) {
        log_limited(VDC_LOG_WARNING, r->host->name,
                    "guest '%s' of customer %s, which was found on host %s, "
                    "is not started before host %s was looked at, where it "
                    "may run: `xl-vdc host-fenced` says that one is off",
                    p->name, c->name, r->host->name, may_have(r)->name);
        r->again = true;
        return;
    }
    adoption = XNEW(struct adoption);
    adoption->reconcile = r;
    adoption->uuid = p->uuid;
    strcpy(adoption->customer, c->name);
    wire_init(&wire_struct_partition_ref, &ref);
    ref.uuid = p->uuid;
    ref.name = p->name;
    if (service_act(r->host->service, WIRE_MSG_partition_show, &ref,
                    adopt_shown, NULL, adoption, NULL, &err)) {
        r->compared = false;
        r->again = true;
        free(adoption);
        return;
    }
    r->n_adopting++;
}

/* ---- the comparison ---- */

/* NULL when there is none (any more) on this host. */
static struct assignment *first(const struct reconcile *r)
{
    const struct book_host *there = book_host(r->ops->book, r->host->name);

    return there ? TAILQ_FIRST(&there->assignments) : NULL;
}

static void sweep(struct reconcile *r)
{
    struct assignment *a, *next;

    for (a = first(r); a; a = next) {
        next = TAILQ_NEXT(a, link_there);
        if (a->touched)
            r->again = true;
        else if (!a->seen && !a->in_flight && !book_moves(a)) {
            compare_gone(r, a);
            continue;
        }
        a->seen = false;
    }
}

/* It is assigned to another host, which is right about it. */
static void elsewhere(const struct reconcile *r, const struct assignment *a)
{
    log_limited(VDC_LOG_WARNING, r->host->name,
                "guest '%s' of customer %s is here, though it is assigned to "
                "host %s",
                a->name, a->customer->name, a->host);
}

/* ---- guests that their host does not start by itself ---- */

/* It is assigned to this host for good, since its last move. */
static void add_release(struct reconcile *r, const struct assignment *a,
                        struct wire_boot_release *release)
{
    struct wire_boot_guest *guest = &release->guests[release->n_guests];

    if (a->in_flight || a->touched || book_moves(a)) {
        r->again = true; /* when that has ended */
        return;
    }
    wire_init(&wire_struct_boot_guest, guest);
    guest->uuid = a->uuid;
    guest->epoch = a->moved_ms ? a->moved_ms : 1;
    release->n_guests++;
}

static void listed(void *arg, const void *answer, const struct vdc_error *err)
{
    struct reconcile *r = arg;
    const struct wire_partition_list *list = answer;

    r->running = false;
    if (err) {
        /* a new connection begins anew */
        log_debug("comparing with host %s: %s", r->host->name, err->text);
        end_waits(r, err);
        return;
    }
    struct arena *arena = arena_new();
    struct wire_boot_release *release =
        back_release_new(list->n_partitions, arena);
    r->compared = !r->again; /* not by a list of before it was asked for */
    for (uint32_t i = 0; i < list->n_partitions; i++) {
        const struct wire_partition *p = &list->partitions[i];
        struct assignment *a = book_assignment(r->ops->book, &p->uuid);
        if (!p->managed)
            continue;
        if (back_forget(r->host, p, a))
            continue;
        if (!a) {
            adopt(r, p);
            continue;
        }
        if (strcmp(a->host, r->host->name) != 0) {
            if (book_moves(a))
                /* it is to be forgotten when that has ended, whichever
                 * policyd began it */
                r->again |= a->move->restart;
            else if (!a->touched)
                elsewhere(r, a);
            continue;
        }
        a->seen = true;
        if (p->held)
            add_release(r, a, release);
        partition_note_state(r->ops, p);
        inventory_partition(r->ops->inventory, p);
        if (!a->in_flight && !a->touched && !book_moves(a))
            compare_there(r, a, p);
        else
            r->again |= a->settling;
    }
    sweep(r);
    back_release(r->host, release);
    arena_free(arena);
    if (r->again) {
        r->again = false;
        reconcile_soon(r, RECONCILE_RETRY_MS);
    }
    end_waits(r, NULL);
    if (!TAILQ_EMPTY(&r->waits))
        reconcile_soon(r, 0);
}

/* The list comes in pages.  What a request of ours changes meanwhile may be
 * on none of them, or as it was: it is looked at again later. */
static void begin_to_watch(struct reconcile *r)
{
    struct assignment *a;

    for (a = first(r); a; a = TAILQ_NEXT(a, link_there))
        a->touched = false;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct reconcile *r = arg;
    struct vdc_error err = { 0 };

    begin_to_watch(r);
    begin_waits(r);
    r->again = false;
    r->running = true;
    if (gather_partitions(r->host->service, listed, r, &err)) {
        r->running = false; /* it comes again with the connection */
        end_waits(r, &err);
    }
}

/* Whether a guest that no request of ours is changing counts for something
 * else now: its domain is another, or a change that was sent before a restart
 * of ours has come to its end. */
static bool may_count_otherwise(const struct assignment *a,
                                const struct wire_event *event)
{
    if (event->kind == WIRE_EVENT_CHANGED)
        return true;
    return a->loose && (event->kind == WIRE_EVENT_STARTED ||
                        event->kind == WIRE_EVENT_STOPPED ||
                        event->kind == WIRE_EVENT_CRASHED ||
                        event->kind == WIRE_EVENT_REBOOTED);
}

void reconcile_event(struct reconcile *r, const struct wire_event *event)
{
    const struct assignment *a = book_assignment(r->ops->book, &event->uuid);
    bool fits = true;

    /* it has left this host */
    if (a && strcmp(a->host, r->host->name) != 0)
        return;
    partition_note_event(r->ops, event);
    if (a && (a->in_flight || book_moves(a)))
        return;
    if (a && a->n_changing == 0 && may_count_otherwise(a, event))
        recount_guest(r->ops, &a->uuid, counted, NULL);
    if (event->kind == WIRE_EVENT_CREATED)
        fits = a != NULL;
    else if (event->kind == WIRE_EVENT_DESTROYED)
        fits = a == NULL;
    else if (event->kind == WIRE_EVENT_RENAMED)
        fits = a && strcmp(a->name, event->name) == 0;
    if (!fits)
        reconcile_soon(r, 100);
}

struct reconcile *reconcile_new(struct operations *ops, struct host *host)
{
    struct reconcile *r = XNEW(struct reconcile);

    r->ops = ops;
    r->host = host;
    TAILQ_INIT(&r->waits);
    r->timer = evtimer_new(ops->base, on_timer, r);
    return r;
}

void reconcile_free(struct reconcile *r)
{
    if (!r)
        return;
    event_free(r->timer);
    free(r);
}
