/* What packet.c and packet_listen.c share. */
#ifndef VDC_CHAN_PACKET_IMPL_H
#define VDC_CHAN_PACKET_IMPL_H

#include <sys/un.h>

#include "chan/packet.h"

int packet_address(const char *path, struct sockaddr_un *ret,
                   struct vdc_error *err);

#endif
