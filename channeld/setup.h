/*
 * What the settings file of channeld says.
 */
#ifndef CHANNELD_SETUP_H
#define CHANNELD_SETUP_H

#include <stddef.h>
#include <sys/types.h>

#include "base/settings.h"
#include "channeld/limit.h"

struct setup {
    const char *socket;
    const char *rules;    /* path of the file */
    const char *sequence; /* path of the file of the next id */
    const char *hypervisor;
    const char *policyd_socket;
    struct setting_list operators;
    const char *simulated_guests; /* path of a socket; "": none */
    const char *control;          /* of a guest: where the host is */
    uint64_t answer_timeout_ms;
    struct limits limits;
    /* of setup_complete */
    uid_t *operator_uids;
    size_t n_operator_uids;
};

extern const struct setting setup_rows[];
extern const size_t setup_n_rows;

/* Looks up who the operators are.  Errors: VDC_E_BAD_CONFIG. */
int setup_complete(struct setup *setup, struct arena *arena,
                   struct vdc_error *err);
/* root, and who the settings name. */
bool setup_is_operator(const struct setup *setup, uid_t uid);

#endif
