/* What the two files of bench_store share. */
#ifndef TESTS_BENCH_BENCH_STORE_H
#define TESTS_BENCH_BENCH_STORE_H

#include <event2/event.h>
#include <time.h>

#include "resourced/store_impl.h"
#include "tests/unit/resourced/store_fixture.h"

#define EVENT_KEEP 10000
#define CLIENTS_MOST 1024

struct client {
    struct bench *bench;
    /* Made once; the numbers in them change. */
    struct partition_row row;
    struct journal_entry journal;
    struct resource_row resources[2];
    struct wire_event events[2];
};

struct bench {
    struct place place;
    struct arena *arena;
    struct store *store;
    struct client clients[CLIENTS_MOST];
    uint64_t n_done; /* transactions */
    uint64_t next_id;
    unsigned n_busy; /* clients that have not ended */
    double until;
};

struct result {
    double rate;               /* transactions a second */
    double sync_us, syncs;     /* of one, and a transaction */
    double writer_us, loop_us; /* CPU, a transaction */
    uint64_t sizes[STORE_SIZES];
    uint64_t n_in_loop; /* batches */
};

double seconds(clockid_t clock);
void die(const char *what, const struct vdc_error *err)
    __attribute__((noreturn));

/* fn(change, arg) with the first write of a transaction, or the second. */
void with_change(struct client *client, bool second,
                 void (*fn)(const struct store_change *change, void *arg),
                 void *arg);

/* The statements of a change, and one alone. */
void run_ops(struct store *store, const struct store_item *item);
void run_bare(struct store *store, enum store_statement which);

/* ---- bench_store_log.c ---- */

void log_open(struct bench *bench, const char *folder);
void log_close(void);
/* The client's next transaction. */
void log_begin(struct client *client);
/* CPU of the thread that writes. */
clockid_t log_clock(void);

#endif
