/*
 * The rule by which this host stays or stops.
 *
 * Xen's timer is set to half of the watchdog time.  Between the look at who is
 * heard and the call to Xen this process may stand still, but not for longer
 * than that timer runs, or Xen stops the host; and then the host stops one
 * timer after the call.  So it is off at most one watchdog time after the
 * look.
 */
#include "watchdogd/guard.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/daemon.h"
#include "base/log.h"
#include "hv/watchdog.h"
#include "watchdogd/identity.h"
#include "watchdogd/peers.h"
#include "watchdogd/server.h"
#include "watchdogd/settings.h"
#include "watchdogd/slot.h"
#include "watchdogd/state.h"
#include "watchdogd/vote.h"
#include "wire/fence.h"

/* How often is looked at who is heard. */
#define TICK_MS 500
/* How often the same is said again. */
#define SAY_MS 1000
/* How long policyd has to let it go when the whole system is shut down. */
#define LEAVE_MS 10000
/* The least watchdog time that can be set. */
#define LEAST_MS 10000

struct guard {
    struct event_base *base;
    const struct watchdogd_settings *settings;
    struct hv_watchdog *hv;
    struct identity identity;
    struct slot slot;
    struct vote vote;      /* as the file has it */
    uint64_t promised_ms;  /* the same: what policyd may go by; 0: nothing */
    struct vote next;      /* that is being written */
    uint64_t next_promised_ms;
    struct state_saver *saver;
    struct peers *peers;
    struct server *server;
    struct event *timer;
    uint64_t began_ms;
    uint64_t beat_ms, said_ms; /* when last */
    bool told;      /* by policyd, since this process began */
    bool connected;
    uint64_t since_ms; /* of that */
    bool leaving, released;
    uint64_t leaving_ms;
};

/* What policyd may be told: no more than was promised before. */
static uint64_t in_force_ms(const struct guard *guard)
{
    uint64_t set_ms = guard->settings->watchdog_time_ms;

    return guard->promised_ms && guard->promised_ms < set_ms
               ? guard->promised_ms : set_ms;
}

static unsigned timer_s(const struct guard *guard)
{
    return (unsigned)(in_force_ms(guard) / 2000);
}

static bool takes_part(const struct guard *guard)
{
    return vote_counts(&guard->vote, guard->identity.name);
}

static uint64_t left_ms(const struct guard *guard, uint64_t now_ms)
{
    return guard->slot.runs && guard->slot.end_ms > now_ms
               ? guard->slot.end_ms - now_ms : 0;
}

/* ---- the watchdog ---- */

static void disarm(struct guard *guard, const char *why)
{
    struct vdc_error err = { 0 };

    if (guard->slot.mask == 0)
        return;
    if (slot_disarm(&guard->slot, &err))
        log_error("the watchdog cannot be taken back: %s", err.text);
    else
        log_info("the watchdog is off: %s", why);
}

static void arm(struct guard *guard)
{
    struct vdc_error err = { 0 };

    if (!guard->told || guard->leaving)
        return;
    if (guard->promised_ms == 0) {
        /* First to the disk: after the next start it may be set otherwise. */
        if (!state_saver_is_busy(guard->saver)) {
            guard->next = (struct vote){ 0 };
            guard->next_promised_ms = guard->settings->watchdog_time_ms;
            state_save(guard->saver, &guard->vote, guard->next_promised_ms);
        }
        return;
    }
    if (slot_arm(&guard->slot, timer_s(guard), &err))
        log_limited(VDC_LOG_ERROR, "the watchdog", "%s", err.text);
    else
        log_info("the watchdog is armed (slot %u): this host stops within "
                 "%" PRIu64 " s when it does not hear the majority of %zu "
                 "hosts", slot_number(&guard->slot),
                 in_force_ms(guard) / 1000, guard->vote.n_members);
}

static void pet(struct guard *guard)
{
    struct vdc_error err = { 0 };

    if (guard->slot.mask == 0) {
        arm(guard);
        return;
    }
    if (slot_pet(&guard->slot, timer_s(guard), &err))
        log_limited(VDC_LOG_ERROR, "the watchdog", "%s", err.text);
}

