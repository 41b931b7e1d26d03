/*
 * Requests of scripts in dom0; see request.h.
 *
 * xenstore has all that must outlive us.  In memory there is what runs, and
 * when an answer is to be removed.
 *
 *   (none) -> queued -> running -> done | failed
 *
 * The key is written before `queued`, so whatever was begun has one; `state`
 * is the last that is written of an answer.
 */
#include "automation/request.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "automation/answer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/uuid.h"

#define FOLDER "/tool/xen-vdc/request"
#define ID_MAX 64
#define PIECES (RUN_OUT_MAX / ANSWER_PIECE + 2)
#define SWEEP_S 5

struct request {
    LIST_ENTRY(request) link;
    struct requests *all;
    char id[ID_MAX + 1];
    char folder[sizeof(FOLDER) + 1 + ID_MAX];
    struct job *job;         /* NULL: it is answered */
    uint64_t finished_ms;    /* wall clock */
};

struct requests {
    struct event_base *base;
    struct hv *hv;
    const struct setup *setup;
    struct jobs *jobs;
    LIST_HEAD(, request) rows;
    unsigned n_rows;
    struct hv_store_watch *watch;
    struct event *sweep;
    bool told_full;
};

/* ---- nodes ---- */

/* NULL when there is none, or it cannot be read. */
static const char *read_below(const struct request *request,
                              struct arena *arena, const char *name)
{
    struct hv *hv = request->all->hv;
    const char *path = *name
        ? arena_printf(arena, "%s/%s", request->folder, name)
        : request->folder;
    const char *value;

    return hv->store->read(hv, path, arena, &value, NULL) ? NULL : value;
}

static void complain(const struct request *request, int rc,
                     const struct vdc_error *err)
{
    if (rc)
        log_limited(VDC_LOG_WARNING, "xenstore", "request %s: %s",
                    request->id, err->text);
}

static void set(struct request *request, const char *name, const char *value)
{
    struct vdc_error err;

    complain(request,
             answer_node(request->all->hv, request->folder, name, value,
                         &err), &err);
}

/* ---- one request ---- */

static struct request *find(struct requests *all, const char *id)
{
    struct request *request;

    LIST_FOREACH(request, &all->rows, link)
    if (strcmp(request->id, id) == 0)
        return request;
    return NULL;
}

static struct request *add(struct requests *all, const char *id)
{
    struct request *request = XNEW(struct request);

    request->all = all;
    snprintf(request->id, sizeof(request->id), "%s", id);
    snprintf(request->folder, sizeof(request->folder), FOLDER "/%s", id);
    LIST_INSERT_HEAD(&all->rows, request, link);
    all->n_rows++;
    return request;
}

static void forget(struct request *request)
{
    if (request->job)
        job_cancel(request->job);
    LIST_REMOVE(request, link);
    request->all->n_rows--;
    free(request);
}

/* What is below a request that is not there. */
static void drop(struct request *request)
{
    struct hv *hv = request->all->hv;
    struct vdc_error err;

    complain(request, hv->store->remove(hv, request->folder, &err), &err);
    forget(request);
}

static void fail(struct request *request, const struct vdc_error *error)
{
    struct vdc_error err;

    request->finished_ms = clock_wall().ms;
    complain(request,
             answer_error(request->all->hv, request->folder, error, &err),
             &err);
}

/* One that was removed just now must not come back by what is said of it. */
static bool is_there(const struct request *request)
{
    struct arena *arena = arena_new();
    const char *text = read_below(request, arena, "");
    bool is = text && *text;

    arena_free(arena);
    return is;
}

static void tell(struct request *request, const char *name, const char *value)
{
    if (is_there(request))
        set(request, name, value);
}

static void on_start(void *arg)
{
    tell(arg, "state", "running");
}

static void on_percent(void *arg, unsigned percent)
{
    char text[16];

    snprintf(text, sizeof(text), "%u", percent);
    tell(arg, "percent", text);
}

static void on_trouble(void *arg, const char *text)
{
    char piece[512];

    snprintf(piece, sizeof(piece), "%s", text);
    piece[strcspn(piece, "\n")] = '\0';
    tell(arg, "trouble", piece);
}

