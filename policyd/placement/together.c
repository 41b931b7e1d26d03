/*
 * Several guests placed together, or none; see together.h.
 */
#include "policyd/placement/together.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Two find most of what can be found so; see doc/design/006-placement.md. */
#define ATTEMPTS 8

struct together {
    struct placement_view *view;
    struct placement_index *index;
    const struct placement_request *requests;
    uint32_t n;
    const struct placement_policy *policy;
    struct placement_decision *decisions;
    uint32_t *guests;
    uint32_t order[PLACEMENT_TOGETHER_MAX];
    uint64_t sizes[PLACEMENT_TOGETHER_MAX];
};

static uint64_t part_of(uint64_t n, uint64_t most)
{
    return most ? n * PLACEMENT_ONE / most : 0;
}

/* A guest's size is its part of the largest, in memory and vCPUs. */
static void work_out_sizes(struct together *t)
{
    uint64_t memory = 0, vcpus = 0;

    for (uint32_t i = 0; i < t->n; i++) {
        const struct placement_spec *spec = &t->requests[i].spec;
        memory = spec->memory.kib > memory ? spec->memory.kib : memory;
        vcpus = spec->vcpus > vcpus ? spec->vcpus : vcpus;
    }
    for (uint32_t i = 0; i < t->n; i++) {
        const struct placement_spec *spec = &t->requests[i].spec;
        t->sizes[i] =
            part_of(spec->memory.kib, memory) + part_of(spec->vcpus, vcpus);
        /* whoever may only be in one place goes before who can give way */
        if (t->requests[i].pinned)
            t->sizes[i] += 4 * PLACEMENT_ONE;
    }
}

/* By insertion: equal ones stay as they were asked for. */
static void order(struct together *t)
{
    work_out_sizes(t);
    for (uint32_t i = 0; i < t->n; i++) {
        uint32_t at = i;
        while (at > 0 && t->sizes[t->order[at - 1]] < t->sizes[i]) {
            t->order[at] = t->order[at - 1];
            at--;
        }
        t->order[at] = i;
    }
}

static void take_back(struct together *t, uint32_t n_placed)
{
    while (n_placed > 0)
        placement_view_remove_guest(t->view, t->guests[t->order[--n_placed]]);
}

static void put(struct together *t, uint32_t i)
{
    const struct placement_guest guest = placement_guest_of(
        &t->requests[i], t->decisions[i].winner.host, t->decisions[i].backup);

    int rc = placement_view_add_guest(t->view, &guest, &t->guests[i], NULL);
    assert(rc == 0);
    (void)rc;
}

/* *ret_failed: the place in the order of who found no host. */
static int attempt(struct together *t, uint32_t *ret_failed,
                   struct vdc_error *err)
{
    for (uint32_t k = 0; k < t->n; k++) {
        uint32_t i = t->order[k];
        int rc = placement_index_choose(t->index, t->view, &t->requests[i],
                                        t->policy, &t->decisions[i], err);
        if (rc) {
            take_back(t, k);
            *ret_failed = k;
            return rc;
        }
        put(t, i);
    }
    return 0;
}

static void move_first(struct together *t, uint32_t k)
{
    uint32_t moved = t->order[k];

    memmove(t->order + 1, t->order, k * sizeof(*t->order));
    t->order[0] = moved;
}

int placement_place_together(struct placement_view *view,
                             struct placement_index *index,
                             const struct placement_request *requests,
                             uint32_t n_requests,
                             const struct placement_policy *policy,
                             struct placement_decision *decisions,
                             uint32_t *guests, struct vdc_error *err)
{
    struct together t = { .view = view,
                          .index = index,
                          .requests = requests,
                          .n = n_requests,
                          .policy = policy,
                          .decisions = decisions,
                          .guests = guests };
    struct vdc_error first = { 0 };
    uint32_t failed = 0, i;
    int rc;

    if (n_requests > PLACEMENT_TOGETHER_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "at most %d guests are placed together",
                             PLACEMENT_TOGETHER_MAX);
    order(&t);
    rc = attempt(&t, &failed, &first);
    if (!rc)
        return 0;
    i = t.order[failed];
    for (int n = 1; n < ATTEMPTS && failed > 0; n++) {
        move_first(&t, failed);
        if (!attempt(&t, &failed, NULL))
            return 0;
    }
    if (n_requests > 1)
        vdc_error_prefix(&first, "guest %u of %u that are asked for together",
                         i + 1, n_requests);
    if (err)
        *err = first;
    return rc;
}