static void say_lost(struct guard *guard, uint64_t now_ms)
{
    size_t n = guard->vote.n_members;

    if (now_ms < guard->said_ms + SAY_MS)
        return;
    guard->said_ms = now_ms;
    log_warning("this host hears %zu of %zu hosts, itself counted: it stops "
                "in %" PRIu64 ".%" PRIu64 " s unless it hears %zu",
                vote_heard(&guard->vote, guard->identity.name, now_ms), n,
                left_ms(guard, now_ms) / 1000,
                left_ms(guard, now_ms) % 1000 / 100, FENCE_MAJORITY(n));
}

static void look(struct guard *guard)
{
    uint64_t now_ms = clock_mono().ms;
    bool connected = takes_part(guard) &&
        now_ms < vote_connected_until_ms(&guard->vote, guard->identity.name);

    if (connected != guard->connected) {
        guard->connected = connected;
        guard->since_ms = now_ms;
        guard->said_ms = 0;
        if (connected)
            log_info("this host hears %zu of %zu hosts, itself counted",
                     vote_heard(&guard->vote, guard->identity.name, now_ms),
                     guard->vote.n_members);
    }
    if (connected)
        pet(guard);
    else if (guard->slot.mask)
        say_lost(guard, now_ms);
}

/* ---- what policyd says ---- */

/* policyd has recorded that before it told us. */
static void disarm_if_out(struct guard *guard)
{
    if (!takes_part(guard))
        disarm(guard, "fewer than three hosts take part, or this one does "
                      "not");
}

static void take_list(struct guard *guard)
{
    if (guard->next.version != guard->vote.version)
        log_info("version %" PRIu64 " of the members: %zu",
                 guard->next.version, guard->next.n_members);
    vote_replace(&guard->vote, &guard->next);
    disarm_if_out(guard);
}

static void saved(void *arg, int rc, const struct vdc_error *err)
{
    struct guard *guard = arg;

    if (rc) {
        log_limited(VDC_LOG_ERROR, "the disk", "%s", err->text);
        vote_fini(&guard->next);
    } else {
        guard->promised_ms = guard->next_promised_ms;
        if (guard->next.version)
            take_list(guard);
    }
    server_answer(guard->server, err);
    if (guard->released)
        daemon_quit(0);
}

static int read_members(const struct wire_fence_members *from,
                        struct vote *ret, struct vdc_error *err)
{
    struct vote vote = { .version = from->version };

    vote.members = xzalloc((from->n_members + 1) * sizeof(vote.members[0]));
    for (uint32_t i = 0; i < from->n_members; i++) {
        struct vote_member *member = &vote.members[vote.n_members++];
        snprintf(member->name, sizeof(member->name), "%s",
                 from->members[i].name);
        snprintf(member->address, sizeof(member->address), "%s",
                 from->members[i].address);
    }
    vote_sort(&vote);
    if (vote.version == 0 && vote.n_members) {
        vote_fini(&vote);
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "a list of members has a version");
    }
    *ret = vote;
    return 0;
}

static bool same_list(const struct vote *a, const struct vote *b)
{
    if (a->version != b->version || a->n_members != b->n_members)
        return false;
    for (size_t i = 0; i < a->n_members; i++)
        if (strcmp(a->members[i].name, b->members[i].name) != 0 ||
            strcmp(a->members[i].address, b->members[i].address) != 0)
            return false;
    return true;
}

static int on_members(void *arg, const struct wire_fence_members *members,
                      bool *later, struct vdc_error *err)
{
    struct guard *guard = arg;
    uint64_t promised_ms = guard->promised_ms;
    struct vote next;
    int rc = read_members(members, &next, err);

    if (rc == 0 && (rc = vote_check(&guard->vote, &next, err)))
        vote_fini(&next);
    if (rc)
        return rc;
    /* Nobody takes part yet, and policyd asks who could. */
    if (next.version == 0) {
        vote_fini(&next);
        return 0;
    }
    /* It has recorded that it is more, so it may be. */
    if (promised_ms && members->watchdog_ms > promised_ms &&
        guard->settings->watchdog_time_ms > promised_ms)
        promised_ms = members->watchdog_ms;
    guard->told = true;
    if (same_list(&guard->vote, &next) && promised_ms == guard->promised_ms) {
        vote_fini(&next);
        disarm_if_out(guard);
        return 0;
    }
    if (state_saver_is_busy(guard->saver)) {
        vote_fini(&next);
        return vdc_error_set(err, VDC_E_BUSY,
                             "another change is being written to the disk");
    }
    guard->next = next;
    guard->next_promised_ms = promised_ms;
    state_save(guard->saver, &guard->next, promised_ms);
    *later = true;
    return 0;
}

