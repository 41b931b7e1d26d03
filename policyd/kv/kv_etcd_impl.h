/*
 * What the files of kv_etcd share: the state of the connection, the queue of
 * requests, watches and leases.
 */
#ifndef POLICYD_KV_KV_ETCD_IMPL_H
#define POLICYD_KV_KV_ETCD_IMPL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "policyd/kv/kv_etcd.h"
#include "policyd/kv/kv_etcd_json.h"

struct event;
struct event_base;
struct etcd_request;
struct etcd_watch;
struct etcd_lease;

TAILQ_HEAD(etcd_request_list, etcd_request);
TAILQ_HEAD(etcd_watch_list, etcd_watch);
TAILQ_HEAD(etcd_lease_list, etcd_lease);

/* Of answers and lines: what json_parse takes. */
#define ETCD_ANSWER_MAX (16 * 1024 * 1024)

enum etcd_link {
    ETCD_ASKING, /* the endpoints are asked; requests wait */
    ETCD_UP,
    ETCD_DOWN /* none answers; asked again by the timer */
};

struct kv_etcd {
    struct kv kv;
    struct event_base *base;
    struct http *http;
    char *name;
    char **endpoints;
    size_t n_endpoints, at;
    char *prefix, *user, *password;
    unsigned request_ms;

    /* kv_etcd_link.c */
    enum etcd_link link;
    bool is_up; /* what kv_up says; link is not UP while one is looked for */
    struct vdc_error why;
    char *token;
    struct http_call *probe;
    struct event *probe_timer;
    bool no_grpc;         /* it has failed since this link is up */
    unsigned n_failed;    /* probes since the last that was answered */
    struct mono since;    /* link is not UP; */
    struct mono answered; /* the last good answer */

    /* kv_etcd_request.c */
    struct etcd_request_list requests;
    size_t n_reading;
    struct event *queue_timer; /* by the first deadline of those that wait */
    struct mono queue_due;     /* when it comes; 0: not set */

    /* kv_etcd_compact.c */
    uint64_t revision; /* the last that was heard of */
    uint64_t compact_to, compacted;
    struct event *compact_timer;
    struct http_call *compacting;

    struct etcd_watch_list watches;
    struct etcd_lease_list leases;

    /* In callbacks of ours; kv_close has been called, in one of them. */
    unsigned n_busy;
    bool closed;
};

/* ---- kv_etcd.c ---- */

/* Around everything that calls back and goes on after that.  Between them
 * kv->closed says whether to go on. */
void etcd_enter(struct kv_etcd *kv);
void etcd_leave(struct kv_etcd *kv); /* may free kv */

/* POSTs to the endpoint of now; `out` is freed. */
struct http_call *etcd_post(struct kv_etcd *kv, const char *path,
                            struct json_out *out, unsigned timeout_ms,
                            size_t answer_max,
                            const struct http_notify *notify);
struct http_call *etcd_post_text(struct kv_etcd *kv, const char *path,
                                 const char *text, size_t len,
                                 unsigned timeout_ms, size_t answer_max,
                                 const struct http_notify *notify);
/* A message of gRPC, with its head. */
struct http_call *etcd_post_grpc(struct kv_etcd *kv, const char *method,
                                 const uint8_t *body, size_t size,
                                 unsigned timeout_ms, size_t answer_max,
                                 const struct http_notify *notify);
/* etcd has told us of this revision. */
void etcd_saw(struct kv_etcd *kv, uint64_t revision);
void etcd_set_timer(struct event *timer, uint64_t ms);

/* ---- kv_etcd_compact.c ---- */

void etcd_compact_init(struct kv_etcd *kv, unsigned compact_ms);
void etcd_compact_fini(struct kv_etcd *kv);

/* ---- kv_etcd_link.c ---- */

void etcd_link_start(struct kv_etcd *kv);
void etcd_link_fini(struct kv_etcd *kv);
/* Somebody's request was not answered, or by ETCD_LOGIN: requests wait until
 * an endpoint has answered us. */
void etcd_link_failed(struct kv_etcd *kv, enum etcd_verdict verdict,
                      const struct vdc_error *why);
/* A stream has ended: it is asked whether that is all. */
void etcd_link_check(struct kv_etcd *kv);
/* Why a request could not be made: for its callback. */
void etcd_link_why(const struct kv_etcd *kv, struct vdc_error *ret);
/* For how long a request may wait that is made now. */
uint64_t etcd_link_patience(const struct kv_etcd *kv);
bool etcd_up(const struct kv *kv, struct vdc_error *why);

/* ---- kv_etcd_request.c ---- */

void etcd_read(struct kv *kv, const char *prefix, kv_pair_fn *pair,
               kv_done_fn *done, void *arg);
void etcd_commit(struct kv *kv, const struct kv_compare *compares,
                 size_t n_compares, const struct kv_change *changes,
                 size_t n_changes, kv_done_fn *done, void *arg);
void etcd_requests_init(struct kv_etcd *kv);
void etcd_requests_fini(struct kv_etcd *kv);
/* Begins what can be begun.  Calls nobody. */
void etcd_requests_run(struct kv_etcd *kv);

/* A read, or a commit. */
struct etcd_request {
    TAILQ_ENTRY(etcd_request) link;
    struct kv_etcd *kv;
    bool is_read; /* else a commit */
    kv_pair_fn *pair;
    kv_done_fn *done;
    void *arg;
    char *text;        /* commit: what is sent */
    char *prefix;      /* read: what was asked for */
    char *after;       /* read: the last key of the pages that came, or NULL */
    uint64_t revision; /* read: of its pages; 0: not known yet */
    size_t page;       /* read: pairs to ask for */
    bool grpc;         /* read: the call is by gRPC */
    struct mono deadline;
    unsigned n_tries;
    struct http_call *call;
    struct vdc_error failed; /* code not 0: it has, only tell it */
};

/* It waits from now on: the timer comes by its deadline at the latest. */
void etcd_request_wait(struct etcd_request *r);
unsigned etcd_request_left(const struct etcd_request *r); /* ms; at least 1 */
/* It was not answered, and may be made again.  As the last: as below. */
void etcd_request_again(struct etcd_request *r, enum etcd_verdict verdict,
                        const struct vdc_error *why);
/* Takes it out of the queue and calls back; kv may be closed after it.  NULL:
 * no error. */
void etcd_request_finish(struct etcd_request *r, uint64_t revision,
                         const struct vdc_error *err);

/* ---- kv_etcd_read.c ---- */

#define ETCD_PAGE_FIRST 64 /* pairs, of which no size is known */

/* Asks for the next page of a read. */
void etcd_page_begin(struct etcd_request *r);

/* ---- kv_etcd_watch.c ---- */

struct kv_watch *etcd_watch_new(struct kv *kv, const char *prefix,
                                uint64_t after,
                                const struct kv_watcher *watcher);
void etcd_watch_free(struct kv_watch *watch);
/* etcd is asked for its revision; it has answered.  A watch that had seen
 * more by then is lost.  These call nobody. */
void etcd_watches_ask(struct kv_etcd *kv);
void etcd_watches_check(struct kv_etcd *kv, uint64_t revision);
/* The link is up again. */
void etcd_watches_restart(struct kv_etcd *kv);

/* ---- kv_etcd_lease.c ---- */

struct kv_lease *etcd_lease_new(struct kv *kv, uint64_t ttl_ms,
                                const struct kv_lease_notify *notify);
void etcd_lease_free(struct kv_lease *lease);
/* The link is up again.  Calls nobody. */
void etcd_leases_renew(struct kv_etcd *kv);

#endif
