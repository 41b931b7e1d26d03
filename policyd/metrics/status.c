/*
 * dc_status: how the data center is, and what is wrong, for operators.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "policyd/api/operations.h"
#include "policyd/fence/fence.h"
#include "policyd/fence/restart.h"
#include "policyd/fence/watch.h"
#include "policyd/hosts/backups.h"
#include "policyd/metrics/census.h"
#include "policyd/metrics/expiry.h"
#include "policyd/metrics/metrics.h"
#include "policyd/rebalance/run.h"
#include "wire/fence.h"

#define PROBLEMS_MAX 128
#define EXPIRIES_MAX 16
#define TEXT_MAX 255
#define DAY_MS UINT64_C(86400000)
/* As host-list warns; policyd renews its own, long before. */
#define WARN_MS (30 * DAY_MS)
#define WARN_OWN_MS (20 * DAY_MS)

struct expiries {
    struct arena *arena;
    struct wire_dc_expiry *all;
    uint32_t n, n_max;
};

/* Its texts are in the arena. */
static struct wire_dc_problem *add_problem(struct wire_dc_status *status,
                                           const char *kind, const char *name)
{
    static struct wire_dc_problem unsaid; /* one too many: only counted */
    struct wire_dc_problem *p = &unsaid;

    if (status->n_problems < PROBLEMS_MAX)
        p = &status->problems[status->n_problems++];
    status->of_problems++;
    wire_init(&wire_struct_dc_problem, p);
    p->kind = kind;
    p->name = name;
    return p;
}

/* Not in the middle of a character. */
static const char *cut(struct arena *arena, const char *text)
{
    size_t len = strlen(text);

    if (len <= TEXT_MAX)
        return arena_strdup(arena, text);
    for (len = TEXT_MAX - 3; len && (text[len] & 0xc0) == 0x80;)
        len--;
    return arena_printf(arena, "%.*s...", (int)len, text);
}

/* ---- parts of it ---- */

static void describe_store(const struct request *request,
                           struct wire_dc_status *ret)
{
    struct store *store = book_store(request->ops->book);
    struct vdc_error why = { 0 };

    ret->store = cut(request->arena, store_name(store));
    if (store_up(store, &why))
        return;
    ret->store_error = cut(request->arena, why.text);
    struct wire_dc_problem *p = add_problem(ret, "store", "");
    p->text = ret->store_error;
    p->hint = cut(request->arena, why.hint);
}

static bool is_wrong(enum census_host state)
{
    switch (state) {
    case CENSUS_UP:
    case CENSUS_DRAINING:
    case CENSUS_MAINTENANCE:
        return false;
    case CENSUS_DOWN:
    case CENSUS_DAMAGED:
    case CENSUS_TWIN:
        return true;
    }
    return true;
}

static void describe_hosts(const struct request *request,
                           struct wire_dc_status *ret)
{
    const struct host *host;

    for (host = hosts_first(request->ops->hosts); host;
         host = hosts_next(host)) {
        struct wire_host described;
        if (!is_wrong(census_of_host(host)))
            continue;
        struct wire_dc_problem *p = add_problem(ret, "host", host->name);
        if (ret->of_problems > PROBLEMS_MAX)
            continue;
        hosts_describe(host, request->arena, &described);
        p->text = described.state;
        p->hint = cut(request->arena, described.hint);
    }
}

static struct wire_state_count *
count_states(struct arena *arena, const uint32_t *counts, int n,
             const char *(*word)(int state), uint32_t *ret_n)
{
    struct wire_state_count *ret =
        ARENA_ARRAY(arena, n, struct wire_state_count);

    *ret_n = 0;
    for (int i = 0; i < n; i++) {
        if (!counts[i])
            continue;
        wire_init(&wire_struct_state_count, &ret[*ret_n]);
        ret[*ret_n].state = word(i);
        ret[(*ret_n)++].n = counts[i];
    }
    return ret;
}

static const char *host_word(int state)
{
    return census_host_word((enum census_host)state);
}

static const char *guest_word(int state)
{
    return census_guest_word((enum census_guest)state);
}

static void describe_census(const struct request *request,
                            const struct census *census,
                            struct wire_dc_status *ret)
{
    struct arena *arena = request->arena;

