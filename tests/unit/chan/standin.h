/*
 * What libxenvchan needs of Xen, within one process and without Xen: grants
 * are pages of a memfd, event channels are eventfds, xenstore is a table.
 * standin.c defines those symbols of libxengnttab, libxenevtchn and
 * libxenstore that libxenvchan.a links with; our own ends use the same.
 *
 * Where the kernel would do more than it does, it is cheaper than Xen:
 * unmasking a port costs no system call here.
 */
#ifndef TESTS_UNIT_CHAN_STANDIN_H
#define TESTS_UNIT_CHAN_STANDIN_H

/* What is in use; 0 each when all was closed. */
struct standin_use {
    int n_handles; /* of all three libraries */
    int n_maps;
    int n_nodes;
    unsigned long n_notified; /* ever */
};
void standin_use(struct standin_use *ret);

/* The handle's notifications do not block when there are none: for ends that
 * poll. */
struct xenevtchn_handle;
int standin_pending_now(struct xenevtchn_handle *handle);

#endif
