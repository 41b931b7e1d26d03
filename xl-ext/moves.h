/* What the commands that move guests share (cmd_moves.c, cmd_migrate.c). */
#ifndef XL_EXT_MOVES_H
#define XL_EXT_MOVES_H

#include "xl-ext/client.h"
#include "xl-ext/command.h"

/*
 * Waits for the end of the plan that is carried out, and prints what came of
 * it.  Errors: those of client_request; VDC_E_CANCELLED when it was stopped;
 * the code of the first guest that could not be moved; if it was `begun` with
 * this command, VDC_E_NO_HOST when the host was to be empty and is not.
 */
int moves_follow(struct client *client, const struct command_args *args,
                 bool begun, struct vdc_error *err);

/* The command migrate. */
extern const struct command_option migrate_options[];
int migrate_run(const struct command_args *args, struct vdc_error *err);

#endif
