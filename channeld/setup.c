/*
 * The settings of channeld: one row each.
 */
#include "channeld/setup.h"

#define ROW(member) .name = #member, .offset = offsetof(struct setup, member)
#define LIMIT(member)                                                 \
    .name = #member, .offset = offsetof(struct setup, limits.member), \
    .type = SETTING_U64

const struct setting setup_rows[] = {
    { ROW(socket), .type = SETTING_STRING,
      .fallback = "/run/xen-vdc/channel.sock",
      .text = "Where programs of this domain ask for channels.  Anybody may "
              "connect; the kernel says who it is." },
    { ROW(rules), .type = SETTING_STRING,
      .fallback = SYSCONFDIR "/xen-vdc/channel.rules",
      .text = "The rules of which channels may be." },
    { ROW(sequence), .type = SETTING_STRING,
      .fallback = LOCALSTATEDIR "/lib/xen-vdc/channeld.sequence",
      .text = "Where it is kept which numbers of channels were used; beside "
              "it, in a file with .key at its end, a key for the secrets of "
              "their ends, and with .quotas the customers' quotas of "
              "channels, as policyd told them last." },
    { ROW(hypervisor), .type = SETTING_STRING, .fallback = "xen:beside",
      .text = "xen:beside, or sim:beside=yes,OPTIONS for a simulated host; "
              "\"beside\" is for what is not the host's resource manager." },
    { ROW(policyd_socket), .type = SETTING_STRING,
      .fallback = "/run/xen-vdc/policyd.sock",
      .text = "Where policyd says whose login a unix account is; of a policyd "
              "in a domain of its own channel:policy." },
    { ROW(operators), .type = SETTING_LIST, .fallback = "",
      .text = "Unix users who are operators, besides root." },
    { ROW(simulated_guests), .type = SETTING_STRING, .fallback = "",
      .text = "With a simulated host: a socket where programs say which "
              "domain they play." },
    { ROW(control), .type = SETTING_STRING, .fallback = "xen",
      .text = "With --guest: xen, or sim:DOMID:SOCKET for a guest of a "
              "simulated host." },
    { .name = "answer_timeout",
      .offset = offsetof(struct setup, answer_timeout_ms),
      .type = SETTING_DURATION,
      .fallback = "10",
      .min = 100,
      .max = 60000,
      .text = "How long the other end of a new channel has to answer, when "
              "the client says nothing else; and the most that it may "
              "say." },
    { LIMIT(host_channels), .fallback = "4096", .min = 1, .max = 100000,
      .text = "Channels on this host." },
    { LIMIT(customer_channels), .fallback = "256", .max = 100000,
      .text = "Channels that a customer's partitions and programs have as "
              "clients, together; 0 here and below: no limit." },
    { LIMIT(customer_pages), .fallback = "65536", .max = 16777216,
      .text = "Pages of 4 KiB in these channels." },
    { LIMIT(customer_grants), .fallback = "65536", .max = 16777216,
      .text = "Of these, granted by a partition." },
    /* libxl gives a domain 1,023 event channels when nothing else is said */
    { LIMIT(partition_channels), .fallback = "64", .max = 900,
      .text = "Channels that one partition has as a client." },
    { LIMIT(partition_pages), .fallback = "16384", .max = 16777216,
      .text = "Pages of 4 KiB in these channels." },
    /* Xen's default is 64 frames of 512 grants */
    { LIMIT(partition_grants), .fallback = "16384", .max = 16777216,
      .text = "Pages that one partition grants for channels.  Xen's own "
              "limit for the domain counts in any case: three quarters of "
              "what max_grant_frames allows." },
    { LIMIT(service_channels), .fallback = "1024", .max = 100000,
      .text = "Channels to one service of one partition." },
};
const size_t setup_n_rows = sizeof(setup_rows) / sizeof(setup_rows[0]);
