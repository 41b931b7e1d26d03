/*
 * The settings of automationd: one row each.
 */
#include "automation/setup.h"

#include <string.h>

#define ROW(member) .name = #member, .offset = offsetof(struct setup, member)
#define TIME(row, member) .name = row, .offset = offsetof(struct setup, member)

const struct setting setup_rows[] = {
    { ROW(hypervisor), .type = SETTING_STRING, .fallback = "xen:beside",
      .text = "xen:beside, or sim:beside=yes,OPTIONS for a simulated host." },
    { ROW(xl_vdc), .type = SETTING_STRING, .fallback = BINDIR "/xl-vdc",
      .text = "The program that carries requests out." },
    { ROW(policyd_socket), .type = SETTING_STRING, .fallback = "",
      .text = "Where xl-vdc is to ask policyd; empty: where it asks by "
              "itself." },
    { ROW(operator_guests), .type = SETTING_LIST, .fallback = "",
      .text = "Guests, as CUSTOMER.NAME, whose requests are an operator's: "
              "they may whatever a script in dom0 may." },
    { ROW(parallel), .type = SETTING_U64, .fallback = "4", .min = 1,
      .max = 64, .text = "Requests that are carried out at a time; others "
                         "wait." },
    { ROW(requests), .type = SETTING_U64, .fallback = "256", .min = 1,
      .max = 4096,
      .text = "Requests of dom0 that there are at a time, those that have "
              "their answer included; more are refused." },
    { TIME("keep", keep_ms), .type = SETTING_DURATION, .fallback = "3600",
      .min = 1000, .max = 604800000,
      .text = "How long an answer stays in xenstore." },
    { TIME("retry", retry_ms), .type = SETTING_DURATION, .fallback = "300",
      .min = 0, .max = 86400000,
      .text = "How long a request is asked again while policyd cannot be "
              "reached." },
    { TIME("deadline", deadline_ms), .type = SETTING_DURATION,
      .fallback = "3600", .min = 1000, .max = 86400000,
      .text = "After so long a request that still runs is given up: xl-vdc "
              "is told to undo it." },
    { TIME("guest_interval", guest_interval_ms), .type = SETTING_DURATION,
      .fallback = "1", .min = 100, .max = 3600000,
      .text = "A guest's requests are taken at most so often." },
};
const size_t setup_n_rows = sizeof(setup_rows) / sizeof(setup_rows[0]);

bool setup_is_operator(const struct setup *setup, const char *owner,
                       const char *name)
{
    size_t len = strlen(owner);

    for (size_t i = 0; i < setup->operator_guests.n_items; i++) {
        const char *item = setup->operator_guests.items[i];
        if (strncmp(item, owner, len) == 0 && item[len] == '.' &&
            strcmp(item + len + 1, name) == 0)
            return true;
    }
    return false;
}
