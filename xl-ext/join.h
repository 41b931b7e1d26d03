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

/* The same with --policyd: the policyd of this machine gets the key of the
 * data center's authority.  Errors: the same. */
int join_policyd_run(const struct command_args *args, struct vdc_error *err);

/* dc-leave: this machine is a host no more.  Errors: those of client_ask;
 * VDC_E_WRONG_STATE: it has guests, or is no host; VDC_E_IO: the files. */
int leave_run(const struct command_args *args, struct vdc_error *err);

/* A token for a policyd begins so; it takes apart a token, or the line of
 * standard input, if it is "-", in args' arena.  Errors: VDC_E_BAD_VALUE. */
#define JOIN_POLICYD "policyd/"
int join_read_token(const struct command_args *args, const char *word,
                    const char **ret_token, const char **ret_fingerprint,
                    struct vdc_error *err);

#endif
