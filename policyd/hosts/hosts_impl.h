/* What the files of the registry of hosts share.  Only hosts*.c include it. */
#ifndef POLICYD_HOSTS_HOSTS_IMPL_H
#define POLICYD_HOSTS_HOSTS_IMPL_H

#include <event2/event.h>

#include "policyd/hosts/hosts.h"
#include "policyd/store/table.h"

struct refresh;
STAILQ_HEAD(refresh_calls, refresh_call);

TAILQ_HEAD(host_list, host);

struct hosts {
    struct operations *ops;
    struct host_list all;
    struct table by_name;
    struct table by_boot; /* those that are no other's twin: hosts_report.c */
    size_t n, n_away;
    struct host *own; /* NULL: policyd.conf names none */
    LIST_HEAD(, refresh) refreshes;
    bool refreshing; /* hosts are being asked, and who waits was not told */
    struct refresh_calls refresh_calls; /* who came meanwhile */
};

/* ---- hosts_report.c ---- */

/* What placement knows of it; `reported`: that is new. */
void hosts_tell(const struct host *host, bool reported);
/* The next report is asked for in so many milliseconds ... */
void hosts_report_in(const struct host *host, uint64_t ms);
/* ... or soon, because something has happened there. */
void hosts_report_soon(struct host *host);
/* Of the host's timer. */
void hosts_report_due(evutil_socket_t fd, short what, void *arg);
/* Why it does not say more; NULL: it does. */
void hosts_set_why(struct host *host, const struct vdc_error *why);
/* Another may be what it was. */
void hosts_forget_boot(struct host *host);
/* Who waits for reports is told that there are no more. */
void hosts_refresh_end(struct hosts *hosts);

#endif
