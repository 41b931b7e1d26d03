/* Who is heard, and whether that is a majority; see vote.h. */
#include "watchdogd/vote.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/tcp.h"
#include "wire/fence.h"

uint64_t vote_n_compared;

struct vote_number {
    char text[TCP_FROM_SIZE];
};

static int compare(const char *a, const char *b)
{
    vote_n_compared++;
    return strcmp(a, b);
}

static int by_name(const void *a, const void *b)
{
    const struct vote_member *x = a, *y = b;

    return compare(x->name, y->name);
}

static int by_text(const void *a, const void *b)
{
    const struct vote_number *x = a, *y = b;

    return compare(x->text, y->text);
}

/* As getnameinfo writes it, so that the same are the same. */
static void write_number(const char *text, struct vote_number *ret)
{
    uint8_t binary[sizeof(struct in6_addr)];
    static const char mapped[] = "::ffff:";
    size_t len = sizeof(mapped) - 1;

    if (strncasecmp(text, mapped, len) == 0 && strchr(text, '.'))
        text += len;
    snprintf(ret->text, sizeof(ret->text), "%.*s", TCP_FROM_SIZE - 1, text);
    for (int family = AF_INET;; family = AF_INET6) {
        if (inet_pton(family, text, binary) == 1)
            inet_ntop(family, binary, ret->text, sizeof(ret->text));
        if (family == AF_INET6)
            return;
    }
}

void vote_fini(struct vote *vote)
{
    free(vote->members);
    free(vote->numbers);
    *vote = (struct vote){ 0 };
}

void vote_sort(struct vote *vote)
{
    char host[TCP_HOST_MAX + 1], port[6];

    free(vote->numbers);
    vote->numbers = xzalloc((vote->n_members + 1) * sizeof(*vote->numbers));
    for (size_t i = 0; i < vote->n_members; i++)
        if (tcp_split(vote->members[i].address, host, port, NULL) == 0)
            write_number(host, &vote->numbers[i]);
    if (!vote->n_members)
        return;
    qsort(vote->members, vote->n_members, sizeof(*vote->members), by_name);
    qsort(vote->numbers, vote->n_members, sizeof(*vote->numbers), by_text);
}

struct vote_member *vote_find(const struct vote *vote, const char *name)
{
    size_t from = 0, to = vote->n_members;

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int r = compare(name, vote->members[middle].name);
        if (r == 0)
            return &vote->members[middle];
        if (r < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return NULL;
}

bool vote_has_address(const struct vote *vote, const char *number)
{
    struct vote_number like = { "" };

    write_number(number, &like);
    return vote->n_members && bsearch(&like, vote->numbers, vote->n_members,
                                      sizeof(like), by_text);
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
        if (!is_name(member->name) ||
            (i && compare(member->name, member[-1].name) == 0))
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
        if (compare(a->members[i].name, b->members[i].name) != 0)
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
        n += compare(member->name, self) == 0 ||
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
        if (compare(vote->members[i].name, self) != 0)
            asked[n++] = vote->members[i].asked_ms;
    if (others == 0 || others > n)
        return 0;
    qsort(asked, n, sizeof(asked[0]), latest_first);
    return asked[others - 1] ? asked[others - 1] + FENCE_HEARD_MS : 0;
}
