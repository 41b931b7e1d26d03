/*
 * What the tests in the bed have in common, besides what all tests of a
 * hypervisor have.
 */
#ifndef TESTS_XEN_HV_BEDTEST_H
#define TESTS_XEN_HV_BEDTEST_H

#include "tests/hv/harness.h"

#define KERNEL "/var/lib/xen-vdc/images/vmlinuz"
#define RAMDISK "/var/lib/xen-vdc/images/initramfs"

extern const struct test life_tests[];
extern const struct test fault_tests[];
extern const struct test store_tests[];
extern const struct test change_tests[];
extern const struct test hotplug_tests[];
extern const struct test reserve_tests[];
extern const struct test send_tests[];
extern const struct test slow_tests[]; /* run only when they are named */

/* What this program does when it is started with --hold: reserves memory, and
 * ends without giving it back. */
int hold(void);

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

/* Waits until the guest's init has done its work, by its console. */
bool wait_up(uint32_t domid);

#endif