static int on_leave(void *arg, bool *later, struct vdc_error *err)
{
    struct guard *guard = arg;
    int rc;

    if (!guard->leaving)
        return vdc_error_set(err, VDC_E_WRONG_STATE,
                             "this host has not asked to leave");
    if (state_saver_is_busy(guard->saver))
        return vdc_error_set(err, VDC_E_BUSY,
                             "a change is being written to the disk");
    if (guard->slot.mask && (rc = slot_disarm(&guard->slot, err)))
        return rc;
    log_info("policyd has let this host go: the watchdog is off");
    guard->released = true;
    guard->next = (struct vote){ 0 };
    guard->next_promised_ms = 0;
    state_save(guard->saver, &guard->vote, 0);
    *later = true;
    return 0;
}

static bool is_member_at(void *arg, const char *from)
{
    const struct guard *guard = arg;

    return vote_has_address(&guard->vote, from);
}

static void on_ping(void *arg, const char *name, uint64_t *ret_version)
{
    struct guard *guard = arg;
    struct vote_member *member = vote_find(&guard->vote, name);

    if (member)
        member->came_ms = clock_mono().ms;
    *ret_version = guard->vote.version;
}

/* ---- what is told ---- */

static void fill_heard(const struct guard *guard, uint64_t now_ms,
                       struct arena *arena, struct wire_fence_report *ret)
{
    const struct vote *vote = &guard->vote;

    ret->heard = ARENA_ARRAY(arena, vote->n_members, struct wire_fence_heard);
    for (size_t i = 0; i < vote->n_members; i++) {
        const struct vote_member *member = &vote->members[i];
        struct wire_fence_heard *heard;
        uint64_t last_ms = member->came_ms > member->asked_ms
                               ? member->came_ms : member->asked_ms;
        if (strcmp(member->name, guard->identity.name) == 0)
            continue;
        heard = &ret->heard[ret->n_heard++];
        wire_init(&wire_struct_fence_heard, heard);
        heard->name = member->name;
        /* As long as an earlier watchdogd may have answered it, this one does
         * not know. */
        if (last_ms < guard->began_ms)
            last_ms = guard->began_ms;
        heard->age_ms = now_ms - last_ms;
        heard->ever = last_ms > guard->began_ms ||
                      heard->age_ms <= FENCE_HEARD_MS;
    }
}

static void fill_report(void *arg, struct arena *arena,
                        struct wire_fence_report *ret)
{
    const struct guard *guard = arg;
    uint64_t now_ms = clock_mono().ms;

    ret->name = guard->identity.name;
    ret->version = guard->vote.version;
    ret->armed = guard->slot.runs;
    ret->slot = slot_number(&guard->slot);
    ret->watchdog_ms = in_force_ms(guard);
    ret->wanted_ms = guard->settings->watchdog_time_ms;
    ret->connected = guard->connected;
    ret->since_ms = now_ms - guard->since_ms;
    ret->left_ms = guard->connected ? 0 : left_ms(guard, now_ms);
    ret->leaving = guard->leaving;
    ret->beat_ms = guard->settings->beat_ms;
    ret->boot = guard->hv->boot_id;
    fill_heard(guard, now_ms, arena, ret);
}

static const struct server_ops server_ops = {
    .is_member_at = is_member_at,
    .on_ping = on_ping,
    .on_members = on_members,
    .on_leave = on_leave,
    .fill_report = fill_report,
};

/* ---- the end ---- */

/* The whole system is shut down, and policyd does not answer. */
static void end_at_shutdown(struct guard *guard)
{
    struct vdc_error err = { 0 };
    uint32_t n = 0;

    if (hv_watchdog_guests(guard->hv, &n, &err) == 0 && n == 0) {
        disarm(guard, "the system is shut down, and no guest is left");
    } else {
        log_warning("the system is shut down with %u guests, and policyd has "
                    "not let this host go: the watchdog runs on", n);
        if (guard->connected)
            pet(guard);
    }
    daemon_quit(0);
}

