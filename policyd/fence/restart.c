/*
 * Guests of hosts that are off are started elsewhere; see restart.h.
 */
#include "policyd/fence/restart.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policyd/change/change.h"
#include "policyd/fence/fence.h"
#include "policyd/fence/keep.h"
#include "policyd/hosts/inventory.h"
#include "policyd/placement/spare.h"
#include "policyd/rebalance/move.h"

/* So many guests are being started at a time. */
#define UNDER_WAY_MAX 16
#define LOOK_MS 5000
#define SOON_MS 100
/* A host that refused a guest is left out for it until then. */
#define REFUSED_MS 60000
#define REFUSERS_MAX 8

/* A guest that a host refused. */
struct trial {
    LIST_ENTRY(trial) link;
    struct vdc_uuid uuid;
    char refusers[REFUSERS_MAX][64];
    unsigned n_refusers;
    uint64_t forget_ms; /* monotonic */
    char why[256];      /* what the last said */
};

struct restarts {
    struct operations *ops;
    struct event *timer;
    LIST_HEAD(, trial) trials;
    unsigned n_under_way;
    uint64_t n_restarted, n_failed;
    bool stopped;
};

/* One that ran there. */
struct candidate {
    const struct assignment *a;
    const struct wire_stored_kept *kept; /* NULL: it is not known */
    bool protected;
    uint32_t priority;
    uint64_t kib;
    const char *to;       /* NULL: nowhere */
    struct vdc_error why; /* then */
};

static struct trial *find_trial(const struct restarts *r,
                                const struct vdc_uuid *uuid)
{
    struct trial *trial;

    if (!r)
        return NULL;
    LIST_FOREACH(trial, &r->trials, link)
    if (uuid_equal(&trial->uuid, uuid))
        break;
    return trial;
}

/* ---- who ---- */

static int by_turn(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    if (x->protected != y->protected)
        return x->protected ? -1 : 1;
    if (x->priority != y->priority)
        return x->priority > y->priority ? -1 : 1;
    if (x->kib != y->kib)
        return x->kib > y->kib ? -1 : 1;
    return memcmp(x->a->uuid.bytes, y->a->uuid.bytes,
                  sizeof(x->a->uuid.bytes));
}

/* What is in its way, whatever room there is. */
static void check(const struct operations *ops, struct candidate *c)
{
    const struct assignment *a = c->a;
    struct reasons reasons = { 0 };

    if (!c->protected) {
        vdc_error_set(&c->why, VDC_E_WRONG_STATE,
                      "it is not protected: it is down with its host");
    } else if (book_moves(a)) {
        vdc_error_set(&c->why, VDC_E_BUSY,
                      "it is being moved from host %s to host %s",
                      a->move->from, a->move->to);
    } else if (!c->kept) {
        vdc_error_set(&c->why, VDC_E_NOT_FOUND,
                      "what it is was not known yet when its host was lost");
    } else if ((a->state != ASSIGNMENT_ACTIVE &&
                a->state != ASSIGNMENT_CHANGING) ||
               a->in_flight || a->n_changing || a->n_orders) {
        vdc_error_set(&c->why, VDC_E_BUSY, "it was being changed when its "
                                           "host was lost");
    } else {
        mover_check_definition(ops->setup, &c->kept->definition, &reasons);
        reasons_error(&reasons, &c->why);
    }
}

/* Those that ran on the host, in their order. */
static struct candidate *collect(const struct operations *ops,
                                 const char *host, struct arena *arena,
                                 uint32_t *ret_n)
{
    const struct book_host *there = book_host(ops->book, host);
    size_t n_most = there ? there->n_assignments : 0;
    struct candidate *all =
        ARENA_ARRAY(arena, n_most + 1, struct candidate);
    const struct assignment *a;
    uint32_t n = 0;

    if (there)
        TAILQ_FOREACH(a, &there->assignments, link_there)
        {
            struct candidate *c = &all[n];
            if (!a->runs && !book_moves(a))
                continue;
            *c = (struct candidate){ .a = a,
                                     .kept = book_kept(ops->book, &a->uuid),
                                     .protected = keep_is_protected(a),
                                     .kib = a->counts.memory.kib };
            if (c->kept)
                c->priority = c->kept->definition.restart_priority;
            check(ops, c);
            n++;
        }
    if (n)
        qsort(all, n, sizeof(*all), by_turn);
    *ret_n = n;
    return all;
}

/* ---- where ---- */

static bool has_refused(const struct trial *trial, const char *host)
{
    for (unsigned i = 0; trial && i < trial->n_refusers; i++)
        if (strcmp(trial->refusers[i], host) == 0)
            return true;
    return false;
}

static const char *name_of(const struct placement_view *view, uint32_t host)
{
    return placement_view_text(view, placement_view_host(view, host)->name);
}

