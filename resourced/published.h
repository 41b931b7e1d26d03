/*
 * What is written to xenstore of a running partition, so that it can be found
 * again when the database is lost: the struct `published` of the protocol, in
 * base64, in pieces that a node can hold; and a head, written last, by which
 * pieces of two times are told from a whole: "1 SIZE SUM", the size in bytes
 * before base64 and their FNV-1a in hex.  Pure: no I/O.
 */
#ifndef RESOURCED_PUBLISHED_H
#define RESOURCED_PUBLISHED_H

#include "base/arena.h"
#include "base/error.h"
#include "resourced/partition.h"

#define PUBLISHED_PIECES_MAX 32
#define PUBLISHED_PIECE_SIZE 1440 /* bytes before base64: 1920 characters */

struct published_text {
    const char *head;
    const char *pieces[PUBLISHED_PIECES_MAX];
    size_t n_pieces;
};

/* Errors: VDC_E_BAD_VALUE (what the protocol does not allow, or more than
 * fits into so many pieces). */
int published_encode(const struct partition_row *row, struct arena *arena,
                     struct published_text *ret, struct vdc_error *err);
/* Without domid and boot_id.  Errors: VDC_E_PROTOCOL. */
int published_decode(const struct published_text *text, struct arena *arena,
                     struct partition_row *ret, struct vdc_error *err);
/* How many pieces belong to a head; 0 when it is none. */
size_t published_count(const char *head);

#endif
