/*
 * Consoles of a host that policyd is not on: their ttys are opened by
 * resourced, and come here over the service "console" (see
 * resourced/console_service.h).
 */
#ifndef POLICYD_API_CONSOLE_AWAY_H
#define POLICYD_API_CONSOLE_AWAY_H

#include <stdbool.h>

#include "base/error.h"
#include "policyd/setup.h"
#include "wire/wire.h"

struct consoles_away;
struct event_base;

/* `address`: of the host's command channel. */
struct consoles_away *consoles_away_new(struct event_base *base,
                                        const struct setup *setup,
                                        const char *address);
/* Ends them; what is asked for fails, during this call.  NULL allowed. */
void consoles_away_free(struct consoles_away *all);

/* A descriptor as good as the tty, the callee's, which ends it by closing it;
 * or an error. */
typedef void console_away_fn(void *arg, int fd, const struct vdc_error *why);

/* Asks for a guest's console.  `done` comes later, from the loop, unless there
 * is an error: those of chan_connect. */
int console_away_open(struct consoles_away *all,
                      const struct wire_partition_ref *ref,
                      console_away_fn *done, void *arg, struct vdc_error *err);
/* Whether this guest's was asked for, and is not there yet. */
bool console_away_is_asked(const struct consoles_away *all,
                           const struct vdc_uuid *uuid);

#endif
