/*
 * What clients ask of leases: lease_create, _renew, _drop, _list.
 */
#include <stdlib.h>
#include <string.h>

#include "policyd/api/gather.h"
#include "policyd/customers/quota.h"
#include "policyd/hosts/inventory.h"
#include "policyd/hosts/lease_impl.h"
#include "wire/page.h"

/* Of one customer, so that small ones cannot fill the host's memory. */
#define LEASES_MAX 64

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
        leases_forget(leases, asking->lease);
        request_fail(asking->request, list ? &err : why);
        return;
    }
    leases_describe(asking->lease, &list->leases[0]);
    if (asking->lease->orphan)
        leases_let_go(leases, asking->host, &asking->lease->id);
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
    leases_expire(ops->leases);
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
    asking->lease = leases_add(ops->leases, c->name, host->name, &wire);
    if (wire.session)
        asking->lease->session = request->session;
    hosts_note_placed(host, wire.memory);
    inventory_lend(ops->inventory,
                   inventory_find_host(ops->inventory, host->name),
                   wire.memory, -1);
    if (service_lease(host->service, &wire, created, asking, &err)) {
        leases_forget(ops->leases, asking->lease);
        request_fail(request, &err);
    }
}

/* One that the request may name. */
static int find_own(const struct request *request,
                    const struct wire_lease_ref *ref, struct lease **ret,
                    struct vdc_error *err)
{
    const struct leases *leases = request->ops->leases;
    struct lease *lease = leases_lookup(leases, &ref->id);
    const char *owner =
        request->auth.role != W_OPERATOR ? request->auth.customer : ref->owner;

    if (!lease || !leases_lives(lease) ||
        (*owner && !names_covers(owner, lease->customer)))
        return leases_none(leases, &ref->id, err);
    *ret = lease;
    return hosts_check_up(request->ops->hosts, lease->host, err);
}

static void renewed(void *arg, const void *answer, const struct vdc_error *why)
{
    struct asking *asking = arg;
    const struct wire_lease_list *list = answer;
    struct lease *lease =
        leases_lookup(asking->request->ops->leases, &asking->id);

    if (why) {
        request_fail(asking->request, why);
        return;
    }
    if (lease && list->n_leases == 1)
        leases_describe(lease, &list->leases[0]);
    reply_own(asking, list);
}

static void drop_done(void *arg, const void *answer,
                      const struct vdc_error *why)
{
    struct asking *asking = arg;
    struct leases *leases = asking->request->ops->leases;

    if (!why || why->code == VDC_E_NOT_FOUND)
        leases_forget(leases, leases_lookup(leases, &asking->id));
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
