/*
 * What tests of hv/hv.h have in common, on the simulator and in the bed: a
 * loop with a ticking timer, one open hypervisor, waiting for what is
 * asynchronous, and counting.
 */
#ifndef TESTS_HV_HARNESS_H
#define TESTS_HV_HARNESS_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "hv/hv.h"

struct test {
    const char *name;
    void (*run)(void);
};

extern struct event_base *base;
extern struct hv *hv;
extern struct arena *arena; /* of one test */

/* ---- the whole ---- */

/* The loop and its timer; `name` is the program's in its log. */
void harness_begin(const char *name);
/* Opens the hypervisor; says why when it cannot. */
bool harness_open(const char *spec);
/* Runs those with the pattern in their names (NULL: all). */
void harness_run(const struct test *tests, const char *pattern);
/* Closes everything and prints the closing line: the exit status. */
int harness_end(void);
/* Ends the program now: what was begun cannot be gone on with. */
void harness_give_up(void) __attribute__((noreturn));

/* ---- checks ---- */

/* Counts; prints what was false. */
bool check_at(const char *file, int line, bool ok, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#define CHECK(ok, ...) check_at(__FILE__, __LINE__, (ok), __VA_ARGS__)
/* The test cannot be made here: why.  It then counts as skipped. */
void skip(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- the loop ---- */

uint64_t now_ms(void);
/* Runs the loop until the condition holds; false after the time. */
bool wait_for(bool (*condition)(void *arg), void *arg, unsigned timeout_ms);
void spin(unsigned ms);
/* The longest time between two ticks of the timer since the reset. */
void gap_reset(void);
unsigned gap_ms(void);

/* What a `done` said. */
struct outcome {
    bool done;
    int rc;
    struct vdc_error err; /* when rc */
    uint32_t domid;
};
void on_done(void *arg, int rc, const struct vdc_error *err);
void on_created(void *arg, int rc, const struct vdc_error *err,
                uint32_t domid);
bool is_done(void *outcome);
/* rc: what an operation returned; waits for its `done` when it began, and
 * gives its code, with *err set (err may be NULL). */
int outcome_finish(struct outcome *outcome, int rc, struct vdc_error *err);

/* Events that have come, oldest first; forgotten by events_reset. */
void events_reset(void);
unsigned events_count(void);
/* Waits for one of this kind and domain; false after the time. */
bool wait_event(enum hv_event_kind kind, uint32_t domid, unsigned timeout_ms,
                struct hv_event *ret);

/* ---- guests and what there is of them ---- */

/* 128 MiB, one vCPU, no files and nothing else; strings are static or in the
 * arena. */
struct hv_domain_config plain_guest(const char *name,
                                    enum hv_domain_type type);
/* xenstore below the path, one "path = value" a line, sorted, without empty
 * folders: /vm and /libxl stay when the last domain has gone. */
const char *store_below(const char *path);

#endif
