/*
 * A data center whose guests come and go; see bench_center.h.
 */
#include "tests/bench/bench_center.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

/* The mean of the catalogue: cores of a guest. */
#define GUEST_CORES 3.98

static void die(const char *what)
{
    fprintf(stderr, "bench_placement: %s\n", what);
    exit(1);
}

void center_init(struct center *center, uint32_t n_hosts,
                 const struct placement_policy *policy, uint64_t seed)
{
    char text[32];

    memset(center, 0, sizeof(*center));
    center->seed = center->dice = seed;
    center->policy = *policy;
    center->names = placement_names_new();
    center->view = placement_view_new(center->names);
    for (uint32_t i = 0; i < n_hosts; i++) {
        snprintf(text, sizeof(text), "host%u", i);
        struct placement_host host = {
            .name = placement_names_add(center->names, text),
            .memory = MEM_GIB(HOST_GIB),
            .pcpus = HOST_CORES,
        };
        placement_view_put_host(center->view, &host, NULL, NULL);
    }
    placement_view_set_overcommit(center->view, 100);
    center->index = placement_index_new(center->view);
}

void center_fini(struct center *center)
{
    placement_index_free(center->index);
    placement_view_free(center->view);
    placement_names_free(center->names);
    free(center->departures);
}

/* ---- who leaves when ---- */

void center_leave_at(struct center *center, uint32_t guest, int64_t at_ms)
{
    struct departure *all;

    if (center->n_departures == center->departures_max) {
        center->departures_max = center->departures_max * 2 + 1024;
        center->departures =
            xrealloc(center->departures,
                     center->departures_max * sizeof(*center->departures));
    }
    all = center->departures;
    uint32_t at = center->n_departures++;
    while (at > 0 && all[(at - 1) / 2].at_ms > at_ms) {
        all[at] = all[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    all[at] = (struct departure){ at_ms, guest };
}

static struct departure pop(struct center *center)
{
    struct departure *all = center->departures, first = all[0];
    struct departure last = all[--center->n_departures];
    uint32_t at = 0;

    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= center->n_departures)
            break;
        if (child + 1 < center->n_departures &&
            all[child + 1].at_ms < all[child].at_ms)
            child++;
        if (all[child].at_ms >= last.at_ms)
            break;
        all[at] = all[child];
        at = child;
    }
    all[at] = last;
    return first;
}

int64_t center_next_ms(const struct center *center)
{
    return center->n_departures ? center->departures[0].at_ms : INT64_MAX;
}

/* ---- guests ---- */

void center_request(const struct center *center,
                    const struct workload_type *type,
                    struct placement_request *ret)
{
    *ret = (struct placement_request){
        .customer = 1,
        .spec = { .memory = MEM_GIB(type->memory_gib), .vcpus = type->vcpus },
        .start = true,
        .now_ms = center->now_ms,
    };
}

static uint32_t put(struct center *center, const struct placement_guest *guest)
{
    uint32_t at;

    if (placement_view_add_guest(center->view, guest, &at, NULL))
        die("the view does not take a guest");
    return at;
}

uint32_t center_put(struct center *center,
                    const struct placement_request *request, uint32_t host)
{
    const struct placement_guest guest = {
        .customer = request->customer,
        .host = host,
        .spec = request->spec,
        .runs = true,
        .backup = PLACEMENT_NONE,
        .since_ms = request->now_ms,
    };

    return put(center, &guest);
}

void center_count(struct center *center, uint32_t guest, int sign)
{
    const struct placement_guest *g =
        placement_view_guest(center->view, guest);

    center->cores += (uint64_t)(sign * (int)g->spec.vcpus);
    center->gib += (uint64_t)(sign * (int)(g->spec.memory.kib >> 20));
    if (placement_view_use(center->view, g->host)->n_guests == 1)
        center->n_busy += (uint32_t)sign;
}

void center_leave(struct center *center)
{
    struct departure departure = pop(center);

    center->now_ms = departure.at_ms;
    center_count(center, departure.guest, -1);
    placement_view_remove_guest(center->view, departure.guest);
}

void center_come(struct center *center, const struct workload_type *type,
                 int64_t stay_ms)
{
    int64_t until_ms = center->now_ms + stay_ms;
    struct placement_request request;
    struct placement_decision decision;
    uint32_t host = PLACEMENT_NONE;

    center->n_come++;
    center_request(center, type, &request);
    if (center->choose)
        host = center->choose(center, &request, stay_ms);
    else if (!placement_index_choose(center->index, center->view, &request,
                                     &center->policy, &decision, NULL))
        host = decision.winner.host;
    if (host == PLACEMENT_NONE) {
        center->n_refused++;
        return;
    }
    uint32_t guest = center_put(center, &request, host);
    center_count(center, guest, 1);
    if (host < PACKED_HOSTS &&
        (placement_view_use(center->view, host)->n_guests == 1 ||
         until_ms > center->until_ms[host]))
        center->until_ms[host] = until_ms;
    center_leave_at(center, guest, until_ms);
}

void center_move(struct center *center, const struct placement_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_moves; i++) {
        uint32_t guest = plan->moves[i].guest;
        struct placement_guest moved =
            *placement_view_guest(center->view, guest);
        moved.host = plan->moves[i].to;
        moved.since_ms = center->now_ms;
        center_count(center, guest, -1);
        placement_view_remove_guest(center->view, guest);
        /* the slot that became free last is taken first */
        if (put(center, &moved) != guest)
            die("a guest that was moved got another number");
        center_count(center, guest, 1);
        const struct placement_use *use =
            placement_view_use(center->view, moved.host);
        if (use->vcpus > HOST_CORES || use->memory.kib > MEM_GIB(HOST_GIB).kib)
            die("a plan puts too much on a host");
    }
}

void center_settle(struct center *center, uint64_t cores)
{
    const int64_t longest_ms = (int64_t)2160 * 3600 * 1000;

    while (center->cores < cores) {
        int64_t stay_ms = workload_stay_ms(&center->seed);
        if (workload_part(&center->seed) * (double)longest_ms >
            (double)stay_ms)
            continue;
        center_come(
            center, workload_type(&center->seed),
            1 + (int64_t)(workload_part(&center->seed) * (double)stay_ms));
    }
}

double center_rate(double cores)
{
    uint64_t seed = 1;
    double hours = 0;
    const int n = 1000000;

    for (int i = 0; i < n; i++)
        hours += (double)workload_stay_ms(&seed) / 3600000 / n;
    return cores / GUEST_CORES / hours;
}
