/* For tests of resourced: resources, leases and verify, as a client asks for
 * them. */
#ifndef TESTS_SIM_RD_HOST_H
#define TESTS_SIM_RD_HOST_H

#include "tests/sim/rd.h"

/* All of the host, or of the guest `name` of acme.  Fails the test when it
 * cannot be had. */
const struct wire_resource_list *rd_resources(struct rd *rd, const char *name,
                                              bool live);
/* NULL when there is none. */
const struct wire_resource *rd_row(const struct wire_resource_list *list,
                                   enum wire_resource_kind kind,
                                   const char *name);
const struct wire_resource_total *
rd_total(const struct wire_resource_list *list, enum wire_resource_kind kind,
         const char *name);

/* With memory and 60 s, of acme; to be filled further. */
void rd_lease(struct wire_lease *ret, struct mem memory);
/* 0 with the id, or the error's code. */
int rd_lease_create(struct rd *rd, const struct wire_lease *lease,
                    struct wire_lease *ret, struct vdc_error *err);
int rd_lease_drop(struct rd *rd, const struct vdc_uuid *id);
const struct wire_lease_list *rd_leases(struct rd *rd);

/* NULL when it failed. */
const struct wire_verify_reply *rd_verify(struct rd *rd, bool repair);
/* How many differences of this kind there are. */
unsigned rd_differences(const struct wire_verify_reply *reply,
                        const char *kind);
/* The first; NULL when there is none. */
const struct wire_difference *
rd_difference(const struct wire_verify_reply *reply, const char *kind);

/* Fails the test when there is a difference. */
void rd_check_agrees(struct rd *rd);

/* A daemon on a host with a PCI device of two functions. */
struct rd *rd_with_pci(void);
/* Ends it in good order. */
void rd_stop(struct rd *rd);
/* A running guest of acme with a disk, an interface and a number of vCPUs that
 * can be changed; its domid. */
uint32_t rd_create_rich(struct rd *rd, const char *name, const char *mac);
/* From the host's xenstore. */
void rd_remove_node(struct rd *rd, const char *path);

/* A number of /proc/PID/status of the daemon, "VmRSS"; in KiB. */
uint64_t rd_status_kib(struct rd *rd, const char *name);
/* CPU time that the daemon has used; in microseconds. */
uint64_t rd_cpu_us(struct rd *rd);

#endif
