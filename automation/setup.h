/*
 * What the settings file of automationd says.
 */
#ifndef AUTOMATION_SETUP_H
#define AUTOMATION_SETUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/settings.h"

struct setup {
    const char *hypervisor;
    const char *xl_vdc;         /* path of the program */
    const char *policyd_socket; /* "": xl-vdc's own choice */
    struct setting_list operator_guests; /* CUSTOMER.NAME */
    uint64_t parallel, requests;
    uint64_t keep_ms, retry_ms, deadline_ms, guest_interval_ms;
};

extern const struct setting setup_rows[];
extern const size_t setup_n_rows;

/* Whether this partition's requests are an operator's. */
bool setup_is_operator(const struct setup *setup, const char *owner,
                       const char *name);

#endif
