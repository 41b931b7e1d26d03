/*
 * Carrying out a plan of moves; see run.h.
 */
#include "policyd/rebalance/run_impl.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policyd/hosts/inventory.h"
#include "policyd/rebalance/plan.h"

/* Something may change all the time. */
#define PLANS_MAX 8
/* A guest that cannot be moved just now is tried again so often. */
#define TRIES_MAX 3
/* After a restart hosts are waited for; not longer than this. */
#define HOSTS_MS 30000
#define LOOK_MS 500

/* ---- a plan ---- */

static bool is_evacuation(const struct run *run)
{
    return strcmp(run->what.message, "host_evacuate") == 0;
}

static struct run_move *find(const struct run *run,
                             const struct vdc_uuid *uuid)
{
    for (uint32_t i = 0; i < run->n_moves; i++)
        if (uuid_equal(&run->moves[i].status.uuid, uuid))
            return &run->moves[i];
    return NULL;
}

/* Who was moved by it, or could not be, is left alone. */
static bool is_held(void *arg, const struct assignment *a)
{
    const struct run *run = ((const struct runs *)arg)->run;
    const struct run_move *move = find(run, &a->uuid);

    return a->moved_ms >= run->what.begun_ms ||
           (move && (move->over || move->tries >= TRIES_MAX));
}

static struct run_move *room_for(struct run *run, const struct vdc_uuid *uuid)
{
    struct run_move *move = find(run, uuid);

    if (move) {
        run->n_failed -= move->status.state == WIRE_MOVE_FAILED;
        return move;
    }
    if (run->n_moves == run->moves_max) {
        run->moves_max = run->moves_max * 2 + 64;
        run->moves = xrealloc(run->moves,
                              run->moves_max * sizeof(*run->moves));
    }
    move = &run->moves[run->n_moves++];
    memset(move, 0, sizeof(*move));
    return move;
}

/* What was not begun of the one before is forgotten. */
static void drop_waiting(struct run *run)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < run->n_moves; i++)
        if (run->moves[i].status.state != WIRE_MOVE_WAITING)
            run->moves[n++] = run->moves[i];
    run->n_moves = n;
}

static void take_plan(struct run *run, const struct wire_move_plan *plan)
{
    drop_waiting(run);
    for (uint32_t i = 0; i < plan->n_moves; i++) {
        const struct wire_move *from = &plan->moves[i];
        struct wire_move_status *to = &room_for(run, &from->uuid)->status;
        wire_init(&wire_struct_move_status, to);
        to->guest = arena_strdup(run->arena, from->guest);
        to->uuid = from->uuid;
        to->from = arena_strdup(run->arena, from->from);
        to->to = arena_strdup(run->arena, from->to);
        to->reason = arena_strdup(run->arena, from->reason);
        to->state = WIRE_MOVE_WAITING;
        to->wave = from->wave;
    }
    run->wave = 1;
    run->again = plan->n_moves < plan->of_moves;
    run->after = plan->after;
    run->n_plans++;
}

static void set_maintenance(struct runs *runs, const char *name)
{
    struct operations *ops = runs->ops;
    const struct wire_stored_run *what = &runs->run->what;
    const struct host *host = hosts_find(ops->hosts, name);
    const struct book_host *there = book_host(ops->book, name);
    const struct store_audit audit = { .time_ms = clock_wall().ms,
                                       .uid = what->uid,
                                       .customer = "",
                                       .message = "host_set",
                                       .object = name,
                                       .who = what->who,
                                       .origin = what->origin,
                                       .detail = "maintenance: it is empty" };
    struct vdc_error err = { 0 };

    if (!host || (there && there->n_assignments) ||
        host->record.state != WIRE_HOST_DRAINING)
        return;
    struct wire_host_record record = host->record;
    record.state = WIRE_HOST_MAINTENANCE;
    record.reason = "emptied by host-evacuate";
    if (book_host_put(ops->book, &record, &audit, &err))
        log_error("host %s: %s", name, err.text);
    else
        hosts_put(ops->hosts, &record);
}

static void finish(struct runs *runs, const struct wire_move_plan *last)
{
    struct run *run = runs->run;
    struct follower *follower;
    struct vdc_error err = { 0 };

    run->under_way = false;
    if (last)
        run->after = last->before;
    if (book_run(runs->ops->book) && book_run_remove(runs->ops->book, &err))
        log_error("the end of a plan is not recorded: %s", err.text);
    if (is_evacuation(run))
        set_maintenance(runs, run->what.query.host);
    log_info("%s: %u guest%s moved, %u not", run->what.message, run->n_done,
             run->n_done == 1 ? "" : "s", run->n_failed);
    while ((follower = LIST_FIRST(&runs->followers)))
        run_answer(follower);
}

static void go_on(struct runs *runs);

static bool is_spent(const struct run *run)
{
    return run->what.query.max_moves &&
           run->n_done >= run->what.query.max_moves;
}

