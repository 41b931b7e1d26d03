/*
 * policyd's store on a real etcd: one for the test program, on a free port of
 * loopback, each bed with a prefix of its own.  VDC_STORE=etcd has all beds
 * use it, VDC_STORE=sqlite or nothing only those that ask for it.
 */
#ifndef TESTS_SIM_TEST_POLICYD_ETCD_H
#define TESTS_SIM_TEST_POLICYD_ETCD_H

#include "tests/sim/test_policyd_bed.h"

/* Whether this bed's policyd has its store there. */
bool etcd_is_used(const struct bed *bed);
/* Lines for policyd.conf.  Starts it when it does not run yet. */
const char *etcd_conf(const struct bed *bed);

/* False, and the test counts as skipped: there is no etcd here. */
bool need_etcd(void);
/* The same when all beds use it: the test is about a file. */
bool need_sqlite(void);

void etcd_kill(void);    /* -9 */
void etcd_restart(void); /* and waits until it answers */
/* As if it had no network. */
void etcd_stop(void);
void etcd_continue(void);

#endif
