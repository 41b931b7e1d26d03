/*
 * What guests asked of their hosts by name; see where.h.
 */
#include "policyd/placement/where.h"

#include <stdio.h>

/* A letter and a number each. */
#define TEXT_SIZE ((2 + 2 * PLACEMENT_TAGS_MAX) * sizeof("d4294967295 "))

static void put(char text[TEXT_SIZE], size_t *n, char what, uint32_t name)
{
    if (name)
        *n += (size_t)snprintf(text + *n, TEXT_SIZE - *n, "%c%u ", what, name);
}

uint32_t placement_where_of(struct placement_names *names,
                            const struct placement_request *request)
{
    char text[TEXT_SIZE] = "";
    size_t n = 0;

    put(text, &n, 'h', request->pinned);
    put(text, &n, 'd', request->domain);
    for (uint32_t i = 0; i < request->n_wanted; i++)
        put(text, &n, 't', request->wanted[i]);
    for (uint32_t i = 0; i < request->n_forbidden; i++)
        put(text, &n, 'n', request->forbidden[i]);
    return placement_names_add(names, text);
}

void placement_where_ask(const struct placement_view *view, uint32_t where,
                         struct placement_request *request)
{
    const char *text = placement_view_text(view, where);
    char what;
    uint32_t name;
    int n = 0;

    request->where = where;
    for (; sscanf(text, "%c%u %n", &what, &name, &n) == 2; text += n) {
        if (what == 'h')
            request->pinned = name;
        else if (what == 'd')
            request->domain = name;
        else if (what == 't' && request->n_wanted < PLACEMENT_TAGS_MAX)
            request->wanted[request->n_wanted++] = name;
        else if (what == 'n' && request->n_forbidden < PLACEMENT_TAGS_MAX)
            request->forbidden[request->n_forbidden++] = name;
    }
}
