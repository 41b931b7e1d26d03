/*
 * Moments as people write them; see when.h.
 */
#include "xl-ext/when.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/units.h"

static bool parse_date(const char *text, uint64_t *ret_ms)
{
    static const char *const formats[] = {
        "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%M",    "%Y-%m-%d",
    };

    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        struct tm tm = { .tm_isdst = -1 };
        const char *end = strptime(text, formats[i], &tm);
        bool utc = end && strcmp(end, "Z") == 0;
        if (!end || (*end && !utc))
            continue;
        time_t t = utc ? timegm(&tm) : mktime(&tm);
        if (t < 0)
            return false;
        *ret_ms = (uint64_t)t * 1000;
        return true;
    }
    return false;
}

int when_parse(const char *text, uint64_t *ret_ms, struct vdc_error *err)
{
    uint64_t now = clock_wall().ms, ago;

    if (parse_date(text, ret_ms))
        return 0;
    if (*text == '@' && text[1] &&
        strspn(text + 1, "0123456789") == strlen(text + 1) &&
        strlen(text) <= 12) {
        *ret_ms = strtoull(text + 1, NULL, 10) * 1000;
        return 0;
    }
    if (units_duration_parse(text, &ago, NULL) == 0) {
        *ret_ms = ago < now ? now - ago : 0;
        return 0;
    }
    vdc_error_set(err, VDC_E_BAD_VALUE, "'%.40s' is no moment", text);
    vdc_error_hint(err, "a date (2026-03-01, 2026-03-01T14:05Z), or how long "
                        "ago (30m, 24h, 7d)");
    return VDC_E_BAD_VALUE;
}

int when_expires(const char *text, uint64_t *ret_ms, struct vdc_error *err)
{
    uint64_t ms;

    if (units_duration_parse(text, &ms, NULL))
        vdc_error_set(err, VDC_E_BAD_VALUE,
                      "--expires wants how long from now, got '%.40s'", text);
    else if (!ms)
        vdc_error_set(err, VDC_E_BAD_VALUE,
                      "--expires is longer than 0, got '%.40s'", text);
    else {
        *ret_ms = ms;
        return 0;
    }
    vdc_error_hint(err, "a whole number and s, m, h or d, as 90s, 30m, 12h or "
                        "30d; a number alone is seconds, and no date is "
                        "taken");
    return VDC_E_BAD_VALUE;
}
