/*
 * The socket on which clients come.
 */
#ifndef POLICYD_API_SERVER_H
#define POLICYD_API_SERVER_H

#include "policyd/api/operations.h"

struct server;

/* Errors: those of stream_listen_unix. */
int server_new(struct event_base *base, const char *socket,
               struct operations *ops, struct server **ret,
               struct vdc_error *err);
/* Ends all connections.  NULL allowed. */
void server_free(struct server *server);

#endif
