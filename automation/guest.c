/*
 * Requests of guests; see guest.h.
 *
 * Who a guest is follows from the path that it wrote to, which xenstored lets
 * nobody else write, and from what resourced has published of that domain.
 * xl-vdc asks as that guest, so policyd allows what it allows inside one.
 *
 * A guest that writes without end costs a note for each event, and a look at
 * its node so often as the settings say.
 */
#include "automation/guest.h"

#include <ctype.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "automation/answer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/uuid.h"

#define PARTITIONS "/tool/xen-vdc/partition"
#define STATES "/tool/xen-vdc/state"
#define TAKEN "/tool/xen-vdc/guest-request"
#define LOOK_AFTER_MS 20

struct guest {
    LIST_ENTRY(guest) link;
    struct guests *all;
    uint32_t domid;
    char uuid[UUID_TEXT_SIZE];
    char name[128];   /* CUSTOMER.NAME, for the log */
    char folder[64];  /* its data/vdc */
    char request[80];
    char taken[96];
    bool is_operator;
    struct hv_store_watch *watch; /* NULL: the domain has gone */
    struct event *timer;
    struct mono last; /* when a request was taken last */
    bool has_taken, dirty, listed;
    struct job *job;
};

struct guests {
    struct event_base *base;
    struct hv *hv;
    const struct setup *setup;
    struct jobs *jobs;
    LIST_HEAD(, guest) rows;
    struct hv_store_watch *partitions, *states;
    struct event *look;
    bool started; /* all that ran when we began are known */
};

static const char *read_node(struct guests *all, struct arena *arena,
                             const char *path)
{
    const char *value;

    return all->hv->store->read(all->hv, path, arena, &value, NULL) ? NULL
                                                                    : value;
}

static void complain(const struct guest *guest, int rc,
                     const struct vdc_error *err)
{
    if (rc)
        log_limited(VDC_LOG_WARNING, guest->name, "its request: %s",
                    err->text);
}

static void remove_node(struct guest *guest, const char *path)
{
    struct vdc_error err;
    struct hv *hv = guest->all->hv;

    complain(guest, hv->store->remove(hv, path, &err), &err);
}

static void free_guest(struct guest *guest)
{
    if (guest->watch)
        guest->all->hv->store->unwatch(guest->all->hv, guest->watch);
    event_free(guest->timer);
    LIST_REMOVE(guest, link);
    free(guest);
}

/* ---- answers ---- */

/* Nothing is written for a domain that has gone: it would make its folder
 * anew. */
static bool is_there(struct guest *guest)
{
    struct arena *arena = arena_new();
    bool is = guest->watch &&
              read_node(guest->all, arena,
                        arena_printf(arena, "/local/domain/%u/domid",
                                     guest->domid));

    arena_free(arena);
    return is;
}

static void look_again(struct guest *guest);

static void end_request(struct guest *guest)
{
    remove_node(guest, guest->taken);
    if (!guest->watch)
        free_guest(guest);
    else if (guest->dirty)
        look_again(guest);
}

static void on_end(void *arg, const struct run_result *result)
{
    struct guest *guest = arg;
    struct vdc_error err;

    guest->job = NULL;
    if (is_there(guest))
        complain(guest,
                 answer_write(guest->all->hv, guest->folder, result, 1, &err),
                 &err);
    end_request(guest);
}

static void refuse(struct guest *guest, const struct vdc_error *error)
{
    struct vdc_error err;

    log_limited(VDC_LOG_INFO, guest->name, "its request is refused: %s",
                error->text);
    if (is_there(guest))
        complain(guest,
                 answer_error(guest->all->hv, guest->folder, error, &err),
                 &err);
    end_request(guest);
}

/* ---- requests ---- */

static void carry_out(struct guest *guest, const char *key, const char *text)
{
    static const struct job_ops ops = { .on_end = on_end };
    struct arena *arena = arena_new();
    struct vdc_error err = { 0 };
    struct command_line line;
    int rc = command_line_parse(text, !guest->is_operator, arena, &line,
                                &err);

    if (!rc && line.kind == COMMAND_ONCE)
        rc = vdc_error_set(&err, VDC_E_DENIED,
                           "'%s' is asked for in dom0 alone", line.words[0]);
    if (rc) {
        refuse(guest, &err);
    } else {
        const struct job_order order = {
            .line = &line,
            .key = key,
            .guest = guest->is_operator ? NULL : guest->uuid,
        };
        guest->job = job_new(guest->all->jobs, &order, &ops, guest);
    }
    arena_free(arena);
}

