/*
 * The search for empty hosts: that with the fewest guests first, of those with
 * as many that with the least memory in use, and whether all its guests find
 * room on other hosts that have guests, the largest first, each where it
 * leaves least.  All of a host's guests or none.  So that as few moves as can
 * be empty a host, and a plan that is cut short is worth most; by memory alone
 * a large guest that is all there is on a host would stay for long.
 *
 * It ends when a look at every host empties none, so that another search
 * begins with the same look.
 */
#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "policyd/placement/rebalance_impl.h"

/* Hosts that are tried for one guest. */
#define TRIES 32

struct sized {
    uint64_t kib;
    uint32_t at;
};

struct filled {
    uint32_t n_guests; /* of a host that must be left, 0 */
    struct sized used;
};

static int by_size(const void *a, const void *b)
{
    const struct sized *x = a, *y = b;

    if (x->kib != y->kib)
        return x->kib < y->kib ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static int by_guests(const void *a, const void *b)
{
    const struct filled *x = a, *y = b;

    if (x->n_guests != y->n_guests)
        return x->n_guests < y->n_guests ? -1 : 1;
    return by_size(&x->used, &y->used);
}

/* The host with the least memory free of those that have enough of it and of
 * vCPUs and come after `after` in that order; PLACEMENT_NONE: there is none.
 * Empty hosts are for those that must leave theirs. */
static uint32_t next_fit(const struct placement_run *run, uint32_t guest,
                         const struct sized *after)
{
    const struct placement_guest *g = placement_view_guest(run->view, guest);
    const struct placement_balance *balance = &run->balance;
    uint64_t need = g->runs ? g->spec.memory.kib : 0;
    uint64_t need_vcpus = g->runs ? g->spec.vcpus : 0;
    bool leaves =
        placement_view_host(run->view, g->host)->state != PLACEMENT_UP;
    struct sized best = { UINT64_MAX, PLACEMENT_NONE };

    for (uint32_t i = 0; i < balance->n_up; i++) {
        struct sized one = { balance->free_kib[balance->up[i]],
                             balance->up[i] };
        if (one.kib < need || balance->free_vcpus[one.at] < need_vcpus ||
            one.at == g->host || by_size(&one, after) <= 0 ||
            by_size(&one, &best) >= 0 ||
            (!leaves && !placement_view_use(run->view, one.at)->n_guests) ||
            !placement_step_is_cool(&run->options->moving, one.at))
            continue;
        best = one;
    }
    return best.at;
}

static bool put(struct placement_run *run, uint32_t guest)
{
    struct sized last = { 0, 0 };

    /* nothing is before (0, 0) but itself, which a full host may be */
    for (int i = 0; i < TRIES; i++) {
        uint32_t to = next_fit(run, guest, &last);
        if (to == PLACEMENT_NONE)
            return false;
        last = (struct sized){ run->balance.free_kib[to], to };
        if (placement_run_step(run, guest, to, -INFINITY))
            return true;
    }
    return false;
}

static struct sized *guests_of(const struct placement_run *run, uint32_t host,
                               uint32_t *ret_n)
{
    const struct placement_use *use = placement_view_use(run->view, host);
    struct sized *guests = xzalloc((use->n_guests + 1) * sizeof(*guests));
    uint32_t n = 0;

    for (uint32_t g = use->first_guest; g != PLACEMENT_NONE;
         g = placement_view_guest(run->view, g)->next)
        guests[n++] = (struct sized){
            UINT64_MAX - placement_view_guest(run->view, g)->spec.memory.kib, g
        };
    qsort(guests, n, sizeof(*guests), by_size);
    *ret_n = n;
    return guests;
}

/* ---- host by host ---- */

struct placement_pack {
    struct placement_run *run;
    struct filled *hosts; /* in their order, of this look at all */
    uint32_t at;          /* the next of them */
    uint32_t n_moved;     /* guests, in this look */

    /* of the host that is being emptied */
    struct sized *guests; /* NULL: none is */
    uint32_t n_guests;
    uint32_t at_guest;
    uint32_t n_raws; /* before it */
    bool all;        /* it is up: all go or none */
};

static void look_anew(struct placement_pack *search)
{
    const struct placement_run *run = search->run;

    for (uint32_t i = 0; i < run->balance.n_hosts; i++) {
        const struct placement_use *use = placement_view_use(run->view, i);
        bool up = placement_view_host(run->view, i)->state == PLACEMENT_UP;
        search->hosts[i] = (struct filled){ up ? use->n_guests : 0,
                                            { up ? use->memory.kib : 0, i } };
    }
    qsort(search->hosts, run->balance.n_hosts, sizeof(*search->hosts),
          by_guests);
    search->at = search->n_moved = 0;
}

static void begin_host(struct placement_pack *search, uint32_t host)
{
    const struct placement_run *run = search->run;

    if (!placement_view_use(run->view, host)->n_guests)
        return;
    search->all = placement_view_host(run->view, host)->state == PLACEMENT_UP;
    search->n_raws = run->n_raws;
    search->guests = guests_of(run, host, &search->n_guests);
    search->at_guest = 0;
}

static void end_host(struct placement_pack *search)
{
    search->n_moved += search->run->n_raws - search->n_raws;
    free(search->guests);
    search->guests = NULL;
}

static void empty_once(struct placement_pack *search)
{
    struct placement_run *run = search->run;
    uint32_t guest = search->guests[search->at_guest++].at;

    if ((!placement_run_may(run, guest) || !put(run, guest)) && search->all) {
        placement_run_undo(run, search->n_raws);
        end_host(search);
    } else if (search->at_guest == search->n_guests) {
        end_host(search);
    }
}

bool placement_pack_step(struct placement_pack *search)
{
    if (search->guests) {
        empty_once(search);
        return false;
    }
    if (search->at < search->run->balance.n_hosts) {
        begin_host(search, search->hosts[search->at++].used.at);
        return false;
    }
    if (!search->n_moved)
        return true;
    look_anew(search);
    return false;
}

struct placement_pack *placement_pack_new(struct placement_run *run)
{
    struct placement_pack *search = XNEW(struct placement_pack);

    search->run = run;
    search->hosts =
        xzalloc((run->balance.n_hosts + 1) * sizeof(*search->hosts));
    look_anew(search);
    return search;
}

void placement_pack_free(struct placement_pack *search)
{
    if (!search)
        return;
    free(search->guests);
    free(search->hosts);
    free(search);
}
