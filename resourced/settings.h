/* The settings of resourced: one row each, see settings.c. */
#ifndef RESOURCED_SETTINGS_H
#define RESOURCED_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "base/settings.h"

struct resourced_settings {
    const char *database;
    const char *sequence; /* "": none, see store.h */
    const char *command_address;
    const char *command_domain; /* "": policyd is in dom0 */
    const char *tls_address;    /* "": no policyd elsewhere commands */
    const char *dc_directory;   /* with what dc-join left there */
    const char *channel_socket; /* "": there is no channeld */
    const char *metrics_address; /* "": none */
    const char *hypervisor;
    const char *host_name; /* "": what gethostname says */
    const char *dump_dir;
    const char *image_dir;
    uint64_t shutdown_timeout_ms;
    uint64_t restart_min_interval_ms;
    uint64_t memory_wait_ms;
    uint64_t balloon_wait_ms;
    uint64_t undo_wait_ms;
    uint64_t migrate_wait_ms;
    uint64_t image_part_keep_ms;
    uint64_t start_parallel;
    uint64_t event_keep;
    bool xenstore_state;
    uint64_t answer_keep_ms;
    struct setting_list pools; /* "disk=200G", "licences=4" */
};

extern const struct setting resourced_setting_rows[];
extern const size_t resourced_n_setting_rows;

#endif