/* A guest that finds its request gone finds no older answer. */
static void remove_request(struct guest *guest)
{
    struct vdc_error err;

    complain(guest,
             answer_node(guest->all->hv, guest->folder, "state", "running",
                         &err), &err);
    remove_node(guest, guest->request);
}

/* First it is noted that it is taken, then it is removed: whoever comes after
 * us finds the note, and removes the request if it is there still. */
static void take(struct guest *guest, const char *text)
{
    struct arena *arena = arena_new();
    struct hv *hv = guest->all->hv;
    char key[UUID_TEXT_SIZE];
    struct vdc_uuid uuid;
    struct vdc_error err = { 0 };
    int rc = 0;

    uuid_random(&uuid);
    uuid_format(&uuid, key);
    if (strlen(text) > COMMAND_GUEST_LINE_MAX)
        rc = vdc_error_set(&err, VDC_E_BAD_VALUE,
                           "a request has at most %d characters",
                           COMMAND_GUEST_LINE_MAX);
    else
        rc = hv->store->write(hv, guest->taken,
                              arena_printf(arena, "xs-%s %s", key, text),
                              &err);
    remove_request(guest);
    if (rc)
        refuse(guest, &err);
    else
        carry_out(guest, arena_printf(arena, "xs-%s", key), text);
    arena_free(arena);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct guest *guest = arg;
    struct arena *arena = arena_new();

    guest->dirty = false;
    const char *text = read_node(guest->all, arena, guest->request);
    if (text && *text) {
        guest->last = clock_mono();
        guest->has_taken = true;
        take(guest, text);
    }
    arena_free(arena);
}

/* When its turn is: not before the last one is answered, and not sooner than
 * so long after it. */
static void look_again(struct guest *guest)
{
    uint64_t now = clock_mono().ms,
             next = guest->last.ms + guest->all->setup->guest_interval_ms,
             wait = guest->has_taken && next > now ? next - now : 0;
    const struct timeval tv = { (time_t)(wait / 1000),
                                (suseconds_t)(wait % 1000 * 1000) };

    guest->dirty = true;
    if (!guest->job && !event_pending(guest->timer, EV_TIMEOUT, NULL))
        evtimer_add(guest->timer, &tv);
}

static void on_request(void *arg, const char *path)
{
    look_again(arg);
}

/* What an automationd before us had taken. */
static void resume(struct guest *guest)
{
    struct arena *arena = arena_new();
    const char *note = read_node(guest->all, arena, guest->taken);
    const char *text = note ? strchr(note, ' ') : NULL;
    const char *now = read_node(guest->all, arena, guest->request);

    if (text && now && strcmp(now, text + 1) == 0)
        remove_request(guest);
    if (text)
        carry_out(guest, arena_strndup(arena, note, (size_t)(text - note)),
                  text + 1);
    arena_free(arena);
}

/* ---- guests that come and go ---- */

static void gain(struct guests *all, uint32_t domid, const char *uuid,
                 const char *name, bool is_operator)
{
    struct guest *guest = XNEW(struct guest);
    struct vdc_error err;

    guest->all = all;
    guest->domid = domid;
    guest->is_operator = is_operator;
    guest->listed = true;
    snprintf(guest->uuid, sizeof(guest->uuid), "%s", uuid);
    snprintf(guest->name, sizeof(guest->name), "%s", name);
    snprintf(guest->folder, sizeof(guest->folder),
             "/local/domain/%u/data/vdc", domid);
    snprintf(guest->request, sizeof(guest->request), "%s/request",
             guest->folder);
    snprintf(guest->taken, sizeof(guest->taken), TAKEN "/%s", uuid);
    guest->timer = evtimer_new(all->base, on_timer, guest);
    LIST_INSERT_HEAD(&all->rows, guest, link);
    int rc = all->hv->store->watch(all->hv, guest->request, on_request, guest,
                                   &guest->watch, &err);
    complain(guest, rc, &err);
    if (rc)
        free_guest(guest);
    else if (!all->started)
        resume(guest);
}

static void lose(struct guest *guest)
{
    if (guest->watch)
        guest->all->hv->store->unwatch(guest->all->hv, guest->watch);
    guest->watch = NULL;
    evtimer_del(guest->timer);
    if (!guest->job) /* otherwise its end frees it */
        free_guest(guest);
}

static struct guest *find(struct guests *all, uint32_t domid,
                          const char *uuid, bool is_operator)
{
    struct guest *guest;

    LIST_FOREACH(guest, &all->rows, link)
    if (guest->watch && guest->domid == domid &&
        strcmp(guest->uuid, uuid) == 0 && guest->is_operator == is_operator)
        break;
    return guest;
}

