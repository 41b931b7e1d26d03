/*
 * Our own end of a vchan on the stand-in for Xen, blocking; the other end is
 * libxenvchan's.  Used by the test of both and by the benchmark.
 */
#ifndef TESTS_UNIT_CHAN_VCHAN_OWN_H
#define TESTS_UNIT_CHAN_VCHAN_OWN_H

#include "chan/vchan.h"

struct xenevtchn_handle;

struct vchan_own {
    struct vchan vchan;
    struct vchan_layout layout;
    struct xenevtchn_handle *event;
    uint32_t port;
    void *handle; /* of gntshr for a server, of gnttab for a client */
    void *page, *left, *right;
    const char *path;
    unsigned long n_sleeps, n_notified;
};

/* As libxenvchan_server_init and libxenvchan_client_init do. */
void own_serve(struct vchan_own *own, const char *path, size_t left_min,
               size_t right_min);
int own_join(struct vchan_own *own, const char *path, struct vdc_error *err);
void own_close(struct vchan_own *own);

/* All of the bytes, however long it takes; the error that ended it else. */
int own_write(struct vchan_own *own, const void *data, size_t size);
int own_read(struct vchan_own *own, void *data, size_t size);
void own_notify(struct vchan_own *own);

#endif
