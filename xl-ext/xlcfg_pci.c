/*
 * What a domain file gives a guest of the host itself: PCI devices and shares
 * of named pools.
 */
#include <ctype.h>
#include <string.h>

#include "xl-ext/xlcfg_impl.h"

#define MAX_PCI 16
#define MAX_POOLS 16

/* At most `most` hexadecimal digits up to `end`; moves behind it. */
static bool take_hex(const char **at, size_t most, char end, unsigned max,
                     unsigned *ret)
{
    unsigned n = 0;
    size_t len = 0;
    for (; isxdigit((unsigned char)**at) && len <= most; (*at)++, len++)
        n = n * 16 + (unsigned)(isdigit((unsigned char)**at)
                                    ? **at - '0'
                                    : tolower((unsigned char)**at) - 'a' + 10);
    if (len == 0 || len > most || **at != end || n > max)
        return false;
    *at += end != 0;
    *ret = n;
    return true;
}

int xlcfg_bdf(const char *text, struct arena *arena, const char **ret,
              struct vdc_error *err)
{
    const char *at = strncmp(text, "bdf=", 4) ? text : text + 4;
    const char *colon = strchr(at, ':');
    unsigned domain = 0, bus, slot, function;
    bool ok = colon != NULL;
    if (ok && strchr(colon + 1, ':'))
        ok = take_hex(&at, 4, ':', 0xffff, &domain);
    if (ok && take_hex(&at, 2, ':', 0xff, &bus) &&
        take_hex(&at, 2, '.', 0x1f, &slot) &&
        take_hex(&at, 1, 0, 7, &function)) {
        *ret = arena_printf(arena, "%04x:%02x:%02x.%x", domain, bus,
                            slot, function);
        return 0;
    }
    int rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "'%.70s' is no PCI device", text);
    vdc_error_hint(err, "write it as lspci does: 0000:03:00.0 or 03:00.0, "
                        "without further parameters");
    return rc;
}

void xlcfg_set_pci(struct xlcfg *x, const struct cfg_entry *e)
{
    struct vdc_error err;
    if (!xlcfg_list(x, e, MAX_PCI, "devices"))
        return;
    const char **devices = ARENA_ARRAY(x->arena, e->n_items + 1, const char *);
    for (size_t i = 0; i < e->n_items; i++) {
        if (xlcfg_bdf(e->items[i], x->arena, &devices[i], &err)) {
            xlcfg_problem(x, e, "'pci': %s", err.text);
            xlcfg_problem_hint(x, "%s", err.hint);
            return;
        }
        for (size_t k = 0; k < i; k++)
            if (!strcmp(devices[i], devices[k]))
                xlcfg_problem(x, e, "'pci' has %s twice", devices[i]);
    }
    x->def->pci = devices;
    x->def->n_pci = (uint32_t)e->n_items;
}

int xlcfg_pool(const char *text, struct arena *arena,
               struct wire_pool_amount *ret, struct vdc_error *err)
{
    const char *equals = strchr(text, '=');
    long long n = 0;
    if (equals && equals > text && equals - text <= 63 &&
        isdigit((unsigned char)equals[1]) && xlcfg_digits(equals + 1, &n) &&
        n > 0) {
        wire_init(&wire_struct_pool_amount, ret);
        ret->name = arena_strndup(arena, text, (size_t)(equals - text));
        ret->amount = (uint64_t)n;
        return 0;
    }
    int rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "a pool is NAME=AMOUNT, got '%.90s'", text);
    vdc_error_hint(err, "the amount is a whole number in the unit of the "
                        "pool, which 'xl-vdc resource-list --totals' shows");
    return rc;
}

void xlcfg_set_pools(struct xlcfg *x, const struct cfg_entry *e)
{
    struct vdc_error err;
    if (!xlcfg_list(x, e, MAX_POOLS, "pools"))
        return;
    struct wire_pool_amount *pools =
        ARENA_ARRAY(x->arena, e->n_items + 1, struct wire_pool_amount);
    for (size_t i = 0; i < e->n_items; i++) {
        if (xlcfg_pool(e->items[i], x->arena, &pools[i], &err)) {
            xlcfg_problem(x, e, "'%s': %s", e->name, err.text);
            xlcfg_problem_hint(x, "%s", err.hint);
            return;
        }
        for (size_t k = 0; k < i; k++)
            if (!strcmp(pools[i].name, pools[k].name))
                xlcfg_problem(x, e, "'%s' has %s twice", e->name,
                              pools[i].name);
    }
    x->def->pools = pools;
    x->def->n_pools = (uint32_t)e->n_items;
}
