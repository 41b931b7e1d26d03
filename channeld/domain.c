/*
 * The partitions that run, as xenstore tells of them; see domain.h.
 *
 * A watch says that something below the folder changed.  What did is looked
 * at a moment later, from the loop, once for many changes: resourced writes
 * several nodes for each partition.
 */
#include "channeld/domain.h"

#include <ctype.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "hv/hv.h"

#define FOLDER "/tool/xen-vdc/partition"
#define LOOK_AFTER_MS 5

struct domains {
    struct hv *hv;
    const struct domain_ops *ops;
    void *arg;
    TAILQ_HEAD(, domain) rows;
    struct hv_store_watch *watch, *release;
    struct event *look;
    bool check_life; /* a domain has been released */
};

/* ---- one domain ---- */

static int read_node(const struct domains *domains, struct arena *arena,
                     uint32_t domid, const char *name, const char **ret)
{
    const char *path = arena_printf(arena, FOLDER "/%u%s", domid, name);

    return domains->hv->store->read(domains->hv, path, arena, ret, NULL);
}

/* All three nodes, or it is none of ours (yet). */
static bool read_party(const struct domains *domains, uint32_t domid,
                       struct party *ret)
{
    struct arena *arena = arena_new();
    const char *uuid, *owner, *name;
    struct party party = { .domid = domid };
    bool ok = !read_node(domains, arena, domid, "", &uuid) &&
              uuid_from_text(uuid, &party.partition) &&
              !uuid_is_zero(&party.partition) &&
              !read_node(domains, arena, domid, "/owner", &owner) &&
              !read_node(domains, arena, domid, "/name", &name) &&
              strlen(owner) <= PARTY_OWNER_MAX;

    if (ok) {
        PARTY_COPY(party.owner, strcmp(owner, PARTY_PROVIDER) ? owner : "");
        PARTY_COPY(party.name, name);
        *ret = party;
    }
    arena_free(arena);
    return ok;
}

static void lose(struct domains *domains, struct domain *domain)
{
    TAILQ_REMOVE(&domains->rows, domain, link);
    domains->ops->on_gone(domains->arg, domain);
    free(domain);
}

static void gain(struct domains *domains, const struct party *party)
{
    struct domain *domain = XNEW(struct domain), *next;

    domain->party = *party;
    TAILQ_FOREACH(next, &domains->rows, link)
    if (next->party.domid > party->domid)
        break;
    if (next)
        TAILQ_INSERT_BEFORE(next, domain, link);
    else
        TAILQ_INSERT_TAIL(&domains->rows, domain, link);
    domains->ops->on_come(domains->arg, domain);
}

/* What is there now, against what was known. */
static void compare(struct domains *domains, struct domain *known,
                    const struct party *now)
{
    if (known && (!uuid_equal(&known->party.partition, &now->partition) ||
                  strcmp(known->party.owner, now->owner))) {
        lose(domains, known);
        known = NULL;
    }
    if (!known) {
        gain(domains, now);
    } else if (strcmp(known->party.name, now->name)) {
        known->party = *now;
        domains->ops->on_renamed(domains->arg, known);
    }
}

/* A guest that has shut down never runs again by itself. */
static bool is_alive(const struct domains *domains, uint32_t domid)
{
    struct arena *arena = arena_new();
    struct hv_domain_info info;
    int rc = domains->hv->domain->info(domains->hv, domid, arena, &info, NULL);
    bool alive =
        rc ? rc != VDC_E_NOT_FOUND
           : !info.dying && (!info.shutdown ||
                             info.shutdown_reason == HV_SHUTDOWN_SUSPEND);

    arena_free(arena);
    return alive;
}

/* ---- all of them ---- */

static bool parse_domid(const char *text, uint32_t *ret)
{
    char *end;

    errno = 0;
    unsigned long n = strtoul(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end || errno || n == 0 ||
        n > HV_DOMID_MAX)
        return false;
    *ret = (uint32_t)n;
    return true;
}

static bool is_listed(const char *const *names, size_t n, uint32_t domid)
{
    uint32_t listed;

    for (size_t i = 0; i < n; i++)
        if (parse_domid(names[i], &listed) && listed == domid)
            return true;
    return false;
}

static struct domain *find(const struct domains *domains, uint32_t domid)
{
    struct domain *domain;

    TAILQ_FOREACH(domain, &domains->rows, link)
    if (domain->party.domid == domid)
        return domain;
    return NULL;
}

static void look_at_all(struct domains *domains, const char *const *names,
                        size_t n)
{
    struct domain *domain, *next;

    for (domain = TAILQ_FIRST(&domains->rows); domain; domain = next) {
        next = TAILQ_NEXT(domain, link);
        if (!is_listed(names, n, domain->party.domid) ||
            (domains->check_life && !is_alive(domains, domain->party.domid)))
            lose(domains, domain);
    }
    for (size_t i = 0; i < n; i++) {
        struct party party;
        uint32_t domid;
        if (!parse_domid(names[i], &domid))
            continue;
        domain = find(domains, domid);
        if (read_party(domains, domid, &party) &&
            (domain || is_alive(domains, domid)))
            compare(domains, domain, &party);
    }
    domains->check_life = false;
}

