/*
 * What the settings file of policyd says; the rows are in setup.c.
 */
#ifndef POLICYD_SETUP_H
#define POLICYD_SETUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/settings.h"
#include "policyd/store/store.h"

struct setup {
    /* as read */
    const char *socket;
    const char *database;
    const char *placement; /* the file of policies */
    struct store_settings store; /* address "": the database */
    uint64_t store_lease_ms;
    const char *command_address;
    const char *channel_socket; /* "": no guest is served */
    const char *tls_address;    /* "": nobody is served over TLS */
    const char *tls_certificate, *tls_key, *tls_ca;
    const char *dc_directory; /* of the certificate authority */
    const char *dc_address;   /* "": no host can join */
    const char *metrics_address; /* "": nowhere */
    const char *host_name;
    struct mem host_memory_reserve;
    struct mem dom0_memory_keep;        /* 0: dom0 keeps all it has */
    struct setting_list customer_paths; /* with %c */
    struct setting_list customer_bridges;
    const char *move_directory; /* "": running guests are not moved */
    struct setting_list shared_paths;
    struct setting_list operators;
    uint64_t host_report_ms; /* each host is asked so often */
    uint64_t answer_keep_ms; /* of requests with keys */
    uint64_t usage_period_ms;
    uint64_t audit_keep_ms, usage_keep_ms; /* 0: for ever */
    uint64_t decisions_kept;
    uint64_t image_upload_keep_ms;
    uint64_t images_max;      /* of all together */
    uint64_t image_kib_per_s; /* 0: as fast as it goes */
    /* worked out by setup_complete */
    uid_t *operator_uids;
    size_t n_operator_uids;
};

extern const struct setting setup_rows[];
extern const size_t setup_n_rows;

/* Resolves users, the host's name and where the store is.
 * Errors: VDC_E_BAD_CONFIG. */
int setup_complete(struct setup *setup, struct arena *arena,
                   struct vdc_error *err);

/* A unix account by name or number; false when there is none of that name.
 * A number needs no account. */
bool setup_find_user(const char *user, uid_t *ret);

#endif