static void on_end(void *arg, const struct run_result *result)
{
    struct request *request = arg;
    struct vdc_error err;

    request->job = NULL;
    request->finished_ms = clock_wall().ms;
    if (is_there(request))
        complain(request,
                 answer_write(request->all->hv, request->folder, result,
                              PIECES, &err), &err);
}

static void carry_out(struct request *request, struct arena *arena,
                      const struct command_line *line, const char *key)
{
    static const struct job_ops ops = { on_start, on_percent, on_trouble,
                                        on_end };
    const struct job_order order = {
        .line = line,
        .key = key,
        .input = read_below(request, arena, "input"),
    };

    request->job = job_new(request->all->jobs, &order, &ops, request);
}

/* ---- taking it ---- */

/* Its own, or one that nobody else has. */
static int take_key(struct request *request, struct arena *arena,
                    const char **ret, struct vdc_error *err)
{
    const char *key = read_below(request, arena, "key");
    char text[UUID_TEXT_SIZE];
    struct vdc_uuid uuid;
    int rc = 0;

    if (!key) {
        uuid_random(&uuid);
        key = arena_printf(arena, "xs-%s", uuid_format(&uuid, text));
        rc = answer_node(request->all->hv, request->folder, "key", key, err);
    }
    *ret = key;
    return rc ? rc : command_key_check(key, err);
}

static int check_number(const struct requests *all, struct vdc_error *err)
{
    if (all->n_rows <= all->setup->requests)
        return 0;
    vdc_error_set(err, VDC_E_BUSY,
                  "there are %" PRIu64 " requests in xenstore already",
                  all->setup->requests);
    vdc_error_hint(err, "remove those that are answered: xenstore-rm " FOLDER
                        "/ID");
    return VDC_E_BUSY;
}

static void take(struct request *request, const char *text)
{
    struct arena *arena = arena_new();
    struct vdc_error err = { 0 };
    struct command_line line;
    const char *key = "";
    int rc = check_number(request->all, &err);

    if (!rc)
        rc = command_line_parse(text, false, arena, &line, &err);
    if (!rc)
        rc = take_key(request, arena, &key, &err);
    if (!rc)
        rc = answer_node(request->all->hv, request->folder, "state", "queued",
                         &err);
    if (rc) /* without a key, or not known as begun, it could be done twice */
        fail(request, &err);
    else
        carry_out(request, arena, &line, key);
    arena_free(arena);
}

/* It had begun when an automationd ended. */
static void take_again(struct request *request, const char *text)
{
    struct arena *arena = arena_new();
    struct vdc_error err = { 0 };
    struct command_line line;
    const char *key = read_below(request, arena, "key");
    int rc = command_line_parse(text, false, arena, &line, &err);

    if (!rc && line.kind == COMMAND_ONCE) {
        rc = vdc_error_set(&err, VDC_E_CLOSED,
                           "automationd ended while this ran, and '%s' is "
                           "not asked for twice: whether it was done is not "
                           "known", line.words[0]);
        vdc_error_hint(&err, "look with 'xl-vdc list' and 'xl-vdc moves'");
    }
    if (!rc)
        rc = command_key_check(key ? key : "", &err);
    if (rc)
        fail(request, &err);
    else
        carry_out(request, arena, &line, key);
    arena_free(arena);
}

static bool is_end(const char *state)
{
    return strcmp(state, "done") == 0 || strcmp(state, "failed") == 0;
}

/* Answered by an automationd before us. */
static void keep(struct request *request, struct arena *arena)
{
    const char *finished = read_below(request, arena, "finished");

    request->finished_ms = finished ? strtoull(finished, NULL, 10) * 1000 : 0;
}

/* A node of this name was written, or is found at the start. */
static void look(struct requests *all, const char *id, bool at_start)
{
    struct arena *arena = arena_new();
    struct request *request = find(all, id);
    bool was_known = request;

    if (!request)
        request = add(all, id);
    const char *text = read_below(request, arena, "");
    const char *state = text ? read_below(request, arena, "state") : NULL;
    bool there = text && *text;
    if (was_known && (!there || !state)) {
        forget(request); /* it was removed; what is there now is another */
        request = add(all, id);
        was_known = false;
    }
    if (was_known)
        ;
    else if (!there && state)
        drop(request); /* we wrote, just when it was removed */
    else if (!there)
        forget(request); /* nodes below it may be there already */
    else if (!state || (strcmp(state, "queued") == 0 && at_start))
        take(request, text);
    else if (at_start && !is_end(state))
        take_again(request, text);
    else
        keep(request, arena);
    arena_free(arena);
}

