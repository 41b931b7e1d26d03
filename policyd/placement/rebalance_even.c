/*
 * The search for an even cluster: the best move of those between the hosts
 * that stand out most, again and again; and when there is none, every guest
 * with every host, once.
 *
 * It ends at a view of which the same search, begun anew, finds nothing: all
 * that it looks at follows from the view alone.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/placement/rebalance_impl.h"

/* Hosts that stand out, by each part and by all. */
#define LIST 4
#define LISTS PLACEMENT_BALANCE_PARTS
#define PICKED_MAX (LIST * (LISTS + 1))
/* Moves that are tried before every guest is looked at. */
#define BEST 24
/* Hosts that are tried for one guest. */
#define TRIES 16
/* Other moved guests that one changes places with. */
#define PARTNERS 256
/* Guests that are passed over in one step. */
#define PASSED_MAX 512
/* Below that it is rounding. */
#define LEAST_GAIN 1e-9

struct picked {
    uint32_t hosts[PICKED_MAX];
    double keys[PICKED_MAX];
    uint32_t n;
};

struct candidate {
    uint32_t guest;
    uint32_t to;
    double score;
};

enum stage {
    DESCEND,  /* the best moves, one after the other */
    SWEEP,    /* each guest, when there was none */
    EXCHANGE  /* each that is moved, when that found none either */
};

struct placement_even {
    struct placement_run *run;
    double gain;
    double *scores; /* by up host */
    double *keys;   /* by host */
    struct candidate best[BEST];
    uint32_t n_best;

    enum stage stage;
    bool found;       /* something, in this stage */
    uint32_t at;      /* whose turn it is, in this stage */
    uint32_t *moved;  /* EXCHANGE: those that are moved */
    uint32_t n_moved;
};

/* ---- who stands out ---- */

static void pick(struct picked *picked, uint32_t host)
{
    for (uint32_t i = 0; i < picked->n; i++)
        if (picked->hosts[i] == host)
            return;
    picked->hosts[picked->n++] = host;
}

/* The `LIST` hosts with the highest sign * key. */
static void pick_top(const struct placement_balance *balance,
                     const double *keys, double sign, struct picked *picked)
{
    struct picked top = { .n = 0 };

    for (uint32_t i = 0; i < balance->n_up; i++) {
        uint32_t host = balance->up[i];
        double key = sign * keys[host];
        if (top.n == LIST && key <= top.keys[LIST - 1])
            continue;
        uint32_t at = top.n < LIST ? top.n++ : LIST - 1;
        for (; at > 0 && top.keys[at - 1] < key; at--) {
            top.keys[at] = top.keys[at - 1];
            top.hosts[at] = top.hosts[at - 1];
        }
        top.keys[at] = key;
        top.hosts[at] = host;
    }
    for (uint32_t i = 0; i < top.n; i++)
        pick(picked, top.hosts[i]);
}

/* How much a host's load is above the mean, in deviations; memory and disk
 * are of what is free. */
static void stand_out(const struct placement_balance *balance, double *ret)
{
    static const double signs[PLACEMENT_BALANCE_PARTS] = { -1, -1, 1, 1, 0 };
    static const double weights[PLACEMENT_BALANCE_PARTS] = { 1, 1, 1, 4, 0 };

    memset(ret, 0, balance->n_hosts * sizeof(*ret));
    for (int i = 0; i < PLACEMENT_BALANCE_PARTS; i++) {
        double mean = balance->sums[i] / balance->n_up;
        double variance = balance->squares[i] / balance->n_up - mean * mean;
        if (signs[i] == 0 || !(variance > 1e-12))
            continue;
        double k = weights[i] * signs[i] / sqrt(variance);
        for (uint32_t j = 0; j < balance->n_up; j++)
            ret[balance->up[j]] +=
                k * (balance->shares[i][balance->up[j]] - mean);
    }
}

static void pick_all(const struct placement_balance *balance,
                     const double *keys, bool sources, struct picked *picked)
{
    double sign = sources ? 1 : -1;

    picked->n = 0;
    if (balance->n_up <= PICKED_MAX / 2) {
        for (uint32_t i = 0; i < balance->n_up; i++)
            pick(picked, balance->up[i]);
        return;
    }
    pick_top(balance, keys, sign, picked);
    pick_top(balance, balance->shares[PLACEMENT_BALANCE_GUESTS], sign, picked);
    pick_top(balance, balance->shares[PLACEMENT_BALANCE_MEMORY], -sign,
             picked);
    pick_top(balance, balance->shares[PLACEMENT_BALANCE_VCPUS], sign, picked);
    pick_top(balance, balance->shares[PLACEMENT_BALANCE_DISK], -sign, picked);
}

