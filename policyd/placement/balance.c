/*
 * How evenly guests are spread; see balance.h.
 */
#include "policyd/placement/balance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/placement/counts.h"

/* hbal's weights, its halves added up. */
static const double weights[PLACEMENT_BALANCE_PARTS] = { 1, 1, 1, 4, 1 };
#define RESERVED 0.25
#define NO_ROOM 1
#define NOT_UP 20
#define HARD 2
#define SOFT 1

/* ---- rules ---- */

/* What a rule adds for one place where there are so many of its groups. */
static double rule_cost(const struct placement_rule *rule, uint64_t n_group,
                        uint64_t n_other)
{
    double weight = rule->hard ? HARD : SOFT;

    if (rule->group == rule->other) {
        if (rule->anti)
            return n_group > 1 ? weight * (double)(n_group - 1) : 0;
        return n_group ? weight : 0; /* each place but one is one too many */
    }
    if (rule->anti)
        return weight * (double)(n_group < n_other ? n_group : n_other);
    return weight * (double)(n_other ? 0 : n_group) +
           weight * (double)(n_group ? 0 : n_other);
}

static bool is_in(const struct placement_guest *guest, uint32_t group)
{
    for (uint32_t i = 0; i < guest->n_groups; i++)
        if (guest->groups[i] == group)
            return true;
    return false;
}

static double cost_at(const struct placement_view *view,
                      const struct placement_rule *rule,
                      const struct placement_guest *guest, uint32_t host,
                      int sign)
{
    uint64_t n_group =
        placement_view_near(view, rule->group, rule->scope, host);
    uint64_t n_other =
        placement_view_near(view, rule->other, rule->scope, host);

    if (sign && is_in(guest, rule->group))
        n_group = sign > 0 ? n_group + 1 : n_group - 1;
    if (sign && is_in(guest, rule->other))
        n_other = sign > 0 ? n_other + 1 : n_other - 1;
    return rule_cost(rule, n_group, n_other);
}

static bool is_same_place(const struct placement_view *view,
                          enum placement_scope scope, uint32_t a, uint32_t b)
{
    uint32_t domain = placement_view_host(view, a)->domain;

    return a == b || (scope == PLACEMENT_DOMAINS && domain &&
                      domain == placement_view_host(view, b)->domain);
}

double placement_balance_rules_gain(const struct placement_view *view,
                                    const struct placement_guest *guest,
                                    uint32_t to)
{
    const struct placement_rule_side *sides;
    double gain = 0;

    for (uint32_t i = 0; i < guest->n_groups; i++) {
        uint32_t n = placement_view_rules(view, guest->groups[i], &sides);
        for (uint32_t j = 0; j < n; j++) {
            const struct placement_rule *rule = sides[j].rule;
            /* one that it sees from both sides counts once */
            if ((sides[j].group != rule->group && is_in(guest, rule->group)) ||
                is_same_place(view, rule->scope, guest->host, to))
                continue;
            gain += cost_at(view, rule, guest, guest->host, 0) -
                    cost_at(view, rule, guest, guest->host, -1) +
                    cost_at(view, rule, guest, to, 0) -
                    cost_at(view, rule, guest, to, 1);
        }
    }
    return gain;
}

/* Each place of a rule once: `seen` remembers them. */
static double rules_of_guest(const struct placement_view *view,
                             const struct placement_guest *guest,
                             struct placement_counts *seen)
{
    const struct placement_rule_side *sides;
    uint32_t domain = placement_view_host(view, guest->host)->domain;
    double sum = 0;

