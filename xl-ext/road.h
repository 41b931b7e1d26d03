/*
 * What carries the conversation with policyd: a unix socket on the host; a
 * channel that channeld makes, inside a guest and to a policyd in a domain of
 * its own; or, from elsewhere, TLS.  Messages go either way as frames; what
 * they mean is for client.c.  Blocking.
 */
#ifndef XL_EXT_ROAD_H
#define XL_EXT_ROAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct road;

/*
 * An address that begins so is of a channel: with a path (or nothing) behind
 * it, the socket of a guest's channeld; with SERVICE or SERVICE@PARTITION, of
 * a policyd in a domain of its own, as programs of the host reach it.  Any
 * other is the path of policyd's socket.
 */
#define ROAD_CHANNEL "channel:"
bool road_is_channel(const char *address);
/* Whether it is a guest that asks for itself. */
bool road_is_guest(const char *address);

/* "tls:HOST:PORT": policyd's tls_address, from anywhere. */
#define ROAD_TLS "tls:"
bool road_is_tls(const char *address);

/* "join:FINGERPRINT@HOST:PORT": policyd's dc_address, where a machine joins;
 * the fingerprint is that of the data center's authority. */
#define ROAD_JOIN "join:"
bool road_is_join(const char *address);

/* Errors: those of stream_blocking_connect, of broker_connect, of remote_open
 * and of remote_open_join. */
int road_open(const char *address, struct road **ret, struct vdc_error *err);
void road_close(struct road *road); /* NULL allowed */

/* Errors: VDC_E_CLOSED, VDC_E_IO, VDC_E_PROTOCOL. */
int road_send(struct road *road, const void *frame, size_t size,
              struct vdc_error *err);
/* As stream_blocking_receive. */
int road_receive(struct road *road, int timeout_ms, uint8_t **ret,
                 size_t *ret_size, struct vdc_error *err);
/* Until there is something to receive, or `other` (-1: none) is readable.
 * *ret_other and *ret_here say which; both may be.  Errors: VDC_E_IO. */
int road_wait(struct road *road, int other, bool *ret_here, bool *ret_other,
              struct vdc_error *err);

#endif
