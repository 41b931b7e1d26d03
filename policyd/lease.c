/*
 * Leases; see lease.h.  All are made and ended through here, so that the list
 * is complete once each host has been asked after a connection was made.  One
 * that has run out is left out at once: resourced's clock began earlier.
 */
#include "policyd/lease.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policyd/gather.h"
#include "policyd/inventory.h"
#include "policyd/quota.h"
#include "wire/page.h"

/* Of one customer, so that small ones cannot fill the host's memory. */
#define LEASES_MAX 64

struct lease {
    TAILQ_ENTRY(lease) link;
    struct vdc_uuid id; /* zero: its host is being asked */
    char *host;
    char customer[NAMES_CUSTOMER_MAX + 1];
    struct wire_usage counts;
    struct wire_usage aside;       /* of it, does not count */
    bool used;                     /* a transaction is using it */
    uint64_t expires_ms;           /* monotonic */
    const struct session *session; /* whose end drops it */
    bool orphan;                   /* that session is gone */
    bool stale; /* not heard of since the connection was made */
};

struct leases {
    struct operations *ops;
    TAILQ_HEAD(, lease) all;
};

struct leases *leases_new(struct operations *ops)
{
    struct leases *leases = XNEW(struct leases);

    leases->ops = ops;
    TAILQ_INIT(&leases->all);
    return leases;
}

static void forget(struct leases *leases, struct lease *lease)
{
    if (!lease)
        return;
    TAILQ_REMOVE(&leases->all, lease, link);
    free(lease->host);
    free(lease);
}

void leases_free(struct leases *leases)
{
    if (!leases)
        return;
    while (!TAILQ_EMPTY(&leases->all))
        forget(leases, TAILQ_FIRST(&leases->all));
    free(leases);
}

static bool lives(const struct lease *lease)
{
    return lease->used || uuid_is_zero(&lease->id) ||
           lease->expires_ms > clock_mono().ms;
}

static struct lease *find(const struct leases *leases,
                          const struct vdc_uuid *id)
{
    struct lease *lease;

    TAILQ_FOREACH(lease, &leases->all, link)
    if (!uuid_is_zero(id) && uuid_equal(&lease->id, id))
        return lease;
    return NULL;
}

static void expire(struct leases *leases)
{
    struct lease *lease, *next;

    for (lease = TAILQ_FIRST(&leases->all); lease; lease = next) {
        next = TAILQ_NEXT(lease, link);
        if (!lives(lease))
            forget(leases, lease);
    }
}

static void describe(struct lease *lease, const struct wire_lease *wire)
{
    lease->id = wire->id;
    lease->counts.memory = wire->memory;
    lease->counts.vcpus = wire->vcpus;
    lease->expires_ms = clock_mono().ms + wire->expires_ms;
    lease->stale = false;
}

static struct lease *add(struct leases *leases, const char *customer,
                         const char *host, const struct wire_lease *wire)
{
    struct lease *lease = XNEW(struct lease);

    lease->host = xstrdup(host);
    memcpy(lease->customer, customer,
           strnlen(customer, sizeof(lease->customer) - 1));
    describe(lease, wire);
    TAILQ_INSERT_TAIL(&leases->all, lease, link);
    return lease;
}

/* ---- for quotas and transactions ---- */

void leases_usage(const struct leases *leases, const char *customer,
                  struct wire_usage *usage)
{
    const struct lease *lease;

    TAILQ_FOREACH(lease, &leases->all, link)
    {
        if (strcmp(lease->customer, customer) != 0 || !lives(lease))
            continue;
        usage->memory.kib +=
            lease->counts.memory.kib - lease->aside.memory.kib;
        usage->vcpus += lease->counts.vcpus - lease->aside.vcpus;
    }
}

size_t leases_count(const struct leases *leases, const char *customer)
{
    const struct lease *lease;
    size_t n = 0;

    TAILQ_FOREACH(lease, &leases->all, link)
    n += strcmp(lease->customer, customer) == 0 && lives(lease);
    return n;
}

/* One that a host may have which was not heard of it. */
static int no_lease(const struct leases *leases, const struct vdc_uuid *id,
                    struct vdc_error *err)
{
    const struct hosts *hosts = leases->ops->hosts;
    char text[UUID_TEXT_SIZE];