    for (uint32_t i = 0; i < guest->n_groups; i++) {
        uint32_t n = placement_view_rules(view, guest->groups[i], &sides);
        for (uint32_t j = 0; j < n; j++) {
            const struct placement_rule *rule = sides[j].rule;
            bool by_domain = rule->scope == PLACEMENT_DOMAINS && domain;
            enum placement_count kind = by_domain
                                            ? PLACEMENT_COUNT_GROUP_DOMAIN
                                            : PLACEMENT_COUNT_GROUP_HOST;
            uint32_t place = by_domain ? domain : guest->host;
            if (placement_counts_get(seen, kind, rule->name, place))
                continue;
            placement_counts_add(seen, kind, rule->name, place, 1);
            sum += cost_at(view, rule, guest, guest->host, 0);
            /* together in one place is as it should be */
            if (!rule->anti && rule->group == rule->other &&
                !placement_counts_get(seen, PLACEMENT_COUNT_GROUP, rule->name,
                                      0)) {
                placement_counts_add(seen, PLACEMENT_COUNT_GROUP, rule->name,
                                     0, 1);
                sum -= rule->hard ? HARD : SOFT;
            }
        }
    }
    return sum;
}

static double all_rules(const struct placement_view *view)
{
    struct placement_counts seen = { 0 };
    double sum = 0;

    for (uint32_t i = 0; i < placement_view_guests_end(view); i++) {
        const struct placement_guest *guest = placement_view_guest(view, i);
        if (guest && guest->n_groups)
            sum += rules_of_guest(view, guest, &seen);
    }
    placement_counts_fini(&seen);
    return sum;
}

/* ---- hosts ---- */

static struct placement_whole whole_of(const struct placement_balance *balance,
                                       uint32_t host)
{
    const struct placement_host *h = placement_view_host(balance->view, host);
    struct placement_whole whole = { .memory = h->memory };

    if (balance->wholes)
        return balance->wholes[host];
    for (uint32_t i = 0; i < h->n_pools; i++)
        whole.disk_kib += h->pools[i].amount;
    return whole;
}

static double part(double n, double whole)
{
    return whole > 0 ? n / whole : 0;
}

static double free_disk(const struct placement_balance *balance, uint32_t host,
                        const struct placement_whole *whole)
{
    const struct placement_host *h = placement_view_host(balance->view, host);
    const struct placement_use *use = placement_view_use(balance->view, host);
    double kib = 0;

    if (!whole->disk_kib)
        return 1;
    for (uint32_t i = 0; i < h->n_pools; i++)
        kib += (double)h->pools[i].amount - (double)use->pools[i];
    return kib / (double)whole->disk_kib;
}

static uint64_t left_of(uint64_t most, uint64_t used)
{
    return used < most ? most - used : 0;
}

static void set(struct placement_balance *balance, uint32_t host,
                enum placement_balance_part i, double share)
{
    double old = balance->shares[i][host];

    balance->sums[i] += share - old;
    balance->squares[i] += share * share - old * old;
    balance->shares[i][host] = share;
}

static void set_bad(struct placement_balance *balance, uint32_t host,
                    double bad)
{
    balance->bad_sum += bad - balance->bad[host];
    balance->bad[host] = bad;
}

void placement_balance_update(struct placement_balance *balance, uint32_t host)
{
    const struct placement_host *h = placement_view_host(balance->view, host);
    const struct placement_use *use = placement_view_use(balance->view, host);
    struct placement_whole whole = whole_of(balance, host);
    double memory = (double)whole.memory.kib;
    uint64_t taken = use->memory.kib + use->reserve.kib;

    if (h->state != PLACEMENT_UP || !h->name) {
        set_bad(balance, host, (double)NOT_UP * use->n_guests);
        return;
    }
    set(balance, host, PLACEMENT_BALANCE_MEMORY,
        part((double)h->memory.kib - (double)use->memory.kib, memory));
    set(balance, host, PLACEMENT_BALANCE_DISK,
        free_disk(balance, host, &whole));
    set(balance, host, PLACEMENT_BALANCE_VCPUS,
        part((double)use->vcpus + whole.own_vcpus, h->pcpus));
    set(balance, host, PLACEMENT_BALANCE_GUESTS, use->n_guests);
    set(balance, host, PLACEMENT_BALANCE_RESERVE,
        part((double)use->reserve.kib, memory));
    balance->units[PLACEMENT_BALANCE_MEMORY][host] = -part(1, memory);
    balance->units[PLACEMENT_BALANCE_DISK][host] =
        -part(1, (double)whole.disk_kib);
    balance->units[PLACEMENT_BALANCE_VCPUS][host] = part(1, h->pcpus);
    balance->units[PLACEMENT_BALANCE_GUESTS][host] = 1;
    balance->free_kib[host] = left_of(h->memory.kib, taken);
    balance->free_vcpus[host] = left_of(use->vcpus_most, use->vcpus);
    set_bad(balance, host,
            taken > h->memory.kib
                ? (double)NO_ROOM * (use->n_guests + use->n_backed)
                : 0);
}

