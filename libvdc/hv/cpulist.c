/* Reads xl's CPU lists, for the affinities of a domain's vCPUs. */
#include "hv/cpulist.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct item {
    bool take_away;
    bool is_nodes;
    bool is_all;
    uint32_t first, last;
};

static bool skip_word(const char **p, const char *word)
{
    size_t len = strlen(word);

    if (strncmp(*p, word, len) != 0)
        return false;
    *p += len;
    return true;
}

/* A number of at most six digits: no host has a million CPUs. */
static bool read_number(const char **p, uint32_t *ret)
{
    uint32_t number = 0;
    size_t n = 0;

    for (; isdigit((unsigned char)**p); (*p)++, n++) {
        if (n == 6)
            return false;
        number = number * 10 + (uint32_t)(**p - '0');
    }
    *ret = number;
    return n > 0;
}

static void skip_blanks(const char **p)
{
    while (**p == ' ' || **p == '\t')
        (*p)++;
}

/* One item up to the comma or the end; false when it is not one. */
static bool read_item(const char **p, struct item *ret)
{
    struct item item = { 0 };

    skip_blanks(p);
    item.take_away = skip_word(p, "^");
    item.is_nodes = skip_word(p, "nodes:") || skip_word(p, "node:");
    if (skip_word(p, "all")) {
        item.is_all = true;
        if (item.take_away)
            return false;
    } else {
        if (!read_number(p, &item.first))
            return false;
        item.last = item.first;
        if (skip_word(p, "-") && !read_number(p, &item.last))
            return false;
        if (item.last < item.first)
            return false;
    }
    skip_blanks(p);
    *ret = item;
    return **p == ',' || **p == '\0';
}

static bool has_node(const struct cpulist_host *host, uint32_t node)
{
    for (size_t i = 0; i < host->n_cpus; i++)
        if (host->nodes[i] == node)
            return true;
    return false;
}

static int check_item(const char *text, const struct item *item,
                      const struct cpulist_host *host, struct vdc_error *err)
{
    if (item->is_all)
        return 0;
    for (uint32_t i = item->first; i <= item->last; i++) {
        if (item->is_nodes && !has_node(host, i))
            return vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "CPU list \"%s\": the host has no node %u",
                                 text, i);
        if (!item->is_nodes &&
            (i >= host->n_cpus || host->nodes[i] == CPULIST_NO_NODE))
            return vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "CPU list \"%s\": the host has no CPU %u",
                                 text, i);
    }
    return 0;
}

static void apply_item(const struct item *item,
                       const struct cpulist_host *host, bool *cpus)
{
    for (size_t i = 0; i < host->n_cpus; i++) {
        size_t number = item->is_nodes ? host->nodes[i] : i;
        if (host->nodes[i] == CPULIST_NO_NODE)
            continue;
        if (item->is_all || (number >= item->first && number <= item->last))
            cpus[i] = !item->take_away;
    }
}

static int parse_into(const char *text, const struct cpulist_host *host,
                      bool *cpus, struct vdc_error *err)
{
    const char *p = text;

    for (;;) {
        struct item item;
        if (!read_item(&p, &item)) {
            int rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                                   "CPU list \"%s\" cannot be read", text);
            vdc_error_hint(err, "write for example \"all\", \"0-3,^1\" or "
                                "\"nodes:0\"");
            return rc;
        }
        int rc = check_item(text, &item, host, err);
        if (rc)
            return rc;
        apply_item(&item, host, cpus);
        if (*p == '\0')
            break;
        p++;
    }
    for (size_t i = 0; i < host->n_cpus; i++)
        if (cpus[i])
            return 0;
    return vdc_error_set(err, VDC_E_BAD_VALUE, "CPU list \"%s\" leaves no CPU",
                         text);
}

int cpulist_parse(const char *text, const struct cpulist_host *host,
                  bool *cpus, struct vdc_error *err)
{
    bool *found = xzalloc((host->n_cpus + 1) * sizeof(*found));
    int rc = parse_into(text, host, found, err);

    if (rc == 0)
        memcpy(cpus, found, host->n_cpus * sizeof(*cpus));
    free(found);
    return rc;
}

static bool is_whole_host(const bool *cpus, const struct cpulist_host *host)
{
    for (size_t i = 0; i < host->n_cpus; i++)
        if (!cpus[i] && host->nodes[i] != CPULIST_NO_NODE)
            return false;
    return host->n_cpus > 0;
}

const char *cpulist_format(const bool *cpus, const struct cpulist_host *host,
                           struct arena *arena)
{
    if (is_whole_host(cpus, host))
        return "all";
    /* A range is at most two numbers of six digits, a '-' and a ','. */
    char *text = arena_alloc(arena, host->n_cpus * 14 + 1), *end = text;
    for (size_t i = 0; i < host->n_cpus; i++) {
        size_t first = i;
        if (!cpus[i])
            continue;
        while (i + 1 < host->n_cpus && cpus[i + 1])
            i++;
        end += sprintf(end, end == text ? "%zu" : ",%zu", first);
        if (i > first)
            end += sprintf(end, "-%zu", i);
    }
    return text;
}
