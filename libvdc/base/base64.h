/*
 * Base64 (RFC 4648, with padding): bytes in what holds text alone.
 */
#ifndef VDC_BASE_BASE64_H
#define VDC_BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters of `size` bytes, without the final 0. */
static inline size_t base64_len(size_t size)
{
    return (size + 2) / 3 * 4;
}

/* `to` has room for base64_len(size) + 1 and is 0-terminated; returns it. */
char *base64_encode(const void *data, size_t size, char *to);

/* The bytes that a text of this length and padding stands for; false when
 * there is no such text. */
bool base64_size(const char *text, size_t len, size_t *ret);

/* Writes exactly as many bytes as base64_size says.  Only what base64_encode
 * would write is taken: false for any other character, and for bits that are
 * left over and not 0; `to` may have been written to then. */
bool base64_decode(const char *text, size_t len, uint8_t *to);

#endif
