/* Which bytes are text; see layout.h. */
#include "wire/layout.h"

#include <stdbool.h>

/* Length of the UTF-8 sequence at p, of at most `left` bytes; 0 when it is
 * not one (overlong, surrogate, over U+10FFFF, cut). */
static size_t utf8_sequence(const uint8_t *p, size_t left)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t n = p[0] < 0x80   ? 1
               : p[0] < 0xC2 ? 0
               : p[0] < 0xE0 ? 2
               : p[0] < 0xF0 ? 3
               : p[0] < 0xF5 ? 4
                             : 0;
    if (n <= 1 || n > left)
        return n > left ? 0 : n;

    uint32_t c = p[0] & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3F);
    }
    bool surrogate = c >= 0xD800 && c <= 0xDFFF;
    return c < least[n] || c > 0x10FFFF || surrogate ? 0 : n;
}

const char *layout_text_fault(const char *text, size_t len, size_t most)
{
    const uint8_t *p = (const uint8_t *)text;

    if (len > most)
        return "too long";
    for (size_t i = 0; i < len;) {
        if ((p[i] < 0x20 && p[i] != '\t' && p[i] != '\n') || p[i] == 0x7F)
            return "has a control character";
        size_t n = utf8_sequence(p + i, len - i);
        if (n == 0)
            return "is not UTF-8 text";
        i += n;
    }
    return NULL;
}
