/*
 * Events for clients: those that are kept, from the hosts, and then those that
 * happen, as far as they are the client's business.
 */
#ifndef POLICYD_API_EVENTS_H
#define POLICYD_API_EVENTS_H

#include "policyd/api/operations.h"

struct events *events_new(struct operations *ops);
void events_free(struct events *events); /* NULL allowed */

/* An event has happened on a host: to all who follow. */
void events_publish(struct events *events, struct host *host,
                    const struct wire_event *event);
/* The host is connected (again): who follows gets what it could not get. */
void events_host_up(struct events *events, const struct host *host);

#endif
