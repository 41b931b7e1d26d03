/*
 * Consoles: a client's connection joined to the tty of its guest.
 */
#ifndef POLICYD_API_CONSOLE_H
#define POLICYD_API_CONSOLE_H

#include "policyd/setup.h"

struct consoles;
struct event_base;

struct consoles *consoles_new(struct event_base *base,
                              const struct setup *setup);
/* What is asked of another host fails, during this call. */
void consoles_stop(struct consoles *consoles);
void consoles_free(struct consoles *consoles); /* NULL allowed */

#endif
