/*
 * What must outlive a reboot, in a small file: the list of members, and the
 * watchdog time that policyd may go by.  Written by a thread, for a disk that
 * stands still must not keep the watchdog from being petted.
 *
 *   promised MS
 *   version N
 *   member NAME ADDRESS       each
 */
#ifndef WATCHDOGD_STATE_H
#define WATCHDOGD_STATE_H

#include <stdint.h>

#include "base/error.h"
#include "watchdogd/vote.h"

struct event_base;
struct state_saver;

/* Errors: VDC_E_BAD_CONFIG (damaged), VDC_E_DENIED, VDC_E_IO.  A file that is
 * not there is an empty state. */
int state_read(const char *path, struct vote *ret_vote,
               uint64_t *ret_promised_ms, struct vdc_error *err);

typedef void state_done_fn(void *arg, int rc, const struct vdc_error *err);

struct state_saver *state_saver_new(struct event_base *base, const char *path,
                                    state_done_fn *done, void *arg);
/* Waits for what is being written.  NULL allowed. */
void state_saver_free(struct state_saver *saver);
/* Copies what it needs; `done` comes from the loop.  False: one is being
 * written still, and nothing was done. */
bool state_save(struct state_saver *saver, const struct vote *vote,
                uint64_t promised_ms);
bool state_saver_is_busy(const struct state_saver *saver);

#endif
