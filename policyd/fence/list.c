/*
 * Who takes part in fencing; see list.h.
 */
#include "policyd/fence/list.h"

#include <stdlib.h>
#include <string.h>

#include "wire/fence.h"

uint64_t fence_list_n_compared;

static int compare(const char *a, const char *b)
{
    fence_list_n_compared++;
    return strcmp(a, b);
}

static int by_host(const void *key, const void *item)
{
    const struct fence_host *host = item;

    return compare(key, host->name);
}

static const struct fence_host *find_host(const struct fence_host *hosts,
                                          uint32_t n, const char *name)
{
    return n ? bsearch(name, hosts, n, sizeof(*hosts), by_host) : NULL;
}

const struct wire_stored_fence_member *
fence_list_member(const struct wire_stored_fence *list, const char *name)
{
    for (uint32_t i = 0; list && i < list->n_members; i++)
        if (compare(list->members[i].name, name) == 0)
            return &list->members[i];
    return NULL;
}

static int by_member(const void *a, const void *b, void *arg)
{
    const struct wire_stored_fence *list = arg;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return compare(list->members[x].name, list->members[y].name);
}

const uint32_t *fence_list_order(const struct wire_stored_fence *list,
                                 struct arena *arena)
{
    uint32_t *order = ARENA_ARRAY(arena, list->n_members + 1, uint32_t);

    for (uint32_t i = 0; i < list->n_members; i++)
        order[i] = i;
    qsort_r(order, list->n_members, sizeof(*order), by_member,
            (void *)(uintptr_t)list);
    return order;
}

void fence_list_heard(const struct wire_stored_fence *list,
                      const uint32_t *order,
                      const struct wire_fence_report *report, bool *ret)
{
    for (uint32_t i = 0; i < list->n_members; i++)
        ret[i] = true;
    for (uint32_t i = 0; i < report->n_heard; i++) {
        const struct wire_fence_heard *heard = &report->heard[i];
        uint32_t from = 0, to = list->n_members;
        while (from < to) {
            uint32_t middle = from + (to - from) / 2;
            int r = compare(heard->name,
                            list->members[order[middle]].name);
            if (r == 0) {
                ret[order[middle]] = heard->age_ms <= FENCE_HEARD_MS;
                break;
            }
            if (r < 0)
                to = middle;
            else
                from = middle + 1;
        }
    }
}

/* ---- whether all know ---- */

static bool goes_by(const struct wire_stored_fence *list,
                    const struct fence_host *hosts, uint32_t n_hosts,
                    const char *name)
{
    const struct fence_host *host = find_host(hosts, n_hosts, name);

    return host && host->report && host->report->version == list->version;
}

bool fence_list_is_settled(const struct wire_stored_fence *list,
                           const struct fence_host *hosts, uint32_t n_hosts)
{
    uint32_t n_old = 0, n_new = list->n_members, know_old = 0, know_new = 0;

    for (uint32_t i = 0; i < list->n_members; i++) {
        const char *name = list->members[i].name;
        bool knows = goes_by(list, hosts, n_hosts, name);
        bool is_new = list->added && strcmp(list->changed, name) == 0;
        know_new += knows;
        n_old += !is_new;
        know_old += knows && !is_new;
    }
    if (*list->changed && !list->added) {
        n_old++;
        know_old += goes_by(list, hosts, n_hosts, list->changed);
    }
    /* nobody is fenced by a list with fewer: it needs no majority */
    return (n_new < FENCE_MEMBERS_MIN || know_new >= FENCE_MAJORITY(n_new)) &&
           (n_old < FENCE_MEMBERS_MIN || know_old >= FENCE_MAJORITY(n_old));
}

/* ---- what is next ---- */

static struct wire_stored_fence *copy(const struct wire_stored_fence *list,
                                      struct arena *arena,
                                      struct wire_stored_fence *ret)
{
    struct wire_stored_fence_member *members = ARENA_ARRAY(
        arena, list->n_members + 1, struct wire_stored_fence_member);

    *ret = *list;
    for (uint32_t i = 0; i < list->n_members; i++)
        members[i] = list->members[i];
    ret->members = members;
    return ret;
}

static bool disarm(struct wire_stored_fence_member *m)
{
    bool is_other = m->armed || m->watchdog_ms || m->sure_ms;

    m->armed = false;
    m->watchdog_ms = m->sure_ms = 0;
    return is_other;
}

/* What it says of its own watchdog. */
static bool take_report(const struct wire_fence_report *report,
                        struct wire_stored_fence_member *m)
{
    struct wire_stored_fence_member before = *m;

    if (report->leaving)
        return disarm(m);
    /* what may be armed is not known to be less before it has left */
    if (m->watchdog_ms < report->wanted_ms)
        m->watchdog_ms = report->wanted_ms;
    if (m->sure_ms < m->watchdog_ms)
        m->sure_ms = m->watchdog_ms;
    m->armed = report->armed && m->watchdog_ms;
    if (m->armed && m->sure_ms < report->watchdog_ms)
        m->sure_ms = report->watchdog_ms;
    return before.armed != m->armed || before.watchdog_ms != m->watchdog_ms ||
           before.sure_ms != m->sure_ms;
}

/* It has gone for good, or wants to go and is not armed. */
static bool is_to_go(const struct wire_stored_fence_member *m,
                     const struct fence_host *host)
{
    if (!host || !host->may)
        return true;
    return host->report && host->report->leaving && !m->armed &&
           !m->watchdog_ms && !m->sure_ms;
}

