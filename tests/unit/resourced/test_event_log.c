/* Tests of resourced/event_log.c: followers of events, old and new. */
#include "resourced/event_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resourced/host.h"
#include "tests/unit/resourced/store_fixture.h"
#include "tests/unit/unit.h"

static struct place place;
static struct arena *arena;
static struct resourced_settings settings;
static struct host host;

static void open_host(void)
{
    struct vdc_error err = { 0 };

    memset(&host, 0, sizeof(host));
    settings.event_keep = 100;
    host.base = place.base;
    host.settings = &settings;
    strcpy(host.name, "host1");
    CU_ASSERT_EQUAL_FATAL(
        store_open(&place.options, place.base, &host.store, &err), 0);
    CU_ASSERT_EQUAL_FATAL(event_log_open(&host, &host.events, &err), 0);
}

static void close_host(void)
{
    event_log_close(host.events);
    store_close(host.store);
}

static void set_up(void)
{
    place_make(&place, true);
    arena = arena_new();
    open_host();
}

static void tear_down(void)
{
    close_host();
    arena_free(arena);
    place_remove(&place);
}

static void happen(unsigned n, const char *owner)
{
    struct event_batch *batch = XNEW(struct event_batch);
    struct partition_row row;
    uint64_t first;

    sample_partition(arena, 1, 1, &row);
    row.owner = owner;
    for (unsigned i = 0; i < n; i++) {
        struct store_change change = { .n_put = 0 };
        event_batch_add(batch, &host, WIRE_EVENT_STARTED, &row, "number %u",
                        i);
        event_log_into(host.events, batch, &change);
        CU_ASSERT_EQUAL(store_apply(host.store, &change, &first, NULL), 0);
        event_log_publish(host.events, batch, first);
        CU_ASSERT_EQUAL(batch->n_events, 0);
    }
    free(batch);
}

/* ---- one who follows ---- */

struct follower {
    struct event_follower *follower;
    unsigned n, n_missed, room; /* takes so many more */
    unsigned n_after;           /* since it was told that it missed some */
    uint64_t first, last, missed;
    bool ended, gap;
};

static bool on_event(void *arg, const struct wire_event *event)
{
    struct follower *to = arg;

    if (to->room == 0)
        return false;
    to->room--;
    if (event->kind == WIRE_EVENT_MISSED) {
        to->n_missed++;
        to->missed = event->number;
        to->n_after = 0;
        return true;
    }
    to->gap = to->gap || (to->n && event->number != to->last + 1);
    to->n_after++;
    if (to->n++ == 0)
        to->first = event->number;
    to->last = event->number;
    return true;
}

static void on_end(void *arg, const struct vdc_error *err)
{
    struct follower *to = arg;

    CU_ASSERT_PTR_NULL(err);
    to->ended = true;
}

static const struct event_follower_ops ops = { on_event, on_end };

static void follow(struct follower *to, uint64_t since, bool on,
                   const char *customer)
{
    struct wire_events_query query;

    wire_init(&wire_struct_events_query, &query);
    query.since = since;
    query.follow = on;
    query.customer = customer;
    memset(to, 0, sizeof(*to));
    to->room = 10000;
    to->follower = event_follow(host.events, &query, &ops, to);
    CU_ASSERT(to->n == 0 && !to->ended);
}

/* Ten times as long as it takes on a machine that has time. */
static void turn(unsigned ms)
{
    struct timeval tv = { (time_t)(ms / 100), (int)(ms % 100) * 10000 };

    event_base_loopexit(place.base, &tv);
    event_base_dispatch(place.base);
}

