/*
 * UUIDs and MAC addresses; see identity.h.
 */
#include "policyd/store/identity.h"

#include <stdio.h>
#include <string.h>

/* FNV-1a, 64 bits, over the text and the zero at its end. */
static uint64_t mix(uint64_t hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}
#define FNV_BEGIN UINT64_C(0xcbf29ce484222325)

void identity_of_key(const char *owner, const char *key, uint32_t index,
                     struct vdc_uuid *ret)
{
    for (uint8_t half = 0; half < 2; half++) {
        uint64_t hash = mix(FNV_BEGIN, &half, 1);
        hash = mix(hash, owner, strlen(owner) + 1);
        hash = mix(hash, key, strlen(key) + 1);
        for (int i = 0; i < 8; i++) {
            uint8_t byte = (uint8_t)(index >> (i * 4));
            hash = mix(hash, &byte, 1);
            ret->bytes[half * 8 + i] = (uint8_t)(hash >> 32);
        }
    }
    /* RFC 4122: version 4, although it was not drawn */
    ret->bytes[6] = (uint8_t)((ret->bytes[6] & 0x0f) | 0x40);
    ret->bytes[8] = (uint8_t)((ret->bytes[8] & 0x3f) | 0x80);
}

int identity_uuid(const struct book *book, struct vdc_uuid *uuid,
                  struct vdc_error *err)
{
    char text[UUID_TEXT_SIZE];

    if (!uuid_is_zero(uuid)) {
        if (!book_assignment(book, uuid))
            return 0;
        return vdc_error_set(err, VDC_E_EXISTS, "the UUID %s is in use",
                             uuid_format(uuid, text));
    }
    do
        uuid_random(uuid);
    while (book_assignment(book, uuid));
    return 0;
}

static bool is_taken(const struct identity_macs *macs,
                     const struct vdc_uuid *uuid, const char *mac)
{
    const struct assignment *a = book_assignment_by_mac(macs->book, mac);

    return strcasestr(macs->taken, mac) || (a && !uuid_equal(&a->uuid, uuid));
}

int identity_take_mac(struct identity_macs *macs, const struct vdc_uuid *uuid,
                      const char *mac, struct vdc_error *err)
{
    if (is_taken(macs, uuid, mac))
        return vdc_error_set(err, VDC_E_EXISTS, "the MAC address %s is in use",
                             mac);
    macs->taken = arena_printf(macs->arena, "%s %s", macs->taken, mac);
    return 0;
}

const char *identity_draw_mac(struct identity_macs *macs,
                              const struct vdc_uuid *uuid, bool again)
{
    uint64_t hash = mix(FNV_BEGIN, uuid->bytes, sizeof(uuid->bytes));
    char mac[18];

    do {
        hash = mix(hash, "", 1);
        /* 00:16:3e is the range for Xen's guests */
        snprintf(mac, sizeof(mac), "00:16:3e:%02x:%02x:%02x",
                 (unsigned)(hash >> 32) & 0x7f, (unsigned)(hash >> 40) & 0xff,
                 (unsigned)(hash >> 48) & 0xff);
    } while (is_taken(macs, uuid, mac) ||
             (!again && book_assignment_by_mac(macs->book, mac)));
    macs->taken = arena_printf(macs->arena, "%s %s", macs->taken, mac);
    return arena_strdup(macs->arena, mac);
}
