/*
 * Holds a channel that is wanted against every limit, the nearest first.
 */
#include "channeld/limit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HOLDERS_SHOWN 3
#define HOLDERS_MAX 64

/* ---- who has how much ---- */

struct holder {
    char name[PARTY_TEXT_SIZE];
    uint64_t n;
};

enum what { CHANNELS, PAGES, GRANTS };

static const char *const what_words[] = { "channels", "pages of memory",
                                          "granted pages" };

struct holders {
    struct holder rows[HOLDERS_MAX];
    size_t n;
    uint64_t others; /* of those that found no row */
};

static void holders_add(struct holders *holders, const char *name, uint64_t n)
{
    size_t i = 0;

    while (i < holders->n && strcmp(holders->rows[i].name, name))
        i++;
    if (i == HOLDERS_MAX) {
        holders->others += n;
        return;
    }
    if (i == holders->n) {
        PARTY_COPY(holders->rows[i].name, name);
        holders->rows[i].n = 0;
        holders->n++;
    }
    holders->rows[i].n += n;
}

static uint64_t amount(const struct channel *channel, enum what what)
{
    switch (what) {
    case CHANNELS:
        return 1;
    case PAGES:
        return channel->pages;
    case GRANTS:
        return channel->giver == REGISTRY_GIVER_BROKER ? 0 : channel->pages;
    }
    return 0;
}

/* "web 40, db 24, others 3" */
static void holders_format(struct holders *holders, char *buf, size_t size)
{
    size_t at = 0;

    buf[0] = '\0';
    for (int shown = 0; shown < HOLDERS_SHOWN && at < size; shown++) {
        struct holder *most = NULL;
        for (size_t i = 0; i < holders->n; i++)
            if (holders->rows[i].n && (!most || holders->rows[i].n > most->n))
                most = &holders->rows[i];
        if (!most)
            break;
        int n = snprintf(buf + at, size - at, "%s%.80s %" PRIu64,
                         shown ? ", " : "", most->name, most->n);
        at += n > 0 ? (size_t)n : 0;
        most->n = 0;
    }
    for (size_t i = 0; i < holders->n; i++)
        holders->others += holders->rows[i].n;
    if (holders->others && at < size)
        snprintf(buf + at, size - at, ", others %" PRIu64, holders->others);
}

/* ---- one limit ---- */

struct check {
    const struct registry *registry;
    const struct limit_request *request;
    struct vdc_error *err;
};

struct limit {
    enum what what;
    uint64_t most;    /* 0: none */
    const char *name; /* of the setting, or NULL: of the rule */
    struct registry_filter filter;
    bool by_service; /* how holders are told */
    bool secret;     /* the holders are not the client's business */
    const char *whose;
};

static bool is_of_all(const struct registry_filter *filter)
{
    return !filter->customer && !filter->within && !filter->client &&
           !filter->server && !filter->service;
}

/* Where the rows are that count: NULL after the last. */
static const struct registry *next_registry(const struct check *check,
                                            const struct limit *limit,
                                            const struct registry *registry)
{
    if (!registry)
        return check->registry;
    return registry == check->registry && !is_of_all(&limit->filter)
               ? check->request->claims
               : NULL;
}

/* Of the rows that count, who has how much: by partition, or by service. */
static void find_holders(const struct check *check, const struct limit *limit,
                         char *buf, size_t size)
{
    struct holders holders = { .n = 0 };
    char name[PARTY_TEXT_SIZE];
    const struct registry *r = NULL;
    const struct channel *c;

    while ((r = next_registry(check, limit, r)))
        TAILQ_FOREACH(c, &r->rows, link)
        {
            const struct party *client = &c->party[REGISTRY_CLIENT];
            if (!registry_matches(c, &limit->filter))
                continue;
            if (c->is_claim && !c->peer[REGISTRY_CLIENT])
                snprintf(name, sizeof(name), "not known yet");
            else
                party_format(client, name);
            holders_add(&holders, limit->by_service ? c->service : name,
                        amount(c, limit->what));
        }
    holders_format(&holders, buf, size);
}

static uint64_t amount_of(const struct registry_use *use, enum what what)
{
    switch (what) {
    case CHANNELS:
        return use->channels;
    case PAGES:
        return use->pages;
    case GRANTS:
        return use->grants;
    }
    return 0;
}

static uint64_t used(const struct check *check, const struct limit *limit)
{
    const struct registry *r = NULL;
    uint64_t n = 0;

    while ((r = next_registry(check, limit, r))) {
        struct registry_use use = registry_sum(r, &limit->filter);
        n += amount_of(&use, limit->what);
    }
    return n;
}

