/*
 * What the settings file of channeld says.
 */
#ifndef CHANNELD_SETUP_H
#define CHANNELD_SETUP_H

#include <stddef.h>

#include "base/settings.h"

struct setup {
    const char *socket;
    const char *rendezvous; /* path in xenstore */
};

extern const struct setting setup_rows[];
extern const size_t setup_n_rows;

#endif
