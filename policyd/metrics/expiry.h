/*
 * Until when the data center's certificates are good.
 */
#ifndef POLICYD_METRICS_EXPIRY_H
#define POLICYD_METRICS_EXPIRY_H

#include <stdint.h>

struct operations;

/* `name`: "authority", "policyd", "tls_address" or "host NAME", only valid in
 * the call; to_ms since 1970. */
typedef void expiry_fn(void *arg, const char *name, uint64_t to_ms);
/* Calls `fn` for each.  The file of tls_address is read for that; one that
 * cannot be read is left out. */
void expiry_each(const struct operations *ops, expiry_fn *fn, void *arg);

#endif
