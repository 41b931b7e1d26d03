/*
 * What guests want of their place, as placement is asked it.  See change.h.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "policyd/change/change.h"
#include "policyd/hosts/inventory.h"
#include "policyd/policies/policies.h"

/* Names that there are not were refused before. */
static struct cpu_set cpu_of(const struct wire_definition *definition)
{
    struct cpu_set cpu = { { 0 } };

    for (uint32_t i = 0; i < definition->n_cpu_features; i++)
        cpu_set_add_name(&cpu, definition->cpu_features[i], NULL);
    return cpu;
}

/* What the guest wants of its place. */
static void want(struct inventory *inventory, const char *customer,
                 const struct wire_definition *definition,
                 struct placement_request *ret)
{
    static const enum placement_dedication dedications[] = {
        [WIRE_SHARED] = PLACEMENT_SHARED,
        [WIRE_EXPLICIT] = PLACEMENT_EXPLICIT,
        [WIRE_STRICT] = PLACEMENT_STRICT,
        [WIRE_PREFERRED] = PLACEMENT_PREFERRED,
    };
    char group[POLICIES_GROUP_MAX + 1];

    ret->dedication = dedications[definition->dedication];
    ret->protected = definition->protected;
    ret->pinned = inventory_name(inventory, definition->host);
    ret->domain = inventory_name(inventory, definition->domain);
    for (uint32_t i = 0; i < definition->n_groups; i++) {
        const char *text = definition->groups[i];
        if (strchr(text, '/'))
            snprintf(group, sizeof(group), "%.95s", text);
        else
            snprintf(group, sizeof(group), "%.31s/%.63s", customer, text);
        ret->groups[ret->n_groups++] = inventory_group(inventory, group);
    }
    ret->cpu = cpu_of(definition);
    for (uint32_t i = 0; i < definition->n_host_tags; i++) {
        const char *tag = definition->host_tags[i];
        if (*tag == '!')
            ret->forbidden[ret->n_forbidden++] =
                inventory_name(inventory, tag + 1);
        else
            ret->wanted[ret->n_wanted++] = inventory_name(inventory, tag);
    }
    ret->where = inventory_where(inventory, ret);
}

const char *place_text(const char *customer, const struct wire_definition *d,
                       struct arena *arena)
{
    static const char *const dedications[] = {
        [WIRE_SHARED] = "",
        [WIRE_EXPLICIT] = "explicit ",
        [WIRE_STRICT] = "strict ",
        [WIRE_PREFERRED] = "preferred ",
    };
    char hex[CPU_SET_HEX_SIZE];
    const char *text =
        arena_printf(arena, "%s%s", d->protected ? "protected " : "",
                     dedications[d->dedication]);

    if (d->n_cpu_features) {
        const struct cpu_set cpu = cpu_of(d);
        text = arena_printf(arena, "%scpu:%s ", text, cpu_set_hex(&cpu, hex));
    }
    if (*d->host)
        text = arena_printf(arena, "%shost:%s ", text, d->host);
    if (*d->domain)
        text = arena_printf(arena, "%sdomain:%s ", text, d->domain);
    for (uint32_t i = 0; i < d->n_host_tags; i++)
        text = arena_printf(arena, "%stag:%s ", text, d->host_tags[i]);
    for (uint32_t i = 0; i < d->n_groups; i++) {
        bool is_whole = strchr(d->groups[i], '/');
        text = arena_printf(arena, "%s%s%s%s ", text,
                            is_whole ? "" : customer, is_whole ? "" : "/",
                            d->groups[i]);
    }
    return text;
}

const char *change_placing(const struct change *change,
                           const struct change_guest *guest)
{
    const char *text = "";

    for (uint32_t i = 0; i < change->order.n_operations; i++) {
        const struct wire_operation *op = &change->order.operations[i];
        if (change->guest_of[i] == guest && op->kind == WIRE_OP_CREATE)
            text = place_text(guest->customer, &op->definition,
                              change->request->arena);
    }
    return text;
}

struct groups {
    const char *names[CHANGE_GROUPS_MAX];
    size_t n;
};

/* False: there are too many. */
static bool add_group(struct groups *groups, const char *name,
                      struct arena *arena)
{
    for (size_t i = 0; i < groups->n; i++)
        if (strcmp(groups->names[i], name) == 0)
            return true;
    if (groups->n == CHANGE_GROUPS_MAX)
        return false;
    groups->names[groups->n++] = arena_strdup(arena, name);
    return true;
}

/* Those of its guests, as place_text wrote them. */
static void add_groups_of(struct groups *groups, const char *text,
                          struct arena *arena)
{
    char word[128];
    int n = 0;

    for (; sscanf(text, "%127s%n", word, &n) == 1; text += n)
        if (strchr(word, '/'))
            add_group(groups, word, arena);
}

