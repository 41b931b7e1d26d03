/*
 * What an end of a channel shows after a restart of channeld, to prove that
 * it is one: a number that follows from the channel, from who has this end
 * and where the other is, and from a key that only the host's channeld knows.
 * So nothing of a channel needs to be kept, and who was not given the number
 * cannot find it out.
 */
#ifndef CHANNELD_SECRET_H
#define CHANNELD_SECRET_H

#include "channeld/registry.h"

#define SECRET_KEY_SIZE 16

struct secret_key {
    uint8_t bytes[SECRET_KEY_SIZE];
};

/*
 * Reads the key from its file; one that is not there, or is no key, is made
 * anew: ends of channels from before are not known any more then.
 * Errors: those of vdc_error_errno.
 */
int secret_key_open(const char *path, struct secret_key *ret,
                    struct vdc_error *err);

/*
 * Never 0.  Goes into it: number, service, sizes, layout and time of opening,
 * the domain and partition of both ends, and of this end user and process.
 */
uint64_t secret_of(const struct secret_key *key, const struct channel *channel,
                   enum registry_side side);

/* SipHash-2-4, as Aumasson and Bernstein describe it. */
uint64_t secret_hash(const struct secret_key *key, const uint8_t *data,
                     size_t size);

#endif
