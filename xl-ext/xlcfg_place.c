/*
 * Keys of a domain file that say where the guest may be placed.
 */
#include <string.h>

#include "base/cpu.h"
#include "xl-ext/xlcfg_impl.h"

#define MAX_GROUPS 4
#define MAX_TAGS 16
#define MAX_GROUP 95
#define MAX_TAG 63
#define MAX_FEATURES 64
#define MAX_FEATURE 31

static bool take_words(struct xlcfg *x, const struct cfg_entry *e, size_t most,
                       size_t longest, const char *what, const char ***ret)
{
    if (!xlcfg_list(x, e, most, what))
        return false;
    *ret = ARENA_ARRAY(x->arena, e->n_items + 1, const char *);
    for (size_t i = 0; i < e->n_items; i++) {
        const char *word = e->items[i];
        if (!*word || strlen(word) > longest || strpbrk(word, " ,=")) {
            xlcfg_problem(x, e, "'%s' has '%.100s', which is no name", e->name,
                          word);
            return false;
        }
        for (size_t k = 0; k < i; k++)
            if (strcmp(word, (*ret)[k]) == 0) {
                xlcfg_problem(x, e, "'%s' has %s twice", e->name, word);
                return false;
            }
        (*ret)[i] = word;
    }
    return true;
}

/* vdc_groups and vdc_host_tags */
void xlcfg_set_groups(struct xlcfg *x, const struct cfg_entry *e)
{
    const char **words;

    if (strcmp(e->name, "vdc_groups") == 0) {
        if (!take_words(x, e, MAX_GROUPS, MAX_GROUP, "groups", &words))
            return;
        x->def->groups = words;
        x->def->n_groups = (uint32_t)e->n_items;
    } else {
        if (!take_words(x, e, MAX_TAGS, MAX_TAG, "tags", &words))
            return;
        x->def->host_tags = words;
        x->def->n_host_tags = (uint32_t)e->n_items;
    }
}

void xlcfg_set_cpu_features(struct xlcfg *x, const struct cfg_entry *e)
{
    struct cpu_set cpu = { { 0 } };
    struct vdc_error err = { 0 };
    const char **words;

    if (!take_words(x, e, MAX_FEATURES, MAX_FEATURE, "features", &words))
        return;
    for (size_t i = 0; i < e->n_items; i++)
        if (cpu_set_add_name(&cpu, words[i], &err)) {
            xlcfg_problem(x, e, "'%s': %s", e->name, err.text);
            xlcfg_problem_hint(x, "%s", err.hint);
            return;
        }
    x->def->cpu_features = words;
    x->def->n_cpu_features = (uint32_t)e->n_items;
}

void xlcfg_set_dedicated(struct xlcfg *x, const struct cfg_entry *e)
{
    const char *word;
    int number;

    if (!xlcfg_text(x, e, 255, &word))
        return;
    if (wire_enum_number(&wire_enum_dedication, word, &number))
        x->def->dedication = (enum wire_dedication)number;
    else
        xlcfg_problem(x, e,
                      "'%s' wants shared, explicit, strict or preferred, got "
                      "\"%s\"",
                      e->name, word);
}
