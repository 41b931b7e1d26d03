/* For tests of what changes a guest: what the daemon says of it, what Xen
 * has, and an operation in one call. */
#ifndef TESTS_SIM_RD_CHANGE_H
#define TESTS_SIM_RD_CHANGE_H

#include "tests/sim/rd.h"

/* The daemon on a host with these options, more lines of settings, and a
 * fault (each may be NULL or ""). */
struct rd *rd_started(const char *options, const char *settings,
                      const char *fault);
/* A guest "web" of 256 MiB, which may have 512 MiB, and 2 of 4 vCPUs. */
void rd_create_web(struct rd *rd, const char *cmdline, bool start);
/* Both: a host with these options, and "web" running on it. */
struct rd *rd_with_web(const char *options);

/* One more of a transaction's operations: its name in Xen changes, too. */
void rd_add_rename(struct rd *rd, struct rd_transaction *t, const char *name,
                   const char *new_name);

/* A transaction of one operation on acme's guest "web". */
struct rd_change {
    struct rd *rd;
    struct rd_transaction t;
    struct wire_operation *op;
    const struct wire_transaction_reply *reply;
    const struct wire_operation_result *result; /* of op; NULL: it failed */
    struct vdc_error err;
};

/* Returns the operation for further values. */
struct wire_operation *rd_change(struct rd_change *c, struct rd *rd,
                                 enum wire_operation_kind kind);
int rd_change_do(struct rd_change *c);
/* The same as a dry run: 0 when the plan has a line with these words. */
int rd_change_plan(struct rd_change *c, const char *words);
/* Whether the error has these words in its text or its hint. */
bool rd_change_says(const struct rd_change *c, const char *words);

/* What the daemon shows of it: definition, live. */
const struct wire_partition_reply *rd_see(struct rd *rd, const char *name);
/* What Xen has of it; zeros when it has no domain. */
struct hv_domain_info rd_xen(struct rd *rd, const char *name);
uint64_t rd_xen_target_mib(struct rd *rd, const char *name);
/* "xvda xvdb 00:16:3e:... ", in the order of Xen. */
const char *rd_xen_devices(struct rd *rd, const char *name);
/* The guest behaves otherwise from now on. */
void rd_behave(struct rd *rd, const char *name, const char *words);
/* An empty file in the test's folder; its path. */
const char *rd_file(struct rd *rd, const char *name);
/* Ends the daemon: asserts that its journal is empty. */
void rd_end(struct rd *rd);

#endif
