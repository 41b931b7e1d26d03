/* host-show: the command that cmd_host.c has in its table. */
#ifndef XL_EXT_HOST_SHOW_H
#define XL_EXT_HOST_SHOW_H

#include "xl-ext/command.h"

int host_show_run(const struct command_args *args, struct vdc_error *err);

#endif
