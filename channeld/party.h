/*
 * Who is at an end of a channel, as Xen and the kernel know it.
 */
#ifndef CHANNELD_PARTY_H
#define CHANNELD_PARTY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"
#include "wire/wire.h"

#define PARTY_OWNER_MAX 31
#define PARTY_NAME_MAX 255
#define PARTY_PROVIDER "provider" /* how people write the empty owner */
/* A buffer for party_format. */
#define PARTY_TEXT_SIZE 320

struct party {
    uint32_t domid;                  /* 0: a program of dom0 */
    struct vdc_uuid partition;       /* zero: dom0 */
    char name[PARTY_NAME_MAX + 1];   /* of the partition; "": dom0 */
    char owner[PARTY_OWNER_MAX + 1]; /* customer; "": the provider */
    uint32_t uid, pid;               /* of a program of dom0 */
};

/* A program of the provider in dom0. */
bool party_is_host(const struct party *party);
/* The same partition; of dom0, the same user. */
bool party_is_same(const struct party *a, const struct party *b);
/* Of one customer (the provider is none). */
bool party_same_customer(const struct party *a, const struct party *b);

/* "acme" of the project "acme_shop"; false: the customer is no project. */
bool party_parent(const char *customer, char ret[PARTY_OWNER_MAX + 1]);
/* Whether it is this customer's, or one of its projects'. */
bool party_is_within(const struct party *party, const char *customer);

/* "acme.web", "db" (the provider's), "the host", "a program of acme on the
 * host"; returns buf. */
const char *party_format(const struct party *party, char *buf);

/* Strings of *ret point into the party. */
void party_to_wire(const struct party *party, struct wire_channel_end *ret);
void party_from_wire(const struct wire_channel_end *end, struct party *ret);

/* Copies text into an array of this size, cutting what is too much. */
#define PARTY_COPY(to, from) party_copy(to, sizeof(to), from)
void party_copy(char *to, unsigned long size, const char *from);

#endif
