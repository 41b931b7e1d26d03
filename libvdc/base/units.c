/*
 * Amounts and durations as people write them, for settings, domain files and
 * tables.  Whole numbers only: no rounding by floating point.
 */
#include "base/units.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define KIB UINT64_C(1)
#define MIB (UINT64_C(1) << 10)
#define GIB (UINT64_C(1) << 20)
#define TIB (UINT64_C(1) << 30)

/* Fractions keep this many digits: 10^9 times a TiB in KiB fits 64 bits. */
#define FRACTION_DIGITS 9

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits at *p to a number; false without a digit or on overflow. */
static bool read_u64(const char **p, uint64_t *ret)
{
    if (!is_digit(**p))
        return false;
    uint64_t n = 0;
    for (; is_digit(**p); (*p)++)
        if (__builtin_mul_overflow(n, UINT64_C(10), &n) ||
            __builtin_add_overflow(n, (uint64_t)(**p - '0'), &n))
            return false;
    *ret = n;
    return true;
}

/* ".5" at *p: digits over scale; without a point 0 over 1. */
static bool read_fraction(const char **p, uint64_t *ret_digits,
                          uint64_t *ret_scale)
{
    *ret_digits = 0;
    *ret_scale = 1;
    if (**p != '.')
        return true;
    (*p)++;
    if (!is_digit(**p))
        return false;
    for (int i = 0; is_digit(**p); (*p)++, i++) {
        if (i >= FRACTION_DIGITS)
            continue;
        *ret_digits = *ret_digits * 10 + (uint64_t)(**p - '0');
        *ret_scale *= 10;
    }
    return true;
}

static void skip_spaces(const char **p)
{
    while (**p == ' ')
        (*p)++;
}

static bool suffix_unit(const char *suffix, uint64_t fallback, uint64_t *ret)
{
    static const struct {
        const char *brief, *full;
        uint64_t kib;
    } units[] = { { "k", "kib", KIB },
                  { "m", "mib", MIB },
                  { "g", "gib", GIB },
                  { "t", "tib", TIB } };
    if (!*suffix) {
        *ret = fallback;
        return true;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcasecmp(suffix, units[i].brief) == 0 ||
            strcasecmp(suffix, units[i].full) == 0) {
            *ret = units[i].kib;
            return true;
        }
    }
    return false;
}

/* units_mem_parse without the words; VDC_E_BAD_VALUE is "not the form" and
 * VDC_E_UNSUPPORTED "too much". */
static int parse_mem(const char *text, uint64_t default_unit_kib,
                     uint64_t *ret_kib)
{
    const char *p = text;
    uint64_t whole, digits, scale, unit, kib;
    if (!is_digit(*p))
        return VDC_E_BAD_VALUE;
    if (!read_u64(&p, &whole))
        return VDC_E_UNSUPPORTED;
    if (!read_fraction(&p, &digits, &scale))
        return VDC_E_BAD_VALUE;
    skip_spaces(&p);
    if (!suffix_unit(p, default_unit_kib, &unit))
        return VDC_E_BAD_VALUE;
    if (__builtin_mul_overflow(whole, unit, &kib) ||
        __builtin_add_overflow(kib, digits * unit / scale, &kib) ||
        kib > MEM_MAX_KIB)
        return VDC_E_UNSUPPORTED;
    *ret_kib = kib;
    return 0;
}

int units_mem_parse(const char *text, uint64_t default_unit_kib,
                    struct mem *ret, struct vdc_error *err)
{
    uint64_t kib;
    int rc = parse_mem(text, default_unit_kib, &kib);
    if (rc == VDC_E_UNSUPPORTED)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "'%s' is more than the largest amount, 16384T",
                             text);
    if (rc)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "'%s' is not an amount: a number and K, M, G or "
                             "T is, as 512M or 1.5G",
                             text);
    ret->kib = kib;
    return 0;
}

const char *units_mem_format(struct mem mem, char *buf, size_t size)
{
    static const char *const names[] = { "KiB", "MiB", "GiB", "TiB" };
    const size_t last = sizeof(names) / sizeof(names[0]) - 1;
    size_t i = 0;
    uint64_t unit = 1;
    while (i < last && mem.kib / unit >= 1024) {
        unit *= 1024;
        i++;
    }
    if (mem.kib % unit == 0) {
        snprintf(buf, size, "%" PRIu64 " %s", mem.kib / unit, names[i]);
        return buf;
    }
    uint64_t whole = mem.kib / unit;
    uint64_t tenths = ((mem.kib % unit) * 10 + unit / 2) / unit;
    whole += tenths / 10;
    if (whole == 1024 && i < last) {
        whole = 1;
        i++;
    }
    snprintf(buf, size, "%" PRIu64 ".%" PRIu64 " %s", whole, tenths % 10,
             names[i]);
    return buf;
}

/* "3 min 5 s", or "3 min" when there is nothing of the smaller unit. */
static void format_two(uint64_t big, const char *big_name, uint64_t small,
                       const char *small_name, char *buf, size_t size)
{
    if (small)
        snprintf(buf, size, "%" PRIu64 " %s %" PRIu64 " %s", big, big_name,
                 small, small_name);
    else
        snprintf(buf, size, "%" PRIu64 " %s", big, big_name);
}

const char *units_duration_format(uint64_t ms, char *buf, size_t size)
{
    uint64_t s = ms / 1000, min = s / 60, h = min / 60;
    if (ms > 0 && ms < 100)
        snprintf(buf, size, "%" PRIu64 " ms", ms);
    else if (s < 10 && ms % 1000 >= 100)
        snprintf(buf, size, "%" PRIu64 ".%" PRIu64 " s", s, ms % 1000 / 100);
    else if (min == 0)
        snprintf(buf, size, "%" PRIu64 " s", s);
    else if (h == 0)
        format_two(min, "min", s % 60, "s", buf, size);
    else if (h < 24)
        format_two(h, "h", min % 60, "min", buf, size);
    else
        format_two(h / 24, "d", h % 24, "h", buf, size);
    return buf;
}

int units_duration_parse(const char *text, uint64_t *ret_ms,
                         struct vdc_error *err)
{
    static const struct {
        const char *suffix;
        uint64_t ms;
    } units[] = { { "", 1000 },   { "s", 1000 },    { "ms", 1 },
                  { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 } };
    const char *p = text;
    uint64_t n, ms;
    if (read_u64(&p, &n)) {
        skip_spaces(&p);
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
            if (strcasecmp(p, units[i].suffix) != 0 ||
                __builtin_mul_overflow(n, units[i].ms, &ms))
                continue;
            *ret_ms = ms;
            return 0;
        }
    }
    return vdc_error_set(err, VDC_E_BAD_VALUE,
                         "'%s' is not a duration: a number and ms, s, m, h "
                         "or d is, as 30s or 5m",
                         text);
}
