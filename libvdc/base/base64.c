/* Base64: for rows in xenstore, and for what etcd's JSON has. */
#include "base/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "abcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *data, size_t size, char *to)
{
    const uint8_t *from = data;
    char *text = to;

    for (size_t i = 0; i < size; i += 3) {
        size_t n = size - i < 3 ? size - i : 3;
        uint32_t bits = (uint32_t)from[i] << 16;
        if (n > 1)
            bits |= (uint32_t)from[i + 1] << 8;
        if (n > 2)
            bits |= from[i + 2];
        *to++ = digits[bits >> 18];
        *to++ = digits[bits >> 12 & 63];
        *to++ = n > 1 ? digits[bits >> 6 & 63] : '=';
        *to++ = n > 2 ? digits[bits & 63] : '=';
    }
    *to = '\0';
    return text;
}

bool base64_size(const char *text, size_t len, size_t *ret)
{
    if (len % 4)
        return false;
    size_t size = len / 4 * 3;
    if (len && text[len - 1] == '=')
        size -= text[len - 2] == '=' ? 2 : 1;
    *ret = size;
    return true;
}

/* The value of a digit; 64 for what is none. */
static uint32_t digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint32_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint32_t)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0') + 52;
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

bool base64_decode(const char *text, size_t len, uint8_t *to)
{
    size_t size;

    if (!base64_size(text, len, &size))
        return false;
    for (size_t i = 0; i < size; i += 3, text += 4) {
        size_t n = size - i < 3 ? size - i : 3;
        uint32_t bits = 0;
        for (size_t j = 0; j < 4; j++) {
            uint32_t value = j <= n ? digit(text[j]) : 0;
            if (value > 63)
                return false;
            bits = bits << 6 | value;
        }
        /* What is left over of the last digit. */
        if ((n == 1 && bits & 0xffff) || (n == 2 && bits & 0xff))
            return false;
        to[i] = (uint8_t)(bits >> 16);
        if (n > 1)
            to[i + 1] = (uint8_t)(bits >> 8);
        if (n > 2)
            to[i + 2] = (uint8_t)bits;
    }
    return true;
}
