/*
 * Decisions in words for anybody; see brief.h.
 */
#include "policyd/placement/brief.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *placement_brief_reason(const struct placement_view *view,
                                   const struct placement_policy *policy,
                                   const struct placement_decision *decision,
                                   char *buf, size_t size)
{
    uint32_t host = decision->winner.host;

    *buf = '\0';
    if (host < placement_view_n_hosts(view))
        snprintf(buf, size, "host %s: by %s of %u host%s",
                 placement_view_text(view,
                                     placement_view_host(view, host)->name),
                 policy->name, decision->n_hosts,
                 decision->n_hosts == 1 ? "" : "s");
    return buf;
}

static void append(char *buf, size_t size, const char *separator,
                   const char *text)
{
    size_t len = strlen(buf);

    snprintf(buf + len, size - len, "%s%s", len ? separator : "", text);
}

static bool less(const char *what, const char *unit, uint64_t asked,
                 uint64_t lacks, uint64_t divisor, char *buf, size_t size)
{
    if (lacks >= asked || (asked - lacks) / divisor == 0)
        return false;
    snprintf(buf, size, "ask for %s: at most %" PRIu64 "%s", what,
             (asked - lacks) / divisor, unit);
    return true;
}

/* What the request could do about it; false: nothing. */
static bool tell_change(const struct placement_request *request,
                        enum placement_constraint constraint, uint64_t lacks,
                        char *buf, size_t size)
{
    const char *text = NULL;

    switch (constraint) {
    case PLACEMENT_MUST_MEMORY:
    case PLACEMENT_MUST_SPARE:
        return less("less memory", " MiB", request->spec.memory.kib, lacks,
                    1024, buf, size);
    case PLACEMENT_MUST_VCPUS:
        return less("fewer vCPUs", "", request->spec.vcpus, lacks, 1, buf,
                    size);
    case PLACEMENT_MUST_DISK:
        return request->spec.n_disks == 1 &&
               less("a smaller disk", " MiB", request->spec.disks[0].amount,
                    lacks, 1024, buf, size);
    case PLACEMENT_MUST_DEVICES:
        text = "ask for fewer devices";
        break;
    case PLACEMENT_MUST_FEATURES:
        text = "do without some of the CPU features";
        break;
    case PLACEMENT_MUST_STRICT:
    case PLACEMENT_MUST_ALONE:
        text = "share the host with others";
        break;
    case PLACEMENT_MUST_AFFINITY:
    case PLACEMENT_MUST_ANTI_AFFINITY:
        text = "leave some of the groups";
        break;
    case PLACEMENT_MUST_BACKUP:
        text = "do without protection";
        break;
    case PLACEMENT_MUST_PINNED:
    case PLACEMENT_MUST_STATE:
    case PLACEMENT_MUST_DOMAIN:
    case PLACEMENT_MUST_WANTED:
    case PLACEMENT_MUST_FORBIDDEN:
    case PLACEMENT_MUST_DEDICATED:
    case PLACEMENT_MUST_PROMISE:
    case PLACEMENT_CONSTRAINTS:
        return false;
    }
    snprintf(buf, size, "%s", text);
    return true;
}

int placement_brief_refusal(const struct placement_request *request,
                            const struct placement_decision *decision,
                            struct vdc_error *err)
{
    char all[800] = "", changes[400] = "", one[160];

    for (int i = 0; i < PLACEMENT_CONSTRAINTS; i++) {
        enum placement_constraint constraint = (enum placement_constraint)i;
        const struct placement_exclusion *e = &decision->excluded[i];
        if (!e->n_hosts)
            continue;
        snprintf(one, sizeof(one), "%s: %u of %u host%s",
                 placement_constraint_name(constraint), e->n_hosts,
                 decision->n_hosts, decision->n_hosts == 1 ? "" : "s");
        append(all, sizeof(all), "; ", one);
        if (e->n_only &&
            tell_change(request, constraint, e->lacks, one, sizeof(one)))
            append(changes, sizeof(changes), "; or ", one);
    }
    if (!decision->n_hosts)
        return vdc_error_set(err, decision->rc, "there is no host");
    vdc_error_set(err, decision->rc, "no host can take it: %s", all);
    vdc_error_hint(err, "%s",
                   *changes ? changes : "ask the operator for room");
    return decision->rc;
}
