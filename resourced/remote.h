/*
 * Where the policyd of the data center that this host has joined commands it,
 * over TLS.  Whoever comes must show a certificate of the authority of that
 * data center, or TLS ends; and one in the role of policyd, or it is told so
 * and let go.  What else comes over it is as over the socket.
 * Other hosts come here too, in their own role, to send a guest that is
 * expected (migrate.h), and may do nothing else.
 */
#ifndef RESOURCED_REMOTE_H
#define RESOURCED_REMOTE_H

#include "base/error.h"

struct host;
struct remote;
struct server;

/*
 * *ret is NULL when there is no tls_address.  The host's certificate is looked
 * for every 2 s, so that what dc-join leaves there is in force at once;
 * without one, connections are closed.  Errors: those of tcp_listen.
 */
int remote_new(struct host *host, struct server *server, struct remote **ret,
               struct vdc_error *err);
/* Ends handshakes; connections are the server's.  NULL allowed. */
void remote_free(struct remote *remote);

#endif