/* ---- the best move of some ---- */

static void consider(struct placement_even *search, struct candidate candidate)
{
    if (search->n_best == BEST &&
        candidate.score >= search->best[BEST - 1].score)
        return;
    uint32_t at = search->n_best < BEST ? search->n_best++ : BEST - 1;
    for (; at > 0 && search->best[at - 1].score > candidate.score; at--)
        search->best[at] = search->best[at - 1];
    search->best[at] = candidate;
}

static void consider_host(struct placement_even *search, uint32_t host,
                          const uint32_t *targets, uint32_t n_targets,
                          double below)
{
    const struct placement_run *run = search->run;

    for (uint32_t g = placement_view_use(run->view, host)->first_guest;
         g != PLACEMENT_NONE; g = placement_view_guest(run->view, g)->next) {
        if (!placement_run_may(run, g))
            continue;
        placement_balance_preview(&run->balance, g, targets, n_targets,
                                  search->scores);
        for (uint32_t i = 0; i < n_targets; i++)
            if (search->scores[i] <= below)
                consider(search, (struct candidate){ g, targets[i],
                                                     search->scores[i] });
    }
}

static bool step_best(struct placement_even *search)
{
    struct placement_run *run = search->run;

    for (uint32_t i = 0; i < search->n_best; i++)
        if (placement_step_is_cool(&run->options->moving,
                                   search->best[i].to) &&
            placement_run_step(run, search->best[i].guest, search->best[i].to,
                               search->gain))
            return true;
    return false;
}

/* Guests on hosts that are not up go first, as they count most. */
static void consider_leaving(struct placement_even *search,
                             const struct picked *targets, double below)
{
    const struct placement_view *view = search->run->view;
    uint32_t n = 0;

    for (uint32_t i = 0; i < search->run->balance.n_hosts && n < LIST; i++) {
        if (placement_view_host(view, i)->state == PLACEMENT_UP ||
            !placement_view_use(view, i)->n_guests)
            continue;
        consider_host(search, i, targets->hosts, targets->n, below);
        n++;
    }
}

static bool descend_once(struct placement_even *search)
{
    struct placement_balance *balance = &search->run->balance;
    double below = placement_balance_score(balance) - search->gain;
    struct picked sources, targets;

    stand_out(balance, search->keys);
    pick_all(balance, search->keys, true, &sources);
    pick_all(balance, search->keys, false, &targets);
    search->n_best = 0;
    consider_leaving(search, &targets, below);
    for (uint32_t i = 0; i < sources.n; i++)
        consider_host(search, sources.hosts[i], targets.hosts, targets.n,
                      below);
    return step_best(search);
}

/* ---- everybody once ---- */

static bool step_guest(struct placement_even *search, uint32_t guest)
{
    struct placement_run *run = search->run;
    const struct placement_balance *balance = &run->balance;
    double below = placement_balance_score(balance) - search->gain;

    placement_balance_preview(balance, guest, balance->up, balance->n_up,
                              search->scores);
    for (int i = 0; i < TRIES; i++) {
        uint32_t best = 0;
        for (uint32_t j = 1; j < balance->n_up; j++)
            if (search->scores[j] < search->scores[best])
                best = j;
        if (!(search->scores[best] <= below))
            return false;
        if (placement_step_is_cool(&run->options->moving, balance->up[best]) &&
            placement_run_step(run, guest, balance->up[best], search->gain))
            return true;
        search->scores[best] = INFINITY;
    }
    return false;
}

/* The next guest that may be moved; false: all were looked at. */
static bool sweep_once(struct placement_even *search)
{
    struct placement_run *run = search->run;
    uint32_t end = placement_view_guests_end(run->view), i;

    for (int n = 0; search->at < end && n < PASSED_MAX; n++) {
        i = search->at++;
        if (!placement_view_guest(run->view, i) || !placement_run_may(run, i))
            continue;
        search->found |= step_guest(search, i);
        break;
    }
    return search->at < end;
}

/* ---- changes that cost no move ---- */

static bool has_moved(const struct placement_run *run, uint32_t guest)
{
    return placement_view_guest(run->view, guest)->host !=
           placement_view_guest(run->start, guest)->host;
}

static uint32_t find_moved(const struct placement_run *run, uint32_t *ret)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < placement_view_guests_end(run->view); i++)
        if (placement_view_guest(run->view, i) && has_moved(run, i))
            ret[n++] = i;
    return n;
}

