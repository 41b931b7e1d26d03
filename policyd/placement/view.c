/*
 * The view as a whole: made, copied, asked; see view.h.  Hosts are in
 * view_host.c, guests in view_guest.c, rules and promises in view_rule.c.
 */
#include "policyd/placement/view.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/placement/view_impl.h"

struct placement_view *placement_view_new(struct placement_names *names)
{
    struct placement_view *view = XNEW(struct placement_view);

    view->names = names;
    view->version = 1;
    view->all_changed = 1;
    view->free_guest = PLACEMENT_NONE;
    return view;
}

/* n may be 0, and then *array NULL. */
static void copy_array(void *array, size_t n, size_t n_max, size_t size)
{
    void *from, *to = NULL;

    memcpy(&from, array, sizeof(from));
    if (n_max) {
        to = xzalloc(n_max * size);
        memcpy(to, from, n * size);
    }
    memcpy(array, &to, sizeof(to));
}

/* The sides point to rules, which are others now. */
static void copy_rules(struct placement_view *view)
{
    struct placement_rule **old = view->rules;

    copy_array(&view->rules, view->n_rules, view->n_rules,
               sizeof(*view->rules));
    copy_array(&view->sides, view->n_sides, view->n_sides,
               sizeof(*view->sides));
    for (uint32_t i = 0; i < view->n_rules; i++) {
        view->rules[i] = XNEW(struct placement_rule);
        *view->rules[i] = *old[i];
    }
    for (uint32_t i = 0; i < view->n_sides; i++)
        for (uint32_t j = 0; j < view->n_rules; j++)
            if (view->sides[i].rule->name == view->rules[j]->name) {
                view->sides[i].rule = view->rules[j];
                break;
            }
}

/* With arrays of its own for hosts; the rest is still the other's. */
static struct placement_view *copy_hosts(const struct placement_view *view)
{
    struct placement_view *copy = XNEW(struct placement_view);

    *copy = *view;
    copy_array(&copy->hosts, view->n_hosts, view->hosts_max,
               sizeof(*copy->hosts));
    copy_array(&copy->uses, view->n_hosts, view->hosts_max,
               sizeof(*copy->uses));
    copy_array(&copy->host_of_name, view->host_names_max, view->host_names_max,
               sizeof(*copy->host_of_name));
    return copy;
}

struct placement_view *placement_view_copy(const struct placement_view *view)
{
    struct placement_view *copy = copy_hosts(view);

    copy_array(&copy->guests, view->guests_end, view->guests_max,
               sizeof(*copy->guests));
    placement_counts_copy(&copy->counts, &view->counts);
    copy_rules(copy);
    return copy;
}

struct placement_view *
placement_view_copy_room(const struct placement_view *view)
{
    struct placement_view *copy = copy_hosts(view);

    copy->guests = NULL;
    copy->guests_end = copy->guests_max = 0;
    copy->n_guests = copy->n_grouped = 0;
    copy->free_guest = PLACEMENT_NONE;
    copy->counts = (struct placement_counts){ 0 };
    copy->rules = NULL;
    copy->sides = NULL;
    copy->n_rules = copy->n_sides = 0;
    for (uint32_t i = 0; i < copy->n_hosts; i++)
        copy->uses[i].first_guest = copy->uses[i].first_backed =
            PLACEMENT_NONE;
    return copy;
}

void placement_view_free(struct placement_view *view)
{
    if (!view)
        return;
    for (uint32_t i = 0; i < view->n_rules; i++)
        free(view->rules[i]);
    free(view->rules);
    free(view->sides);
    placement_counts_fini(&view->counts);
    free(view->hosts);
    free(view->uses);
    free(view->host_of_name);
    free(view->guests);
    free(view);
}

struct placement_names *placement_view_names(const struct placement_view *view)
{
    return view->names;
}

const char *placement_view_text(const struct placement_view *view,
                                uint32_t name)
{
    return placement_names_text(view->names, name);
}

uint64_t placement_view_version(const struct placement_view *view)
{
    return view->version;
}

bool placement_view_knows(const struct placement_view *view, uint64_t version)
{
    return version >= view->all_changed &&
           view->version - version <= PLACEMENT_CHANGES_MAX;
}

bool placement_view_changes(const struct placement_view *view,
                            uint64_t version,
                            void (*fn)(void *arg, uint32_t host), void *arg)
{
    if (!placement_view_knows(view, version))
        return false;
    while (version < view->version)
        fn(arg, view->changes[++version % PLACEMENT_CHANGES_MAX]);
    return true;
}

size_t placement_view_size(const struct placement_view *view)
{
    return sizeof(*view) + placement_counts_size(&view->counts) +
           view->hosts_max * (sizeof(*view->hosts) + sizeof(*view->uses)) +
           view->guests_max * sizeof(*view->guests) +
           view->host_names_max * sizeof(*view->host_of_name) +
           view->n_rules * (sizeof(*view->rules) + sizeof(**view->rules)) +
           view->n_sides * sizeof(*view->sides);
}

void placement_view_begin(struct placement_view *view, uint32_t host)
{
    for (uint32_t i = 0; i < view->n_promises; i++)
        view->promises[i].room -= placement_view_room(
            &view->hosts[host], &view->uses[host], &view->promises[i]);
}

void placement_view_end(struct placement_view *view, uint32_t host)
{
    for (uint32_t i = 0; i < view->n_promises; i++)
        view->promises[i].room += placement_view_room(
            &view->hosts[host], &view->uses[host], &view->promises[i]);
    view->version++;
    view->changes[view->version % PLACEMENT_CHANGES_MAX] = host;
}

void placement_view_set_overcommit(struct placement_view *view,
                                   uint32_t percent)
{
    view->overcommit_percent = percent;
    for (uint32_t i = 0; i < view->n_hosts; i++) {
        placement_view_begin(view, i);
        view->uses[i].vcpus_most =
            percent ? (uint64_t)view->hosts[i].pcpus * percent / 100
                    : UINT64_MAX;
        placement_view_end(view, i);
    }
    view->all_changed = ++view->version;
    view->changes[view->version % PLACEMENT_CHANGES_MAX] = 0;
}

struct mem placement_view_backed(const struct placement_view *view,
                                 uint32_t backup, uint32_t host)
{
    return MEM_KIB(placement_counts_get(&view->counts, PLACEMENT_COUNT_BACKUP,
                                        backup, host));
}

uint64_t placement_view_near(const struct placement_view *view, uint32_t group,
                             enum placement_scope scope, uint32_t host)
{
    uint32_t domain = view->hosts[host].domain;

    if (scope == PLACEMENT_DOMAINS && domain)
        return placement_counts_get(
            &view->counts, PLACEMENT_COUNT_GROUP_DOMAIN, group, domain);
    return placement_counts_get(&view->counts, PLACEMENT_COUNT_GROUP_HOST,
                                group, host);
}

uint64_t placement_view_members(const struct placement_view *view,
                                uint32_t group)
{
    return placement_counts_get(&view->counts, PLACEMENT_COUNT_GROUP, group,
                                0);
}

uint64_t placement_view_implicit(const struct placement_view *view,
                                 uint32_t customer, uint32_t host)
{
    return placement_counts_get(&view->counts, PLACEMENT_COUNT_CUSTOMER_HOST,
                                customer, host);
}
