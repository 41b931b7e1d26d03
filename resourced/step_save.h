/* Files of saved guests: for the start from one (step_build.c). */
#ifndef RESOURCED_STEP_SAVE_H
#define RESOURCED_STEP_SAVE_H

#include "resourced/step.h"

/*
 * Opens the file that the operation is to start its partition from; *ret_fd
 * stands behind the head, and is the caller's.  Errors: VDC_E_NO_FILE,
 * VDC_E_DENIED (others could have written it: savefile.h), VDC_E_BAD_VALUE
 * (a link, no file of save, another guest's), VDC_E_STORE_NEWER, VDC_E_IO.
 */
int step_save_open(const struct operation *op, int *ret_fd,
                   struct vdc_error *err);
/* Adds the reasons why it cannot be started from that file. */
void step_save_check_file(const struct operation *op,
                          struct reasons *reasons);
/* For a start from a file or a stream: the domain is built with what the guest
 * had when it was saved, or sent, and gives back afterwards what it is not to
 * have any more. */
void step_save_size(const struct operation *op,
                    struct hv_domain_config *config);
/* Adds VDC_E_WRONG_STATE when it has devices that are not remembered: a guest
 * wakes up with those that it went to sleep with. */
void step_save_check_devices(const struct operation *op,
                             struct reasons *reasons);
/* For undo: the guest runs on, whether it was suspended, was asked to, or
 * never was; after a crash that is found out.  Answers as undo does. */
int step_save_undo(struct operation *op, struct vdc_error *err);
/* Why a partition is stopped that was saved, in t->arena. */
/* There is nothing to replace when there is no such file: the request says so
 * then. */
void step_save_settle(struct operation *op);
const char *step_save_reason(const struct operation *op);

#endif
