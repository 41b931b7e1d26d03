/*
 * key=value settings of the command line.  xl hands them to its parser as
 * they are; so do we, but a bare word (name=web2, kernel=/boot/vmlinuz) gets
 * the quotes that the shell took away.
 */
#include <ctype.h>
#include <string.h>

#include "xl-ext/xlcfg_impl.h"

/* The value as written needs quotes: no number, no quote, no list. */
static bool is_bare(const char *value)
{
    long long n;
    if (!*value || strpbrk(value, "\"'\n;") || *value == '[')
        return false;
    return !xlcfg_digits(value, &n) || *value == '-';
}

const char *xlcfg_setting_text(struct arena *arena, const char *setting)
{
    const char *equals = strchr(setting, '=');
    if (!equals)
        return arena_printf(arena, "%s\n", setting);
    const char *value = equals + 1;
    while (isspace((unsigned char)*value))
        value++;
    size_t key_len = (size_t)(equals - setting);
    if (!is_bare(value))
        return arena_printf(arena, "%s\n", setting);
    /* a backslash means something inside quotes */
    char *quoted = arena_alloc(arena, strlen(value) * 2 + 1);
    char *to = quoted;
    for (const char *from = value; *from; from++) {
        if (*from == '\\')
            *to++ = '\\';
        *to++ = *from;
    }
    return arena_printf(arena, "%.*s=\"%s\"\n", (int)key_len, setting, quoted);
}
