/*
 * The hosts of the data center: what operators entered of each, the
 * connection to its resource service, and what it reported last.
 *
 * The host that policyd.conf names is always one of them.  Reports come when
 * a host is reached, after what happened on it, and at intervals; nobody asks
 * for one while deciding.
 */
#ifndef POLICYD_HOSTS_HOSTS_H
#define POLICYD_HOSTS_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/error.h"
#include "policyd/api/service.h"
#include "wire/wire.h"

struct event;
struct hosts;
struct operations;
struct reconcile;

struct host {
    TAILQ_ENTRY(host) link; /* by name */
    struct hosts *all;
    const char *name;
    struct wire_host_record record;
    bool own; /* policyd.conf names it: that has its address, and it cannot be
                 removed */
    struct service *service;
    struct reconcile *reconcile;
    bool up;                 /* it answers */
    bool leases_known;       /* it said which it has */
    bool fence_clearing;     /* fence/fence.c's: that it is back is not durable
                                yet */
    bool fence_back;         /* the same: it was connected to since it was
                                declared off */
    bool fence_told;         /* the same: that this is not recorded */
    uint64_t fence_again_ms, fence_wait_ms; /* the same: until when it is not
                                               tried again, monotonic */
    uint64_t newest_event;   /* the highest number that came from it */
    struct wire_host report; /* what it said last; no name: nothing yet */
    uint64_t reported_ms;    /* monotonic; when it was asked for that */
    struct {
        int code;
        char *text;
    } why; /* it did not say more then, if so */
    struct mem placed;       /* what was decided for it since then */
    /* of hosts.c alone */
    struct arena *record_arena, *report_arena;
    struct event *timer;
    bool asked, silent;
    bool by_boot; /* it is found by its boot_id */
};

/* Those that the book has, and that of policyd.conf; starts connecting. */
struct hosts *hosts_new(struct operations *ops);
/* Ends what is under way with errors, and what is asked from now on. */
void hosts_stop(struct hosts *hosts);
void hosts_free(struct hosts *hosts); /* NULL allowed */

/* NULL: there is none of this name. */
struct host *hosts_find(const struct hosts *hosts, const char *name);
/* In the order of their names; NULL after the last. */
struct host *hosts_first(const struct hosts *hosts);
struct host *hosts_next(const struct host *host);
size_t hosts_count(const struct hosts *hosts);
/* Of them, those that policyd is not on. */
size_t hosts_count_away(const struct hosts *hosts);
struct operations *hosts_ops(const struct hosts *hosts);
/* The one to ask what is the same on all: the own one if there is one, or
 * another that is up, or any.  NULL: there are none. */
struct host *hosts_any(const struct hosts *hosts);

/* The service of a host by name.  Errors: VDC_E_NO_DAEMON, it is not (any
 * more) one of them.  That it cannot be reached, its calls say. */
int hosts_service(const struct hosts *hosts, const char *name,
                  struct service **ret, struct vdc_error *err);
/* Whether connected; otherwise VDC_E_NO_DAEMON says why not. */
int hosts_check_up(const struct hosts *hosts, const char *name,
                   struct vdc_error *err);
/* Whether any is up: when none is, that is said as what it is, and passes,
 * not as a lack of room.  Errors: hosts_check_up's of `name`. */
int hosts_check_some_up(const struct hosts *hosts, const char *name,
                        struct vdc_error *err);

/* Whether a host that a guest asks for is there.  Who may know of hosts is
 * told of one with a name like it, or of some.  Errors: VDC_E_NOT_FOUND. */
int hosts_check_named(const struct hosts *hosts, const char *name,
                      bool may_know, struct arena *arena,
                      struct vdc_error *err);

/* Compares the host (NULL: all) with the book in at most so many
 * milliseconds. */
void hosts_reconcile_soon(const struct hosts *hosts, const char *name,
                          unsigned ms);

/* Has every host that is connected report, and calls `fn` when all have or
 * some take too long (3 s): later, from the loop.  One that is known not to
 * answer is not waited for. */
typedef void hosts_fn(void *arg);
void hosts_refresh(struct hosts *hosts, hosts_fn *fn, void *arg);
/* So much was decided for this host, which no report has yet. */
void hosts_note_placed(struct host *host, struct mem memory);

/* As clients see it; texts are the host's, or in the arena. */
void hosts_describe(const struct host *host, struct arena *arena,
                    struct wire_host *ret);

/*
 * What the book has of hosts was changed: a record is new or other, or there
 * is none any more of this name.  A host whose address or certificate is
 * another is connected to anew.
 */
void hosts_put(struct hosts *hosts, const struct wire_host_record *record);
/* Requests that are under way at this host end with VDC_E_CLOSED, and it is
 * connected to anew. */
void hosts_hang_up(struct host *host);
void hosts_remove(struct hosts *hosts, const char *name);

/* The same of all, after the book has taken changes back. */
void hosts_take_book(struct hosts *hosts);

#endif