static void wait_for_release(struct guard *guard, uint64_t now_ms)
{
    if (guard->released)
        return;
    if (guard->slot.mask == 0) {
        daemon_quit(0);
        return;
    }
    if (now_ms < guard->leaving_ms + LEAVE_MS)
        return;
    if (access(guard->settings->shutdown_file, F_OK) == 0) {
        end_at_shutdown(guard);
        return;
    }
    guard->leaving_ms = now_ms;
    log_warning("policyd has not let this host go: watchdogd stays, for the "
                "host would stop without it; to begin it anew `systemctl "
                "reload xen-vdc-watchdogd` is enough");
}

bool guard_leave(struct guard *guard)
{
    if (guard->slot.mask == 0 && !state_saver_is_busy(guard->saver))
        return true;
    if (guard->leaving) {
        log_warning("told twice to end, watchdogd ends with the watchdog "
                    "armed: this host stops in %" PRIu64 " s unless it is "
                    "started again",
                    left_ms(guard, clock_mono().ms) / 1000);
        return true;
    }
    guard->leaving = true;
    guard->leaving_ms = clock_mono().ms;
    log_info("policyd is asked to let this host go");
    return false;
}

/* ---- begin and end ---- */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    const struct timeval later = { 0, TICK_MS * 1000 };
    struct guard *guard = arg;
    uint64_t now_ms = clock_mono().ms;

    event_add(guard->timer, &later);
    look(guard);
    if (now_ms >= guard->beat_ms + guard->settings->beat_ms) {
        guard->beat_ms = now_ms;
        identity_look(&guard->identity);
        if (takes_part(guard))
            peers_beat(guard->peers);
        server_beat(guard->server);
    }
    if (guard->leaving)
        wait_for_release(guard, now_ms);
}

/* A file that is damaged must not keep watchdogd from its work: policyd tells
 * the list again, and what it may have recorded of the time is no less than
 * the least. */
static void begin_state(struct guard *guard)
{
    const struct watchdogd_settings *settings = guard->settings;
    struct vdc_error err = { 0 };

    if (state_read(settings->state_file, &guard->vote, &guard->promised_ms,
                   &err))
        log_error("%s%s%s", err.text, err.hint[0] ? "; " : "", err.hint);
    slot_init(&guard->slot, guard->hv, settings->slot_file);
    if (guard->slot.mask == 0)
        return;
    log_info("the watchdog of an earlier watchdogd runs; this one goes on "
             "with it");
    if (guard->promised_ms == 0)
        guard->promised_ms = LEAST_MS;
}

int guard_new(struct event_base *base,
              const struct watchdogd_settings *settings, struct guard **ret,
              struct vdc_error *err)
{
    const struct timeval now = { 0, 0 };
    struct guard *guard = XNEW(struct guard);
    int rc;

    guard->base = base;
    guard->settings = settings;
    guard->began_ms = guard->since_ms = clock_mono().ms;
    identity_init(&guard->identity, base, settings->dc_directory);
    rc = hv_watchdog_open(settings->hypervisor, base, &guard->hv, err);
    if (rc == 0)
        rc = server_new(base, &guard->identity, settings->fence_address,
                        settings->socket, &server_ops, guard, &guard->server,
                        err);
    if (rc) {
        guard_free(guard);
        return rc;
    }
    begin_state(guard);
    guard->saver = state_saver_new(base, settings->state_file, saved, guard);
    guard->peers = peers_new(base, &guard->identity, &guard->vote);
    guard->timer = evtimer_new(base, on_timer, guard);
    if (!guard->timer || event_add(guard->timer, &now))
        abort(); /* out of memory */
    *ret = guard;
    return 0;
}

void guard_free(struct guard *guard)
{
    if (!guard)
        return;
    if (guard->timer)
        event_free(guard->timer);
    server_free(guard->server);
    peers_free(guard->peers);
    state_saver_free(guard->saver);
    vote_fini(&guard->next);
    vote_fini(&guard->vote);
    identity_fini(&guard->identity);
    hv_watchdog_close(guard->hv);
    free(guard);
}
