/* 128-bit identifiers in RFC 4122 form, random (version 4). */
#ifndef VDC_BASE_UUID_H
#define VDC_BASE_UUID_H

#include <stdbool.h>
#include <stdint.h>

struct vdc_uuid {
    uint8_t bytes[16];
};

#define UUID_TEXT_SIZE 37 /* 36 characters and the end */

/* From getrandom(2); aborts if the kernel has none. */
void uuid_random(struct vdc_uuid *ret);
/* Exactly the 8-4-4-4-12 form, either case; false otherwise. */
/* (Not uuid_parse: libxl calls libuuid's function of that name, and a symbol
 * of the program goes before a library's.) */
bool uuid_from_text(const char *text, struct vdc_uuid *ret);
/* Lower case; returns buf (at least UUID_TEXT_SIZE). */
const char *uuid_format(const struct vdc_uuid *uuid, char *buf);
bool uuid_is_zero(const struct vdc_uuid *uuid);
bool uuid_equal(const struct vdc_uuid *a, const struct vdc_uuid *b);

#endif