static int over(const struct check *check, const struct limit *limit,
                uint64_t has, uint64_t wants)
{
    const struct limit_request *request = check->request;
    char holders[400] = "", value[64];

    if (!limit->secret)
        find_holders(check, limit, holders, sizeof(holders));
    snprintf(value, sizeof(value), "%" PRIu64, limit->most);
    vdc_error_set(check->err, VDC_E_QUOTA,
                  "%s has %" PRIu64 " %s%s%s%s, and %" PRIu64
                  " more would be over the limit of %s (%s)",
                  limit->whose, has, what_words[limit->what],
                  *holders ? " (" : "", holders, *holders ? ")" : "", wants,
                  value, limit->name ? limit->name : request->rule->text);
    if (!limit->name)
        vdc_error_hint(check->err,
                       "close some ('xl-vdc channel-list', 'xl-vdc "
                       "channel-close'), or have the rule in line %u allow "
                       "more",
                       request->rule->line);
    else
        vdc_error_hint(check->err,
                       "close some ('xl-vdc channel-list', 'xl-vdc "
                       "channel-close'), or have the operator raise %s in "
                       "channeld.conf",
                       limit->name);
    return VDC_E_QUOTA;
}

static int check_one(const struct check *check, const struct limit *limit)
{
    uint64_t wants = limit->what == CHANNELS ? 1 : check->request->pages;

    if (limit->most == 0 || (limit->what == GRANTS &&
                             check->request->giver == REGISTRY_GIVER_BROKER))
        return 0;
    uint64_t has = used(check, limit);
    return has + wants > limit->most ? over(check, limit, has, wants) : 0;
}

/* ---- all of them ---- */

static int check_size(const struct check *check)
{
    const struct limit_request *request = check->request;
    uint64_t most = request->rule->size.kib;

    if (most == 0 ||
        (request->to_server.kib <= most && request->to_client.kib <= most))
        return 0;
    vdc_error_set(check->err, VDC_E_QUOTA,
                  "a channel to '%s' has rings of at most %" PRIu64
                  " KiB (%s); %" PRIu64 " and %" PRIu64 " KiB are asked for",
                  request->service, most, request->rule->text,
                  request->to_server.kib, request->to_client.kib);
    vdc_error_hint(check->err,
                   "ask for smaller rings, or have the rule in "
                   "line %u allow more",
                   request->rule->line);
    return VDC_E_QUOTA;
}

static int check_rule(const struct check *check, const char *whose)
{
    const struct limit_request *request = check->request;
    struct limit limit = {
        .what = CHANNELS,
        .most = request->rule->channels,
        .filter = { .client = request->client, .service = request->service },
        .by_service = true,
        .whose = whose,
    };
    int rc = check_size(check);

    if (rc == 0)
        rc = check_one(check, &limit);
    limit.what = GRANTS;
    limit.most = request->rule->grants;
    return rc ? rc : check_one(check, &limit);
}

