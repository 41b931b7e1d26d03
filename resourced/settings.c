/* The settings of resourced, as rows: the file, --show-settings and the
 * manual come from here. */
#include "resourced/settings.h"

#include <stddef.h>

#define AT(member) offsetof(struct resourced_settings, member)

const struct setting resourced_setting_rows[] = {
    { "database", SETTING_STRING, AT(database),
      "/var/lib/xen-vdc/resourced.db", 0, 0,
      "File of the resource database." },
    { "sequence", SETTING_STRING, AT(sequence),
      "/run/xen-vdc/resourced.sequence", 0, 0,
      "Small file, on a file system that is empty after a boot, by which a "
      "damaged log of the database is noticed; empty: none." },
    { "command_address", SETTING_STRING, AT(command_address),
      "memory:/run/xen-vdc/command.sock", 0, 0,
      "Where commands are taken, from policyd of this host: memory:PATH or "
      "unix:PATH in dom0, or channel:SERVICE from the command domain." },
    { "command_domain", SETTING_STRING, AT(command_domain), "", 0, 0,
      "The partition of the provider's in which policyd runs, which alone "
      "may command over a channel, and is started whenever it does not run; "
      "empty: policyd runs in dom0." },
    { "tls_address", SETTING_STRING, AT(tls_address), "", 0, 0,
      "Where, besides, the policyd of the data center that this host has "
      "joined commands over TLS 1.3: HOST:PORT or [HOST]:PORT, the host as a "
      "number; 8444 is the usual port.  Empty: nowhere." },
    { "dc_directory", SETTING_STRING, AT(dc_directory),
      "/var/lib/xen-vdc/dc", 0, 0,
      "The directory in which xl-vdc dc-join leaves this host's certificate "
      "and key, for tls_address." },
    { "channel_socket", SETTING_STRING, AT(channel_socket),
      "/run/xen-vdc/channel.sock", 0, 0,
      "Where channeld of this host is asked which channels there are, for "
      "lists of resources; empty: there is none." },
    { "metrics_address", SETTING_STRING, AT(metrics_address), "", 0, 0,
      "Where Prometheus gets this host's metrics, by GET /metrics: a port, as "
      "8446, which is that of 127.0.0.1, or HOST:PORT.  Whoever can connect "
      "there sees the names of all customers and guests of this host.  Empty: "
      "nowhere." },
    { "hypervisor", SETTING_STRING, AT(hypervisor), "xen", 0, 0,
      "\"xen\", or \"sim\" with its options for a simulated host." },
    { "host_name", SETTING_STRING, AT(host_name), "", 0, 0,
      "Name of this host in lists and events; empty: what the system calls "
      "it." },
    { "dump_dir", SETTING_STRING, AT(dump_dir), "/var/lib/xen/dump", 0, 0,
      "Where the memory of a crashed guest is written when its on_crash asks "
      "for it." },
    { "image_dir", SETTING_STRING, AT(image_dir),
      "/var/lib/xen-vdc/image-store", 0, 0,
      "Directory of the images that xl-vdc image-add stores, which only root "
      "may look into; it is made when the first comes.  Not one of "
      "policyd's customer_paths." },
    { "image_part_keep", SETTING_DURATION, AT(image_part_keep_ms), "24h",
      1000, UINT64_C(2592000000),
      "How long what has come of an image stays when no more comes; and an "
      "image that was found damaged, or that nobody knows of any more." },
    { "shutdown_timeout", SETTING_DURATION, AT(shutdown_timeout_ms), "120s",
      100, UINT64_C(86400000),
      "How long a guest may take to shut down or reboot before one who waits "
      "for it is told that it did not." },
    { "restart_min_interval", SETTING_DURATION, AT(restart_min_interval_ms),
      "10s", 0, UINT64_C(86400000),
      "A guest that stops sooner than this after its start is not started "
      "again by itself (the same 10 s as xl), so that a guest that cannot "
      "boot does not keep the host busy." },
    { "memory_wait", SETTING_DURATION, AT(memory_wait_ms), "30s", 100,
      UINT64_C(3600000),
      "How long a start waits for memory that dom0 or an ended domain is "
      "giving back." },
    { "balloon_wait", SETTING_DURATION, AT(balloon_wait_ms), "60s", 100,
      UINT64_C(3600000),
      "How long a running guest has to give or take the memory that "
      "mem-set asks of it, when the request has no deadline of its own." },
    { "undo_wait", SETTING_DURATION, AT(undo_wait_ms), "15s", 10,
      UINT64_C(3600000),
      "How long one whose request is being undone waits for that; then it is "
      "told that it is still under way." },
    { "migrate_wait", SETTING_DURATION, AT(migrate_wait_ms), "60s", 100,
      UINT64_C(3600000),
      "How long a guest that comes from another host is waited for, and what "
      "has begun to come or to go may stand still." },
    { "start_parallel", SETTING_U64, AT(start_parallel), "4", 1, 256,
      "How many guests are started at a time after the host has booted." },
    { "event_keep", SETTING_U64, AT(event_keep), "10000", 100, 10000000,
      "How many events are kept for those who ask later." },
    { "xenstore_state", SETTING_BOOL, AT(xenstore_state), "1", 0, 0,
      "Whether the state of each partition is in xenstore, below "
      "/tool/xen-vdc/state, for scripts that watch it and for "
      "automationd." },
    { "answer_keep", SETTING_DURATION, AT(answer_keep_ms), "24h", 1000,
      UINT64_C(2592000000),
      "How long the first answer to a request with a key is kept." },
    { "pools", SETTING_LIST, AT(pools), "", 0, 0,
      "Named pools of the host, each \"NAME=AMOUNT\": \"disk=200G\" for "
      "an amount of space, \"licences=4\" for things that are counted." },
};

const size_t resourced_n_setting_rows =
    sizeof(resourced_setting_rows) / sizeof(resourced_setting_rows[0]);
