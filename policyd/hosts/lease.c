/*
 * Leases; see lease.h.  All are made and ended through here, so that the list
 * is complete once each host has been asked after a connection was made.  One
 * that has run out is left out at once: resourced's clock began earlier.
 */
#include "policyd/hosts/lease_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policyd/api/gather.h"

struct leases *leases_new(struct operations *ops)
{
    struct leases *leases = XNEW(struct leases);

    leases->ops = ops;
    TAILQ_INIT(&leases->all);
    return leases;
}

void leases_forget(struct leases *leases, struct lease *lease)
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
        leases_forget(leases, TAILQ_FIRST(&leases->all));
    free(leases);
}

bool leases_lives(const struct lease *lease)
{
    return lease->used || uuid_is_zero(&lease->id) ||
           lease->expires_ms > clock_mono().ms;
}

struct lease *leases_lookup(const struct leases *leases,
                            const struct vdc_uuid *id)
{
    struct lease *lease;

    TAILQ_FOREACH(lease, &leases->all, link)
    if (!uuid_is_zero(id) && uuid_equal(&lease->id, id))
        return lease;
    return NULL;
}

void leases_expire(struct leases *leases)
{
    struct lease *lease, *next;

    for (lease = TAILQ_FIRST(&leases->all); lease; lease = next) {
        next = TAILQ_NEXT(lease, link);
        if (!leases_lives(lease))
            leases_forget(leases, lease);
    }
}

void leases_describe(struct lease *lease, const struct wire_lease *wire)
{
    lease->id = wire->id;
    lease->counts.memory = wire->memory;
    lease->counts.vcpus = wire->vcpus;
    lease->expires_ms = clock_mono().ms + wire->expires_ms;
    lease->stale = false;
}

struct lease *leases_add(struct leases *leases, const char *customer,
                         const char *host, const struct wire_lease *wire)
{
    struct lease *lease = XNEW(struct lease);

    lease->host = xstrdup(host);
    memcpy(lease->customer, customer,
           strnlen(customer, sizeof(lease->customer) - 1));
    leases_describe(lease, wire);
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
        if (strcmp(lease->customer, customer) != 0 || !leases_lives(lease))
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
    n += strcmp(lease->customer, customer) == 0 && leases_lives(lease);
    return n;
}

/* One that a host may have which was not heard of it. */
int leases_none(const struct leases *leases, const struct vdc_uuid *id,
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
    const struct lease *lease = leases_lookup(leases, id);
    char text[UUID_TEXT_SIZE];

    if (!lease || strcmp(lease->customer, customer) != 0 ||
        !leases_lives(lease))
        return leases_none(leases, id, err);
    if (lease->used)
        return vdc_error_set(err, VDC_E_BUSY,
                             "another transaction is using lease %s",
                             uuid_format(id, text));
    *ret = lease->counts;
    return 0;
}

const char *leases_host(const struct leases *leases, const struct vdc_uuid *id)
{
    const struct lease *lease = leases_lookup(leases, id);

    return lease ? lease->host : NULL;
}

void leases_put_aside(struct leases *leases, const struct vdc_uuid *id,
                      const struct wire_usage *part)
{
    struct lease *lease = leases_lookup(leases, id);

    if (!lease)
        return;
    lease->used = true;
    lease->aside = *part;
}

void leases_settle(struct leases *leases, const struct vdc_uuid *id, bool used)
{
    struct lease *lease = leases_lookup(leases, id);

    if (!lease)
        return;
    lease->used = false;
    memset(&lease->aside, 0, sizeof(lease->aside));
    if (used)
        leases_forget(leases, lease);
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
        leases_forget(dropping->leases,
                      leases_lookup(dropping->leases, &dropping->id));
    else if (err->code != VDC_E_CLOSED)
        log_warning("lease %s, whose session is gone: %s",
                    uuid_format(&dropping->id, text), err->text);
    free(dropping);
}

void leases_let_go(struct leases *leases, const char *host,
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
            leases_let_go(leases, lease->host, &lease->id);
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
        lease = leases_lookup(leases, &wire->id);
        if (lease)
            leases_describe(lease, wire);
        else if (wire->session) /* its session died while nobody looked */
            leases_let_go(leases, host->name, &wire->id);
        else
            leases_add(leases, wire->owner, host->name, wire);
    }
    for (lease = TAILQ_FIRST(&leases->all); lease; lease = next) {
        next = TAILQ_NEXT(lease, link);
        if (lease->stale && is_on(lease, host))
            leases_forget(leases, lease);
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
            leases_forget(leases, lease);
    }
}

void leases_forget_host(struct leases *leases, const char *host)
{
    struct lease *lease, *next;

    for (lease = TAILQ_FIRST(&leases->all); lease; lease = next) {
        next = TAILQ_NEXT(lease, link);
        /* one that is being made has somebody who forgets it */
        if (!uuid_is_zero(&lease->id) && strcmp(lease->host, host) == 0)
            leases_forget(leases, lease);
    }
}
