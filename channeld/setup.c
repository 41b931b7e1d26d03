/*
 * The settings of channeld: one row each.
 */
#include "channeld/setup.h"

const struct setting setup_rows[] = {
    { .name = "socket",
      .type = SETTING_STRING,
      .offset = offsetof(struct setup, socket),
      .fallback = "/run/xen-vdc/channeld.sock",
      .text = "Where channeld answers which version it is." },
    { .name = "rendezvous",
      .type = SETTING_STRING,
      .offset = offsetof(struct setup, rendezvous),
      .fallback = "/tool/xen-vdc/channel",
      .text = "Below which path in xenstore the ends of a channel will find "
              "each other.  Not used yet." },
};
const size_t setup_n_rows = sizeof(setup_rows) / sizeof(setup_rows[0]);