static int check_table(const struct check *check, const struct limits *limits,
                       const char *whose)
{
    const struct limit_request *request = check->request;
    const struct registry_filter own = { .client = request->client };
    const struct registry_filter all = { .customer = request->client->owner };
    const char *customer =
        *request->client->owner ? request->client->owner : "the provider";
    const struct limit rows[] = {
        { CHANNELS, limits->partition_channels, "partition_channels", own,
          true, false, whose },
        { PAGES, limits->partition_pages, "partition_pages", own, true, false,
          whose },
        { CHANNELS, limits->customer_channels, "customer_channels", all, false,
          false, customer },
        { PAGES, limits->customer_pages, "customer_pages", all, false, false,
          customer },
        { GRANTS, limits->customer_grants, "customer_grants", all, false,
          false, customer },
    };

    /* what the provider runs in dom0 is bound by the host's limit alone */
    if (party_is_host(request->client))
        return 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int rc = check_one(check, &rows[i]);
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- quotas ---- */

static int over_quota(const struct check *check, const struct limit *limit,
                      const struct quota *quota, uint64_t has)
{
    const char *word = strchr(quota->customer, '_') ? "project" : "customer";
    char holders[400] = "", share[96] = "";

    if (!limit->secret)
        find_holders(check, limit, holders, sizeof(holders));
    if (quota->whole > quota->limit)
        snprintf(share, sizeof(share),
                 ", of which %" PRIu64 " are for this host", quota->limit);
    vdc_error_set(check->err, VDC_E_QUOTA,
                  "%s %s has %" PRIu64 " channels%s%s%s%s, and 1 more would "
                  "be over its quota of %" PRIu64 " channels%s",
                  word, quota->customer, has,
                  quota->whole > quota->limit ? " on this host" : "",
                  *holders ? " (" : "", holders, *holders ? ")" : "",
                  quota->whole, share);
    if (quota->whole > quota->limit)
        vdc_error_hint(check->err,
                       "try again in some seconds, as policyd gives what "
                       "other hosts do not need to those that do; or close "
                       "some; or raise the quota: 'xl-vdc customer-set %s "
                       "--channels N'",
                       quota->customer);
    else
        vdc_error_hint(check->err,
                       "close some ('xl-vdc channel-list', 'xl-vdc "
                       "channel-close'), or have the quota raised: 'xl-vdc "
                       "customer-set %s --channels N'",
                       quota->customer);
    return VDC_E_QUOTA;
}

static int check_quota(const struct check *check, const char *customer)
{
    const struct limit_request *request = check->request;
    struct quota *quota =
        *customer ? quotas_find(request->quotas, customer) : NULL;
    const struct limit limit = {
        .what = CHANNELS,
        .filter = { .within = customer },
        /* what else the customer has is not its project's to know */
        .secret = strcmp(customer, request->client->owner) != 0,
    };

    if (!quota)
        return 0;
    uint64_t has = used(check, &limit);
    if (has < quota->limit)
        return 0;
    quota->wanted = true;
    return over_quota(check, &limit, quota, has);
}

/* The project's own and its customer's, around it. */
static int check_quotas(const struct check *check)
{
    const char *customer = check->request->client->owner;
    char parent[PARTY_OWNER_MAX + 1];

    if (!check->request->quotas)
        return 0;
    int rc = check_quota(check, customer);
    if (rc == 0 && party_parent(customer, parent))
        rc = check_quota(check, parent);
    return rc;
}

static int check_server(const struct check *check, const struct limits *limits)
{
    const struct limit_request *request = check->request;
    char whose[PARTY_TEXT_SIZE];
    bool own = party_same_customer(request->client, request->server) ||
               party_is_host(request->client);
    struct limit limit = {
        .what = CHANNELS,
        .most = limits->service_channels,
        .name = "service_channels",
        .filter = { .server = request->server, .service = request->service },
        .secret = !own,
        .whose = party_format(request->server, whose),
    };
    if (request->offer_most &&
        (!limit.most || request->offer_most < limit.most)) {
        uint64_t has = used(check, &limit);
        if (has < request->offer_most)
            return 0;
        vdc_error_set(check->err, VDC_E_QUOTA,
                      "'%s' of %s serves %" PRIu32 " channels at once, and "
                      "has so many",
                      request->service, limit.whose, request->offer_most);
        vdc_error_hint(check->err, "try again when one is closed; whoever "
                                   "offers it decides how many it serves");
        return VDC_E_QUOTA;
    }
    return check_one(check, &limit);
}

/* The grants are one partition's, and so is its table in Xen. */
static int check_grants(const struct check *check, const struct limits *limits)
{
    const struct limit_request *request = check->request;
    const struct party *giver = request->giver == REGISTRY_GIVER_CLIENT
                                    ? request->client
                                    : request->server;
    char whose[PARTY_TEXT_SIZE];

    if (request->giver == REGISTRY_GIVER_BROKER)
        return 0;
    uint64_t has = registry_grants(check->registry, giver);
    if (request->claims)
        has += registry_grants(request->claims, giver);
    bool xen = request->xen_grants &&
               (!limits->partition_grants ||
                request->xen_grants < limits->partition_grants);
    uint64_t most = xen ? request->xen_grants : limits->partition_grants;
    if (most == 0 || has + request->pages <= most)
        return 0;
    vdc_error_set(check->err, VDC_E_QUOTA,
                  "%s has granted %" PRIu64 " pages to channels, and %" PRIu32
                  " more would be over the limit of %" PRIu64 " (%s)",
                  party_format(giver, whose), has, request->pages, most,
                  xen ? "three quarters of what Xen allows this domain"
                      : "partition_grants");
    vdc_error_hint(check->err,
                   xen ? "ask for smaller rings, close channels, or start "
                         "the guest with a greater max_grant_frames"
                       : "ask for smaller rings, close channels, or have the "
                         "operator raise partition_grants in channeld.conf");
    return VDC_E_QUOTA;
}

int limit_check(const struct registry *registry, const struct limits *limits,
                const struct limit_request *request, struct vdc_error *err)
{
    const struct check check = { registry, request, err };
    const struct registry_filter everything = { 0 };
    const struct limit host = {
        CHANNELS, limits->host_channels,           "host_channels", everything,
        false,    !party_is_host(request->client), "the host"
    };
    char whose[PARTY_TEXT_SIZE];
    int rc = check_rule(&check, party_format(request->client, whose));

    if (rc == 0)
        rc = check_table(&check, limits, whose);
    if (rc == 0)
        rc = check_quotas(&check);
    if (rc == 0)
        rc = check_server(&check, limits);
    if (rc == 0)
        rc = check_grants(&check, limits);
    return rc ? rc : check_one(&check, &host);
}
