/* Text from outside made fit for the protocol. */
#include "resourced/text.h"

#include <stdbool.h>
#include <stdint.h>

/* Bytes of the UTF-8 character at p, 0 when there is none. */
static size_t char_size(const unsigned char *p)
{
    size_t size;
    uint32_t c;

    if (p[0] < 0x80)
        return p[0] >= 0x20 && p[0] != 0x7f ? 1 : 0;
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        size = 2, c = p[0] & 0x1f;
    else if (p[0] >= 0xe0 && p[0] <= 0xef)
        size = 3, c = p[0] & 0x0f;
    else if (p[0] >= 0xf0 && p[0] <= 0xf4)
        size = 4, c = p[0] & 0x07;
    else
        return 0;
    for (size_t i = 1; i < size; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    bool overlong = (size == 3 && c < 0x800) || (size == 4 && c < 0x10000);
    bool surrogate = c >= 0xd800 && c <= 0xdfff;
    /* C1 control characters are no better than C0. */
    bool control = c >= 0x80 && c <= 0x9f;
    return overlong || surrogate || control || c > 0x10ffff ? 0 : size;
}

const char *text_tidy(char *buf, size_t size, const char *text)
{
    const unsigned char *from = (const unsigned char *)text;
    size_t at = 0;

    while (*from) {
        size_t n = char_size(from);
        if (at + (n ? n : 1) >= size)
            break;
        if (n == 0) {
            buf[at++] = '?';
            from++;
            continue;
        }
        for (size_t i = 0; i < n; i++)
            buf[at++] = (char)*from++;
    }
    buf[at] = '\0';
    return buf;
}
