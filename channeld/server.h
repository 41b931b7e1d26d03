/*
 * The control socket of channeld.
 */
#ifndef CHANNELD_SERVER_H
#define CHANNELD_SERVER_H

#include "base/error.h"

struct event_base;
struct server;

/* Errors: those of stream_listen_unix. */
int server_new(struct event_base *base, const char *socket,
               struct server **ret, struct vdc_error *err);
void server_free(struct server *server); /* NULL allowed */

#endif
