/*
 * The numbers of channels, which are never used again: a file says up to
 * which they may have been, a thousand ahead.
 */
#ifndef CHANNELD_SEQUENCE_H
#define CHANNELD_SEQUENCE_H

#include <stdint.h>

#include "base/error.h"

struct sequence;

/* A file that is not there begins anew.  *ret_next: the first that was not
 * used.  Errors: VDC_E_BAD_CONFIG (the file is no such), VDC_E_IO and
 * others of vdc_error_errno. */
int sequence_open(const char *path, struct sequence **ret, uint64_t *ret_next,
                  struct vdc_error *err);
void sequence_close(struct sequence *sequence); /* NULL allowed */

/* `id` is about to be used.  Writes and syncs a file of 20 bytes once in a
 * thousand.  Errors: those of vdc_error_errno; it must not be used then. */
int sequence_reach(struct sequence *sequence, uint64_t id,
                   struct vdc_error *err);

#endif
