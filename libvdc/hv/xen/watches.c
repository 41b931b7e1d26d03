/*
 * Shutdown and death of domains, by libxl's domain death events.
 *
 * libxl looks at the domains when xenstored tells of a change (its watch on
 * @releaseDomain).  Two things are added here: a domain that had shut down
 * before it was watched is noticed at once and not at the next change; and a
 * domain that was suspended and went on (saved and resumed) is watched anew,
 * because libxl tells of one shutdown in a watch's life only.
 *
 * Events are delivered from the loop, never from within a libxl function of
 * ours, and a watch that was removed meanwhile delivers nothing: libxl may
 * hand out events that happened before it was disabled.
 */
#include "hv/xen/watches.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "hv/xen/self.h"

/* How often a suspended domain is looked at, to see whether it runs again. */
static const struct timeval suspended_look = { 0, 500000 };

struct watch {
    struct watches *watches;
    uint64_t serial; /* libxl's "for_user": never used twice */
    uint32_t domid;
    struct vdc_uuid uuid;            /* zero when it was gone before */
    libxl_evgen_domain_death *evgen; /* NULL while suspended, or dead */
    struct event *look;
    bool shutdown_told, death_told;
    LIST_ENTRY(watch) link;
};

struct occurrence {
    uint64_t serial;
    struct hv_event event; /* uuid not yet filled */
    STAILQ_ENTRY(occurrence) link;
};

struct watches {
    struct hv_xen *self;
    libxl_event_hooks hooks;
    uint64_t next_serial;
    LIST_HEAD(, watch) watches;
    STAILQ_HEAD(, occurrence) occurrences;
    struct event *deliver;
};

static void occur(struct watches *watches, uint64_t serial,
                  enum hv_event_kind kind, uint32_t domid,
                  enum hv_shutdown_reason reason)
{
    struct occurrence *occurrence = XNEW(struct occurrence);

    occurrence->serial = serial;
    occurrence->event.kind = kind;
    occurrence->event.domid = domid;
    occurrence->event.reason = reason;
    STAILQ_INSERT_TAIL(&watches->occurrences, occurrence, link);
    event_active(watches->deliver, EV_TIMEOUT, 1);
}

static enum hv_shutdown_reason reason_of(int number)
{
    if (number >= HV_SHUTDOWN_POWEROFF && number <= HV_SHUTDOWN_SOFT_RESET)
        return (enum hv_shutdown_reason)number;
    return HV_SHUTDOWN_CRASH; /* a guest may give any number */
}

/* From within libxl. */
static void event_occurs(void *user, libxl_event *event)
{
    struct watches *watches = user;

    if (event->type == LIBXL_EVENT_TYPE_DOMAIN_SHUTDOWN)
        occur(watches, event->for_user, HV_EVENT_SHUTDOWN, event->domid,
              reason_of(event->u.domain_shutdown.shutdown_reason));
    else if (event->type == LIBXL_EVENT_TYPE_DOMAIN_DEATH)
        occur(watches, event->for_user, HV_EVENT_DEATH, event->domid,
              HV_SHUTDOWN_NONE);
    libxl_event_free(watches->self->xl.ctx, event);
}

/* libxl cannot go on, and must not be called from here.  Every operation
 * after this one is refused with these words. */
static void disaster(void *user, libxl_event_type type, const char *msg,
                     int errnoval)
{
    struct watches *watches = user;
    struct hv_xen *self = watches->self;

    log_error("libxl has failed: %s: %s", msg, strerror(errnoval));
    if (!self->broken)
        self->broken = xasprintf("%s: %s", msg, strerror(errnoval));
}

static struct watch *find(struct watches *watches, uint64_t serial)
{
    struct watch *watch;

    LIST_FOREACH(watch, &watches->watches, link)
    {
        if (watch->serial == serial)
            return watch;
    }
    return NULL;
}

static void disable(struct watch *watch)
{
    if (watch->evgen)
        libxl_evdisable_domain_death(watch->watches->self->xl.ctx,
                                     watch->evgen);
    watch->evgen = NULL;
}

static void watch_destroy(struct watch *watch)
{
    disable(watch);
    event_free(watch->look);
    LIST_REMOVE(watch, link);
    free(watch);
}

/* Reports what is so already.  uuid is set when the domain is there. */
static void look_now(struct watch *watch)
{
    struct watches *watches = watch->watches;
    libxl_dominfo info;

    libxl_dominfo_init(&info);
    int rc = libxl_domain_info(watches->self->xl.ctx, &info, watch->domid);
    if (rc == 0) {
        memcpy(watch->uuid.bytes, libxl_uuid_bytearray_const(&info.uuid),
               sizeof(watch->uuid.bytes));
        if (info.shutdown)
            occur(watches, watch->serial, HV_EVENT_SHUTDOWN, watch->domid,
                  reason_of((int)info.shutdown_reason));
    }
    if (rc == ERROR_DOMAIN_NOTFOUND || (rc == 0 && info.dying))
        occur(watches, watch->serial, HV_EVENT_DEATH, watch->domid,
              HV_SHUTDOWN_NONE);
    libxl_dominfo_dispose(&info);
}

static int enable(struct watch *watch, struct vdc_error *err)
{
    struct xl *xl = &watch->watches->self->xl;
    uint64_t mark = xtl_mark(&xl->log);
    int rc = libxl_evenable_domain_death(xl->ctx, watch->domid, watch->serial,
                                         &watch->evgen);

    if (rc == 0)
        return 0;
    watch->evgen = NULL;
    return xl_error(err, xl, rc, mark, watch->domid, "cannot watch domain %u",
                    watch->domid);
}

