/*
 * An answer in xenstore, below the folder of its request:
 *
 *   result        what xl-vdc printed; its first piece when that is long
 *   result/N      the further ones, from 1; cut between lines, if lines are
 *                 not longer than a piece, and the line's end is left out
 *   error         what it said is wrong
 *   exit-status   its exit status, decimal
 *   finished      when, seconds since 1970
 *   state         done or failed; written last
 */
#ifndef AUTOMATION_ANSWER_H
#define AUTOMATION_ANSWER_H

#include "automation/run.h"
#include "hv/hv.h"

/* Bytes of a node; with less than xenstore's 2 KiB a program that reads into
 * a buffer of that size has it whole. */
#define ANSWER_PIECE 2000

/* Writes one node, folder/name. */
int answer_node(struct hv *hv, const char *folder, const char *name,
                const char *value, struct vdc_error *err);
/* n_pieces: so many of the result at most.  Errors: VDC_E_HYPERVISOR; what was
 * written is left, without a state. */
int answer_write(struct hv *hv, const char *folder,
                 const struct run_result *result, size_t n_pieces,
                 struct vdc_error *err);
/* An answer without a run. */
int answer_error(struct hv *hv, const char *folder,
                 const struct vdc_error *error, struct vdc_error *err);

#endif
