/* The snapshot of the host and its domains, for all who only read. */
#include "resourced/live.h"

#include <event2/event.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/log.h"
#include "resourced/host.h"
#include "resourced/mirror.h"

/* It is kept fresh for so long after the last read. */
#define WANTED_MS 5000
/* Turns of the loop before a read is answered: one in which descriptors are
 * looked at, and one for what their handlers put off (hv/sim does). */
#define TURNS 2

struct reader {
    TAILQ_ENTRY(reader) link;
    unsigned turns;
    live_fn *fn;
    void *arg;
};

struct live {
    struct host *host;
    struct arena *arena; /* of the snapshot */
    struct live_snapshot snapshot;
    struct arena *extras_arena;
    struct live_extras extras;
    uint64_t extras_ms; /* 0: never taken */
    bool marked;
    uint64_t read_ms; /* of the last read */
    struct event *tick;
    struct event *turn;
    TAILQ_HEAD(, reader) readers;
    struct hv_store_watch *watches[2];
};

int live_refresh(struct live *live, struct vdc_error *err)
{
    struct hv *hv = live->host->hv;
    struct arena *arena = arena_new();
    struct live_snapshot snapshot = { .taken_ms = clock_mono().ms };
    int rc = hv->domain->list(hv, arena, &snapshot.domains,
                              &snapshot.n_domains, err);

    if (!rc)
        rc = hv->domain->host_info(hv, arena, &snapshot.host, err);
    if (rc) {
        live->host->counts.looks_failed++;
        arena_free(arena);
        return rc;
    }
    arena_free(live->arena);
    live->arena = arena;
    live->snapshot = snapshot;
    live->marked = false;
    return 0;
}

static void tick_again(struct live *live)
{
    static const struct timeval second = { 1, 0 };

    if (!event_pending(live->tick, EV_TIMEOUT, NULL))
        event_add(live->tick, &second);
}

static void on_tick(int fd, short what, void *arg)
{
    struct live *live = arg;
    struct vdc_error err;

    if (clock_mono().ms > live->read_ms + WANTED_MS)
        return;
    if (live_refresh(live, &err)) {
        log_warning("what is shown of the host grows old: %s", err.text);
        live->marked = true;
    }
    tick_again(live);
}

static bool is_old(const struct live *live)
{
    return live->marked ||
           clock_mono().ms > live->snapshot.taken_ms + LIVE_OLD_MS;
}

static void turn_again(struct live *live)
{
    static const struct timeval now = { 0, 0 };

    if (!event_pending(live->turn, EV_TIMEOUT, NULL))
        event_add(live->turn, &now);
}

static void on_turn(int fd, short what, void *arg)
{
    struct live *live = arg;
    struct reader *reader, *next, *end = NULL;
    struct vdc_error err;

    /* A callback may begin other reads: those are for another turn. */
    end = XNEW(struct reader);
    TAILQ_INSERT_TAIL(&live->readers, end, link);
    for (reader = TAILQ_FIRST(&live->readers); reader != end; reader = next) {
        next = TAILQ_NEXT(reader, link);
        if (--reader->turns)
            continue;
        TAILQ_REMOVE(&live->readers, reader, link);
        int rc = is_old(live) ? live_refresh(live, &err) : 0;
        reader->fn(reader->arg, rc, rc ? &err : NULL);
        free(reader);
    }
    TAILQ_REMOVE(&live->readers, end, link);
    free(end);
    if (!TAILQ_EMPTY(&live->readers))
        turn_again(live);
}

void live_read(struct live *live, live_fn *fn, void *arg)
{
    struct reader *reader = XNEW(struct reader);

    reader->turns = TURNS;
    reader->fn = fn;
    reader->arg = arg;
    TAILQ_INSERT_TAIL(&live->readers, reader, link);
    live->read_ms = clock_mono().ms;
    turn_again(live);
    tick_again(live);
}

static void on_watch(void *arg, const char *path)
{
    live_changed(arg);
}

static int watch(struct live *live, struct vdc_error *err)
{
    static const char *const paths[] = { "@introduceDomain",
                                         "@releaseDomain" };
    struct hv *hv = live->host->hv;
    int rc = 0;

    for (size_t i = 0; !rc && i < 2; i++)
        rc = hv->store->watch(hv, paths[i], on_watch, live, &live->watches[i],
                              err);
    return rc;
}

int live_open(struct host *host, struct live **ret, struct vdc_error *err)
{
    struct live *live = XNEW(struct live);

    live->host = host;
    TAILQ_INIT(&live->readers);
    live->tick = event_new(host->base, -1, 0, on_tick, live);
    live->turn = event_new(host->base, -1, 0, on_turn, live);
    int rc = watch(live, err);
    if (!rc)
        rc = live_refresh(live, err);
    if (rc) {
        live_close(live);
        return rc;
    }
    *ret = live;
    return 0;
}

void live_close(struct live *live)
{
    struct reader *reader;

    if (!live)
        return;
    for (size_t i = 0; i < 2; i++)
        live->host->hv->store->unwatch(live->host->hv, live->watches[i]);
    while ((reader = TAILQ_FIRST(&live->readers))) {
        TAILQ_REMOVE(&live->readers, reader, link);
        free(reader);
    }
    event_free(live->tick);
    event_free(live->turn);
    arena_free(live->arena);
    arena_free(live->extras_arena);
    free(live);
}

const struct live_snapshot *live_now(const struct live *live)
{
    return &live->snapshot;
}

static int compare_domid(const void *key, const void *item)
{
    uint32_t domid = *(const uint32_t *)key;
    const struct hv_domain_info *info = item;

    return domid < info->domid ? -1 : domid > info->domid;
}

const struct hv_domain_info *live_domain(const struct live *live,
                                         uint32_t domid)
{
    return bsearch(&domid, live->snapshot.domains, live->snapshot.n_domains,
                   sizeof(*live->snapshot.domains), compare_domid);
}

static int take_extras(struct live *live, struct vdc_error *err)
{
    struct hv *hv = live->host->hv;
    struct arena *arena = arena_new();
    struct live_extras extras;
    int rc = hv->domain->cpupools(hv, arena, &extras.pools, &extras.n_pools,
                                  err);

    if (!rc)
        rc = hv->domain->pci_assignable(hv, arena, &extras.assignable,
                                        &extras.n_assignable, err);
    if (rc) {
        arena_free(arena);
        return rc;
    }
    arena_free(live->extras_arena);
    live->extras_arena = arena;
    live->extras = extras;
    live->extras_ms = live->snapshot.taken_ms;
    return 0;
}

/* Taken again with the first look after each new snapshot. */
int live_extras(struct live *live, const struct live_extras **ret,
                struct vdc_error *err)
{
    int rc = 0;

    if (!live->extras_ms || live->extras_ms != live->snapshot.taken_ms)
        rc = take_extras(live, err);
    if (!rc)
        *ret = &live->extras;
    return rc;
}

void live_changed(struct live *live)
{
    if (!live)
        return;
    live->marked = true;
    mirror_changed(live->host->mirror);
}
