/*
 * Names as numbers: an array of texts, and a hash table of their numbers.
 */
#include "policyd/placement/names.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

struct placement_names {
    char **texts; /* texts[0] is "" */
    uint32_t n_texts;
    uint32_t texts_max;
    uint32_t *slots;  /* numbers; 0 is free */
    uint32_t n_slots; /* a power of 2, at least twice n_texts */
    size_t size;
};

/* FNV-1a: <http://www.isthe.com/chongo/tech/comp/fnv/>. */
static uint32_t hash_of(const char *text)
{
    uint32_t hash = 2166136261u;

    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 16777619u;
    return hash ^ hash >> 15;
}

struct placement_names *placement_names_new(void)
{
    struct placement_names *names = XNEW(struct placement_names);

    names->texts_max = 64;
    names->texts = xzalloc(names->texts_max * sizeof(*names->texts));
    names->texts[0] = xstrdup("");
    names->n_texts = 1;
    names->n_slots = 128;
    names->slots = xzalloc(names->n_slots * sizeof(*names->slots));
    return names;
}

void placement_names_free(struct placement_names *names)
{
    if (!names)
        return;
    for (uint32_t i = 0; i < names->n_texts; i++)
        free(names->texts[i]);
    free(names->texts);
    free(names->slots);
    free(names);
}

/* Where it is, or where it would be. */
static uint32_t *slot_of(const struct placement_names *names, const char *text)
{
    uint32_t mask = names->n_slots - 1;
    uint32_t at = hash_of(text) & mask;

    while (names->slots[at] &&
           strcmp(names->texts[names->slots[at]], text) != 0)
        at = (at + 1) & mask;
    return &names->slots[at];
}

static void grow(struct placement_names *names)
{
    names->texts_max *= 2;
    names->texts =
        xrealloc(names->texts, names->texts_max * sizeof(*names->texts));
    free(names->slots);
    names->n_slots *= 2;
    names->slots = xzalloc(names->n_slots * sizeof(*names->slots));
    for (uint32_t i = 1; i < names->n_texts; i++)
        if (names->texts[i])
            *slot_of(names, names->texts[i]) = i;
}

uint32_t placement_names_add(struct placement_names *names, const char *text)
{
    if (!text || !*text)
        return 0;
    uint32_t *slot = slot_of(names, text);
    if (*slot)
        return *slot;
    assert(names->n_texts < PLACEMENT_NO_NAME);
    if (names->n_texts == names->texts_max) {
        grow(names);
        slot = slot_of(names, text);
    }
    *slot = names->n_texts;
    names->texts[names->n_texts] = xstrdup(text);
    names->size += strlen(text) + 1;
    return names->n_texts++;
}

uint32_t placement_names_find(const struct placement_names *names,
                              const char *text)
{
    if (!text || !*text)
        return 0;
    uint32_t name = *slot_of(names, text);
    return name ? name : PLACEMENT_NO_NAME;
}

/* Those behind it are put in again, so that none is behind a free slot. */
static void free_slot(struct placement_names *names, uint32_t *slot)
{
    uint32_t mask = names->n_slots - 1;
    uint32_t at = (uint32_t)(slot - names->slots);

    names->slots[at] = 0;
    for (at = (at + 1) & mask; names->slots[at]; at = (at + 1) & mask) {
        uint32_t name = names->slots[at];
        names->slots[at] = 0;
        *slot_of(names, names->texts[name]) = name;
    }
}

void placement_names_forget(struct placement_names *names, uint32_t name)
{
    if (!name || name >= names->n_texts || !names->texts[name])
        return;
    free_slot(names, slot_of(names, names->texts[name]));
    names->size -= strlen(names->texts[name]) + 1;
    free(names->texts[name]);
    names->texts[name] = NULL;
}

const char *placement_names_text(const struct placement_names *names,
                                 uint32_t name)
{
    return name < names->n_texts && names->texts[name] ? names->texts[name]
                                                       : "?";
}

size_t placement_names_size(const struct placement_names *names)
{
    return sizeof(*names) + names->size +
           names->texts_max * sizeof(*names->texts) +
           names->n_slots * sizeof(*names->slots);
}