/* A suspended domain: does it run again, or has it ended? */
static void look_at_suspended(evutil_socket_t fd, short what, void *arg)
{
    struct watch *watch = arg;
    libxl_dominfo info;

    libxl_dominfo_init(&info);
    int rc =
        libxl_domain_info(watch->watches->self->xl.ctx, &info, watch->domid);
    bool suspended = rc == 0 && !info.dying && info.shutdown &&
                     info.shutdown_reason == LIBXL_SHUTDOWN_REASON_SUSPEND;
    libxl_dominfo_dispose(&info);
    if (suspended || (rc != 0 && rc != ERROR_DOMAIN_NOTFOUND)) {
        evtimer_add(watch->look, &suspended_look);
        return;
    }
    watch->serial = watch->watches->next_serial++;
    watch->shutdown_told = false;
    if (enable(watch, NULL) != 0)
        evtimer_add(watch->look, &suspended_look);
    else
        look_now(watch);
}

/* Whether this is news; notes that it has been told. */
static bool is_news(struct watch *watch, const struct hv_event *event)
{
    if (watch->death_told)
        return false;
    switch (event->kind) {
    case HV_EVENT_SHUTDOWN:
        if (watch->shutdown_told)
            return false;
        watch->shutdown_told = true;
        if (event->reason == HV_SHUTDOWN_SUSPEND) {
            disable(watch);
            evtimer_add(watch->look, &suspended_look);
        }
        return true;
    case HV_EVENT_DEATH:
        watch->death_told = true;
        disable(watch);
        return true;
    }
    return false;
}

/* One at a turn: the owner may remove watches, or close everything. */
static void deliver(evutil_socket_t fd, short what, void *arg)
{
    struct watches *watches = arg;
    struct hv *hv = &watches->self->hv;
    struct occurrence *occurrence = STAILQ_FIRST(&watches->occurrences);

    if (!occurrence)
        return;
    STAILQ_REMOVE_HEAD(&watches->occurrences, link);
    if (!STAILQ_EMPTY(&watches->occurrences))
        event_active(watches->deliver, EV_TIMEOUT, 1);
    struct hv_event event = occurrence->event;
    struct watch *watch = find(watches, occurrence->serial);
    free(occurrence);
    if (!watch || !is_news(watch, &event))
        return;
    event.uuid = watch->uuid;
    if (hv->on_event)
        hv->on_event(hv->on_event_arg, &event);
}

int watches_new(struct hv_xen *self, struct watches **ret,
                struct vdc_error *err)
{
    struct watches *watches = XNEW(struct watches);

    watches->self = self;
    watches->next_serial = 1;
    LIST_INIT(&watches->watches);
    STAILQ_INIT(&watches->occurrences);
    watches->deliver = event_new(self->base, -1, 0, deliver, watches);
    if (!watches->deliver) {
        free(watches);
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "cannot add an event to the loop");
    }
    watches->hooks.event_occurs_mask =
        (UINT64_C(1) << LIBXL_EVENT_TYPE_DOMAIN_SHUTDOWN) |
        (UINT64_C(1) << LIBXL_EVENT_TYPE_DOMAIN_DEATH);
    watches->hooks.event_occurs = event_occurs;
    watches->hooks.disaster = disaster;
    libxl_event_register_callbacks(self->xl.ctx, &watches->hooks, watches);
    *ret = watches;
    return 0;
}

void watches_destroy(struct watches *watches)
{
    struct occurrence *occurrence;

    if (!watches)
        return;
    while (!LIST_EMPTY(&watches->watches))
        watch_destroy(LIST_FIRST(&watches->watches));
    while ((occurrence = STAILQ_FIRST(&watches->occurrences)) != NULL) {
        STAILQ_REMOVE_HEAD(&watches->occurrences, link);
        free(occurrence);
    }
    event_free(watches->deliver);
    free(watches);
}

static struct watch *find_domain(struct watches *watches, uint32_t domid)
{
    struct watch *watch;

    LIST_FOREACH(watch, &watches->watches, link)
    {
        if (watch->domid == domid)
            return watch;
    }
    return NULL;
}

int watches_add(struct hv *hv, uint32_t domid, struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    struct watches *watches = self->watches;
    int rc = hv_xen_check(self, err);

    if (rc)
        return rc;
    if (domid == 0 || domid > HV_DOMID_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE, "domain %u is not a guest",
                             domid);
    struct watch *old = find_domain(watches, domid);
    if (old && !old->death_told)
        return 0;
    if (old)
        watch_destroy(old); /* the number is in use again */
    struct watch *watch = XNEW(struct watch);
    watch->watches = watches;
    watch->serial = watches->next_serial++;
    watch->domid = domid;
    watch->look = evtimer_new(self->base, look_at_suspended, watch);
    LIST_INSERT_HEAD(&watches->watches, watch, link);
    rc = enable(watch, err);
    if (rc) {
        watch_destroy(watch);
        return rc;
    }
    look_now(watch);
    return 0;
}

void watches_remove(struct hv *hv, uint32_t domid)
{
    struct watch *watch = find_domain(hv_xen_of(hv)->watches, domid);

    if (watch)
        watch_destroy(watch);
}