/* The one that goes first needs room beside the other. */
static bool exchange_in_order(struct placement_even *search, uint32_t a,
                              uint32_t b, double below)
{
    struct placement_run *run = search->run;
    uint32_t host_a = placement_view_guest(run->view, a)->host;
    uint32_t host_b = placement_view_guest(run->view, b)->host;
    uint32_t n = run->n_raws;

    if (placement_run_step(run, a, host_b, -INFINITY) &&
        placement_run_step(run, b, host_a, -INFINITY) &&
        placement_balance_score(&run->balance) <= below)
        return true;
    placement_run_undo(run, n);
    return false;
}

static bool exchange(struct placement_even *search, uint32_t a, uint32_t b)
{
    struct placement_run *run = search->run;
    const struct placement_guest *x = placement_view_guest(run->view, a);
    const struct placement_guest *y = placement_view_guest(run->view, b);
    double below = placement_balance_score(&run->balance) - search->gain;

    if (x->host == y->host ||
        placement_balance_exchange(&run->balance, a, b) > below)
        return false;
    return exchange_in_order(search, a, b, below) ||
           exchange_in_order(search, b, a, below);
}

/* With others that are moved anyway, and with those that are where it was: one
 * of the two is moved then, as before. */
static uint32_t exchange_with_all(struct placement_even *search,
                                  const uint32_t *moved, uint32_t n,
                                  uint32_t i)
{
    struct placement_run *run = search->run;
    uint32_t guest = moved[i], n_done = 0, next;
    uint32_t end = i + 1 + PARTNERS < n ? i + 1 + PARTNERS : n;

    for (uint32_t j = i + 1; j < end; j++)
        if (has_moved(run, guest) && has_moved(run, moved[j]))
            n_done += exchange(search, guest, moved[j]);
    uint32_t from = placement_view_guest(run->start, guest)->host;
    if (!has_moved(run, guest) ||
        placement_view_host(run->view, from)->state != PLACEMENT_UP ||
        !placement_step_is_cool(&run->options->moving, from))
        return n_done;
    for (uint32_t g = placement_view_use(run->view, from)->first_guest;
         g != PLACEMENT_NONE; g = next) {
        next = placement_view_guest(run->view, g)->next;
        if (placement_run_may(run, g) && exchange(search, guest, g)) {
            n_done++;
            break;
        }
    }
    return n_done;
}

/* ---- all of it ---- */

/* When nobody was moved there is nothing to change, so this finds nothing
 * where a search begins. */
static void begin_exchange(struct placement_even *search)
{
    struct placement_run *run = search->run;

    search->stage = EXCHANGE;
    search->at = 0;
    search->moved = xzalloc((placement_view_guests_end(run->view) + 1) *
                            sizeof(*search->moved));
    search->n_moved = find_moved(run, search->moved);
}

static void begin_anew(struct placement_even *search)
{
    placement_balance_recount(&search->run->balance);
    free(search->moved);
    search->moved = NULL;
    search->stage = DESCEND;
    search->found = false;
    search->at = 0;
}

/* False: there is nothing more to be found. */
static bool next_stage(struct placement_even *search)
{
    if (search->found) {
        begin_anew(search);
        return true;
    }
    switch (search->stage) {
    case DESCEND:
        search->stage = SWEEP;
        return search->run->balance.n_up > 0;
    case SWEEP:
        if (search->run->exchanges)
            begin_exchange(search);
        return search->run->exchanges;
    case EXCHANGE:
        return false;
    }
    return false;
}

/* False: that was all of it. */
static bool go_on(struct placement_even *search)
{
    const struct placement_run *run = search->run;

    switch (search->stage) {
    case DESCEND:
        if (!run->balance.n_up || !descend_once(search))
            return false;
        search->found = true;
        return true;
    case SWEEP:
        return sweep_once(search);
    case EXCHANGE:
        if (search->at == search->n_moved)
            return false;
        if (has_moved(run, search->moved[search->at]))
            search->found |= exchange_with_all(search, search->moved,
                                               search->n_moved,
                                               search->at) > 0;
        search->at++;
        return true;
    }
    return false;
}

bool placement_even_step(struct placement_even *search)
{
    return !go_on(search) && !next_stage(search);
}

struct placement_even *placement_even_new(struct placement_run *run)
{
    struct placement_balance *balance = &run->balance;
    struct placement_even *search = XNEW(struct placement_even);

    search->run = run;
    search->gain = run->options->min_gain;
    if (search->gain < LEAST_GAIN)
        search->gain = LEAST_GAIN;
    search->keys = xzalloc((balance->n_hosts + 1) * sizeof(*search->keys));
    search->scores =
        xzalloc((balance->n_hosts + PICKED_MAX + 1) * sizeof(*search->scores));
    begin_anew(search);
    return search;
}

void placement_even_free(struct placement_even *search)
{
    if (!search)
        return;
    free(search->moved);
    free(search->keys);
    free(search->scores);
    free(search);
}
