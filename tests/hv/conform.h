/*
 * One suite of tests of hv/hv.h for every implementation: what holds on the
 * simulator is to hold on Xen.  This is what its tests have in common.
 *
 *   test_conform [SPEC [PART OF A TEST'S NAME]]
 *
 * SPEC is hv_open's; without one a simulated host of its own.  In the
 * environment: HV_KERNEL and HV_RAMDISK, what guests boot; HV_BRIDGE; HV_DIR,
 * a folder for files.
 */
#ifndef TESTS_HV_CONFORM_H
#define TESTS_HV_CONFORM_H

#include "tests/hv/harness.h"

/* How long a guest may take to boot, or to do what it is told: under
 * emulation, on busy processors, it is slow. */
#define GUEST_MS 120000
/* Amounts of memory that are not the same to the page: Xen and libxl keep
 * some of it for themselves. */
#define SLACK_KIB (8u * 1024)

extern const struct test memory_tests[];
extern const struct test cpu_tests[];
extern const struct test device_tests[];
extern const struct test life_tests[];
extern const struct test save_tests[];
extern const struct test error_tests[];

extern struct vdc_error err;
extern bool simulated;

/* A call of ours that must succeed, or end with this code. */
#define OK(call) \
    check_at(__FILE__, __LINE__, (call) == 0, "%s: %s", #call, err.text)
#define ENDS(code, call) check_code(__FILE__, __LINE__, code, #call, (call))
bool check_code(const char *file, int line, int want, const char *call,
                int rc);

/* What an operation returned; waits for its `done` if it has begun, and gives
 * its code, with err set. */
int finish(struct outcome *outcome, int rc);
#define WAIT(operation, ...)                                              \
    ({                                                                    \
        struct outcome outcome_ = { 0 };                                  \
        finish(&outcome_, hv->domain->operation(hv, __VA_ARGS__, on_done, \
                                                &outcome_, &err));        \
    })

/* A PV guest of 128 MiB and one vCPU; strings are static or in the arena. */
struct hv_domain_config guest(const char *name);
int make(const struct hv_domain_config *config, uint32_t *ret_domid);
/* Made and running, or HV_DOMID_NONE, and that is counted as a failure. */
uint32_t start(const struct hv_domain_config *config);
/* Asks again while the guest has not booted so far that it listens. */
int ask(uint32_t domid, enum hv_shutdown_reason reason);
/* Destroys it, unless it is HV_DOMID_NONE. */
void end(uint32_t domid);

struct hv_domain_info info_of(uint32_t domid);
struct hv_host_info host(void);
/* The host's free memory once it stands still. */
uint64_t free_kib(void);
/* Checks that as much is free as before, or is so soon. */
void check_free(uint64_t before_kib);
/* Whether the two are the same but for the slack. */
bool about(uint64_t a_kib, uint64_t b_kib);

/* Closes the host and opens it again, as a daemon that is started again. */
bool reopen(void);

/* As another toolstack would: the domain is paused.  A code of ours. */
int foreign_create(const char *name, unsigned mib, uint32_t *ret_domid);
void foreign_destroy(uint32_t domid);

/* All that xenstore has of domains, a node a line; empty folders left out. */
const char *store_dump(void);
/* The path of a file for tests; it is not made. */
const char *file_path(const char *name);
/* A disk image of some MiB there. */
const char *image(const char *name);

#endif
