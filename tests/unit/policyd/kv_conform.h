/*
 * What every implementation of policyd/kv/kv.h must do, as tests; and helpers
 * to wait for callbacks, for tests of one implementation alone.
 */
#ifndef TESTS_UNIT_POLICYD_KV_CONFORM_H
#define TESTS_UNIT_POLICYD_KV_CONFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "policyd/kv/kv.h"
#include "tests/unit/unit.h"

struct event_base;

/* Where an implementation keeps things: defined by each program. */
struct kv_place {
    /* Of an empty store, whatever was in it before. */
    void (*set_up)(void);
    int (*open)(struct event_base *base, struct kv **ret,
                struct vdc_error *err);
    void (*tear_down)(void);
    bool one_client; /* at a time: a second cannot be opened beside it */
};
extern const struct kv_place kv_place;

#define KV_CONFORM_MAX 40
/* As many as fit into UNIT_MAIN's table are written to `to`; the number. */
size_t kv_conform_tests(struct unit_test *to);
/* Of them, those of kv_conform_watch.c. */
extern const struct unit_test kv_conform_watch[];
extern const size_t kv_conform_n_watch;

/* What a test has: a store that is empty, and two clients of it, which are
 * one if there can be only one. */
struct kv_world {
    struct event_base *base;
    struct kv *kv[2];
};
extern struct kv_world kv_world;
void kv_world_set_up(void);
void kv_world_tear_down(void);

/* Runs the loop until *n is at least `least`, or a failure after 20 s. */
void kv_wait(const unsigned *n, unsigned least);
void kv_run_ms(uint64_t ms);

/* The end of a request. */
struct kv_result {
    unsigned n_done;
    int code;
    uint64_t revision;
    struct vdc_error err;
    char *seen; /* "key=value@modified " of each pair */
    size_t n_pairs;
    bool in_order;
    char last[KV_KEY_MAX + 1];
    uint64_t last_modified, last_created, last_lease;
};
void kv_on_done(void *arg, uint64_t revision, const struct vdc_error *err);
void kv_on_pair(void *arg, const struct kv_pair *pair);
void kv_result_fini(struct kv_result *result);

struct kv_change kv_put_text(const char *key, const char *value);
struct kv_change kv_delete_key(const char *key);
/* Waits for it; code 0 or the error's. */
int kv_commit_now(struct kv *kv, const struct kv_compare *compares,
                  size_t n_compares, const struct kv_change *changes,
                  size_t n_changes, uint64_t *ret_revision);
int kv_set_now(struct kv *kv, const char *key, const char *value);
/* `result` is filled anew. */
void kv_read_now(struct kv *kv, const char *prefix, struct kv_result *result);

/* A watch that writes down what it sees:
 * "key=value key=- @revision ..." */
struct kv_log {
    struct kv_watch *watch;
    char *text;
    size_t len, room;
    unsigned n_revisions, n_lost;
    uint64_t last;
    bool in_order;
};
void kv_log_begin(struct kv_log *log, struct kv *kv, const char *prefix,
                  uint64_t after);
void kv_log_end(struct kv_log *log);

/* A lease that remembers what it was told. */
struct kv_holder {
    struct kv_lease *lease;
    unsigned n_granted, n_ended;
    uint64_t id;
    struct vdc_error why;
};
void kv_holder_begin(struct kv_holder *holder, struct kv *kv, uint64_t ttl_ms);

/*
 * Workers that count up by comparing and setting, each `times`, on a few
 * counters, half of them on each client; a commit whose outcome is not known
 * is looked after.  Each writes its name and its own number into what it
 * sets, and so knows its own.
 */
#define KV_COUNTERS 5
struct kv_workers;
struct kv_workers *kv_workers_begin(size_t n, unsigned times);
/* How many have done all. */
const unsigned *kv_workers_ended(const struct kv_workers *workers);
/* The sum of the counters is what was counted. */
void kv_workers_check(struct kv_workers *workers);

#endif