    ret->hosts = count_states(arena, census->hosts, CENSUS_HOSTS, host_word,
                              &ret->n_hosts);
    ret->guests = count_states(arena, census->guests, CENSUS_GUESTS,
                               guest_word, &ret->n_guests);
    ret->total_memory = census->total_memory;
    ret->available_memory = census->available_memory;
    ret->pcpus = census->pcpus;
    ret->vcpus = census->vcpus;
    uint32_t n = census->guests[CENSUS_MISSING];
    if (n) {
        struct wire_dc_problem *p = add_problem(ret, "guest", "");
        p->text = arena_printf(arena, "%u guest%s not known to %s host any "
                               "more", n, n == 1 ? " is" : "s are",
                               n == 1 ? "its" : "their");
        p->hint = "'xl-vdc list --all' shows them; 'xl-vdc host-verify' "
                  "compares a host with its database";
    }
}

static void describe_moves(const struct request *request,
                           struct wire_dc_status *ret)
{
    const struct operations *ops = request->ops;
    const struct wire_stored_move *move = NULL;

    while ((move = book_move_after(ops->book, move))) {
        const struct assignment *a = book_assignment(ops->book, &move->uuid);
        if (move->state != WIRE_MOVE_KEPT) {
            ret->moves++;
            continue;
        }
        if (!a || a->runs)
            continue;
        struct wire_dc_problem *p = add_problem(
            ret, "move",
            move_guest_name(ops, &move->uuid, request->arena));
        p->text = "it does not run: it could neither be moved nor stay, and "
                  "what it was doing is in a file";
        p->hint = "'xl-vdc moves' says in which, and what to do";
    }
    runs_report(ops->runs, request->arena, &ret->plan);
    if (!ret->plan.under_way)
        wire_init(&wire_struct_moves_report, &ret->plan);
    ret->plan.n_moves = ret->plan.of_moves = 0;
}

static void describe_backups(const struct request *request,
                             struct wire_dc_status *ret)
{
    backups_found(request->ops->backups, &ret->protected,
                  &ret->without_backup);
    if (!ret->without_backup)
        return;
    struct wire_dc_problem *p = add_problem(ret, "backup", "");
    p->text = arena_printf(request->arena,
                           "%u of %u protected guests would not come back if "
                           "their host died: no other has the room",
                           ret->without_backup, ret->protected);
    p->hint = "'xl-vdc host-list' shows where they are";
}

/* ---- fencing ---- */

/* Protected guests of hosts that are off, and that do not run elsewhere. */
static void describe_restarts(const struct request *request,
                              const struct host *host,
                              struct wire_dc_status *ret)
{
    struct wire_fence_plan plan;

    wire_init(&wire_struct_fence_plan, &plan);
    restarts_describe(request->ops, host->name, request->arena, &plan);
    for (uint32_t i = 0; i < plan.n_guests; i++) {
        const struct wire_fence_guest *g = &plan.guests[i];
        if (!g->protected || *g->to)
            continue;
        struct wire_dc_problem *p = add_problem(ret, "guest", g->guest);
        p->text = cut(request->arena,
                      arena_printf(request->arena,
                                   "its host %s is off, and it is not "
                                   "started elsewhere: %s", host->name,
                                   g->why));
        p->hint = "it is tried again until its host is back";
    }
}

static void describe_fencing(const struct request *request,
                             struct wire_dc_status *ret)
{
    const struct operations *ops = request->ops;
    const struct host *host;
    struct watch_counts counts;

    for (host = hosts_first(ops->hosts); host; host = hosts_next(host)) {
        if (fence_is_off(ops, host->name))
            describe_restarts(request, host, ret);
        if (!host->fence_told)
            continue;
        struct wire_dc_problem *p = add_problem(ret, "host", host->name);
        p->text = "it is back, and the store does not take that";
        p->hint = "policyd's log says why; it starts none of its protected "
                  "guests before, and gets no orders";
    }
    watch_count(ops->watch, &counts);
    if (counts.n_members && counts.n_armed < counts.n_members) {
        struct wire_dc_problem *p = add_problem(ret, "fencing", "");
        p->text = arena_printf(request->arena,
                               "%u of %u hosts have a watchdog that is armed",
                               counts.n_armed, counts.n_members);
        p->hint = counts.n_members < FENCE_MEMBERS_MIN
                      ? "with fewer than 3 hosts none is fenced by itself: "
                        "`xl-vdc host-fenced` says that one is off"
                      : "is watchdogd running on each of them? `systemctl "
                        "status xen-vdc-watchdogd`";
    }
}

