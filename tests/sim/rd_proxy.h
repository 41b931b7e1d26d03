/*
 * For tests of connections: a process between two ends of TLS, which cuts the
 * connection, or kills who has it, at a record of TLS that it has counted.
 */
#ifndef TESTS_SIM_RD_PROXY_H
#define TESTS_SIM_RD_PROXY_H

#include <stdbool.h>
#include <sys/types.h>

enum rd_proxy_what {
    RD_PROXY_CUT,    /* both ends are closed; the record is dropped */
    RD_PROXY_KILL,   /* kill -9 of `victim`; the record is dropped */
    RD_PROXY_KILL_AFTER, /* the record is handed on first */
    RD_PROXY_HANG    /* nothing is handed on any more */
};

struct rd_proxy;

/* Hands on to 127.0.0.1:to; at the k-th record, of both directions together,
 * from 1, it does `what` (0: never). */
struct rd_proxy *rd_proxy_new(unsigned to, unsigned k,
                              enum rd_proxy_what what, pid_t victim);
unsigned rd_proxy_port(const struct rd_proxy *proxy);
/* Ends it; whether the k-th record came; the records. */
bool rd_proxy_end(struct rd_proxy *proxy, unsigned *ret_records);

#endif
