/*
 * Which bytes are UTF-8 text.
 */
#ifndef VDC_BASE_UTF8_H
#define VDC_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Size of the UTF-8 character at p, of which `left` bytes are there; 0 when
 * they are not one (RFC 3629: no surrogates, no overlong forms). */
static inline size_t utf8_size(const unsigned char *p, size_t left)
{
    if (p[0] < 0x80)
        return 1;
    size_t size = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
                  : p[0] >= 0xe0 && p[0] <= 0xef ? 3
                  : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
                                                 : 0;
    if (!size || size > left)
        return 0;
    unsigned char low = 0x80, high = 0xbf; /* of the second byte */
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return size;
}

/* Of all of it. */
static inline bool utf8_is_text(const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = utf8_size((const unsigned char *)text + i, len - i);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

#endif
