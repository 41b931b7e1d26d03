/* Which bytes are text; see layout.h. */
#include "wire/layout.h"

#include "base/utf8.h"

const char *layout_text_fault(const char *text, size_t len, size_t most)
{
    const uint8_t *p = (const uint8_t *)text;

    if (len > most)
        return "too long";
    for (size_t i = 0; i < len;) {
        if (p[i] >= 0x20 && p[i] < 0x7F) {
            i++;
            continue;
        }
        if ((p[i] < 0x20 && p[i] != '\t' && p[i] != '\n') || p[i] == 0x7F)
            return "has a control character";
        size_t n = utf8_size(p + i, len - i);
        if (n == 0)
            return "is not UTF-8 text";
        i += n;
    }
    return NULL;
}
