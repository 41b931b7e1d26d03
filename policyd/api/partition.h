/*
 * What the files about guests share.
 */
#ifndef POLICYD_API_PARTITION_H
#define POLICYD_API_PARTITION_H

#include <stdbool.h>

#include "policyd/api/operations.h"

/* Gives a partition, as its host describes it, the names that operations
 * know it by; one that they do not know keeps the host that it has. */
void partition_present(const struct operations *ops,
                       struct wire_partition *partition);

/* A service_more_fn that passes progress on to the request in `arg`. */
void partition_more(void *arg, const struct wire_frame *frame);

/* Takes over whether it runs, as its host has just said. */
void partition_note_state(const struct operations *ops,
                          const struct wire_partition *partition);
/* The same from an event. */
void partition_note_event(const struct operations *ops,
                          const struct wire_event *event);

/* Whether an error leaves open if the request was carried out. */
bool partition_outcome_unknown(const struct vdc_error *err);

/* Errors: VDC_E_EXISTS; VDC_E_BAD_VALUE for a name of the provider's that
 * looks like a customer's guest. */
int partition_check_name_free(const struct operations *ops,
                              const struct customer *customer,
                              const char *name, struct vdc_error *err);

/* The host says that it does not have what was recorded there.  Returns
 * VDC_E_NOT_FOUND. */
int partition_missing(const char *name, const char *host,
                      struct vdc_error *err);

#endif
