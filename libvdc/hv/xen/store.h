/* xenstore, by libxenstore. */
#ifndef VDC_HV_XEN_STORE_H
#define VDC_HV_XEN_STORE_H

#include <stdbool.h>

#include "hv/hv.h"

struct event_base;
struct store;

extern const struct hv_store_ops store_ops;

/*
 * Connects to xenstored.
 * Errors: VDC_E_NO_XEN when nobody answers at its socket.
 */
int store_new(struct event_base *base, struct store **ret,
              struct vdc_error *err);
/* With all its watches.  NULL is allowed. */
void store_destroy(struct store *store);

/* A value that fits into buf with its end; false when there is none. */
bool store_read_short(struct store *store, const char *path, char *buf,
                      size_t size);

struct store_node {
    const char *path;
    const char *value;
};

/*
 * Writes the nodes, all or none, if the node at `path` has this value at that
 * moment (and not some time before); *ret_written says whether it had.
 */
int store_write_if(struct store *store, const char *path, const char *value,
                   const struct store_node *nodes, size_t n, bool *ret_written,
                   struct vdc_error *err);

#endif
