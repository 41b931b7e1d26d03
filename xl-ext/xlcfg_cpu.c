/*
 * CPUs of a domain file: affinity lists and the CPUID policy.  The host
 * decides which CPUs there are; here only the form is checked.
 */
#include <stdlib.h>
#include <string.h>

#include "xl-ext/xlcfg_impl.h"

#define MAX_CPU_LISTS 512
#define MAX_CPUID 64
#define CPUID_BITS 32

/* N or N-M */
static bool is_range(const char *text)
{
    size_t len = strspn(text, "0123456789");
    if (len == 0 || len > 5)
        return false;
    if (!text[len])
        return true;
    const char *second = text + len + 1;
    size_t second_len = strspn(second, "0123456789");
    return text[len] == '-' && second_len > 0 && second_len <= 5 &&
        !second[second_len] && atoi(second) >= atoi(text);
}

bool xlcfg_is_cpu_list(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text), *save = NULL;
    bool any = false;
    for (char *w = strtok_r(copy, ",", &save); w;
         w = strtok_r(NULL, ",", &save)) {
        any = true;
        bool negated = *w == '^';
        w += negated;
        if (!strcmp(w, "all") && !negated)
            continue;
        if (!strncmp(w, "node:", 5))
            w += 5;
        else if (!strncmp(w, "nodes:", 6))
            w += 6;
        if (!is_range(w))
            return false;
    }
    return any;
}

static bool check_cpu_list(struct xlcfg *x, const struct cfg_entry *e,
                           const char *text)
{
    if (strlen(text) <= 255 && xlcfg_is_cpu_list(x->arena, text))
        return true;
    xlcfg_problem(x, e, "'%s' wants CPUs such as \"0-3,5,^1\", \"all\" or "
                        "\"nodes:0-1\", got \"%.80s\"", e->name, text);
    return false;
}

/* A string counts for all vCPUs: one item of the definition.  A list has an
 * item for each vCPU. */
void xlcfg_set_cpus(struct xlcfg *x, const struct cfg_entry *e)
{
    bool hard = !strcmp(e->name, "cpus");
    const char **lists;
    size_t n;
    if (e->type == CFG_LIST) {
        if (!xlcfg_list(x, e, MAX_CPU_LISTS, "items"))
            return;
        lists = e->items;
        n = e->n_items;
    } else {
        long long vcpus = 1;
        const struct cfg_entry *most = xlcfg_get(x, "maxvcpus");
        if (!most)
            most = xlcfg_get(x, "vcpus");
        if (most && most->type != CFG_LIST)
            xlcfg_digits(most->text, &vcpus);
        n = vcpus > 0 && vcpus <= MAX_CPU_LISTS ? (size_t)vcpus : 1;
        lists = ARENA_ARRAY(x->arena, n, const char *);
        for (size_t i = 0; i < n; i++)
            lists[i] = e->text;
    }
    for (size_t i = 0; i < n; i++)
        if (!check_cpu_list(x, e, lists[i]))
            return;
    *(hard ? &x->def->cpus : &x->def->cpus_soft) = lists;
    *(hard ? &x->def->n_cpus : &x->def->n_cpus_soft) = (uint32_t)n;
}

/* A leaf or a register's subleaf: decimal or 0x. */
static bool is_leaf(const char *text, size_t len)
{
    char number[16];
    long long n;
    if (len == 0 || len >= sizeof(number))
        return false;
    memcpy(number, text, len);
    number[len] = 0;
    return xlcfg_digits(number, &n) && n >= 0;
}

/* "LEAF[,SUBLEAF]:eax=<32 of 01xks>,ebx=..." */
static const char *cpuid_fault(const char *text)
{
    const char *colon = strchr(text, ':');
    if (!colon)
        return "the colon after the leaf is missing";
    const char *comma = memchr(text, ',', (size_t)(colon - text));
    if (!is_leaf(text, (size_t)((comma ? comma : colon) - text)) ||
        (comma && !is_leaf(comma + 1, (size_t)(colon - comma - 1))))
        return "the leaf is no number";
    const char *at = colon + 1;
    for (;;) {
        at += strspn(at, " ");
        if (at[0] != 'e' || !at[1] || !strchr("abcd", at[1]) || at[2] != 'x' ||
            at[3] != '=')
            return "a register is one of eax=, ebx=, ecx=, edx=";
        size_t bits = strspn(at + 4, "01xks");
        if (bits != CPUID_BITS || (at[4 + bits] && at[4 + bits] != ','))
            return "a register has exactly 32 characters of 0, 1, x, k, s";
        at += 4 + bits;
        if (!*at)
            return NULL;
        at++;
    }
}

void xlcfg_set_cpuid(struct xlcfg *x, const struct cfg_entry *e)
{
    if (e->type != CFG_LIST) {
        xlcfg_problem(x, e, "'cpuid' as one string is not supported");
        xlcfg_problem_hint(x, "write the list form of xl.cfg(5): "
                              "cpuid = [ \"1:ecx=xxxx...\" ]");
        return;
    }
    if (!xlcfg_list(x, e, MAX_CPUID, "items"))
        return;
    for (size_t i = 0; i < e->n_items; i++) {
        const char *fault = cpuid_fault(e->items[i]);
        if (fault) {
            xlcfg_problem(x, e, "'cpuid': %s in \"%.100s\"", fault,
                          e->items[i]);
            return;
        }
    }
    x->def->cpuid = e->items;
    x->def->n_cpuid = (uint32_t)e->n_items;
}
