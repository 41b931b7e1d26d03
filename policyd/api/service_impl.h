/* What service.c and service_files.c share. */
#ifndef POLICYD_API_SERVICE_IMPL_H
#define POLICYD_API_SERVICE_IMPL_H

#include <sys/queue.h>

#include "policyd/api/service.h"
#include "policyd/hosts/command.h"

struct examination;
struct saved;

struct service {
    struct event_base *base;
    const struct setup *setup;
    char *name, *address; /* of the host */
    char *certificate;    /* "": not over TLS */
    char *certificate_next; /* as in service_host */
    struct service_notify notify;
    struct command *command;
    uint64_t last_event; /* number seen last; they rise, but for `missed` */
    bool follows;        /* events come */
    bool is_away;        /* from the host: its files are not here */
    TAILQ_HEAD(, examination) examinations;
    LIST_HEAD(, saved) saved; /* when it is away */
};

/* What is looked at ends with an error; what resourced looks at, when the
 * command channel ends. */
void service_files_stop(struct service *s);
/* After that. */
void service_files_free(struct service *s);

#endif