void placement_balance_init(struct placement_balance *balance,
                            const struct placement_view *view,
                            const struct placement_whole *wholes)
{
    uint32_t n = placement_view_n_hosts(view);

    *balance = (struct placement_balance){ .view = view,
                                           .wholes = wholes,
                                           .n_hosts = n };
    balance->up = xzalloc((n + 1) * sizeof(*balance->up));
    for (int i = 0; i < PLACEMENT_BALANCE_PARTS; i++) {
        balance->shares[i] = xzalloc((n + 1) * sizeof(double));
        balance->units[i] = xzalloc((n + 1) * sizeof(double));
    }
    balance->bad = xzalloc((n + 1) * sizeof(double));
    balance->free_kib = xzalloc((n + 1) * sizeof(uint64_t));
    balance->free_vcpus = xzalloc((n + 1) * sizeof(uint64_t));
    placement_balance_recount(balance);
}

void placement_balance_fini(struct placement_balance *balance)
{
    free(balance->up);
    for (int i = 0; i < PLACEMENT_BALANCE_PARTS; i++) {
        free(balance->shares[i]);
        free(balance->units[i]);
    }
    free(balance->bad);
    free(balance->free_kib);
    free(balance->free_vcpus);
}

void placement_balance_recount(struct placement_balance *balance)
{
    uint32_t n = balance->n_hosts;

    balance->n_up = 0;
    balance->bad_sum = 0;
    memset(balance->sums, 0, sizeof(balance->sums));
    memset(balance->squares, 0, sizeof(balance->squares));
    for (int i = 0; i < PLACEMENT_BALANCE_PARTS; i++)
        memset(balance->shares[i], 0, n * sizeof(double));
    memset(balance->bad, 0, n * sizeof(double));
    for (uint32_t i = 0; i < n; i++) {
        const struct placement_host *h = placement_view_host(balance->view, i);
        if (!h->name)
            continue;
        if (h->state == PLACEMENT_UP)
            balance->up[balance->n_up++] = i;
        placement_balance_update(balance, i);
    }
    balance->rules = all_rules(balance->view);
}

void placement_balance_gained(struct placement_balance *balance, double gain)
{
    balance->rules -= gain;
}

/* ---- the score ---- */

static double deviation(double sum, double squares, double n)
{
    double variance = squares / n - sum / n * (sum / n);

    return variance > 0 ? sqrt(variance) : 0;
}

double placement_balance_score(const struct placement_balance *balance)
{
    double score = balance->bad_sum + balance->rules +
                   RESERVED * balance->sums[PLACEMENT_BALANCE_RESERVE];

    for (int i = 0; balance->n_up && i < PLACEMENT_BALANCE_PARTS; i++)
        score += weights[i] * deviation(balance->sums[i], balance->squares[i],
                                        balance->n_up);
    return score;
}

static void needs_of(const struct placement_guest *guest, double *ret)
{
    uint64_t disk = 0;

    for (uint32_t i = 0; i < guest->spec.n_disks; i++)
        disk += guest->spec.disks[i].amount;
    memset(ret, 0, PLACEMENT_BALANCE_PARTS * sizeof(*ret));
    ret[PLACEMENT_BALANCE_DISK] = (double)disk;
    ret[PLACEMENT_BALANCE_GUESTS] = 1;
    if (guest->runs) {
        ret[PLACEMENT_BALANCE_MEMORY] = (double)guest->spec.memory.kib;
        ret[PLACEMENT_BALANCE_VCPUS] = guest->spec.vcpus;
    }
}

