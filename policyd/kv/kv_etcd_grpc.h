/*
 * A page of a range by gRPC: etcd's own messages, in protobuf.  Pure: no I/O.
 *
 * Only for what is long: to make JSON of pairs is most of etcd's work for
 * them.  A body of gRPC is messages, each with a byte (0: not compressed) and
 * its size (4 bytes) before it; here it is one.
 */
#ifndef POLICYD_KV_KV_ETCD_GRPC_H
#define POLICYD_KV_KV_ETCD_GRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "policyd/kv/kv_etcd_json.h"

/* What the path of a URL is for it. */
#define ETCD_GRPC_RANGE "etcdserverpb.KV/Range"

struct etcd_rest {
    const char *prefix;       /* before each key in etcd */
    const char *key;          /* what all begin with, behind that */
    const char *after;        /* only what comes after this one, of the same */
    uint64_t limit, revision; /* 0: none; of now */
};

/* The body of a request, in `arena`. */
const uint8_t *etcd_grpc_range(const struct etcd_rest *rest,
                               struct arena *arena, size_t *ret_size);

/* The body of its answer.  Keys go into `arena`; values are in `body`, with
 * no 0 behind them.  False: not a page, or a key that was not asked for. */
bool etcd_grpc_page(const char *body, size_t size, const char *prefix,
                    struct arena *arena, struct etcd_page *ret);

#endif