    for (struct host *host = hosts_first(hosts); host;
         host = hosts_next(host)) {
        if (host->leases_known)
            continue;
        int rc = hosts_check_up(hosts, host->name, err);
        return rc ? rc
                  : vdc_error_set(err, VDC_E_BUSY,
                                  "host %s was not asked for its leases yet",
                                  host->name);
    }
    return vdc_error_set(err, VDC_E_NOT_FOUND, "no such lease: %s",
                         uuid_format(id, text));
}

int leases_find(const struct leases *leases, const struct vdc_uuid *id,
                const char *customer, struct wire_usage *ret,
                struct vdc_error *err)
{
    const struct lease *lease = find(leases, id);
    char text[UUID_TEXT_SIZE];

    if (!lease || strcmp(lease->customer, customer) != 0 || !lives(lease))
        return no_lease(leases, id, err);
    if (lease->used)
        return vdc_error_set(err, VDC_E_BUSY,
                             "another transaction is using lease %s",
                             uuid_format(id, text));
    *ret = lease->counts;
    return 0;
}

const char *leases_host(const struct leases *leases, const struct vdc_uuid *id)
{
    const struct lease *lease = find(leases, id);

    return lease ? lease->host : NULL;
}

void leases_put_aside(struct leases *leases, const struct vdc_uuid *id,
                      const struct wire_usage *part)
{
    struct lease *lease = find(leases, id);

    if (!lease)
        return;
    lease->used = true;
    lease->aside = *part;
}

void leases_settle(struct leases *leases, const struct vdc_uuid *id, bool used)
{
    struct lease *lease = find(leases, id);

    if (!lease)
        return;
    lease->used = false;
    memset(&lease->aside, 0, sizeof(lease->aside));
    if (used)
        forget(leases, lease);
}

/* ---- dropping ---- */

struct dropping {
    struct leases *leases;
    struct vdc_uuid id;
};

static void dropped(void *arg, const void *answer, const struct vdc_error *err)
{
    struct dropping *dropping = arg;
    char text[UUID_TEXT_SIZE];

    if (!err || err->code == VDC_E_NOT_FOUND)
        forget(dropping->leases, find(dropping->leases, &dropping->id));
    else if (err->code != VDC_E_CLOSED)
        log_warning("lease %s, whose session is gone: %s",
                    uuid_format(&dropping->id, text), err->text);
    free(dropping);
}

static void drop(struct leases *leases, const char *host,
                 const struct vdc_uuid *id)
{
    struct dropping *dropping = XNEW(struct dropping);
    struct wire_lease_ref ref;
    struct vdc_error err = { 0 };
    struct service *service;

    *dropping = (struct dropping){ leases, *id };
    wire_init(&wire_struct_lease_ref, &ref);
    ref.id = *id;
    /* without a connection there are no leases of sessions any more */
    if (hosts_service(leases->ops->hosts, host, &service, &err) ||
        service_ask(service, WIRE_MSG_lease_drop, &ref, dropped, NULL,
                    dropping, NULL, &err))
        free(dropping);
}

void leases_session_gone(struct leases *leases, const struct session *session)
{
    struct lease *lease, *next;

    for (lease = TAILQ_FIRST(&leases->all); lease; lease = next) {
        next = TAILQ_NEXT(lease, link);
        if (lease->session != session)
            continue;
        lease->session = NULL;
        lease->orphan = true;
        /* one that is being made is dropped when its id is known */
        if (!uuid_is_zero(&lease->id))
            drop(leases, lease->host, &lease->id);
    }
}

/* ---- the connection ---- */

static bool is_on(const struct lease *lease, const struct host *host)
{
    return strcmp(lease->host, host->name) == 0;
}

static void take_list(struct leases *leases, const struct host *host,
                      const struct wire_lease_list *list)
{
    struct lease *lease, *next;

    for (uint32_t i = 0; i < list->n_leases; i++) {
        const struct wire_lease *wire = &list->leases[i];
        lease = find(leases, &wire->id);
        if (lease)
            describe(lease, wire);
        else if (wire->session) /* its session died while nobody looked */
            drop(leases, host->name, &wire->id);
        else
            add(leases, wire->owner, host->name, wire);
    }
    for (lease = TAILQ_FIRST(&leases->all); lease; lease = next) {
        next = TAILQ_NEXT(lease, link);
        if (lease->stale && is_on(lease, host))
            forget(leases, lease);
    }
}

