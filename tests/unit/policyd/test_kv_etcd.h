/* What the files of test_kv_etcd share. */
#ifndef TESTS_UNIT_POLICYD_TEST_KV_ETCD_H
#define TESTS_UNIT_POLICYD_TEST_KV_ETCD_H

#include "policyd/kv/kv_etcd.h"
#include "tests/etcd_server.h"
#include "tests/unit/policyd/kv_conform.h"

#define KV0 kv_world.kv[0]
#define KV1 kv_world.kv[1]

/* Of this test, for the next kv_world_set_up; a server that all share when it
 * has none. */
extern struct etcd_server *server;
extern struct kv_etcd_settings settings;

/* `n` members, for this test alone. */
void own_server(size_t n, const char *options);
/* Until it is as `up` says, or a failure after 20 s. */
void wait_up(struct kv *kv, bool up);
/* A list of many pages is read as it was put, all but the first of them by
 * gRPC. */
void check_long_list(struct kv *kv);

extern const struct unit_test kv_etcd_access[];
extern const size_t kv_etcd_n_access;
extern const struct unit_test kv_etcd_long[];
extern const size_t kv_etcd_n_long;

#endif
