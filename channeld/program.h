/*
 * Programs of dom0: the socket where they ask, and who they are, as the
 * kernel and policyd say.
 */
#ifndef CHANNELD_PROGRAM_H
#define CHANNELD_PROGRAM_H

#include "base/error.h"

struct host;
struct programs;

/* Errors: those of packet_listen. */
int programs_new(struct host *host, struct programs **ret,
                 struct vdc_error *err);
/* Accepts no more; those that are there stay. */
void programs_free(struct programs *programs); /* NULL allowed */

#endif
