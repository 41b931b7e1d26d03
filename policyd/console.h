/*
 * Consoles: a client's connection joined to the tty of its guest.
 */
#ifndef POLICYD_CONSOLE_H
#define POLICYD_CONSOLE_H

struct consoles;

struct consoles *consoles_new(void);
void consoles_free(struct consoles *consoles); /* NULL allowed */

#endif