int change_check_groups(const struct customer *customer,
                        const struct wire_definition *definition,
                        struct arena *arena, struct vdc_error *err)
{
    struct groups groups = { .n = 0 };
    const struct assignment *a;
    bool fits = true;

    if (!definition->n_groups || customer->builtin)
        return 0;
    TAILQ_FOREACH(a, &customer->assignments, link)
    add_groups_of(&groups, a->placing, arena);
    for (uint32_t i = 0; fits && i < definition->n_groups; i++) {
        const char *text = definition->groups[i];
        fits = add_group(&groups,
                         strchr(text, '/')
                             ? text
                             : arena_printf(arena, "%s/%s", customer->name,
                                            text),
                         arena);
    }
    if (fits)
        return 0;
    vdc_error_set(err, VDC_E_QUOTA,
                  "the guests of %s are in %d groups, which is the most",
                  customer->name, CHANGE_GROUPS_MAX);
    vdc_error_hint(err, "take one of those; a group counts as long as it "
                        "has guests");
    return VDC_E_QUOTA;
}

/* More than the view has room for, the host looks at. */
static void add_amount(struct placement_amount *amounts, uint32_t *n,
                       uint32_t name, uint64_t amount)
{
    for (uint32_t i = 0; i < *n; i++)
        if (amounts[i].name == name) {
            amounts[i].amount += amount;
            return;
        }
    if (*n < PLACEMENT_AMOUNTS_MAX)
        amounts[(*n)++] = (struct placement_amount){ name, amount };
}

static void want_amounts(struct inventory *inventory,
                         const struct wire_definition *definition,
                         struct placement_spec *ret)
{
    if (!inventory_knows_amounts(inventory))
        return;
    for (uint32_t i = 0; i < definition->n_pci; i++)
        add_amount(ret->devices, &ret->n_devices,
                   inventory_name(inventory, definition->pci[i]), 1);
    for (uint32_t i = 0; i < definition->n_pools; i++)
        add_amount(ret->disks, &ret->n_disks,
                   inventory_name(inventory, definition->pools[i].name),
                   definition->pools[i].amount);
}

void place_request(struct operations *ops, const char *customer,
                   const struct wire_definition *definition, bool start,
                   struct placement_request *ret)
{
    uint32_t vcpus = definition->vcpus;

    *ret = (struct placement_request){
        .uuid = definition->uuid,
        .customer = inventory_name(ops->inventory, customer),
        .spec = { .memory = definition->memory,
                  .vcpus = vcpus < PLACEMENT_VCPUS_MAX ? vcpus
                                                       : PLACEMENT_VCPUS_MAX },
        .start = start,
        .now_ms = (int64_t)clock_wall().ms,
    };
    want(ops->inventory, customer, definition, ret);
    if (definition->n_pci || definition->n_pools)
        want_amounts(ops->inventory, definition, &ret->spec);
}

const struct placement_policy *place_policy(const struct operations *ops,
                                            const char *customer)
{
    return &policies_for(ops->policies, customer)->placement;
}

bool place_add_once(uint32_t *names, uint32_t *n, uint32_t most,
                    uint32_t name)
{
    for (uint32_t i = 0; i < *n; i++)
        if (names[i] == name)
            return true;
    if (*n == most)
        return false;
    names[(*n)++] = name;
    return true;
}

static uint32_t sum_vcpus(uint32_t a, uint32_t b)
{
    return b < PLACEMENT_VCPUS_MAX - a ? a + b : PLACEMENT_VCPUS_MAX;
}

void place_join(struct placement_request *sum,
                const struct placement_request *one)
{
    sum->start |= one->start;
    sum->protected |= one->protected;
    cpu_set_join(&sum->cpu, &one->cpu);
    sum->spec.memory.kib += one->spec.memory.kib;
    sum->spec.vcpus = sum_vcpus(sum->spec.vcpus, one->spec.vcpus);
    for (uint32_t i = 0; i < one->spec.n_disks; i++)
        add_amount(sum->spec.disks, &sum->spec.n_disks,
                   one->spec.disks[i].name, one->spec.disks[i].amount);
    for (uint32_t i = 0; i < one->spec.n_devices; i++)
        add_amount(sum->spec.devices, &sum->spec.n_devices,
                   one->spec.devices[i].name, one->spec.devices[i].amount);
    for (uint32_t i = 0; i < one->n_groups; i++)
        place_add_once(sum->groups, &sum->n_groups, PLACEMENT_GROUPS_MAX,
                 one->groups[i]);
    for (uint32_t i = 0; i < one->n_wanted; i++)
        place_add_once(sum->wanted, &sum->n_wanted, PLACEMENT_TAGS_MAX,
                 one->wanted[i]);
    for (uint32_t i = 0; i < one->n_forbidden; i++)
        place_add_once(sum->forbidden, &sum->n_forbidden, PLACEMENT_TAGS_MAX,
                 one->forbidden[i]);
}
