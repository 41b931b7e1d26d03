/* Our own end of a vchan, blocking, on the stand-in for Xen. */
#include "tests/unit/chan/vchan_own.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xenevtchn.h>
#include <xengnttab.h>
#include <xenstore.h>

static void put_number(const char *path, const char *name, uint32_t number)
{
    struct xs_handle *xs = xs_open(0);
    char whole[128], value[16];

    snprintf(whole, sizeof(whole), "%s/%s", path, name);
    snprintf(value, sizeof(value), "%u", number);
    xs_write(xs, XBT_NULL, whole, value, (unsigned)strlen(value));
    xs_close(xs);
}

static uint32_t get_number(const char *path, const char *name)
{
    struct xs_handle *xs = xs_open(0);
    char whole[128];

    snprintf(whole, sizeof(whole), "%s/%s", path, name);
    char *value = xs_read(xs, XBT_NULL, whole, NULL);
    uint32_t number = value ? (uint32_t)strtoul(value, NULL, 10) : 0;
    free(value);
    xs_close(xs);
    return number;
}

void own_serve(struct vchan_own *own, const char *path, size_t left_min,
               size_t right_min)
{
    uint32_t refs[VCHAN_REFS_MAX], ref;

    memset(own, 0, sizeof(*own));
    own->path = path;
    if (vchan_plan(left_min, right_min, &own->layout, NULL))
        abort();
    own->event = xenevtchn_open(NULL, 0);
    own->port = (uint32_t)xenevtchn_bind_unbound_port(own->event, 0);
    own->handle = xengntshr_open(NULL, 0);
    own->page = xengntshr_share_page_notify(
        own->handle, 0, &ref, 1, (uint32_t)vchan_life_offset(VCHAN_SERVER),
        own->port);
    if (own->layout.n_left)
        own->left = xengntshr_share_pages(
            own->handle, 0, (int)own->layout.n_left, refs, 1);
    if (own->layout.n_right)
        own->right = xengntshr_share_pages(own->handle, 0,
                                           (int)own->layout.n_right,
                                           refs + own->layout.n_left, 1);
    vchan_serve(&own->vchan, own->page, own->left, own->right, &own->layout,
                refs);
    put_number(path, "ring-ref", ref);
    put_number(path, "event-channel", own->port);
}

int own_join(struct vchan_own *own, const char *path, struct vdc_error *err)
{
    uint32_t refs[VCHAN_REFS_MAX];

    memset(own, 0, sizeof(*own));
    own->event = xenevtchn_open(NULL, 0);
    own->port = (uint32_t)xenevtchn_bind_interdomain(
        own->event, 0, get_number(path, "event-channel"));
    own->handle = xengnttab_open(NULL, 0);
    own->page = xengnttab_map_grant_ref_notify(
        own->handle, 0, get_number(path, "ring-ref"), PROT_READ | PROT_WRITE,
        (uint32_t)vchan_life_offset(VCHAN_CLIENT), own->port);
    int rc = vchan_look(own->page, &own->layout, refs, err);
    if (rc)
        return rc;
    if (own->layout.n_left)
        own->left = xengnttab_map_domain_grant_refs(
            own->handle, own->layout.n_left, 0, refs, PROT_READ | PROT_WRITE);
    if (own->layout.n_right)
        own->right = xengnttab_map_domain_grant_refs(
            own->handle, own->layout.n_right, 0, refs + own->layout.n_left,
            PROT_READ | PROT_WRITE);
    rc = vchan_join(&own->vchan, own->page, own->left, own->right,
                    &own->layout, err);
    if (!rc)
        own_notify(own);
    return rc;
}

void own_close(struct vchan_own *own)
{
    bool server = own->vchan.side == VCHAN_SERVER;

    vchan_close(&own->vchan);
    own_notify(own);
    if (own->left)
        munmap(own->left, own->layout.n_left * VCHAN_PAGE);
    if (own->right)
        munmap(own->right, own->layout.n_right * VCHAN_PAGE);
    if (server) {
        xengntshr_unshare(own->handle, own->page, 1);
        xengntshr_close(own->handle);
        struct xs_handle *xs = xs_open(0);
        xs_rm(xs, XBT_NULL, own->path);
        xs_close(xs);
    } else {
        xengnttab_unmap(own->handle, own->page, 1);
        xengnttab_close(own->handle);
    }
    xenevtchn_close(own->event);
}

void own_notify(struct vchan_own *own)
{
    own->n_notified++;
    xenevtchn_notify(own->event, own->port);
}

static void own_sleep(struct vchan_own *own)
{
    struct pollfd pollfd = { .fd = xenevtchn_fd(own->event),
                             .events = POLLIN };

    own->n_sleeps++;
    if (poll(&pollfd, 1, 20000) != 1) {
        printf("a notification was lost\n0 passed, 1 failed\n");
        exit(1);
    }
    xenevtchn_unmask(own->event, (uint32_t)xenevtchn_pending(own->event));
}

int own_write(struct vchan_own *own, const void *data, size_t size)
{
    const uint8_t *from = data;

    while (size) {
        size_t n = 0;
        bool notify = false;
        int rc = vchan_write(&own->vchan, from, size, &n, &notify);
        if (rc == VDC_E_BUSY && !vchan_want_room(&own->vchan, 1))
            own_sleep(own);
        else if (rc && rc != VDC_E_BUSY)
            return rc;
        if (notify)
            own_notify(own);
        from += n;
        size -= n;
    }
    return 0;
}

int own_read(struct vchan_own *own, void *data, size_t size)
{
    uint8_t *to = data;

    while (size) {
        size_t n = 0;
        bool notify = false;
        int rc = vchan_read(&own->vchan, to, size, &n, &notify);
        if (rc == VDC_E_BUSY && !vchan_want_data(&own->vchan))
            own_sleep(own);
        else if (rc && rc != VDC_E_BUSY)
            return rc;
        if (notify)
            own_notify(own);
        to += n;
        size -= n;
    }
    return 0;
}
