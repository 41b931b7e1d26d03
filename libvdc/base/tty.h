/*
 * Ttys: consoles of guests are some.
 */
#ifndef VDC_BASE_TTY_H
#define VDC_BASE_TTY_H

#include "base/error.h"

/* Opens it to read and write, raw and non-blocking, and not as the controlling
 * terminal.  Errors: VDC_E_IO. */
int tty_open_raw(const char *path, int *ret, struct vdc_error *err);

#endif