static void listed(void *arg, const void *answer, const struct vdc_error *why)
{
    struct host *host = arg; /* its service ends this before it goes */

    if (why && why->code == VDC_E_CLOSED)
        return; /* the next connection asks again */
    if (why)
        log_warning("which leases host %s has is not known: %s", host->name,
                    why->text);
    else
        take_list(hosts_ops(host->all)->leases, host, answer);
    host->leases_known = true;
}

void leases_up(struct leases *leases, struct host *host)
{
    struct wire_lease_ref ref;
    struct vdc_error err = { 0 };

    host->leases_known = false;
    wire_init(&wire_struct_lease_ref, &ref);
    if (gather(host->service, WIRE_MSG_lease_list, &ref, listed, host, &err))
        log_debug("leases: %s", err.text);
}

void leases_down(struct leases *leases, struct host *host)
{
    struct lease *lease, *next;

    host->leases_known = false;
    for (lease = TAILQ_FIRST(&leases->all); lease; lease = next) {
        next = TAILQ_NEXT(lease, link);
        if (!is_on(lease, host))
            continue;
        lease->stale = true;
        if (lease->session || lease->orphan)
            forget(leases, lease);
    }
}

void leases_forget_host(struct leases *leases, const char *host)
{
    struct lease *lease, *next;

    for (lease = TAILQ_FIRST(&leases->all); lease; lease = next) {
        next = TAILQ_NEXT(lease, link);
        /* one that is being made has somebody who forgets it */
        if (!uuid_is_zero(&lease->id) && strcmp(lease->host, host) == 0)
            forget(leases, lease);
    }
}

/* ---- requests ---- */

/* A lease's request under way, in its arena. */
struct asking {
    struct request *request;
    struct lease *lease; /* create */
    struct vdc_uuid id;
    const char *host;
    const char *from;                      /* list: the place to go on from */
    char customer[NAMES_CUSTOMER_MAX + 1]; /* list: only these; "": all */
};

static struct asking *ask_new(struct request *request)
{
    struct asking *asking = ARENA_NEW(request->arena, struct asking);

    asking->request = request;
    return asking;
}

/* Adds those of a host's that may be told. */
static void add_own(const struct asking *asking, const char *host,
                    const struct wire_lease_list *list,
                    struct wire_lease_list *ret)
{
    for (uint32_t i = 0; i < list->n_leases; i++) {
        struct wire_lease *own = &ret->leases[ret->n_leases];
        if (*asking->customer &&
            !names_covers(asking->customer, list->leases[i].owner))
            continue;
        *own = list->leases[i];
        own->host_reserve = MEM_KIB(0);
        own->host = host;
        ret->n_leases++;
    }
}

static void reply_own(const struct asking *asking,
                      const struct wire_lease_list *list)
{
    struct request *request = asking->request;
    struct wire_lease_list own = { .next = "" };

    own.leases =
        ARENA_ARRAY(request->arena, list->n_leases, struct wire_lease);
    add_own(asking, asking->host, list, &own);
    request_reply(request, WIRE_MSG_lease_list_reply, &own);
}

static void created(void *arg, const void *answer, const struct vdc_error *why)
{
    struct asking *asking = arg;
    struct leases *leases = asking->request->ops->leases;
    const struct wire_lease_list *list = answer;
    struct vdc_error err = { 0 };

    if (list && list->n_leases != 1)
        vdc_error_set(&err, VDC_E_PROTOCOL,
                      "resourced made %u leases instead of one",
                      list->n_leases);
    if (!list || err.code) {
        forget(leases, asking->lease);
        request_fail(asking->request, list ? &err : why);
        return;
    }
    describe(asking->lease, &list->leases[0]);
    if (asking->lease->orphan)
        drop(leases, asking->host, &asking->lease->id);
    reply_own(asking, list);
}

