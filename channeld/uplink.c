/*
 * The way from a guest's channeld to the host's; see uplink.h.
 */
#include "channeld/uplink.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"

#define AGAIN_FIRST_MS 200
#define AGAIN_MOST_MS 5000

static void try_later(struct uplink *uplink)
{
    unsigned ms = AGAIN_FIRST_MS << (uplink->tries < 5 ? uplink->tries : 5);
    if (ms > AGAIN_MOST_MS)
        ms = AGAIN_MOST_MS;
    const struct timeval later = { ms / 1000, ms % 1000 * 1000 };

    uplink->tries++;
    evtimer_add(uplink->again, &later);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    struct uplink *uplink = arg;
    struct vdc_error err = { 0 };

    if (uplink->state)
        return;
    if (uplink->kind_ops->connect(uplink, &uplink->state, &err)) {
        uplink->state = NULL;
        if (uplink->tries == 0)
            log_warning("the host's channeld cannot be reached: %s", err.text);
        try_later(uplink);
    }
}

void uplink_up(struct uplink *uplink)
{
    uplink->tries = 0;
    uplink->is_up = true;
    uplink->ops->on_up(uplink->arg);
}

void uplink_down(struct uplink *uplink, const struct vdc_error *err)
{
    bool was_up = uplink->is_up;

    uplink->kind_ops->close(uplink->state);
    uplink->state = NULL;
    uplink->is_up = false;
    if (was_up)
        uplink->ops->on_down(uplink->arg, err);
    try_later(uplink);
}

bool uplink_is_up(const struct uplink *uplink)
{
    return uplink->is_up;
}

enum link_kind uplink_kind(const struct uplink *uplink)
{
    return uplink->kind;
}

const char *uplink_program(const struct uplink *uplink)
{
    return uplink->program;
}

int uplink_send(struct uplink *uplink, const void *data, size_t size,
                const int *fds, unsigned n_fds)
{
    if (uplink && uplink->is_up)
        return uplink->kind_ops->send(uplink->state, data, size, fds, n_fds);
    for (unsigned i = 0; i < n_fds; i++)
        evutil_closesocket(fds[i]);
    return VDC_E_CLOSED;
}

/* "DOMID:SOCKET" */
static int parse_sim(struct uplink *uplink, const char *text,
                     struct vdc_error *err)
{
    char *end;
    unsigned long domid = strtoul(text, &end, 10);

    if (end == text || *end != ':' || !end[1] || domid == 0 ||
        domid > UINT16_MAX)
        return vdc_error_set(err, VDC_E_BAD_CONFIG,
                             "control wants xen or sim:DOMID:SOCKET, got "
                             "'sim:%s'",
                             text);
    uplink->kind_ops = &uplink_sim_ops;
    uplink->kind = LINK_MEMORY;
    uplink->socket = xstrdup(end + 1);
    snprintf(uplink->program, sizeof(uplink->program), "domain %lu", domid);
    return 0;
}

int uplink_new(struct event_base *base, const char *where,
               const struct uplink_ops *ops, void *arg, struct uplink **ret,
               struct vdc_error *err)
{
    struct uplink *uplink = XNEW(struct uplink);
    int rc = 0;

    uplink->base = base;
    uplink->ops = ops;
    uplink->arg = arg;
    if (strncmp(where, "sim:", 4) == 0) {
        rc = parse_sim(uplink, where + 4, err);
    } else if (strcmp(where, "xen") == 0) {
        uplink->kind_ops = &uplink_grant_ops;
        uplink->kind = LINK_GRANT;
        snprintf(uplink->program, sizeof(uplink->program), "channeld");
    } else {
        rc = vdc_error_set(err, VDC_E_BAD_CONFIG,
                           "control wants xen or sim:DOMID:SOCKET, got '%s'",
                           where);
    }
    if (rc) {
        free(uplink);
        return rc;
    }
    uplink->again = evtimer_new(base, on_again, uplink);
    event_active(uplink->again, EV_TIMEOUT, 0);
    *ret = uplink;
    return 0;
}

void uplink_free(struct uplink *uplink)
{
    if (!uplink)
        return;
    if (uplink->state)
        uplink->kind_ops->close(uplink->state);
    event_free(uplink->again);
    free(uplink->socket);
    free(uplink);
}
