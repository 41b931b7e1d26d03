/*
 * What the tests in the bed have in common: a loop with a ticking timer, one
 * open hypervisor, waiting for what is asynchronous, and counting.
 */
#ifndef TESTS_XEN_HV_BEDTEST_H
#define TESTS_XEN_HV_BEDTEST_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "hv/hv.h"

#define KERNEL "/var/lib/xen-vdc/images/vmlinuz"
#define RAMDISK "/var/lib/xen-vdc/images/initramfs"

struct test {
    const char *name;
    void (*run)(void);
};

extern const struct test life_tests[];
extern const struct test fault_tests[];
extern const struct test store_tests[];
extern const struct test change_tests[];
extern const struct test hotplug_tests[];
extern const struct test reserve_tests[];
extern const struct test slow_tests[]; /* run only when they are named */

/* What this program does when it is started with --hold: reserves memory, and
 * ends without giving it back. */
int hold(void);

extern struct event_base *base;
extern struct hv *hv;
extern struct arena *arena; /* of one test */

/* Counts; prints what was false. */
bool check_at(const char *file, int line, bool ok, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#define CHECK(ok, ...) check_at(__FILE__, __LINE__, (ok), __VA_ARGS__)

/* Runs the loop until the condition holds; false after the time. */
bool wait_for(bool (*condition)(void *arg), void *arg, unsigned timeout_ms);
void spin(unsigned ms);

/* The longest time between two ticks of a 20 ms timer since the reset. */
void gap_reset(void);
unsigned gap_ms(void);

/* A 128 MiB guest of this type from the bed's images; strings are static or
 * in the arena. */
struct hv_domain_config guest(const char *name, enum hv_domain_type type,
                              const char *cmdline);

/* The asynchronous operations, waited for. */
int make(const struct hv_domain_config *config, uint32_t *ret_domid,
         struct vdc_error *err);
int unpause(uint32_t domid, struct vdc_error *err);
int destroy(uint32_t domid, struct vdc_error *err);
/* Asks again while the guest has not booted so far that it listens. */
int ask(uint32_t domid, enum hv_shutdown_reason reason, struct vdc_error *err);

/* What a `done` said. */
struct outcome {
    bool done;
    int rc;
    struct vdc_error err;
    uint32_t domid;
};
void on_done(void *arg, int rc, const struct vdc_error *err);
void on_created(void *arg, int rc, const struct vdc_error *err,
                uint32_t domid);
bool is_done(void *outcome);
/* rc: what an operation returned; waits for its `done` when it began. */
int finish(struct outcome *outcome, int rc, struct vdc_error *err);

/* Waits until the guest's init has done its work, by its console. */
bool wait_up(uint32_t domid);
uint64_t now_ms(void);

/* Events that have come, oldest first; forgotten by events_reset. */
void events_reset(void);
unsigned events_count(void);
/* Waits for one of this kind and domain; false after the time. */
bool wait_event(enum hv_event_kind kind, uint32_t domid, unsigned timeout_ms,
                struct hv_event *ret);

/* xenstore below the path, one "path = value" a line, sorted; in the arena. */
char *store_dump(const char *path);

#endif
