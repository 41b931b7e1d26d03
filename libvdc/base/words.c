/* Splits a command line into words; for `transaction` and for automation. */
#include "base/words.h"

#include <stdbool.h>
#include <string.h>

/* One word at *from, unquoted, into `to`; false when a quote has no end. */
static bool take_word(const char **from, char *to)
{
    char quote = 0;
    const char *p = *from;
    for (; *p && (quote || !strchr(" \t\n", *p)); p++) {
        if (quote && *p == quote) {
            quote = 0;
        } else if (!quote && (*p == '\'' || *p == '"')) {
            quote = *p;
        } else {
            if (*p == '\\' && quote != '\'' && p[1])
                p++;
            *to++ = *p;
        }
    }
    *to = 0;
    *from = p;
    return !quote;
}

int words_split(const char *text, struct arena *arena, char ***ret,
                size_t *ret_n, struct vdc_error *err)
{
    /* each word but the last takes at least a character and a blank */
    char **words = ARENA_ARRAY(arena, strlen(text) / 2 + 2, char *);
    char *to = arena_alloc(arena, strlen(text) + 1);
    size_t n = 0;
    for (const char *from = text;;) {
        from += strspn(from, " \t\n");
        if (!*from)
            break;
        words[n] = to;
        if (!take_word(&from, to))
            return vdc_error_set(err, VDC_E_USAGE,
                                 "a quote has no end in '%s'", text);
        to += strlen(to) + 1;
        n++;
    }
    *ret = words;
    *ret_n = n;
    return 0;
}
