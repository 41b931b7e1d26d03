/* Leases as others see them: one, a page of them, and how much they keep. */
#include "resourced/lease_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "resourced/host.h"
#include "wire/page.h"

struct lease *lease_find(const struct host *host, const struct vdc_uuid *id)
{
    struct lease *lease;

    TAILQ_FOREACH (lease, &host->leases->all, link)
        if (!lease->doomed && uuid_equal(&lease->wire.id, id))
            return lease;
    return NULL;
}

/* ---- lists ---- */

/* By time of making, as far as the clock was right; the id makes it one order
 * for ever. */
static int compare(const void *a, const void *b)
{
    const struct wire_lease *p = a, *q = b;

    if (p->created_ms != q->created_ms)
        return p->created_ms < q->created_ms ? -1 : 1;
    return memcmp(&p->id, &q->id, sizeof(p->id));
}

void leases_list(const struct host *host, const char *owner,
                 struct arena *arena, struct wire_lease_list *ret)
{
    uint64_t now = clock_mono().ms;
    const struct lease *lease;
    size_t n = 0;

    wire_init(&wire_struct_lease_list, ret);
    TAILQ_FOREACH (lease, &host->leases->all, link)
        n++;
    ret->leases = ARENA_ARRAY(arena, n, struct wire_lease);
    TAILQ_FOREACH (lease, &host->leases->all, link) {
        if (owner[0] && strcmp(owner, lease->wire.owner) != 0)
            continue;
        struct wire_lease *item = &ret->leases[ret->n_leases++];
        *item = lease->wire;
        item->expires_ms =
            lease->expires_at_ms > now ? lease->expires_at_ms - now : 0;
    }
    qsort(ret->leases, ret->n_leases, sizeof(*ret->leases), compare);
}

/* A place is "MS.ID" of the last lease before it. */
static int place_parse(const char *from, struct wire_lease *ret,
                       struct vdc_error *err)
{
    const char *dot = strchr(from, '.');
    char ms[WIRE_PLACE_MAX + 1] = "";

    if (!dot || dot == from || (size_t)(dot - from) > WIRE_PLACE_MAX ||
        !uuid_from_text(dot + 1, &ret->id))
        return wire_page_refuse(from, err);
    memcpy(ms, from, (size_t)(dot - from));
    return wire_page_number(ms, &ret->created_ms, err)
               ? wire_page_refuse(from, err)
               : 0;
}

int leases_page(const struct host *host, const char *owner, const char *from,
                struct arena *arena, struct wire_lease_list *ret,
                struct vdc_error *err)
{
    struct wire_lease place = { 0 };
    struct wire_lease_list all;
    char id[UUID_TEXT_SIZE];
    uint32_t at = 0;

    if (from[0] && place_parse(from, &place, err))
        return VDC_E_BAD_VALUE;
    leases_list(host, owner, arena, &all);
    while (from[0] && at < all.n_leases &&
           compare(&all.leases[at], &place) <= 0)
        at++;
    wire_init(&wire_struct_lease_list, ret);
    ret->leases = all.leases + at;
    ret->n_leases =
        wire_page_count(&wire_struct_lease, ret->leases, all.n_leases - at);
    if (ret->n_leases < all.n_leases - at) {
        const struct wire_lease *last = &ret->leases[ret->n_leases - 1];
        ret->next = arena_printf(arena, "%" PRIu64 ".%s", last->created_ms,
                                 uuid_format(&last->id, id));
    }
    return 0;
}

/* ---- sums ---- */

struct mem leases_memory(const struct host *host, const struct transaction *t)
{
    const struct lease *lease;
    struct mem sum = { 0 };

    TAILQ_FOREACH (lease, &host->leases->all, link)
        if (!t || lease->user != t)
            sum.kib += lease->wire.memory.kib;
    return sum;
}

struct mem leases_memory_idle(const struct host *host)
{
    const struct lease *lease;
    struct mem sum = { 0 };

    TAILQ_FOREACH (lease, &host->leases->all, link)
        if (!lease->user)
            sum.kib += lease->wire.memory.kib;
    return sum;
}

struct mem leases_memory_claimed(const struct host *host)
{
    const struct lease *lease;
    struct mem sum = { 0 };

    TAILQ_FOREACH (lease, &host->leases->all, link)
        if (lease->wire.claimed)
            sum.kib += lease->wire.memory.kib;
    return sum;
}
