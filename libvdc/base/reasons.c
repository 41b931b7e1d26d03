/* Several reasons as one error, for checks that must name them all. */
#include "base/reasons.h"

#include <stdio.h>
#include <string.h>

void reasons_init(struct reasons *reasons)
{
    reasons->n_errors = reasons->n_more = 0;
}

struct reasons *reasons_new(struct arena *arena)
{
    struct reasons *reasons = arena_alloc_unset(arena, sizeof(*reasons));

    reasons_init(reasons);
    return reasons;
}

static void add_one(struct reasons *reasons, const struct vdc_error *err)
{
    for (size_t i = 0; i < reasons->n_errors; i++)
        if (strcmp(reasons->errors[i].text, err->text) == 0)
            return;
    if (reasons->n_errors == REASONS_MAX) {
        reasons->n_more++;
        return;
    }
    reasons->errors[reasons->n_errors++] = *err;
}

/* Where the first of several begins; NULL when it is one, or was cut. */
static const char *find_several(const char *text)
{
    unsigned n;
    int at = 0;

    if (sscanf(text, "%u reasons: %n", &n, &at) != 1 || at == 0)
        return NULL;
    const char *first = text + at, *p = first;
    for (; (p = strstr(p, "; ")); p += 2)
        n--;
    return n == 1 ? first : NULL;
}

void reasons_add(struct reasons *reasons, const struct vdc_error *err)
{
    const char *next = find_several(err->text);

    if (!next)
        add_one(reasons, err);
    while (next) {
        struct vdc_error one = *err;
        size_t len = strcspn(next, ";");
        while (next[len] && next[len + 1] != ' ')
            len += 1 + strcspn(next + len + 1, ";");
        snprintf(one.text, sizeof(one.text), "%.*s", (int)len, next);
        add_one(reasons, &one);
        next = next[len] ? next + len + 2 : NULL;
    }
}

static const struct vdc_error *weightiest(const struct reasons *reasons)
{
    for (size_t i = 0; i < reasons->n_errors; i++)
        if (!vdc_error_may_retry(reasons->errors[i].code))
            return &reasons->errors[i];
    return &reasons->errors[0];
}

static const char *first_hint(const struct reasons *reasons)
{
    for (size_t i = 0; i < reasons->n_errors; i++)
        if (reasons->errors[i].hint[0])
            return reasons->errors[i].hint;
    return "";
}

int reasons_error(const struct reasons *reasons, struct vdc_error *err)
{
    char text[sizeof(((struct vdc_error *)0)->text)];
    size_t len = 0;

    if (reasons->n_errors == 0)
        return 0;
    int code = weightiest(reasons)->code;
    if (reasons->n_errors == 1) {
        if (err)
            *err = reasons->errors[0];
        return code;
    }
    text[0] = '\0';
    for (size_t i = 0; i < reasons->n_errors && len < sizeof(text); i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
                                i ? "; " : "", reasons->errors[i].text);
    vdc_error_set(err, code, "%zu reasons: %s",
                  reasons->n_errors + reasons->n_more, text);
    if (first_hint(reasons)[0])
        vdc_error_hint(err, "%s", first_hint(reasons));
    return code;
}
