/*
 * The service "console", for a policyd in the command domain, which cannot
 * open ttys of dom0: each channel carries one guest's console.  Its first
 * message is a console_where, answered with `ok` or an error; from then on it
 * carries bytes (chan/chan_pipe.h).
 */
#ifndef RESOURCED_CONSOLE_SERVICE_H
#define RESOURCED_CONSOLE_SERVICE_H

struct commander;
struct console_service;
struct host;

/* Offers it at channeld, to the command domain alone. */
struct console_service *console_service_new(struct host *host,
                                            struct commander *commander);
/* Ends all consoles.  NULL allowed. */
void console_service_free(struct console_service *service);

#endif
