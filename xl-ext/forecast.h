/* The commands that say what would be. */
#ifndef XL_EXT_FORECAST_H
#define XL_EXT_FORECAST_H

#include "wire/wire.h"
#include "xl-ext/command.h"

/* Errors: those of asking policyd; VDC_E_USAGE, VDC_E_BAD_VALUE. */
int forecast_capacity(const struct command_args *args, struct vdc_error *err);
int forecast_what_if(const struct command_args *args, struct vdc_error *err);

/* "4 CPUs, 16 GiB"; in the arena. */
const char *forecast_spec_text(struct arena *arena,
                               const struct wire_placement_spec *spec);

#endif
