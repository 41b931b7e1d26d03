/* Runs of zero bytes in a guest's stream, of whose memory much is unused: they
 * are sent as a number. */
#ifndef RESOURCED_ZEROS_H
#define RESOURCED_ZEROS_H

#include <stddef.h>
#include <stdint.h>

/* Shorter runs are sent as they are: a message of its own costs about as much
 * as so many bytes. */
#define ZEROS_BLOCK 1024

/*
 * How bytes begin: *ret_literal bytes that are to be sent as they are, then
 * *ret_zeros that are all 0; either can be 0, and together they are at least
 * one and at most size (>= 1).  Looks at blocks of ZEROS_BLOCK from the begin;
 * the last may be shorter.
 */
void zeros_split(const uint8_t *bytes, size_t size, size_t *ret_literal,
                 size_t *ret_zeros);

#endif
