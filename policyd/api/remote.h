/*
 * Where clients come over TLS.  Who one is comes from its certificate, if that
 * is registered, or from a token; from nothing else.
 *
 * Who has not said who it is costs a descriptor for at most 20 s (10 for the
 * handshake, 10 for the greeting), and of these there are at most 128: another
 * takes the place of the oldest of the address that has the most.
 */
#ifndef POLICYD_API_REMOTE_H
#define POLICYD_API_REMOTE_H

#include "policyd/api/operations.h"

struct remote;
struct tls;

#define REMOTE_HANDSHAKE_MS 10000
/* Of a greeting with a token, in bytes. */
#define REMOTE_GREETING_MAX 1024

/* Of what who joins sends, in bytes. */
#define REMOTE_JOIN_MAX 16384

/* What tls_address needs.  Errors: those of tls_new_server. */
int remote_read_files(const struct setup *setup, struct tls **ret,
                      struct vdc_error *err);

/* Whether the files that the settings name are good; nothing is asked for
 * when there is no tls_address.  Errors: those of tls_new_server. */
int remote_check(const struct setup *setup, struct vdc_error *err);

/* *ret is NULL when there is no tls_address.  Errors: those of tls_new_server
 * and tcp_listen. */
int remote_new(struct event_base *base, const struct setup *setup,
               struct operations *ops, struct remote **ret,
               struct vdc_error *err);
/* The same at dc_address, where machines join as hosts and nobody can anything
 * else; as long as there is no authority, connections are closed at once.
 * Errors: those of tcp_listen. */
int remote_new_joining(struct event_base *base, const struct setup *setup,
                       struct operations *ops, struct remote **ret,
                       struct vdc_error *err);
/* There is an authority, or another certificate of policyd's.  NULL
 * allowed. */
void remote_take_authority(struct remote *remote);
/* Reads the files again, for connections that come from now on.  Errors: as
 * above; those that were read before stay in force.  NULL allowed. */
int remote_reload(struct remote *remote, struct vdc_error *err);
/* Ends all connections.  NULL allowed. */
void remote_free(struct remote *remote);

#endif