static bool take_away(struct wire_stored_fence *list,
                      const struct fence_host *hosts, uint32_t n_hosts)
{
    for (uint32_t i = 0; i < list->n_members; i++) {
        struct wire_stored_fence_member *m = &list->members[i];
        if (!is_to_go(m, find_host(hosts, n_hosts, m->name)))
            continue;
        list->changed = m->name;
        list->added = false;
        list->version++;
        list->n_members--;
        memmove(m, m + 1, (list->n_members - i) * sizeof(*m));
        return true;
    }
    return false;
}

static bool add(struct wire_stored_fence *list, const struct fence_host *hosts,
                uint32_t n_hosts, struct arena *arena)
{
    bool *is_member = ARENA_ARRAY(arena, n_hosts + 1, bool);

    for (uint32_t i = 0; i < list->n_members; i++) {
        const struct fence_host *host =
            find_host(hosts, n_hosts, list->members[i].name);
        if (host)
            is_member[host - hosts] = true;
    }
    for (uint32_t i = 0; i < n_hosts; i++) {
        const struct fence_host *host = &hosts[i];
        if (!host->may || !host->report || host->report->leaving ||
            is_member[i])
            continue;
        struct wire_stored_fence_member *m = &list->members[list->n_members++];
        wire_init(&wire_struct_stored_fence_member, m);
        m->name = host->name;
        list->changed = host->name;
        list->added = true;
        list->version++;
        return true;
    }
    return false;
}

/* By another that policyd hears. */
static bool is_heard(const struct fence_host *hosts, uint32_t n_hosts,
                     const char *name)
{
    for (uint32_t i = 0; i < n_hosts; i++) {
        const struct wire_fence_report *report = hosts[i].report;
        for (uint32_t j = 0; report && j < report->n_heard; j++)
            if (strcmp(report->heard[j].name, name) == 0 &&
                report->heard[j].age_ms <= FENCE_HEARD_MS)
                return true;
    }
    return false;
}

/* Which hosts are, by those that policyd hears. */
static bool *who_are_heard(const struct fence_host *hosts, uint32_t n_hosts,
                           struct arena *arena)
{
    bool *are = ARENA_ARRAY(arena, n_hosts + 1, bool);

    for (uint32_t i = 0; i < n_hosts; i++) {
        const struct wire_fence_report *report = hosts[i].report;
        for (uint32_t j = 0; report && j < report->n_heard; j++) {
            const struct fence_host *host =
                report->heard[j].age_ms <= FENCE_HEARD_MS
                    ? find_host(hosts, n_hosts, report->heard[j].name)
                    : NULL;
            if (host)
                are[host - hosts] = true;
        }
    }
    return are;
}

/* One that is two versions behind would not hear the others, and stop: one,
 * too, that policyd alone does not hear. */
static bool all_know(const struct wire_stored_fence *list,
                     const struct fence_host *hosts, uint32_t n_hosts,
                     struct arena *arena)
{
    const bool *are_heard = who_are_heard(hosts, n_hosts, arena);

    for (uint32_t i = 0; i < list->n_members; i++) {
        const struct wire_stored_fence_member *m = &list->members[i];
        const struct fence_host *host = find_host(hosts, n_hosts, m->name);
        bool knows = host && host->report
                         ? host->report->version == list->version
                         : is_to_go(m, host) || !are_heard[host - hosts];
        if (!knows)
            return false;
    }
    return true;
}

bool fence_list_next(const struct wire_stored_fence *list,
                     const struct fence_host *hosts, uint32_t n_hosts,
                     struct arena *arena, struct wire_stored_fence *ret)
{
    bool is_settled = fence_list_is_settled(list, hosts, n_hosts);
    bool is_other = is_settled && *list->changed;

    copy(list, arena, ret);
    /* it stays so, also when those of the list before are not heard */
    if (is_settled)
        ret->changed = "";
    if (is_settled && all_know(list, hosts, n_hosts, arena) &&
        (take_away(ret, hosts, n_hosts) ||
         (ret->n_members < 1024 && add(ret, hosts, n_hosts, arena))))
        is_other = true;
    bool few = ret->n_members < FENCE_MEMBERS_MIN;
    for (uint32_t i = 0; i < ret->n_members; i++) {
        struct wire_stored_fence_member *m = &ret->members[i];
        const struct fence_host *host = find_host(hosts, n_hosts, m->name);
        /* who is not heard disarms when it hears of it */
        if (few)
            is_other |= disarm(m);
        else if (host && host->report)
            is_other |= take_report(host->report, m);
    }
    return is_other;
}

bool fence_list_connected(const struct wire_stored_fence *list,
                          const char *name, struct arena *arena,
                          struct wire_stored_fence *ret)
{
    const struct wire_stored_fence_member *m = fence_list_member(list, name);

    if (!m || !m->armed)
        return false;
    copy(list, arena, ret);
    for (uint32_t i = 0; i < ret->n_members; i++)
        if (strcmp(ret->members[i].name, name) == 0)
            ret->members[i].armed = false;
    return true;
}

/* ---- a host is to go ---- */

bool fence_list_would_stop(const struct wire_stored_fence *list,
                           const struct fence_going *going,
                           const struct fence_host *hosts, uint32_t n_hosts)
{
    const struct wire_stored_fence_member *m =
        fence_list_member(list, going->name);
    const struct fence_host *host = find_host(hosts, n_hosts, going->name);
    const struct wire_fence_report *report = host ? host->report : NULL;
    /* not so: it has left, or the list has too few to fence anybody */
    bool may_arm = m && (m->armed || m->watchdog_ms || m->sure_ms);

    if (report) /* with too few it disarms when it has heard that */
        return report->armed || may_arm ||
               (m && !report->leaving && report->version != list->version);
    if (!m)
        return false;
    if (is_heard(hosts, n_hosts, going->name))
        return may_arm;
    return going->up && (m->armed || (may_arm && going->fresh));
}