/* One part, for all hosts. */
static void add_part(const struct placement_balance *balance,
                     enum placement_balance_part i, double need, uint32_t from,
                     const uint32_t *hosts, uint32_t n, double *ret)
{
    const double *shares = balance->shares[i], *units = balance->units[i];
    double sum = balance->sums[i], squares = balance->squares[i];
    double less = -need * units[from], one = 1.0 / balance->n_up;

    sum += less;
    squares += less * (2 * shares[from] + less);
    for (uint32_t k = 0; k < n; k++) {
        double more = need * units[hosts[k]];
        double mean = (sum + more) * one;
        double variance =
            (squares + more * (2 * shares[hosts[k]] + more)) * one -
            mean * mean;
        ret[k] += weights[i] * sqrt(variance > 0 ? variance : 0);
    }
}

void placement_balance_preview(const struct placement_balance *balance,
                               uint32_t guest, const uint32_t *hosts,
                               uint32_t n_hosts, double *ret)
{
    const struct placement_guest *g =
        placement_view_guest(balance->view, guest);
    const struct placement_host *from =
        placement_view_host(balance->view, g->host);
    uint64_t kib = g->runs ? g->spec.memory.kib : 0;
    uint64_t vcpus = g->runs ? g->spec.vcpus : 0;
    double needs[PLACEMENT_BALANCE_PARTS];
    double rest = balance->bad_sum + balance->rules +
                  RESERVED * balance->sums[PLACEMENT_BALANCE_RESERVE];

    needs_of(g, needs);
    if (from->state != PLACEMENT_UP)
        rest -= NOT_UP;
    for (int i = 0; i < PLACEMENT_BALANCE_PARTS; i++)
        if (!(needs[i] > 0))
            rest += weights[i] * deviation(balance->sums[i],
                                           balance->squares[i], balance->n_up);
    for (uint32_t k = 0; k < n_hosts; k++)
        ret[k] = rest;
    for (int i = 0; i < PLACEMENT_BALANCE_PARTS; i++)
        if (needs[i] > 0)
            add_part(balance, (enum placement_balance_part)i, needs[i],
                     g->host, hosts, n_hosts, ret);
    for (uint32_t k = 0; k < n_hosts; k++) {
        uint32_t to = hosts[k];
        if (to == g->host || balance->free_kib[to] < kib ||
            balance->free_vcpus[to] < vcpus)
            ret[k] = INFINITY;
        else if (g->n_groups)
            ret[k] -= placement_balance_rules_gain(balance->view, g, to);
    }
}

double placement_balance_exchange(const struct placement_balance *balance,
                                  uint32_t a, uint32_t b)
{
    const struct placement_guest *x = placement_view_guest(balance->view, a);
    const struct placement_guest *y = placement_view_guest(balance->view, b);
    double needs_x[PLACEMENT_BALANCE_PARTS], needs_y[PLACEMENT_BALANCE_PARTS];
    double score = balance->bad_sum + balance->rules +
                   RESERVED * balance->sums[PLACEMENT_BALANCE_RESERVE];

    needs_of(x, needs_x);
    needs_of(y, needs_y);
    for (int i = 0; i < PLACEMENT_BALANCE_PARTS; i++) {
        const double *shares = balance->shares[i];
        double more = needs_y[i] - needs_x[i];
        double at_x = more * balance->units[i][x->host];
        double at_y = -more * balance->units[i][y->host];
        score +=
            weights[i] * deviation(balance->sums[i] + at_x + at_y,
                                   balance->squares[i] +
                                       at_x * (2 * shares[x->host] + at_x) +
                                       at_y * (2 * shares[y->host] + at_y),
                                   balance->n_up);
    }
    return score;
}
