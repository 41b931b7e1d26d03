/* Finds zeros in what is sent to another host, for migrate_pump.c. */
#include "resourced/zeros.h"

#include <stdbool.h>
#include <string.h>

static size_t block_size(size_t at, size_t size)
{
    return size - at < ZEROS_BLOCK ? size - at : ZEROS_BLOCK;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

void zeros_split(const uint8_t *bytes, size_t size, size_t *ret_literal,
                 size_t *ret_zeros)
{
    size_t at = 0, literal;

    while (at < size && !is_zero(bytes + at, block_size(at, size)))
        at += block_size(at, size);
    literal = at;
    while (at < size && is_zero(bytes + at, block_size(at, size)))
        at += block_size(at, size);
    *ret_literal = literal;
    *ret_zeros = at - literal;
}