void domains_look(struct domains *domains)
{
    struct arena *arena = arena_new();
    struct vdc_error err = { 0 };
    const char **names = NULL;
    size_t n = 0;
    int rc =
        domains->hv->store->list(domains->hv, FOLDER, arena, &names, &n, &err);

    if (rc == 0 || rc == VDC_E_NOT_FOUND)
        look_at_all(domains, names, n);
    else
        log_warning("which partitions run is not known: %s", err.text);
    arena_free(arena);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    domains_look(arg);
}

static void look_soon(struct domains *domains)
{
    const struct timeval soon = { 0, LOOK_AFTER_MS * 1000 };

    if (!event_pending(domains->look, EV_TIMEOUT, NULL))
        event_add(domains->look, &soon);
}

static void on_change(void *arg, const char *path)
{
    look_soon(arg);
}

static void on_release(void *arg, const char *path)
{
    struct domains *domains = arg;

    domains->check_life = true;
    look_soon(domains);
}

/* ---- asking ---- */

const struct domain *domains_find(const struct domains *domains,
                                  uint32_t domid)
{
    return find(domains, domid);
}

const struct domain *domains_next(const struct domains *domains,
                                  const struct domain *domain)
{
    return domain ? TAILQ_NEXT(domain, link) : TAILQ_FIRST(&domains->rows);
}

static const struct domain *by_name(const struct domains *domains,
                                    const char *owner, const char *name)
{
    const struct domain *domain;

    TAILQ_FOREACH(domain, &domains->rows, link)
    if ((!owner || strcmp(domain->party.owner, owner) == 0) &&
        strcmp(domain->party.name, name) == 0)
        break;
    return domain;
}

/* CUSTOMER.NAME; a customer's name has no dot. */
static const struct domain *by_full_name(const struct domains *domains,
                                         const char *word)
{
    char owner[PARTY_OWNER_MAX + 1];
    const char *dot = strchr(word, '.');

    if (!dot || dot - word > PARTY_OWNER_MAX)
        return NULL;
    memcpy(owner, word, (size_t)(dot - word));
    owner[dot - word] = '\0';
    return by_name(domains, strcmp(owner, PARTY_PROVIDER) ? owner : "",
                   dot + 1);
}

static const struct domain *by_any_name(const struct domains *domains,
                                        const char *word)
{
    const struct domain *domain, *found = NULL;

    TAILQ_FOREACH(domain, &domains->rows, link)
    if (strcmp(domain->party.name, word) == 0) {
        if (found)
            return NULL;
        found = domain;
    }
    return found;
}

const struct domain *domains_by_word(const struct domains *domains,
                                     const char *word, const char *owner,
                                     bool all)
{
    const struct domain *domain;
    struct vdc_uuid uuid;
    uint32_t domid;

    if (uuid_from_text(word, &uuid)) {
        TAILQ_FOREACH(domain, &domains->rows, link)
        if (uuid_equal(&domain->party.partition, &uuid))
            return domain;
        return NULL;
    }
    if (parse_domid(word, &domid))
        return find(domains, domid);
    domain = by_name(domains, owner, word);
    if (!domain)
        domain = by_full_name(domains, word);
    return domain || !all ? domain : by_any_name(domains, word);
}

/* ---- begin and end ---- */

int domains_new(struct event_base *base, struct hv *hv,
                const struct domain_ops *ops, void *arg, struct domains **ret,
                struct vdc_error *err)
{
    struct domains *domains = XNEW(struct domains);

    domains->hv = hv;
    domains->ops = ops;
    domains->arg = arg;
    domains->check_life = true;
    TAILQ_INIT(&domains->rows);
    domains->look = evtimer_new(base, on_look, domains);
    int rc =
        hv->store->watch(hv, FOLDER, on_change, domains, &domains->watch, err);
    if (rc == 0)
        rc = hv->store->watch(hv, "@releaseDomain", on_release, domains,
                              &domains->release, err);
    if (rc) {
        domains_free(domains);
        return rc;
    }
    *ret = domains;
    return 0;
}

void domains_free(struct domains *domains)
{
    if (!domains)
        return;
    struct hv *hv = domains->hv;
    if (domains->watch)
        hv->store->unwatch(hv, domains->watch);
    if (domains->release)
        hv->store->unwatch(hv, domains->release);
    event_free(domains->look);
    while (!TAILQ_EMPTY(&domains->rows)) {
        struct domain *domain = TAILQ_FIRST(&domains->rows);
        TAILQ_REMOVE(&domains->rows, domain, link);
        free(domain);
    }
    free(domains);
}