static void planned(void *arg, struct wire_move_plan *plan,
                    const struct vdc_error *err)
{
    struct runs *runs = arg;
    struct run *run = runs->run;
    struct arena *arena = run->plan_arena;

    run->planning = false;
    run->plan_arena = NULL;
    if (err && !runs->stopped)
        log_error("%s: %s", run->what.message, err->text);
    if (runs->stopped) {
        /* it is planned anew after the restart */
    } else if (err || is_spent(run) || run->stopping || !plan->n_moves ||
               !(run->again || is_evacuation(run)) ||
               run->n_plans >= PLANS_MAX) {
        finish(runs, err ? NULL : plan);
    } else {
        take_plan(run, plan);
        go_on(runs);
    }
    arena_free(arena);
}

static void plan(void *arg)
{
    struct runs *runs = arg;
    struct run *run = runs->run;
    struct wire_move_query query = run->what.query;
    const struct plan_question question = {
        .ops = runs->ops,
        .query = &query,
        .evacuates = is_evacuation(run),
        .is_held = is_held,
        .done = planned,
        .arg = runs,
    };

    if (runs->stopped)
        return;
    if (query.max_moves && !is_spent(run))
        query.max_moves -= run->n_done;
    run->plan_arena = arena_new();
    plan_begin(&question, run->plan_arena);
}

static void plan_anew(struct runs *runs)
{
    if (runs->run->planning)
        return;
    runs->run->planning = true;
    hosts_refresh(runs->ops->hosts, plan, runs);
}

/* ---- moves ---- */

static void take_why(struct run *run, struct wire_move_status *move,
                     const struct vdc_error *why)
{
    wire_init(&wire_struct_error, &move->error);
    move->error.code = (uint32_t)-why->code;
    move->error.text = arena_strdup(run->arena, why->text);
    move->error.hint = arena_strdup(run->arena, why->hint);
}

static void moved(void *arg, const struct vdc_uuid *uuid,
                  enum wire_move_state end, const struct vdc_error *why)
{
    struct runs *runs = arg;
    struct run *run = runs->run;
    struct run_move *one = run ? find(run, uuid) : NULL;

    if (!one || one->status.state != WIRE_MOVE_LEAVING || runs->stopped)
        return;
    struct wire_move_status *move = &one->status;
    run->n_active--;
    /* it was not begun, or has changed since it was looked at */
    one->over = end == WIRE_MOVE_DONE ||
                (end == WIRE_MOVE_FAILED && why->code != VDC_E_CONFLICT) ||
                end == WIRE_MOVE_KEPT || !vdc_error_may_retry(why->code);
    move->state = end == WIRE_MOVE_WAITING ? WIRE_MOVE_FAILED : end;
    run->n_done += end == WIRE_MOVE_DONE;
    run->n_failed += end != WIRE_MOVE_DONE;
    run->again |= !one->over;
    if (why->code)
        take_why(run, move, why);
    run_tell_followers(runs, move);
    go_on(runs);
}

static void begin(struct runs *runs, struct run_move *one)
{
    struct wire_move_status *move = &one->status;
    const struct wire_stored_run *what = &runs->run->what;
    const struct move_order order = {
        .uuid = move->uuid,
        .to = move->to,
        .reason = move->reason,
        .by = { what->message, what->uid, what->who, what->origin },
    };

    runs->run->n_active++;
    one->tries++;
    move->state = WIRE_MOVE_LEAVING;
    move->begun_ms = clock_wall().ms;
    move_begin(runs->ops->moves, &order, moved, runs);
    run_tell_followers(runs, move);
}

/* The next of this wave; NULL: all were begun. */
static struct run_move *next_of_wave(const struct run *run)
{
    for (uint32_t i = 0; i < run->n_moves; i++)
        if (run->moves[i].status.state == WIRE_MOVE_WAITING &&
            run->moves[i].status.wave == run->wave)
            return &run->moves[i];
    return NULL;
}

static void go_on(struct runs *runs)
{
    struct run *run = runs->run;
    uint32_t most = run->what.query.parallel ? run->what.query.parallel : 1;
    struct run_move *next = NULL;

    if (run->planning)
        return;
    while (!run->stopping && run->n_active < most &&
           (next = next_of_wave(run)))
        begin(runs, next);
    if (run->n_active)
        return;
    if (run->stopping || !run_n_waiting(run)) {
        plan_anew(runs);
        return;
    }
    run->wave++;
    go_on(runs);
}

/* ---- beginning and end ---- */

int runs_check_free(const struct runs *runs, struct vdc_error *err)
{
    const struct run *run = runs->run;

    if (!run || !run->under_way)
        return 0;
    vdc_error_set(err, VDC_E_BUSY,
                  "moves are under way: %u done, %u to come",
                  run->n_done, run_n_waiting(run) + run->n_active);
    vdc_error_hint(err, "'xl-vdc moves' shows them, --stop begins no more");
    return VDC_E_BUSY;
}

