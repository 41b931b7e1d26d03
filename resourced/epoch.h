/*
 * Which move of a partition was the last that this host had a part in: its
 * epoch, a number that rises with each move.  It is written together with what
 * the move came to here, and stays when the partition has gone elsewhere, so
 * that an order of an old move is known to be old, and one that comes again
 * after its answer was dropped is known to be done.
 */
#ifndef RESOURCED_EPOCH_H
#define RESOURCED_EPOCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/uuid.h"

struct epochs;
struct host;
struct stored_epoch;

/* Reads all of them.  Errors: those of the store. */
int epochs_open(struct host *host, struct epochs **ret, struct vdc_error *err);
void epochs_close(struct epochs *epochs); /* NULL allowed */

/* 0: none of this partition. */
uint64_t epoch_of(const struct host *host, const struct vdc_uuid *uuid);
/* Whether its row was made anew with the database (rebuild.h), and nobody has
 * said since which move was the last: it may have gone elsewhere. */
bool epoch_is_unknown(const struct host *host, const struct vdc_uuid *uuid);
/* Whether that move has taken it from here to another host. */
bool epoch_is_gone(const struct host *host, const struct vdc_uuid *uuid);
/* It is durable. */
void epoch_take(struct host *host, const struct stored_epoch *epoch);

#endif
