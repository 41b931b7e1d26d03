/*
 * The view's rules of groups, and its promises; see view.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/placement/view_impl.h"

/* ---- rules ---- */

static int by_group(const void *a, const void *b)
{
    const struct placement_rule_side *x = a, *y = b;

    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return x->rule->name < y->rule->name ? -1 : x->rule->name > y->rule->name;
}

static void note_change(struct placement_view *view)
{
    view->rules_changed = ++view->version;
    view->changes[view->version % PLACEMENT_CHANGES_MAX] = 0;
}

/* Rules change seldom, and are asked for with each placement. */
void placement_view_order_rules(struct placement_view *view)
{
    uint32_t n = 0;

    view->sides =
        xrealloc(view->sides, (view->n_rules * 2 + 1) * sizeof(*view->sides));
    for (uint32_t i = 0; i < view->n_rules; i++) {
        const struct placement_rule *rule = view->rules[i];
        view->sides[n++] =
            (struct placement_rule_side){ rule->group, rule->other, rule };
        if (rule->other != rule->group)
            view->sides[n++] =
                (struct placement_rule_side){ rule->other, rule->group, rule };
    }
    view->n_sides = n;
    qsort(view->sides, n, sizeof(*view->sides), by_group);
    note_change(view);
}

static uint32_t find_rule(const struct placement_view *view, uint32_t name)
{
    uint32_t i = 0;

    while (i < view->n_rules && view->rules[i]->name != name)
        i++;
    return i;
}

int placement_view_put_rule(struct placement_view *view,
                            const struct placement_rule *rule,
                            struct vdc_error *err)
{
    uint32_t at = find_rule(view, rule->name);

    if (!rule->name || !rule->group || !rule->other)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "a rule without name or groups");
    if (at == view->n_rules && at == PLACEMENT_RULES_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE, "more than %d rules",
                             PLACEMENT_RULES_MAX);
    if (at == view->n_rules) {
        view->rules =
            xrealloc(view->rules, (view->n_rules + 1) * sizeof(*view->rules));
        view->rules[view->n_rules++] = XNEW(struct placement_rule);
    }
    *view->rules[at] = *rule;
    placement_view_order_rules(view);
    return 0;
}

void placement_view_remove_rule(struct placement_view *view, uint32_t name)
{
    uint32_t at = find_rule(view, name);

    if (at == view->n_rules)
        return;
    free(view->rules[at]);
    view->rules[at] = view->rules[--view->n_rules];
    placement_view_order_rules(view);
}

uint32_t placement_view_rules(const struct placement_view *view,
                              uint32_t group,
                              const struct placement_rule_side **ret)
{
    uint32_t low = 0, high = view->n_sides, n = 0;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (view->sides[middle].group < group)
            low = middle + 1;
        else
            high = middle;
    }
    while (low + n < view->n_sides && view->sides[low + n].group == group)
        n++;
    *ret = n ? &view->sides[low] : NULL;
    return n;
}

/* ---- promises ---- */

static uint32_t find_promise(const struct placement_view *view, uint32_t name)
{
    uint32_t i = 0;

    while (i < view->n_promises && view->promises[i].name != name)
        i++;
    return i;
}

int placement_view_put_promise(struct placement_view *view,
                               const struct placement_promise *promise,
                               struct vdc_error *err)
{
    uint32_t at = find_promise(view, promise->name);
    int rc = placement_view_check_spec(&promise->spec, err);

    if (rc)
        return rc;
    if (!promise->name || (!promise->spec.memory.kib && !promise->spec.vcpus))
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "a promise of neither memory nor vCPUs");
    if (at == PLACEMENT_PROMISES_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE, "more than %d promises",
                             PLACEMENT_PROMISES_MAX);
    struct placement_promise *mine = &view->promises[at];
    *mine = *promise;
    mine->room = 0;
    for (uint32_t i = 0; i < view->n_hosts; i++)
        mine->room +=
            placement_view_room(&view->hosts[i], &view->uses[i], mine);
    if (at == view->n_promises)
        view->n_promises++;
    note_change(view);
    return 0;
}

void placement_view_remove_promise(struct placement_view *view, uint32_t name)
{
    uint32_t at = find_promise(view, name);

    if (at == view->n_promises)
        return;
    view->promises[at] = view->promises[--view->n_promises];
    note_change(view);
}

const struct placement_promise *
placement_view_promises(const struct placement_view *view, uint32_t *ret_n)
{
    *ret_n = view->n_promises;
    return view->promises;
}

static uint64_t least(uint64_t n, uint64_t most, uint64_t used, uint64_t ask)
{
    uint64_t fit = !ask ? UINT64_MAX : used < most ? (most - used) / ask : 0;

    return fit < n ? fit : n;
}

static uint64_t least_amount(uint64_t n, const struct placement_amount *has,
                             uint32_t n_has, const uint64_t *used,
                             const struct placement_amount *ask)
{
    for (uint32_t i = 0; i < n_has; i++)
        if (has[i].name == ask->name)
            return least(n, has[i].amount, used[i], ask->amount);
    return least(n, 0, 0, ask->amount);
}

uint64_t placement_view_room(const struct placement_host *host,
                             const struct placement_use *use,
                             const struct placement_promise *promise)
{
    const struct placement_spec *spec = &promise->spec;
    /* so that the sum over all hosts cannot overflow */
    uint64_t n = UINT32_MAX;

    if (!host->name || host->state != PLACEMENT_UP || host->dedicated ||
        use->n_strict)
        return 0;
    n = least(n, host->memory.kib, use->memory.kib + use->reserve.kib,
              spec->memory.kib);
    n = least(n, use->vcpus_most, use->vcpus, spec->vcpus);
    for (uint32_t i = 0; i < spec->n_disks; i++)
        n = least_amount(n, host->pools, host->n_pools, use->pools,
                         &spec->disks[i]);
    for (uint32_t i = 0; i < spec->n_devices; i++)
        n = least_amount(n, host->devices, host->n_devices, use->devices,
                         &spec->devices[i]);
    return n;
}
