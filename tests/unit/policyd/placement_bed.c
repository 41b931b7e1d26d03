/* A data center that a test of placement makes by hand. */
#include "tests/unit/policyd/placement_bed.h"

#include <string.h>

#include "tests/unit/unit.h"

struct placement_bed bed;

void bed_begin(void)
{
    if (bed.names)
        return;
    bed.names = placement_names_new();
    bed.view = placement_view_new(bed.names);
}

uint32_t bed_name(const char *text)
{
    bed_begin();
    return placement_names_add(bed.names, text);
}

void bed_end(void)
{
    placement_view_free(bed.view);
    placement_names_free(bed.names);
    bed.names = NULL;
}

struct placement_host bed_host_of(const char *text, uint64_t memory_mib)
{
    return (struct placement_host){ .name = bed_name(text),
                                    .memory = MEM_MIB(memory_mib),
                                    .pcpus = 8 };
}

uint32_t bed_put(const struct placement_host *host)
{
    uint32_t at = PLACEMENT_NONE;

    CU_ASSERT_EQUAL(placement_view_put_host(bed.view, host, &at, NULL), 0);
    return at;
}

uint32_t bed_add_host(const char *text, uint64_t memory_mib)
{
    struct placement_host host = bed_host_of(text, memory_mib);

    return bed_put(&host);
}

struct placement_request bed_ask(uint64_t memory_mib)
{
    return (struct placement_request){ .customer = bed_name("ann"),
                                       .spec = { .memory = MEM_MIB(memory_mib),
                                                 .vcpus = 1 },
                                       .start = true };
}

uint32_t bed_add_guest(uint32_t host, const struct placement_request *r)
{
    struct placement_guest guest = { .customer = r->customer,
                                     .host = host,
                                     .spec = r->spec,
                                     .n_groups = r->n_groups,
                                     .cpu = r->cpu,
                                     .dedication = r->dedication,
                                     .runs = r->start,
                                     .since_ms = r->now_ms };
    uint32_t at = PLACEMENT_NONE;

    memcpy(guest.groups, r->groups, sizeof(guest.groups));
    CU_ASSERT_EQUAL(placement_view_add_guest(bed.view, &guest, &at, NULL), 0);
    return at;
}

int bed_choose(const struct placement_request *request, const char *policy)
{
    memset(&bed.error, 0, sizeof(bed.error));
    return placement_choose(bed.view, request, placement_policy_find(policy),
                            &bed.decision, &bed.error);
}

int bed_chosen(const struct placement_request *request)
{
    return bed_choose(request, "spread") ? -1 : (int)bed.decision.winner.host;
}

void bed_assert_excluded(enum placement_constraint constraint, uint32_t n,
                         uint32_t n_only)
{
    CU_ASSERT_EQUAL(bed.decision.excluded[constraint].n_hosts, n);
    CU_ASSERT_EQUAL(bed.decision.excluded[constraint].n_only, n_only);
}
