/* What the files of the registry of hosts share.  Only hosts*.c include it. */
#ifndef POLICYD_HOSTS_IMPL_H
#define POLICYD_HOSTS_IMPL_H

#include <event2/event.h>

#include "policyd/hosts.h"

struct refresh;

TAILQ_HEAD(host_list, host);

struct hosts {
    struct operations *ops;
    struct host_list all;
    void *by_name; /* tsearch(3) tree */
    size_t n;
    LIST_HEAD(, refresh) refreshes;
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
/* Who waits for reports is told that there are no more. */
void hosts_refresh_end(struct hosts *hosts);

#endif
