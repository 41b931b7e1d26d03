/* Who is heard, and whether that is a majority; see vote.h. */
#include "watchdogd/vote.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/tcp.h"
#include "wire/fence.h"

void vote_fini(struct vote *vote)
{
    free(vote->members);
    *vote = (struct vote){ 0 };
}

struct vote_member *vote_find(const struct vote *vote, const char *name)
{
    for (size_t i = 0; i < vote->n_members; i++)
        if (strcmp(vote->members[i].name, name) == 0)
            return &vote->members[i];
    return NULL;
}

bool vote_counts(const struct vote *vote, const char *self)
{
    return vote->n_members >= FENCE_MEMBERS_MIN && vote_find(vote, self);
}

static bool is_name(const char *name)
{
    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("-_.", *p))
            return false;
    return *name;
}

static int check_members(const struct vote *vote, struct vdc_error *err)
{
    char host[TCP_HOST_MAX + 1], port[6];

    for (size_t i = 0; i < vote->n_members; i++) {
        const struct vote_member *member = &vote->members[i];
        if (!is_name(member->name) || vote_find(vote, member->name) != member)
            return vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "'%s' is no name of a member, or is one "
                                 "twice", member->name);
        int rc = tcp_split(member->address, host, port, err);
        if (rc)
            return rc;
        if (!tcp_is_number(host))
            return vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "the address of '%s', %s, is not a number",
                                 member->name, member->address);
    }
    return 0;
}

static bool same_names(const struct vote *a, const struct vote *b)
{
    if (a->n_members != b->n_members)
        return false;
    for (size_t i = 0; i < a->n_members; i++)
        if (!vote_find(b, a->members[i].name))
            return false;
    return true;
}

int vote_check(const struct vote *now, const struct vote *next,
               struct vdc_error *err)
{
    if (next->version < now->version)
        vdc_error_set(err, VDC_E_CONFLICT,
                      "this list of members has version %llu, and this host "
                      "has version %llu",
                      (unsigned long long)next->version,
                      (unsigned long long)now->version);
    else if (next->version == now->version && now->version != 0 &&
             !same_names(now, next))
        vdc_error_set(err, VDC_E_CONFLICT,
                      "this list has version %llu, as that of this host, but "
                      "other members", (unsigned long long)next->version);
    else
        return check_members(next, err);
    vdc_error_hint(err, "it is of a policyd that does not lead any more, or "
                        "whose store was put back");
    return VDC_E_CONFLICT;
}

void vote_replace(struct vote *vote, struct vote *next)
{
    for (size_t i = 0; i < next->n_members; i++) {
        struct vote_member *member = &next->members[i];
        const struct vote_member *old = vote_find(vote, member->name);
        member->asked_ms = old ? old->asked_ms : 0;
        member->came_ms = old ? old->came_ms : 0;
    }
    vote_fini(vote);
    *vote = *next;
    *next = (struct vote){ 0 };
}

void vote_answered(struct vote *vote, struct vote_member *member,
                   uint64_t asked_ms, uint64_t version)
{
    if (version > vote->version + 1)
        return;
    if (asked_ms > member->asked_ms)
        member->asked_ms = asked_ms;
}

size_t vote_heard(const struct vote *vote, const char *self, uint64_t now_ms)
{
    size_t n = 0;

    for (size_t i = 0; i < vote->n_members; i++) {
        const struct vote_member *member = &vote->members[i];
        n += strcmp(member->name, self) == 0 ||
             (member->asked_ms != 0 &&
              now_ms < member->asked_ms + FENCE_HEARD_MS);
    }
    return n;
}

static int latest_first(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x < y) - (x > y);
}

uint64_t vote_connected_until_ms(const struct vote *vote, const char *self)
{
    size_t n = 0, others = FENCE_MAJORITY(vote->n_members) - 1;
    uint64_t asked[VOTE_MEMBERS_MAX];

    for (size_t i = 0; i < vote->n_members && n < VOTE_MEMBERS_MAX; i++)
        if (strcmp(vote->members[i].name, self) != 0)
            asked[n++] = vote->members[i].asked_ms;
    if (others == 0 || others > n)
        return 0;
    qsort(asked, n, sizeof(asked[0]), latest_first);
    return asked[others - 1] ? asked[others - 1] + FENCE_HEARD_MS : 0;
}
