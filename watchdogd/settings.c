/* The settings of watchdogd, as rows: the file, --show-settings and the
 * manual come from here. */
#include "watchdogd/settings.h"

#include <stddef.h>

#define AT(member) offsetof(struct watchdogd_settings, member)

const struct setting watchdogd_setting_rows[] = {
    { "fence_address", SETTING_STRING, AT(fence_address), "", 0, 0,
      "Where the watchdogds of other hosts, and policyd, reach this one over "
      "TLS 1.3: HOST:PORT or [HOST]:PORT, the host as a number; 8448 is the "
      "usual port.  Empty: this host takes no part in fencing." },
    { "dc_directory", SETTING_STRING, AT(dc_directory),
      "/var/lib/xen-vdc/dc", 0, 0,
      "The directory in which xl-vdc dc-join leaves this host's certificate "
      "and key." },
    { "watchdog_time", SETTING_DURATION, AT(watchdog_time_ms), "30s", 10000,
      300000,
      "This host is off at most so long after the last moment at which it "
      "heard the majority of the hosts that take part; Xen's own timer is set "
      "to half of it.  A longer time counts as soon as policyd has recorded "
      "it." },
    { "beat", SETTING_DURATION, AT(beat_ms), "2s", 500, 3000,
      "How often each other host is asked whether it is there." },
    { "state_file", SETTING_STRING, AT(state_file),
      "/var/lib/xen-vdc/watchdogd.state", 0, 0,
      "File of what must outlive a reboot: which hosts take part, and the "
      "watchdog time that policyd may know." },
    { "slot_file", SETTING_STRING, AT(slot_file),
      "/run/xen-vdc/watchdogd.slot", 0, 0,
      "Small file, on a file system in memory, that says which of Xen's "
      "watchdogs is set, for a watchdogd that is started anew." },
    { "shutdown_file", SETTING_STRING, AT(shutdown_file),
      "/run/xen-vdc/watchdogd.shutdown", 0, 0,
      "While there is a file of this name the whole system is being shut "
      "down: then watchdogd ends without policyd, too." },
    { "socket", SETTING_STRING, AT(socket), "/run/xen-vdc/watchdogd.sock", 0,
      0, "Unix socket at which root is told what watchdogd knows." },
    { "hypervisor", SETTING_STRING, AT(hypervisor), "xen", 0, 0,
      "\"xen\", or \"sim\" with its options for a simulated host." },
};

const size_t watchdogd_n_setting_rows =
    sizeof(watchdogd_setting_rows) / sizeof(watchdogd_setting_rows[0]);
