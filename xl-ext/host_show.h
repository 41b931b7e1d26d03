/* host-show: the command that cmd_host.c has in its table, and what it shares
 * with host-list. */
#ifndef XL_EXT_HOST_SHOW_H
#define XL_EXT_HOST_SHOW_H

#include "wire/wire.h"
#include "xl-ext/command.h"

/* cpu_features of a host that was sent, from the bits of its cpu: the same in
 * every JSON that has hosts. */
void host_name_features(struct arena *arena, struct wire_host *host);

int host_show_run(const struct command_args *args, struct vdc_error *err);

#endif
