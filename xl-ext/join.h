/*
 * dc-join: this machine becomes a host of a data center.  The program for
 * inside a guest has it not (remote_none.c).
 */
#ifndef XL_EXT_JOIN_H
#define XL_EXT_JOIN_H

#include "base/error.h"
#include "xl-ext/command.h"

#define JOIN_DIRECTORY "/var/lib/xen-vdc/dc"

/* Runs the command.  Errors: those of client_ask and textfile.h;
 * VDC_E_BAD_VALUE (token); VDC_E_EXISTS: it has joined already. */
int join_run(const struct command_args *args, struct vdc_error *err);

#endif
