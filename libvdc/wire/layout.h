/*
 * What encoding and decoding share: numbers in little-endian order, the head
 * of a message, and what counts as text.
 */
#ifndef VDC_WIRE_LAYOUT_H
#define VDC_WIRE_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "wire/wire.h"

/* "VDC1" as bytes. */
#define LAYOUT_MAGIC UINT32_C(0x31434456)
/* magic 4, message number 2, reserved 2 (must be 0), request id 4, size of
 * the body 4: a message that was cut is never taken for a shorter one */
#define LAYOUT_HEAD_SIZE 16
#define LAYOUT_SIZE_OFFSET 12
/* number 2, size 4 */
#define LAYOUT_FIELD_HEAD_SIZE 6
/* A field of this number or over may be skipped when it is not known. */
#define LAYOUT_MAY_IGNORE 0x8000u

static inline void layout_put(uint8_t *at, uint64_t n, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(n >> (8 * i));
}

static inline uint64_t layout_get(const uint8_t *at, size_t size)
{
    uint64_t n = 0;

    for (size_t i = 0; i < size; i++)
        n |= (uint64_t)at[i] << (8 * i);
    return n;
}

/* Of an item of a list as it is in memory. */
static inline size_t layout_item_size(const struct wire_field *f)
{
    return f->kind == WIRE_KIND_STRS   ? sizeof(char *)
           : f->kind == WIRE_KIND_SUBS ? f->sub->size
                                       : 1;
}

/* NULL when these are at most `most` bytes of UTF-8 without control characters
 * other than tab and newline; otherwise what is wrong. */
const char *layout_text_fault(const char *text, size_t len, size_t most);

#endif
