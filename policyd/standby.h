/*
 * policyd where another leads: says so to everybody who connects.
 */
#ifndef POLICYD_STANDBY_H
#define POLICYD_STANDBY_H

#include "base/error.h"

struct event_base;
struct setup;
struct standby;

/* At the socket, and at the tls_address if there is one.  `leader` is copied.
 * Errors: those of stream_listen_unix, remote_read_files and tcp_listen. */
int standby_new(struct event_base *base, const struct setup *setup,
                const char *leader, struct standby **ret,
                struct vdc_error *err);
void standby_free(struct standby *standby); /* NULL allowed */

#endif