static void look_at(struct guests *all, struct arena *arena,
                    const char *domid)
{
    const char *path = arena_printf(arena, PARTITIONS "/%s", domid);
    const char *uuid = read_node(all, arena, path);
    const char *owner =
        read_node(all, arena, arena_printf(arena, "%s/owner", path));
    const char *name =
        read_node(all, arena, arena_printf(arena, "%s/name", path));
    char *end;
    unsigned long n = strtoul(domid, &end, 10);
    struct vdc_uuid parsed;

    if (!isdigit((unsigned char)*domid) || *end || n > HV_DOMID_MAX ||
        !uuid || !owner || !name || !uuid_from_text(uuid, &parsed))
        return;
    if (!*owner)
        owner = "provider";
    bool is_operator = setup_is_operator(all->setup, owner, name);
    const char *service = read_node(
        all, arena, arena_printf(arena, STATES "/%s/self-service", uuid));
    if (!is_operator && (!service || strcmp(service, "1") != 0))
        return;
    struct guest *guest = find(all, (uint32_t)n, uuid, is_operator);
    if (guest)
        guest->listed = true;
    else
        gain(all, (uint32_t)n, uuid,
             arena_printf(arena, "%s.%s", owner, name), is_operator);
}

/* Notes of guests that went while nobody looked. */
static void remove_old_notes(struct guests *all, struct arena *arena)
{
    const char **names = NULL;
    size_t n = 0;
    struct guest *guest;

    if (all->hv->store->list(all->hv, TAKEN, arena, &names, &n, NULL))
        return;
    for (size_t i = 0; i < n; i++) {
        LIST_FOREACH(guest, &all->rows, link)
        if (guest->job && strcmp(guest->uuid, names[i]) == 0)
            break;
        if (!guest)
            all->hv->store->remove(
                all->hv, arena_printf(arena, TAKEN "/%s", names[i]), NULL);
    }
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    struct guests *all = arg;
    struct arena *arena = arena_new();
    struct vdc_error err;
    struct guest *guest, *next;
    const char **names = NULL;
    size_t n = 0;
    int rc = all->hv->store->list(all->hv, PARTITIONS, arena, &names, &n,
                                  &err);

    if (rc && rc != VDC_E_NOT_FOUND) {
        log_warning("which guests run is not known: %s", err.text);
        arena_free(arena);
        return;
    }
    LIST_FOREACH(guest, &all->rows, link)
    guest->listed = false;
    for (size_t i = 0; i < n; i++)
        look_at(all, arena, names[i]);
    for (guest = LIST_FIRST(&all->rows); guest; guest = next) {
        next = LIST_NEXT(guest, link);
        if (!guest->listed && guest->watch)
            lose(guest);
    }
    if (!all->started)
        remove_old_notes(all, arena);
    all->started = true;
    arena_free(arena);
}

static void on_change(void *arg, const char *path)
{
    static const struct timeval soon = { 0, LOOK_AFTER_MS * 1000 };
    struct guests *all = arg;

    if (!event_pending(all->look, EV_TIMEOUT, NULL))
        event_add(all->look, &soon);
}

int guests_new(struct event_base *base, struct hv *hv,
               const struct setup *setup, struct jobs *jobs,
               struct guests **ret, struct vdc_error *err)
{
    static const struct hv_store_access dom0_only = {
        .owner_domid = 0, .reader_domid = HV_DOMID_NONE
    };
    struct guests *all = XNEW(struct guests);

    all->base = base;
    all->hv = hv;
    all->setup = setup;
    all->jobs = jobs;
    LIST_INIT(&all->rows);
    all->look = evtimer_new(base, on_look, all);
    int rc = hv->store->write(hv, TAKEN, "", err);
    if (!rc)
        rc = hv->store->set_access(hv, TAKEN, &dom0_only, err);
    if (!rc)
        rc = hv->store->watch(hv, PARTITIONS, on_change, all,
                              &all->partitions, err);
    if (!rc)
        rc = hv->store->watch(hv, STATES, on_change, all, &all->states, err);
    if (rc) {
        guests_free(all);
        return rc;
    }
    *ret = all;
    return 0;
}

void guests_free(struct guests *all)
{
    if (!all)
        return;
    while (!LIST_EMPTY(&all->rows))
        free_guest(LIST_FIRST(&all->rows));
    if (all->partitions)
        all->hv->store->unwatch(all->hv, all->partitions);
    if (all->states)
        all->hv->store->unwatch(all->hv, all->states);
    event_free(all->look);
    free(all);
}
