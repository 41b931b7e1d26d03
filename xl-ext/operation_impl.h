/*
 * What the files that build operations share.  A builder fills an operation
 * whose guest is known already.
 */
#ifndef XL_EXT_OPERATION_IMPL_H
#define XL_EXT_OPERATION_IMPL_H

#include "xl-ext/operation.h"

typedef int operation_fill_fn(const struct command_args *args,
                              struct wire_operation *op,
                              struct vdc_error *err);

/* operation_amounts.c */
operation_fill_fn operation_mem_set;
operation_fill_fn operation_mem_max;
operation_fill_fn operation_vcpu_set;
operation_fill_fn operation_vcpu_pin;
operation_fill_fn operation_sched;
operation_fill_fn operation_pool_set;

/* operation_devices.c */
operation_fill_fn operation_block_attach;
operation_fill_fn operation_block_detach;
operation_fill_fn operation_network_attach;
operation_fill_fn operation_network_detach;
operation_fill_fn operation_pci_attach;
operation_fill_fn operation_pci_detach;

#endif
