/*
 * What is told of a run, and those who follow it; see run.h.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "policyd/rebalance/run_impl.h"
#include "wire/page.h"

/* So many are told of. */
#define REPORTED_MAX 4096

uint32_t run_n_waiting(const struct run *run)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < run->n_moves; i++)
        n += run->moves[i].status.state == WIRE_MOVE_WAITING;
    return n;
}

/* Those that are journaled say it best. */
static void report_stored(const struct runs *runs, struct arena *arena,
                          struct wire_moves_report *ret)
{
    const struct book *book = runs->ops->book;
    const struct wire_stored_move *move = NULL;

    while ((move = book_move_after(book, move)) &&
           ret->n_moves < REPORTED_MAX) {
        const struct assignment *a = book_assignment(book, &move->uuid);
        /* it was started from the file, or otherwise, since, or is gone */
        if (!a || (move->state == WIRE_MOVE_KEPT && a->runs))
            continue;
        move_describe(runs->ops, move, arena, &ret->moves[ret->n_moves++]);
    }
}

/* What waits for a turn that will not come was not begun. */
static struct wire_move_status describe(const struct run *run,
                                        const struct wire_move_status *move)
{
    struct wire_move_status ret = *move;

    if (ret.state == WIRE_MOVE_WAITING && (!run->under_way || run->stopping))
        ret.state = WIRE_MOVE_NOT_BEGUN;
    return ret;
}

static void report_run(const struct runs *runs, struct wire_moves_report *ret)
{
    const struct run *run = runs->run;
    const struct book_host *there;

    ret->run = run->what.number;
    ret->message = run->what.message;
    ret->host = run->what.query.host;
    ret->under_way = run->under_way;
    ret->stopping = run->under_way && run->stopping;
    ret->begun_ms = run->what.begun_ms;
    ret->n_done = run->n_done;
    ret->n_failed = run->n_failed;
    ret->n_waiting = run_n_waiting(run);
    ret->before = run->what.before;
    ret->after = run->after;
    there = *ret->host ? book_host(runs->ops->book, ret->host) : NULL;
    ret->left = there ? (uint32_t)there->n_assignments : 0;
    for (uint32_t i = 0; i < run->n_moves && ret->n_moves < REPORTED_MAX;
         i++) {
        const struct wire_move_status *move = &run->moves[i].status;
        const struct assignment *a =
            book_assignment(runs->ops->book, &move->uuid);
        bool journaled = a && a->move &&
                         (move->state == WIRE_MOVE_LEAVING ||
                          (move->state == WIRE_MOVE_KEPT && !a->runs));
        if (!journaled)
            ret->moves[ret->n_moves++] = describe(run, move);
    }
}

void runs_report(const struct runs *runs, struct arena *arena,
                 struct wire_moves_report *ret)
{
    wire_init(&wire_struct_moves_report, ret);
    ret->moves = ARENA_ARRAY(arena, REPORTED_MAX, struct wire_move_status);
    report_stored(runs, arena, ret);
    if (runs->run)
        report_run(runs, ret);
    ret->of_moves = ret->n_moves;
    ret->n_moves = wire_page_count(&wire_struct_move_status, ret->moves,
                                   ret->n_moves);
}

void run_tell_followers(const struct runs *runs,
                           const struct wire_move_status *move)
{
    const struct run *run = runs->run;
    struct wire_progress progress;
    struct follower *follower;
    char text[256];

    snprintf(text, sizeof(text), "%.100s: %.60s to %.60s: %s", move->guest,
             move->from, move->to,
             wire_enum_word(&wire_enum_move_state, (int)move->state));
    wire_init(&wire_struct_progress, &progress);
    progress.step = run->n_done + run->n_failed;
    progress.n_steps = progress.step + run->n_active + run_n_waiting(run);
    progress.text = text;
    LIST_FOREACH(follower, &runs->followers, link)
    request_more(follower->request, WIRE_MSG_progress, &progress);
}

void run_answer(struct follower *follower)
{
    struct request *request = follower->request;
    struct wire_moves_report report;

    LIST_REMOVE(follower, link);
    request->on_gone = NULL;
    request->on_cancel = NULL;
    runs_report(follower->runs, request->arena, &report);
    request_reply(request, WIRE_MSG_moves_reply, &report);
}

static void follower_gone(struct request *request)
{
    struct follower *follower = request->owner;

    LIST_REMOVE(follower, link);
    request_free(request);
}

static void follower_cancels(struct request *request)
{
    const struct follower *follower = request->owner;
    struct vdc_error err = { 0 };

    if (runs_end(follower->runs, &err))
        log_error("moves cannot be stopped: %s", err.text);
}

void runs_follow(struct runs *runs, struct request *request)
{
    struct follower *follower = ARENA_NEW(request->arena, struct follower);

    *follower = (struct follower){ .runs = runs, .request = request };
    LIST_INSERT_HEAD(&runs->followers, follower, link);
    if (!runs->run || !runs->run->under_way) {
        run_answer(follower);
        return;
    }
    request->owner = follower;
    request->on_gone = follower_gone;
    request->on_cancel = follower_cancels;
}