static void drop(struct run *run)
{
    if (!run)
        return;
    arena_free(run->arena);
    free(run->moves);
    free(run);
}

static struct run *run_new(const struct wire_stored_run *what)
{
    struct run *run = XNEW(struct run);

    /* cannot fail: it is stored */
    if (wire_struct_keep(&wire_struct_stored_run, what, &run->arena,
                         &run->what, NULL))
        abort();
    run->under_way = true;
    return run;
}

static bool all_up(const struct operations *ops)
{
    const struct host *host;

    for (host = hosts_first(ops->hosts); host; host = hosts_next(host))
        if (!host->up)
            return false;
    return true;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    const struct timeval soon = { 0, LOOK_MS * 1000 };
    struct runs *runs = arg;
    struct run *run = runs->run;

    if (runs->stopped || !run || !run->under_way)
        return;
    if (clock_mono().ms < run->wait_until_ms && !all_up(runs->ops))
        evtimer_add(runs->timer, &soon);
    else
        go_on(runs);
}

int runs_begin(struct runs *runs, const struct wire_stored_run *what,
               const struct wire_move_plan *plan,
               const struct store_audit *audit, struct vdc_error *err)
{
    const struct timeval now = { 0, 0 };
    int rc = runs_check_free(runs, err);

    if (!rc)
        rc = book_run_put(runs->ops->book, what, audit, err);
    if (rc)
        return rc;
    drop(runs->run);
    runs->run = run_new(what);
    take_plan(runs->run, plan);
    evtimer_add(runs->timer, &now);
    return 0;
}

void runs_note_empty(struct runs *runs, const struct wire_stored_run *what)
{
    drop(runs->run);
    runs->run = run_new(what);
    runs->run->under_way = false;
    runs->run->after = what->before;
}

int runs_end(struct runs *runs, struct vdc_error *err)
{
    struct run *run = runs->run;

    if (!run || !run->under_way || run->stopping)
        return 0;
    int rc = book_run(runs->ops->book) ? book_run_remove(runs->ops->book, err)
                                       : 0;
    if (rc)
        return rc;
    run->stopping = true;
    if (!run->n_active)
        plan_anew(runs);
    return 0;
}

/* Guests that it had moved before the restart. */
static uint32_t count_moved(const struct runs *runs)
{
    const struct book_host *host = book_hosts(runs->ops->book);
    const struct assignment *a;
    uint32_t n = 0;

    for (; host; host = book_host_next(host))
        TAILQ_FOREACH(a, &host->assignments, link_there)
    n += a->moved_ms >= runs->run->what.begun_ms;
    return n;
}

/* Moves of it that were begun are its own again. */
static void adopt(struct runs *runs)
{
    struct run *run = runs->run;
    const struct book *book = runs->ops->book;
    const struct wire_stored_move *move = NULL;

    while ((move = book_move_after(book, move))) {
        const struct assignment *a = book_assignment(book, &move->uuid);
        if (!a || !book_moves(a) ||
            strcmp(move->message, run->what.message) != 0)
            continue;
        struct wire_move_status *status =
            &room_for(run, &move->uuid)->status;
        move_describe(runs->ops, move, run->arena, status);
        status->state = WIRE_MOVE_LEAVING; /* as far as it is ours */
        run->n_active++;
        move_adopt(runs->ops->moves, &move->uuid, moved, runs);
    }
}

void runs_load(struct runs *runs)
{
    const struct wire_stored_run *what = book_run(runs->ops->book);
    const struct timeval soon = { 0, LOOK_MS * 1000 };

    if (!what)
        return;
    log_info("%s was being carried out: going on", what->message);
    runs->run = run_new(what);
    runs->run->wait_until_ms = clock_mono().ms + HOSTS_MS;
    runs->run->again = true;
    runs->run->n_done = count_moved(runs);
    adopt(runs);
    if (!runs->run->n_active)
        evtimer_add(runs->timer, &soon);
}

struct runs *runs_new(struct operations *ops)
{
    struct runs *runs = XNEW(struct runs);

    runs->ops = ops;
    LIST_INIT(&runs->followers);
    runs->timer = evtimer_new(ops->base, on_timer, runs);
    return runs;
}

void runs_stop(struct runs *runs)
{
    struct follower *follower;
    struct vdc_error err = { 0 };

    if (!runs)
        return;
    runs->stopped = true;
    vdc_error_set(&err, VDC_E_CLOSED, "policyd is being stopped");
    vdc_error_hint(&err, "the moves go on when it is back: xl-vdc moves "
                         "--follow");
    while ((follower = LIST_FIRST(&runs->followers))) {
        struct request *request = follower->request;
        LIST_REMOVE(follower, link);
        request->on_gone = NULL;
        request->on_cancel = NULL;
        request_fail(request, &err);
    }
}

void runs_free(struct runs *runs)
{
    if (!runs)
        return;
    drop(runs->run);
    event_free(runs->timer);
    free(runs);
}