/* Hosts that have refused it are as if they were down. */
static void leave_out(struct placement_view *view, const struct trial *trial,
                      const struct placement_names *names, bool out,
                      enum placement_state *states)
{
    for (unsigned i = 0; trial && i < trial->n_refusers; i++) {
        uint32_t at = placement_view_find_host(
            view, placement_names_find(names, trial->refusers[i]));
        if (at == PLACEMENT_NONE)
            continue;
        if (out)
            states[i] = placement_view_host(view, at)->state;
        placement_view_set_state(view, at,
                                 out ? PLACEMENT_DOWN : states[i]);
    }
}

/* The room that is kept for it, or what placement says; first so that there is
 * another backup for it, then in any case. */
static uint32_t choose(struct operations *ops, struct placement_view *view,
                       struct candidate *c, uint32_t guest,
                       const struct trial *trial, uint32_t *ret_backup)
{
    uint32_t backup = placement_view_guest(view, guest)->backup;
    enum placement_state states[REFUSERS_MAX];
    struct placement_decision decision = { 0 };
    struct placement_request request;
    int rc;

    *ret_backup = PLACEMENT_NONE;
    if (placement_view_guest(view, guest)->runs && backup != PLACEMENT_NONE &&
        placement_spare_holds(view, guest) &&
        !has_refused(trial, name_of(view, backup)))
        return backup;
    placement_view_set_backup(view, guest, PLACEMENT_NONE);
    place_request(ops, c->kept->owner, &c->kept->definition, true, &request);
    leave_out(view, trial, placement_view_names(view), true, states);
    rc = placement_choose(view, &request, place_policy(ops, c->kept->owner),
                          &decision, &c->why);
    if (rc) {
        request.protected = false;
        rc = placement_choose(view, &request,
                              place_policy(ops, c->kept->owner), &decision,
                              &c->why);
    }
    leave_out(view, trial, placement_view_names(view), false, states);
    if (rc) {
        placement_view_set_backup(view, guest, backup);
        return PLACEMENT_NONE;
    }
    *ret_backup = decision.backup;
    if (!request.protected)
        *ret_backup = PLACEMENT_NONE;
    return decision.winner.host;
}

/* And puts it there, so that the next finds it. */
static void place(const struct restarts *r, struct operations *ops,
                  struct placement_view *view, struct candidate *c,
                  struct arena *arena)
{
    const struct trial *trial = find_trial(r, &c->a->uuid);
    uint32_t guest = inventory_find_guest(ops->inventory, &c->a->uuid);
    uint32_t to, backup;

    if (guest == PLACEMENT_NONE) {
        vdc_error_set(&c->why, VDC_E_NO_HOST, "nothing is known of it yet");
        return;
    }
    to = choose(ops, view, c, guest, trial, &backup);
    if (to == PLACEMENT_NONE) {
        if (trial)
            vdc_error_set(&c->why, c->why.code, "%.255s (%.200s)", trial->why,
                          c->why.text);
        return;
    }
    memset(&c->why, 0, sizeof(c->why));
    c->to = arena_strdup(arena, name_of(view, to));
    placement_view_set_backup(view, guest, PLACEMENT_NONE);
    placement_view_move_guest(view, guest, to, (int64_t)clock_wall().ms);
    placement_view_set_backup(view, guest, backup);
}

/* ---- what would be ---- */

static void fill(const struct candidate *c, struct arena *arena,
                 struct wire_fence_guest *ret)
{
    wire_init(&wire_struct_fence_guest, ret);
    ret->guest =
        arena_printf(arena, "%s.%s", c->a->customer->name, c->a->name);
    ret->to = c->to ? c->to : "";
    ret->why = c->why.code ? arena_printf(arena, "%.500s", c->why.text) : "";
    ret->priority = c->priority;
    ret->protected = c->protected;
}

void restarts_describe(struct operations *ops, const char *host,
                       struct arena *arena, struct wire_fence_plan *ret)
{
    struct placement_view *view =
        placement_view_copy(inventory_view(ops->inventory));
    uint32_t n, most = 4096;
    struct candidate *all = collect(ops, host, arena, &n);

    ret->guests = ARENA_ARRAY(arena, (n < most ? n : most) + 1,
                              struct wire_fence_guest);
    ret->n_guests = 0;
    ret->of_guests = n;
    for (uint32_t i = 0; i < n; i++) {
        if (!all[i].why.code)
            place(ops->restarts, ops, view, &all[i], arena);
        if (ret->n_guests < most)
            fill(&all[i], arena, &ret->guests[ret->n_guests++]);
    }
    placement_view_free(view);
}

/* ---- doing it ---- */

static void look_in(struct restarts *r, unsigned ms)
{
    const struct timeval tv = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };

    evtimer_add(r->timer, &tv);
}

void restarts_soon(struct restarts *r)
{
    if (r && !r->stopped)
        look_in(r, SOON_MS);
}

static void note_refusal(struct restarts *r, const struct vdc_uuid *uuid,
                         const char *host, const struct vdc_error *why)
{
    struct trial *trial = find_trial(r, uuid);

    if (!trial) {
        trial = XNEW(struct trial);
        trial->uuid = *uuid;
        LIST_INSERT_HEAD(&r->trials, trial, link);
    }
    trial->forget_ms = clock_mono().ms + REFUSED_MS;
    snprintf(trial->why, sizeof(trial->why), "host %.63s: %.180s", host,
             why->text);
    if (trial->n_refusers < REFUSERS_MAX && !has_refused(trial, host))
        snprintf(trial->refusers[trial->n_refusers++],
                 sizeof(trial->refusers[0]), "%s", host);
}

