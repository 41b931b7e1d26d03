/*
 * kv.h on etcd (3.4 or later), by the JSON gateway of its v3 interface, and
 * long lists by gRPC, if that can be had: for policyds of many hosts.
 *
 * Requests wait in one queue.  One commit is under way at a time, and when it
 * is, nothing else of the queue; reads go side by side, and the next commit
 * begins when each of them has the revision that it reads.  So they take
 * effect in the order of the calls, and a commit costs one round of etcd's
 * consensus, that is a write of its disk.  Commits of several clients share
 * those.
 *
 * Of several endpoints one is used, until it fails; then the next.  An outage
 * shorter than the time-out of a request is seen as a delay only; in a longer
 * one each request is refused at once, with the reason.  etcd is asked by
 * itself meanwhile, at first after 100 ms, then more seldom, to each 2 s.
 *
 * A read that was interrupted is made again by itself; a commit only when it
 * is certain that etcd has not had it.
 */
#ifndef POLICYD_KV_KV_ETCD_H
#define POLICYD_KV_KV_ETCD_H

#include <limits.h>

#include "base/error.h"
#include "policyd/kv/http.h"
#include "policyd/kv/kv.h"

#define KV_ETCD_ENDPOINTS_MAX 16
#define KV_ETCD_PREFIX_MAX 128
#define KV_ETCD_REQUEST_MS 5000
#define KV_ETCD_COMPACT_MS (15 * 60 * 1000)
#define KV_ETCD_COMPACT_NEVER UINT_MAX

struct kv_etcd_settings {
    const char *const *endpoints; /* "http://127.0.0.1:2379" */
    size_t n_endpoints;
    const char *prefix; /* before each key in etcd; "" or NULL: none */
    const char *user;   /* NULL or "": no password is asked for */
    const char *password;
    struct http_tls tls;
    unsigned request_ms; /* 0: KV_ETCD_REQUEST_MS */
    /* For how long at least etcd is to keep what has changed, for watches; up
     * to twice that.  Of the whole etcd, whoever else uses it.
     * KV_ETCD_COMPACT_NEVER: etcd has a setting of its own for that.
     * 0: KV_ETCD_COMPACT_MS */
    unsigned compact_ms;
};

/*
 * All of the settings are copied.  Does not wait for etcd: kv_up says false
 * until it has answered, and requests wait.
 * Errors: VDC_E_BAD_VALUE (endpoints, prefix), VDC_E_NO_FILE, VDC_E_DENIED
 * (a file of TLS cannot be read).
 */
int kv_etcd_open(struct event_base *base,
                 const struct kv_etcd_settings *settings, struct kv **ret,
                 struct vdc_error *err);

#endif
