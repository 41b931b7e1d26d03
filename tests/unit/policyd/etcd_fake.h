/*
 * A server that answers as etcd does, except where it is told what else; and
 * a client of it.
 */
#ifndef TESTS_UNIT_POLICYD_ETCD_FAKE_H
#define TESTS_UNIT_POLICYD_ETCD_FAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "policyd/kv/kv.h"

/* What the server answers to requests of one path, in this order, before it
 * is good again. */
struct etcd_script {
    const char *path;
    int status;       /* 0: `body` are the bytes, all there are */
    const char *body; /* NULL: nothing */
    bool close, stream;
    size_t size; /* of the bytes; 0: as a string */
};

/* The path of what is asked by gRPC.  Without a script the connection is
 * closed at once, as by a server that has only the gateway. */
#define ETCD_GRPC "grpc"

#define ETCD_HEAD "{\"header\":{\"revision\":\"5\"}"
#define ETCD_ERROR(words, code)                                             \
    "{\"error\":\"etcdserver: " words "\",\"message\":\"etcdserver: " words \
    "\",\"code\":" #code "}"

extern struct etcd_fake {
    unsigned request_ms; /* of the next client; 0: 400 */
    struct kv *kv;
    /* what was asked of the server */
    unsigned n_txn, n_range, n_grpc, n_watch, n_grant, n_keepalive;
    char last_watch[512];
    /* what the last request here came to */
    unsigned n_pairs;
    struct vdc_error err;
} etcd_fake;

/* `scripts` must stay until the end. */
void etcd_fake_begin(const struct etcd_script *scripts, size_t n);
void etcd_fake_end(void);
/* A client of another server, instead. */
void etcd_fake_open_other(const char *url);
/* Until *n is `least`; false: not within this time. */
bool etcd_fake_wait(const unsigned *n, unsigned least, int ms);
void etcd_fake_run_ms(int ms);
/* One key, and all keys; the code. */
int etcd_fake_commit(void);
int etcd_fake_read(void);

#endif
