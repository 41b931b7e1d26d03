/*
 * Placement: see placement.h.
 */
#include "policyd/placement.h"

#include <stdio.h>
#include <string.h>

static bool is_up(const struct placement_host *host)
{
    return strcmp(host->state, "up") == 0;
}

static bool fits(const struct placement_host *host,
                 const struct placement_request *request)
{
    return is_up(host) &&
           (!request->start || host->available.kib >= request->memory.kib);
}

static bool better(const struct placement_host *a,
                   const struct placement_host *b,
                   const struct placement_policy *policy)
{
    switch (policy->strategy) {
    case PLACEMENT_SPREAD:
        return a->available.kib > b->available.kib;
    case PLACEMENT_PACK:
        return a->available.kib < b->available.kib;
    }
    return false;
}

/* "1000 MiB": to the MiB, as xl's users count, also for a GiB or more. */
static const char *mib(struct mem mem, char *buf, size_t size)
{
    if (mem.kib % 1024 == 0 || mem.kib > 10 * 1024)
        snprintf(buf, size, "%llu MiB", (unsigned long long)(mem.kib / 1024));
    else
        snprintf(buf, size, "%llu KiB", (unsigned long long)mem.kib);
    return buf;
}

static int explain_none(const struct placement_view *view,
                        const struct placement_request *request,
                        struct vdc_error *err)
{
    char each[512] = "", has[32], asked[32];
    size_t n_up = 0;

    for (size_t i = 0; i < view->n_hosts; i++) {
        const struct placement_host *host = &view->hosts[i];
        size_t len = strlen(each);
        const char *sep = len ? "; " : "";
        if (is_up(host)) {
            snprintf(each + len, sizeof(each) - len,
                     "%shost %s has %s free for guests", sep, host->name,
                     mib(host->available, has, sizeof(has)));
            n_up++;
        } else {
            snprintf(each + len, sizeof(each) - len, "%shost %s: %s", sep,
                     host->name, host->state);
        }
    }
    if (n_up == 0)
        return vdc_error_set(err, VDC_E_NO_HOST, "no host is up%s%s",
                             *each ? ": " : "", each);
    vdc_error_set(err, VDC_E_NO_MEMORY, "%s asked: %s",
                  mib(request->memory, asked, sizeof(asked)), each);
    vdc_error_hint(err, "ask for less memory, or stop another guest first");
    return VDC_E_NO_MEMORY;
}

int placement_choose(const struct placement_view *view,
                     const struct placement_request *request,
                     const struct placement_policy *policy,
                     struct placement_choice *ret, struct vdc_error *err)
{
    const struct placement_host *best = NULL;

    for (size_t i = 0; i < view->n_hosts; i++) {
        const struct placement_host *host = &view->hosts[i];
        if (fits(host, request) && (!best || better(host, best, policy)))
            best = host;
    }
    if (!best)
        return explain_none(view, request, err);

    char why[96], has[32], asked[32];
    if (view->n_hosts == 1)
        snprintf(why, sizeof(why), "the only host");
    else
        snprintf(why, sizeof(why), "%s of %zu hosts",
                 policy->strategy == PLACEMENT_SPREAD
                     ? "most memory available"
                     : "least memory available that is enough",
                 view->n_hosts);
    ret->host = (size_t)(best - view->hosts);
    snprintf(ret->reason, sizeof(ret->reason),
             "host %s: %s; %s available, %s asked", best->name, why,
             mib(best->available, has, sizeof(has)),
             mib(request->memory, asked, sizeof(asked)));
    return 0;
}