static void kept_ones(void)
{
    struct follower a, b, c, d;

    set_up();
    follow(&a, 0, false, "");
    turn(20);
    CU_ASSERT(a.ended && a.n == 0 && a.n_missed == 0);
    event_unfollow(a.follower);
    happen(150, "one");
    happen(3, "two");
    happen(100, "one");
    follow(&a, 0, false, "");
    follow(&b, 200, false, "");
    follow(&c, 0, false, "two");
    follow(&d, 253, false, "");
    turn(50);
    CU_ASSERT(a.ended && !a.gap && a.last == 253 && a.n_missed == 0);
    CU_ASSERT(a.n >= 100 && a.n <= 100 + 65);
    CU_ASSERT(b.ended && !b.gap && b.first == 201 && b.n == 53);
    CU_ASSERT(c.ended && c.n == 3 && c.first == 151);
    CU_ASSERT(d.ended && d.n == 0 && d.n_missed == 0);
    event_unfollow(a.follower);
    event_unfollow(b.follower);
    event_unfollow(c.follower);
    event_unfollow(d.follower);
    tear_down();
}

static void as_they_happen(void)
{
    struct follower a, b, slow;

    set_up();
    happen(5, "one");
    follow(&a, 3, true, "");
    follow(&b, 0, true, "two");
    follow(&slow, 0, true, "");
    slow.room = 2;
    turn(20);
    CU_ASSERT(a.n == 2 && a.first == 4 && !a.ended);
    happen(80, "two");
    happen(1, "one");
    turn(20);
    CU_ASSERT(a.n == 83 && a.last == 86 && !a.gap);
    CU_ASSERT(b.n == 80 && b.last == 85);
    CU_ASSERT(slow.n == 2);
    slow.room = 1000;
    turn(150);
    CU_ASSERT(slow.n == 86 && !slow.gap && slow.n_missed == 0);
    /* one who does not wait for the answer */
    event_unfollow(a.follower);
    follow(&a, 0, true, "");
    event_base_loop(place.base, EVLOOP_NONBLOCK);
    unsigned n = a.n; /* or it has come already */
    event_unfollow(a.follower);
    turn(20);
    CU_ASSERT_EQUAL(a.n, n);
    /* and those who still follow when it is closed */
    follow(&a, 0, true, "");
    event_base_loop(place.base, EVLOOP_NONBLOCK);
    tear_down();
}

static void missed_ones(void)
{
    struct follower a, slow;

    set_up();
    happen(300, "one");
    follow(&a, 10, false, "");
    turn(50);
    CU_ASSERT(a.ended && a.n_missed == 1 && a.missed == a.first - 1);
    CU_ASSERT(a.last == 300 && !a.gap);
    event_unfollow(a.follower);
    /* too slow for what is kept */
    follow(&slow, 290, true, "");
    slow.room = 3;
    for (unsigned i = 0; i < 200 && slow.n < 3; i++)
        turn(20);
    happen(400, "one");
    slow.room = 10000;
    for (unsigned i = 0; i < 200 && slow.last < 700; i++)
        turn(20);
    CU_ASSERT(slow.n_missed == 1 && slow.last == 700);
    CU_ASSERT_EQUAL(slow.missed + slow.n_after, 700);
    event_unfollow(slow.follower);
    tear_down();
}

/* The database was made anew: numbers begin again. */
static void from_the_future(void)
{
    struct follower a, b;

    set_up();
    happen(7, "one");
    follow(&a, 5000, true, "");
    follow(&b, 5000, false, "");
    turn(20);
    CU_ASSERT(a.n_missed == 1 && a.missed == 0);
    CU_ASSERT(a.n == 7 && a.first == 1 && !a.ended);
    CU_ASSERT(b.n_missed == 1 && b.n == 7 && b.ended);
    happen(1, "one");
    turn(20);
    CU_ASSERT(a.n == 8 && a.last == 8 && a.n_missed == 1);
    event_unfollow(a.follower);
    event_unfollow(b.follower);
    tear_down();

    set_up();
    follow(&a, 12, true, "");
    turn(20);
    CU_ASSERT(a.n_missed == 1 && a.n == 0);
    happen(1, "one");
    turn(20);
    CU_ASSERT(a.n == 1 && a.first == 1 && a.n_missed == 1);
    event_unfollow(a.follower);
    tear_down();
}

static const struct unit_test tests[] = {
    { "those that are kept", kept_ones },
    { "as they happen", as_they_happen },
    { "missed", missed_ones },
    { "from a number that never was", from_the_future },
};

UNIT_MAIN("resourced/event_log", tests)