/* ---- certificates ---- */

static void take_expiry(void *arg, const char *name, uint64_t to_ms)
{
    struct expiries *e = arg;

    if (e->n >= e->n_max)
        return;
    wire_init(&wire_struct_dc_expiry, &e->all[e->n]);
    e->all[e->n].name = arena_strdup(e->arena, name);
    e->all[e->n++].to_ms = to_ms;
}

static int compare_expiries(const void *a, const void *b)
{
    const struct wire_dc_expiry *p = a, *q = b;

    if (p->to_ms != q->to_ms)
        return p->to_ms < q->to_ms ? -1 : 1;
    return strcmp(p->name, q->name);
}

static const char *renewal(struct arena *arena, const char *name)
{
    if (strncmp(name, "host ", 5) == 0)
        return arena_printf(arena, "policyd could not renew it: `xl-vdc "
                            "dc-token %s --again` and dc-join --again there "
                            "do it", name + 5);
    if (strcmp(name, "tls_address") == 0)
        return "put a new one in the files of tls_certificate and tls_key of "
               "policyd.conf, and send policyd SIGHUP";
    if (strcmp(name, "policyd") == 0)
        return "policyd renews it by itself: its log says why it could not";
    return "with another authority every host must join again: 'xl-vdc "
           "dc-init --help'";
}

static void describe_certificates(const struct request *request,
                                  struct wire_dc_status *ret)
{
    const struct operations *ops = request->ops;
    uint64_t now_ms = clock_wall().ms;
    struct expiries e = { .arena = request->arena,
                          .n_max = (uint32_t)hosts_count(ops->hosts) + 3 };
    char date[32];

    e.all = ARENA_ARRAY(e.arena, e.n_max, struct wire_dc_expiry);
    expiry_each(ops, take_expiry, &e);
    if (e.n)
        qsort(e.all, e.n, sizeof(*e.all), compare_expiries);
    ret->certificates = e.all;
    ret->n_certificates = e.n < EXPIRIES_MAX ? e.n : EXPIRIES_MAX;
    for (uint32_t i = 0; i < e.n && e.all[i].to_ms < now_ms + WARN_MS; i++) {
        const char *name = e.all[i].name;
        if (strcmp(name, "policyd") == 0 &&
            e.all[i].to_ms >= now_ms + WARN_OWN_MS)
            continue;
        clock_wall_format((struct wall){ e.all[i].to_ms }, date, sizeof(date));
        struct wire_dc_problem *p = add_problem(ret, "certificate", name);
        p->text = arena_printf(e.arena, "%s %s",
                               e.all[i].to_ms <= now_ms ? "expired"
                                                        : "expires",
                               date);
        p->hint = renewal(e.arena, name);
    }
}

/* ---- all of it ---- */

static void counted(void *arg, const struct census *census,
                    const struct census_customer *customers, size_t n)
{
    struct request *request = arg;
    const struct operations *ops = request->ops;
    struct wire_audit *errors =
        ARENA_ARRAY(request->arena, METRICS_FAILURES, struct wire_audit);
    struct wire_dc_status status;
    struct vdc_error err = { 0 };

    if (!census) {
        vdc_error_set(&err, VDC_E_CLOSED, "policyd is being stopped");
        request_fail(request, &err);
        return;
    }
    wire_init(&wire_struct_dc_status, &status);
    status.problems =
        ARENA_ARRAY(request->arena, PROBLEMS_MAX, struct wire_dc_problem);
    status.leader = ops->setup->host_name;
    status.version = PACKAGE_VERSION;
    status.since_ms = ops->began_ms;
    describe_store(request, &status);
    describe_hosts(request, &status);
    describe_census(request, census, &status);
    describe_moves(request, &status);
    describe_backups(request, &status);
    describe_fencing(request, &status);
    describe_certificates(request, &status);
    status.requests = metrics_under_way(ops->metrics);
    status.requests -= status.requests > 0; /* this one */
    status.errors = errors;
    status.n_errors = (uint32_t)metrics_failures(ops->metrics, errors);
    status.well = status.of_problems == 0;
    request_reply(request, WIRE_MSG_dc_status_reply, &status);
}

static void hosts_known(void *arg)
{
    struct request *request = arg;

    census_begin(request->ops, counted, request);
}

void status_serve(struct request *request)
{
    hosts_refresh(request->ops->hosts, hosts_known, request);
}
