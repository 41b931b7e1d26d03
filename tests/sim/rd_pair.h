/*
 * For tests of guests that go from host to host: two daemons on two simulated
 * hosts, which have certificates of one authority, and what policyd would
 * order.
 */
#ifndef TESTS_SIM_RD_PAIR_H
#define TESTS_SIM_RD_PAIR_H

#include "base/tls.h"
#include "tests/sim/rd.h"

struct rd_pair {
    struct rd *a, *b; /* the guest is on a, and goes to b */
    char *authority;  /* certificate and key */
    char settings_a[512], settings_b[512];
    unsigned port_a, port_b;
    uint8_t print_a[TLS_FINGERPRINT_SIZE], print_b[TLS_FINGERPRINT_SIZE];
    uint8_t ticket[32];
    struct vdc_uuid uuid; /* of the guest "web" */
    struct wire_definition definition;
    uint64_t epoch;
    bool live, paused;
    uint64_t kib_per_s;
    uint64_t timeout_ms; /* of the target's transaction; 0: none */
    char key_a[32], key_b[32];
    uint16_t send_to; /* another port than b's; 0: b's */
    struct vdc_error err; /* of the last order */
};

/* Both run; options of their simulators, besides. */
struct rd_pair *rd_pair_new(const char *options_a, const char *options_b);
void rd_pair_free(struct rd_pair *pair);
/* Certificate and key, with that of the authority, into DIR/dc/host.pem. */
void rd_pair_certify(struct rd_pair *pair, struct rd *rd, const char *name,
                     const char *role, uint8_t *ret_print);
/* The guest runs on a. */
void rd_pair_create(struct rd_pair *pair, const char *cmdline);
/* Another move: epoch, keys, ticket. */
void rd_pair_next(struct rd_pair *pair);
/* The other way round. */
void rd_pair_swap(struct rd_pair *pair);

/* The orders as they are; to be changed before they are sent. */
void rd_pair_fill_target(struct rd_pair *pair, enum wire_transaction_stage,
                         struct rd_transaction *ret);
void rd_pair_fill_send(struct rd_pair *pair, struct rd_transaction *ret);

/* 0, or the error's code with pair->err. */
int rd_pair_stage(struct rd_pair *pair, enum wire_transaction_stage stage);
int rd_pair_send(struct rd_pair *pair);

/* Another move, all of it. */
void rd_pair_go(struct rd_pair *pair);
/* It is expected on b: the connection is cut so that b waits for the decision,
 * and a has released it, or has not. */
void rd_pair_wait_on_b(struct rd_pair *pair, bool released);

/* The domain of the guest there; domid 0: none. */
struct hv_domain_info rd_pair_domain(struct rd_pair *pair, struct rd *rd);
bool rd_pair_runs(struct rd_pair *pair, struct rd *rd);

/* What became of it, asked as policyd does; both are started when they do not
 * run. */
enum rd_pair_end {
    RD_PAIR_STAYED,   /* it runs on a as before */
    RD_PAIR_MOVED,    /* it is on b */
    RD_PAIR_RETURNED, /* b has lost it: it was started anew on a */
    RD_PAIR_UNKNOWN   /* an answer did not come */
};
enum rd_pair_end rd_pair_settle(struct rd_pair *pair);

/* A process that looks at both hosts all the time until it is stopped. */
struct rd_watch;
struct rd_watch *rd_watch_new(struct rd_pair *pair);
/* Ends it; how often it found the guest running on both. */
unsigned rd_watch_end(struct rd_watch *watch, unsigned *ret_looks);

#endif
