/*
 * A simulated host behind the hypervisor interface: for tests of what stands
 * on it, with thousands of domains, without Xen and without privilege.  What
 * runs on it says so (hv_host_info.simulated).
 *
 * Options, "name=value" separated by commas; each may be left out:
 *   state=FILE       the host lives in this file (made when not there) and
 *                    outlives the process, as Xen does; several processes may
 *                    have it open.  Deleting it is a power cut.  Without it
 *                    the host lives in memory, until it is closed
 *   memory=8G        of the machine
 *   dom0_memory=1G   of that, dom0's
 *   cpus=8
 *   cpu=intel+sse2+avx2  who made its CPUs, and what they can do
 *   balloon=2G       how much a willing guest gives or takes in a second
 *   create_ms=20     how long a create takes
 *   destroy_ms=5     a destroy
 *   op_ms=1          each other asynchronous operation; a guest that lets a
 *                    device go
 *   attach_ms=10     a backend, until it serves a new device
 *   save_ms=20       writing a guest that has suspended
 *   send_ms=80       sending one to another host; one that is sent live runs
 *                    on for seven eighths of it
 *   shutdown_ms=50   a guest, from being asked to having shut down
 *   detach_ms=10000  how long a guest has to let a device go
 *   suspend_ms=60000 how long it has to suspend
 *   stream=0         how large what is sent is, in per cent of the guest's
 *                    memory; 0: less than a KiB
 *   jitter=0         per cent by which the first six vary
 *   pci=0000:03:00.0+0000:03:00.1  the PCI devices that guests may have;
 *                    "none" for none
 *   seed=N           decides how they vary, for a new host
 *   clock=real       "stopped": time moves by hv_sim_advance alone; "jump":
 *                    it moves to what is due next at once, so that nothing is
 *                    waited for.  With these two, one seed and the same calls
 *                    give the same run
 *   check_files=yes  kernels, ramdisks and disks must be readable files;
 *                    "no" to make guests that have none
 *   beside=no        yes for a program beside resourced: what resourced has
 *                    reserved stays reserved
 * memory, dom0_memory, cpus, cpu, balloon, pci and clock are the machine's: a
 * state file keeps them, and other values for it are an error.
 *
 * Guests do what their kernel command line says: see sim_guest.h.  Faults are
 * made by the environment variable VDC_SIM_FAULT or by hv_sim_fault: see
 * sim_fault.h.
 *
 * Where it differs from Xen: a guest is idle, so it is shown as blocked; what
 * shared-memory grants and event channels connect are two ends in this
 * process, both in domain 0; a guest that paused does not miss the time; there
 * is one NUMA node and one CPU pool; a claim costs no memory itself; a guest
 * may grow past the maximum that it was made with, when that is raised.
 */
#ifndef VDC_HV_SIM_SIM_H
#define VDC_HV_SIM_SIM_H

#include <stdint.h>

#include "hv/hv.h"

/*
 * options may be NULL; base may be NULL for a tool that has no loop: then
 * nothing asynchronous ends, and calls and effects are not counted.
 * Errors: VDC_E_BAD_VALUE names the option and what is allowed;
 * VDC_E_STORE_NEWER, VDC_E_STORE_CORRUPT, VDC_E_DENIED, VDC_E_IO for the
 * file.
 */
int hv_sim_open(const char *options, struct event_base *base, struct hv **ret,
                struct vdc_error *err);

/*
 * The rest is for tests and tools, and is for an hv that hv_sim_open made.
 */

/* Replaces the faults (syntax in sim_fault.h; NULL for none) and counts from
 * 0 again.  Errors: VDC_E_BAD_VALUE, nothing is changed. */
int hv_sim_fault(struct hv *hv, const char *spec, struct vdc_error *err);
/* Changes that our operations made to the host since it was made. */
uint64_t hv_sim_effects(struct hv *hv);
/* Calls of our operations since the faults were last replaced. */
uint64_t hv_sim_calls(struct hv *hv);

/*
 * The host loses power and boots: no domains, a new store, a new boot id. In
 * a process that has it open, work under way ends with VDC_E_HYPERVISOR, and
 * the watched domains are reported dead, from the loop.
 */
void hv_sim_power_cut(struct hv *hv);
/* Moves the host's clock, for all processes: what was due is done soon. */
void hv_sim_advance(struct hv *hv, uint64_t ms);

/* As xl would, not as an operation of ours: at once, not counted as effects,
 * without faults.  The domain is paused.  Errors as libxl's. */
int hv_sim_foreign_create(struct hv *hv, const char *name, struct mem memory,
                          const char *cmdline, uint32_t *ret_domid,
                          struct vdc_error *err);
int hv_sim_foreign_unpause(struct hv *hv, uint32_t domid,
                           struct vdc_error *err);
int hv_sim_foreign_destroy(struct hv *hv, uint32_t domid,
                           struct vdc_error *err);
/* The guest itself shuts down, reboots or crashes, now; paused or not. */
int hv_sim_guest_stop(struct hv *hv, uint32_t domid,
                      enum hv_shutdown_reason reason, struct vdc_error *err);
/* The guest behaves otherwise from now on: words as of its kernel command
 * line (sim_guest.h). */
int hv_sim_guest_words(struct hv *hv, uint32_t domid, const char *words,
                       struct vdc_error *err);

/* The whole store, a node a line: 'path = "value"', sorted; for comparing
 * before and after. */
const char *hv_sim_store_dump(struct hv *hv, struct arena *arena);

#endif