static void forget_trials(struct restarts *r, bool all)
{
    struct trial *trial, *next;

    for (trial = LIST_FIRST(&r->trials); trial; trial = next) {
        next = LIST_NEXT(trial, link);
        if (!all && trial->forget_ms > clock_mono().ms)
            continue;
        LIST_REMOVE(trial, link);
        free(trial);
    }
}

struct beginning {
    struct restarts *restarts;
    char to[64], from[64];
};

static void ended(void *arg, const struct vdc_uuid *uuid,
                  enum wire_move_state end, const struct vdc_error *why)
{
    struct beginning *b = arg;
    struct restarts *r = b->restarts;

    r->n_under_way--;
    r->n_restarted += end == WIRE_MOVE_DONE;
    r->n_failed += end != WIRE_MOVE_DONE;
    if (end == WIRE_MOVE_FAILED)
        note_refusal(r, uuid, b->to, why);
    /* that may be back, and waits for what became of the guest */
    if (!r->stopped)
        hosts_reconcile_soon(r->ops->hosts, b->from, 0);
    restarts_soon(r);
    free(b);
}

static void begin(struct restarts *r, struct candidate *c)
{
    struct beginning *b = XNEW(struct beginning);
    char reason[256];
    const struct move_restart what = { .kept = c->kept,
                                       .to = c->to,
                                       .reason = reason };

    snprintf(reason, sizeof(reason), "its host %.63s is off: %.120s",
             c->a->host, fence_why(r->ops, c->a->host));
    b->restarts = r;
    snprintf(b->to, sizeof(b->to), "%s", c->to);
    snprintf(b->from, sizeof(b->from), "%s", c->a->host);
    log_info("guest '%s' of customer %s is started on host %s: %s",
             c->a->name, c->a->customer->name, c->to, reason);
    if (move_restart(r->ops->moves, &what, ended, b, &c->why)) {
        log_error("guest '%s' of customer %s: %s", c->a->name,
                  c->a->customer->name, c->why.text);
        free(b);
    } else {
        r->n_under_way++;
    }
}

static void look_at(struct restarts *r, const struct host *host)
{
    struct placement_view *view =
        placement_view_copy(inventory_view(r->ops->inventory));
    struct arena *arena = arena_new();
    uint32_t n;
    struct candidate *all;

    move_target_is_off(r->ops->moves, host->name);
    all = collect(r->ops, host->name, arena, &n);
    for (uint32_t i = 0; i < n && r->n_under_way < UNDER_WAY_MAX; i++) {
        if (!all[i].why.code)
            place(r, r->ops, view, &all[i], arena);
        if (all[i].to)
            begin(r, &all[i]);
        else if (all[i].protected)
            log_limited(VDC_LOG_WARNING, all[i].a->name,
                        "guest '%s' of customer %s, whose host %s is off, is "
                        "not started elsewhere: %s",
                        all[i].a->name, all[i].a->customer->name, host->name,
                        all[i].why.text);
    }
    placement_view_free(view);
    arena_free(arena);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct restarts *r = arg;
    const struct host *host;

    if (r->stopped)
        return;
    forget_trials(r, false);
    fence_tend(r->ops);
    look_in(r, LOOK_MS);
    for (host = hosts_first(r->ops->hosts); host; host = hosts_next(host))
        if (fence_is_off(r->ops, host->name))
            look_at(r, host);
}

void restarts_count(const struct restarts *r, struct restarts_counts *ret)
{
    const struct host *host;

    *ret = (struct restarts_counts){ .n_restarted = r->n_restarted,
                                     .n_failed = r->n_failed };
    for (host = hosts_first(r->ops->hosts); host; host = hosts_next(host)) {
        const struct book_host *there;
        const struct assignment *a;
        if (!fence_is_off(r->ops, host->name))
            continue;
        ret->n_hosts++;
        there = book_host(r->ops->book, host->name);
        if (there)
            TAILQ_FOREACH(a, &there->assignments, link_there)
                ret->n_waiting += a->runs && keep_is_protected(a);
    }
}

struct restarts *restarts_new(struct operations *ops)
{
    struct restarts *r = XNEW(struct restarts);

    r->ops = ops;
    LIST_INIT(&r->trials);
    r->timer = evtimer_new(ops->base, on_timer, r);
    /* other hosts are reached meanwhile */
    look_in(r, LOOK_MS);
    return r;
}

void restarts_stop(struct restarts *r)
{
    if (!r)
        return;
    r->stopped = true;
    evtimer_del(r->timer);
}

void restarts_free(struct restarts *r)
{
    if (!r)
        return;
    forget_trials(r, true);
    event_free(r->timer);
    free(r);
}