static int check_quota(const struct operations *ops, const struct customer *c,
                       const struct wire_lease *wire, struct vdc_error *err)
{
    const struct wire_usage asked = { .memory = wire->memory,
                                      .vcpus = wire->vcpus };
    struct wire_usage used;

    if (c->builtin)
        return 0;
    if (leases_count(ops->leases, c->name) >= LEASES_MAX)
        return vdc_error_set(err, VDC_E_QUOTA,
                             "customer %s has %d leases already", c->name,
                             LEASES_MAX);
    for (int rc = 0; c; c = c->parent) {
        operations_usage(ops, c, &used);
        rc = quota_check(c->name, &c->quota, &used, &asked, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int check_new(const struct request *request, const struct customer *c,
                     const struct wire_lease *wire, struct vdc_error *err)
{
    struct reasons *reasons = ARENA_NEW(request->arena, struct reasons);
    struct vdc_error one = { 0 };

    if (request->auth.role != W_OPERATOR && wire->n_devices) {
        vdc_error_set(&one, VDC_E_DENIED,
                      "customer %s may not set 'devices': devices of the host "
                      "are given by the provider",
                      c->name);
        reasons_add(reasons, &one);
    }
    if (request->auth.role != W_OPERATOR && wire->n_pools) {
        vdc_error_set(&one, VDC_E_DENIED,
                      "customer %s may not set 'pools': named pools are "
                      "divided by the provider",
                      c->name);
        reasons_add(reasons, &one);
    }
    if (wire->memory.kib > MEM_MAX_KIB) {
        vdc_error_set(&one, VDC_E_BAD_VALUE,
                      "'memory' is more than any host can have");
        reasons_add(reasons, &one);
    } else if (check_quota(request->ops, c, wire, &one)) {
        reasons_add(reasons, &one);
    }
    return reasons_error(reasons, err);
}

/* What is placed by nobody's policy: where there is most room. */
static const char *choose_host(const struct hosts *hosts)
{
    const struct host *host, *best = NULL;
    uint64_t most = 0;

    for (host = hosts_first(hosts); host; host = hosts_next(host)) {
        uint64_t room = host->report.available_memory.kib;
        room -= room < host->placed.kib ? room : host->placed.kib;
        if (!host->up || host->record.state != WIRE_HOST_UP ||
            *host->record.dedicated || (best && room <= most))
            continue;
        best = host;
        most = room;
    }
    if (!best)
        best = hosts_any(hosts);
    return best ? best->name : "";
}

/* The host that was asked for is an operator's to name. */
static int find_host(const struct request *request,
                     const struct wire_lease *wire, struct host **ret,
                     struct vdc_error *err)
{
    const struct hosts *hosts = request->ops->hosts;

    if (*wire->host && request->auth.role != W_OPERATOR)
        return vdc_error_set(err, VDC_E_DENIED,
                             "'host' is for operators to choose");
    const char *name = *wire->host ? wire->host : choose_host(hosts);
    *ret = hosts_find(hosts, name);
    return *ret
               ? 0
               : vdc_error_set(err, VDC_E_NOT_FOUND, "no such host: %s", name);
}

void lease_create(struct request *request)
{
    struct wire_lease wire = *(const struct wire_lease *)request->body;
    struct operations *ops = request->ops;
    struct asking *asking = ask_new(request);
    struct vdc_error err = { 0 };
    struct customer *c;
    struct host *host;

    memset(&wire.id, 0, sizeof(wire.id));
    wire.claimed = false;
    wire.created_ms = 0;
    expire(ops->leases);
    int rc = operations_customer(request, wire.owner, &c, &err);
    if (!rc)
        rc = check_new(request, c, &wire, &err);
    if (!rc)
        rc = find_host(request, &wire, &host, &err);
    if (rc) {
        request_fail(request, &err);
        return;
    }
    wire.owner = c->name;
    wire.host = "";
    asking->host = arena_strdup(request->arena, host->name);
    /* it counts from now on */
    asking->lease = add(ops->leases, c->name, host->name, &wire);
    if (wire.session)
        asking->lease->session = request->session;
    hosts_note_placed(host, wire.memory);
    inventory_lend(ops->inventory,
                   inventory_find_host(ops->inventory, host->name),
                   wire.memory, -1);
    if (service_lease(host->service, &wire, created, asking, &err)) {
        forget(ops->leases, asking->lease);
        request_fail(request, &err);
    }
}

/* One that the request may name. */
static int find_own(const struct request *request,
                    const struct wire_lease_ref *ref, struct lease **ret,
                    struct vdc_error *err)
{
    const struct leases *leases = request->ops->leases;
    struct lease *lease = find(leases, &ref->id);
    const char *owner =
        request->auth.role != W_OPERATOR ? request->auth.customer : ref->owner;

    if (!lease || !lives(lease) ||
        (*owner && !names_covers(owner, lease->customer)))
        return no_lease(leases, &ref->id, err);
    *ret = lease;
    return hosts_check_up(request->ops->hosts, lease->host, err);
}

static void renewed(void *arg, const void *answer, const struct vdc_error *why)
{
    struct asking *asking = arg;
    const struct wire_lease_list *list = answer;
    struct lease *lease = find(asking->request->ops->leases, &asking->id);

    if (why) {
        request_fail(asking->request, why);
        return;
    }
    if (lease && list->n_leases == 1)
        describe(lease, &list->leases[0]);
    reply_own(asking, list);
}

static void drop_done(void *arg, const void *answer,
                      const struct vdc_error *why)
{
    struct asking *asking = arg;
    struct leases *leases = asking->request->ops->leases;

    if (!why || why->code == VDC_E_NOT_FOUND)
        forget(leases, find(leases, &asking->id));
    if (why)
        request_fail(asking->request, why);
    else
        request_ok(asking->request);
}

static void ask_about(struct request *request, service_done_fn *done)
{
    struct asking *asking = ask_new(request);
    struct wire_lease_ref ref = *(const struct wire_lease_ref *)request->body;
    struct vdc_error err = { 0 };
    struct lease *lease = NULL;
    struct service *service;
    int rc = find_own(request, &ref, &lease, &err);

    if (!rc) {
        asking->id = ref.id;
        strcpy(asking->customer, lease->customer);
        asking->host = arena_strdup(request->arena, lease->host);
        ref.owner = lease->customer;
        rc = hosts_service(request->ops->hosts, lease->host, &service, &err);
    }
    if (!rc)
        rc = service_ask(service, request->message->number, &ref, done, NULL,
                         asking, NULL, &err);
    if (rc)
        request_fail(request, &err);
}

void lease_renew(struct request *request)
{
    ask_about(request, renewed);
}

void lease_drop(struct request *request)
{
    ask_about(request, drop_done);
}

/* By ids: the lists of hosts are each in another order. */
static int compare_ids(const void *a, const void *b)
{
    const struct wire_lease *x = a, *y = b;

    return memcmp(&x->id, &y->id, sizeof(x->id));
}

/* One that fits into one page stays as the hosts have it. */
static void cut(const struct asking *asking, struct wire_lease_list *list)
{
    struct wire_lease *all = list->leases;
    uint32_t at = 0, n = list->n_leases;
    char text[UUID_TEXT_SIZE];

    list->next = "";
    if (!*asking->from && wire_page_count(&wire_struct_lease, all, n) == n)
        return;
    qsort(all, n, sizeof(*all), compare_ids);
    while (*asking->from && at < n &&
           memcmp(&all[at].id, &asking->id, sizeof(asking->id)) <= 0)
        at++;
    list->leases = all + at;
    list->n_leases = wire_page_count(&wire_struct_lease, all + at, n - at);
    if (at + list->n_leases < n)
        list->next =
            arena_strdup(asking->request->arena,
                         uuid_format(&all[at + list->n_leases - 1].id, text));
}

static void list_done(void *arg, const struct gather_part *parts,
                      size_t n_parts)
{
    const struct asking *asking = arg;
    struct request *request = asking->request;
    struct wire_lease_list own = { 0 };
    struct vdc_error err = { 0 };
    size_t n = 0;

    if (gather_none(parts, n_parts, &err)) {
        request_fail(request, &err);
        return;
    }
    for (size_t i = 0; i < n_parts; i++)
        if (parts[i].list)
            n += ((const struct wire_lease_list *)parts[i].list)->n_leases;
    own.leases = ARENA_ARRAY(request->arena, n + 1, struct wire_lease);
    for (size_t i = 0; i < n_parts; i++)
        if (parts[i].list)
            add_own(asking, parts[i].host, parts[i].list, &own);
    cut(asking, &own);
    request_reply(request, WIRE_MSG_lease_list_reply, &own);
}

void lease_list(struct request *request)
{
    struct asking *asking = ask_new(request);
    struct wire_lease_ref ref = *(const struct wire_lease_ref *)request->body;
    struct vdc_error err = { 0 };
    struct customer *c;
    int rc = 0;

    asking->from = ref.from;
    if (*ref.from && !uuid_from_text(ref.from, &asking->id))
        rc = wire_page_refuse(ref.from, &err);
    if (!rc && (*ref.owner || request->auth.role != W_OPERATOR)) {
        rc = operations_customer(request, ref.owner, &c, &err);
        if (!rc)
            strcpy(asking->customer, c->name);
    }
    if (rc) {
        request_fail(request, &err);
        return;
    }
    /* hosts know nothing of projects; they are chosen when one answers */
    ref.owner = *asking->customer && c->n_projects ? "" : asking->customer;
    ref.from = "";
    gather_all(request->ops, WIRE_MSG_lease_list, &ref, NULL, list_done,
               asking);
}