/* ---- all of them ---- */

static void look_at_all(struct requests *all, bool at_start)
{
    struct arena *arena = arena_new();
    struct vdc_error err;
    const char **ids = NULL;
    size_t n = 0;
    int rc = all->hv->store->list(all->hv, FOLDER, arena, &ids, &n, &err);

    if (rc && rc != VDC_E_NOT_FOUND)
        log_limited(VDC_LOG_WARNING, "xenstore", "requests: %s", err.text);
    for (size_t i = 0; !rc && i < n; i++)
        if (strlen(ids[i]) <= ID_MAX)
            look(all, ids[i], at_start);
    arena_free(arena);
}

/* A change somewhere below the folder: of which request. */
static void on_change(void *arg, const char *path)
{
    struct requests *all = arg;
    const char *begin = path + strlen(FOLDER) + 1;
    char id[ID_MAX + 1];

    if (strncmp(path, FOLDER "/", sizeof(FOLDER)) != 0) {
        struct request *request, *next;
        for (request = LIST_FIRST(&all->rows); request; request = next) {
            next = LIST_NEXT(request, link);
            memcpy(id, request->id, sizeof(id)); /* look() may free it */
            look(all, id, false);
        }
        look_at_all(all, false);
        return;
    }
    size_t len = strcspn(begin, "/");
    if (len == 0 || len > ID_MAX) {
        log_limited(VDC_LOG_WARNING, "xenstore",
                    "a request's name has at most %d characters", ID_MAX);
        return;
    }
    memcpy(id, begin, len);
    id[len] = '\0';
    /* what is below it we write ourselves, but for what comes before it */
    if (!begin[len] || !find(all, id))
        look(all, id, false);
}

/* What was answered long ago goes. */
static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct requests *all = arg;
    struct request *request, *next;
    uint64_t now_ms = clock_wall().ms;
    struct vdc_error err;

    for (request = LIST_FIRST(&all->rows); request; request = next) {
        next = LIST_NEXT(request, link);
        if (request->job ||
            now_ms < request->finished_ms + all->setup->keep_ms)
            continue;
        int rc = all->hv->store->remove(all->hv, request->folder, &err);
        complain(request, rc, &err);
        if (!rc)
            forget(request);
    }
}

int requests_new(struct event_base *base, struct hv *hv,
                 const struct setup *setup, struct jobs *jobs,
                 struct requests **ret, struct vdc_error *err)
{
    static const struct hv_store_access dom0_only = {
        .owner_domid = 0, .reader_domid = HV_DOMID_NONE
    };
    static const struct timeval often = { SWEEP_S, 0 };
    struct requests *all = XNEW(struct requests);

    all->base = base;
    all->hv = hv;
    all->setup = setup;
    all->jobs = jobs;
    LIST_INIT(&all->rows);
    all->sweep = event_new(base, -1, EV_PERSIST, on_sweep, all);
    int rc = hv->store->write(hv, FOLDER, "", err);
    if (!rc) /* nodes below it get the same */
        rc = hv->store->set_access(hv, FOLDER, &dom0_only, err);
    if (!rc)
        look_at_all(all, true);
    if (!rc)
        rc = hv->store->watch(hv, FOLDER, on_change, all, &all->watch, err);
    if (rc) {
        requests_free(all);
        return rc;
    }
    event_add(all->sweep, &often);
    *ret = all;
    return 0;
}

void requests_free(struct requests *all)
{
    struct request *request;

    if (!all)
        return;
    if (all->watch)
        all->hv->store->unwatch(all->hv, all->watch);
    event_free(all->sweep);
    while ((request = LIST_FIRST(&all->rows))) {
        LIST_REMOVE(request, link);
        free(request);
    }
    free(all);
}
