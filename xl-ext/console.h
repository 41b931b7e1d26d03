/* A guest's console on this terminal, for `console` and `create -c`. */
#ifndef XL_EXT_CONSOLE_H
#define XL_EXT_CONSOLE_H

#include "wire/wire.h"
#include "xl-ext/command.h"

/* Opens its own connection.  Returns when the user leaves (Ctrl-], or the end
 * of the input) or the console is closed; the terminal is then as it was.
 * read_only: nothing is read from the user. */
int console_run(const struct command_args *args,
                const struct wire_partition_ref *ref, const char *name,
                bool read_only, struct vdc_error *err);

#endif
