/* The settings of watchdogd: one row each, see settings.c. */
#ifndef WATCHDOGD_SETTINGS_H
#define WATCHDOGD_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "base/settings.h"

struct watchdogd_settings {
    const char *fence_address; /* "": this host takes no part */
    const char *dc_directory;
    const char *socket;
    const char *state_file;
    const char *slot_file;
    const char *shutdown_file;
    const char *hypervisor;
    uint64_t watchdog_time_ms;
    uint64_t beat_ms;
};

extern const struct setting watchdogd_setting_rows[];
extern const size_t watchdogd_n_setting_rows;

#endif
