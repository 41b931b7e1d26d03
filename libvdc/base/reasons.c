/* Several reasons as one error, for checks that must name them all. */
#include "base/reasons.h"

#include <stdio.h>
#include <string.h>

void reasons_add(struct reasons *reasons, const struct vdc_error *err)
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
