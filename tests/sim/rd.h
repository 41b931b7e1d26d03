/*
 * For tests of resourced: a real daemon on a simulated host in a directory of
 * its own, a client that speaks to it, and a hand on the host from outside.
 */
#ifndef TESTS_SIM_RD_H
#define TESTS_SIM_RD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "hv/sim/sim.h"
#include "wire/wire.h"

struct rd {
    char dir[64];
    char spec[192];       /* --hv */
    const char *settings; /* more lines of its settings file, or NULL */
    const char *log_level; /* NULL: debug */
    const char *fault;    /* VDC_SIM_FAULT of the next start, or NULL */
    uint64_t file_limit;  /* bytes a file may have; 0: no limit */
    pid_t pid;            /* 0: it does not run */
    int fd;               /* -1: not connected */
    uint32_t id;
    unsigned n_progress;  /* of the last call */
    unsigned cancel_at;   /* of the next call: cancelled at that message of
                             progress; 0 afterwards, when there was one */
    struct arena *arena;  /* answers */
    struct hv *hv;        /* the host from outside, or NULL */
};

/* options: of the simulator, besides its state file; "" for none. */
struct rd *rd_new(const char *options);
/* Kills the daemon and removes the directory. */
void rd_free(struct rd *rd);
const char *rd_path(struct rd *rd, const char *name);

/* Starts it and waits until it answers; false when it ended before. */
bool rd_start(struct rd *rd);
/* Only starts it. */
void rd_spawn(struct rd *rd);
bool rd_connect(struct rd *rd);
void rd_disconnect(struct rd *rd);
void rd_signal(struct rd *rd, int signal_number);
/* Waits for its end: exit status, or 128 + signal. */
int rd_wait(struct rd *rd);
/* kill -9 and wait. */
void rd_kill(struct rd *rd);
/* How many descriptors it has open. */
unsigned rd_descriptors(struct rd *rd);
/* Whether its log (of all starts) has these words. */
bool rd_logged(struct rd *rd, const char *words);

/* Sends a request; returns its id, 0 when it could not be sent. */
uint32_t rd_send(struct rd *rd, enum wire_message_number number,
                 const void *body);
/* The next message that is not progress; false when the connection ended or
 * nothing came in time. */
bool rd_receive(struct rd *rd, struct wire_frame *ret, int timeout_ms);
/* Request and answer: 0 with *ret_body (may be NULL), or the error's code. */
int rd_call(struct rd *rd, enum wire_message_number number, const void *body,
            const void **ret_body, struct vdc_error *err);

/* A definition of 64 MiB and 1 vCPU without files of its own. */
void rd_definition(struct wire_definition *ret, const char *name,
                   const char *cmdline);
int rd_create(struct rd *rd, const struct wire_definition *definition,
              bool start, struct vdc_error *err);
int rd_create_simple(struct rd *rd, const char *name, const char *cmdline);
/* A request with nothing but a name. */
int rd_do(struct rd *rd, enum wire_message_number number, const char *name,
          struct vdc_error *err);
int rd_destroy(struct rd *rd, const char *name, bool keep);
int rd_shutdown_wait(struct rd *rd, enum wire_message_number number,
                     const char *name, uint64_t timeout_ms,
                     struct vdc_error *err);
/* NULL when there is none. */
const struct wire_partition *rd_show(struct rd *rd, const char *name);
const struct wire_partition_list *rd_list(struct rd *rd, bool foreign);
/* Waits until it has this state; false after so long. */
bool rd_wait_state(struct rd *rd, const char *name,
                   enum wire_partition_state state, unsigned timeout_ms);
/* How many kept events of this kind the partition has, with these words. */
unsigned rd_events(struct rd *rd, enum wire_event_kind kind, const char *name,
                   const char *words);

/* ---- transactions ---- */

struct rd_transaction {
    struct wire_transaction t;
    struct wire_operation operations[16];
};

void rd_begin(struct rd_transaction *ret);
/* One operation more, on acme's NAME; returns it for further values. */
struct wire_operation *rd_add(struct rd_transaction *t,
                              enum wire_operation_kind kind, const char *name);
/* One that creates a guest as rd_create_simple does. */
struct wire_operation *rd_add_create(struct rd *rd, struct rd_transaction *t,
                                     const char *name, bool start);
uint32_t rd_send_transaction(struct rd *rd, const struct rd_transaction *t);
/* 0 with *ret (may be NULL), or the error's code. */
int rd_transact(struct rd *rd, const struct rd_transaction *t,
                const struct wire_transaction_reply **ret,
                struct vdc_error *err);
/* The request under way of that id is not wanted any more. */
void rd_cancel(struct rd *rd, uint32_t id);
/* The answer to that request: its error, or 0 with *ret_body. */
int rd_answer(struct rd *rd, uint32_t id, const void **ret_body,
              struct vdc_error *err);

/* ---- the host from outside ---- */

struct hv *rd_host(struct rd *rd);
/* Domains besides dom0. */
unsigned rd_domains(struct rd *rd);
uint64_t rd_free_kib(struct rd *rd);
/* The store, without what the daemon says of itself. */
const char *rd_store_dump(struct rd *rd);
/* A number that a query on the database answers; the daemon must not run. */
long rd_sql(struct rd *rd, const char *sql);
/* In the same way: the journal's rows without the one of the numbers, and the
 * writes that the database has seen in its life. */
long rd_journal_rows(struct rd *rd);
long rd_changes(struct rd *rd);

void rd_sleep(unsigned ms);

#endif
