/*
 * What operations make of a guest, as far as it counts in quotas or must be
 * unique: memory, vCPUs, disks, MAC addresses.  Pure.
 */
#ifndef POLICYD_CHANGE_EFFECT_H
#define POLICYD_CHANGE_EFFECT_H

#include <stdbool.h>

#include "base/arena.h"
#include "wire/wire.h"

/* A guest as its host shows it, and as operations leave it. */
struct effect {
    struct wire_definition definition; /* at its next start */
    struct wire_definition live;       /* now, if it runs */
    bool runs;
    struct mem saved; /* about so much is written by the operations */
};

/* Copies; `shown` may go afterwards.  Errors: those of wire_struct_copy. */
int effect_init(struct effect *effect,
                const struct wire_partition_reply *shown, struct arena *arena,
                struct vdc_error *err);

/* Whether operations of this kind change what counts. */
bool effect_counts(enum wire_operation_kind kind);

/* What the guest is after this operation, if it succeeds wholly.  An
 * operation that makes no sense changes nothing. */
void effect_apply(struct effect *effect, const struct wire_operation *op,
                  struct arena *arena);

/* What it counts for: the most of what it has now and has at its next start;
 * and files that it is saved to, until they are there and are measured. */
void effect_usage(const struct effect *effect, struct wire_usage *ret);

/* All its MAC addresses, each once, separated by spaces; in the arena. */
const char *effect_macs(const struct effect *effect, struct arena *arena);

#endif
