/*
 * When the watchdog is set, when it is not any more, and when watchdogd may
 * end: the rule of doc/design/016.
 */
#ifndef WATCHDOGD_GUARD_H
#define WATCHDOGD_GUARD_H

#include <stdbool.h>

#include "base/error.h"

struct event_base;
struct guard;
struct watchdogd_settings;

/* Errors: those of hv_watchdog_open and server_new. */
int guard_new(struct event_base *base,
              const struct watchdogd_settings *settings, struct guard **ret,
              struct vdc_error *err);
/* The watchdog stays as it is. NULL allowed. */
void guard_free(struct guard *guard);

/* watchdogd is to end: true, it may at once; false, it asks policyd to let it
 * go, and daemon_quit comes then.  Said again, it ends, and the watchdog runs
 * on. */
bool guard_leave(struct guard *guard);

#endif
