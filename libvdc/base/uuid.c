/* Identifiers of partitions, transactions and the rest, to and from text. */
#include "base/uuid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void uuid_random(struct vdc_uuid *ret)
{
    struct vdc_uuid uuid;
    /* Up to 256 bytes come whole or not at all. */
    if (getrandom(uuid.bytes, sizeof(uuid.bytes), 0) != sizeof(uuid.bytes))
        abort();
    uuid.bytes[6] = (uuid.bytes[6] & 0x0f) | 0x40;
    uuid.bytes[8] = (uuid.bytes[8] & 0x3f) | 0x80;
    *ret = uuid;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool dash_before(size_t byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

bool uuid_from_text(const char *text, struct vdc_uuid *ret)
{
    struct vdc_uuid uuid;
    for (size_t i = 0; i < sizeof(uuid.bytes); i++) {
        if (dash_before(i) && *text++ != '-')
            return false;
        int high = hex_digit(text[0]);
        int low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0)
            return false;
        uuid.bytes[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    if (*text)
        return false;
    *ret = uuid;
    return true;
}

const char *uuid_format(const struct vdc_uuid *uuid, char *buf)
{
    static const char digits[] = "0123456789abcdef";
    char *p = buf;
    for (size_t i = 0; i < sizeof(uuid->bytes); i++) {
        if (dash_before(i))
            *p++ = '-';
        *p++ = digits[uuid->bytes[i] >> 4];
        *p++ = digits[uuid->bytes[i] & 15];
    }
    *p = 0;
    return buf;
}

bool uuid_is_zero(const struct vdc_uuid *uuid)
{
    static const struct vdc_uuid zero;
    return uuid_equal(uuid, &zero);
}

bool uuid_equal(const struct vdc_uuid *a, const struct vdc_uuid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}
