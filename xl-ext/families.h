/* The families of commands, each defined at the end of its file. */
#ifndef XL_EXT_FAMILIES_H
#define XL_EXT_FAMILIES_H

#include "xl-ext/command.h"

extern const struct command_family family_create;      /* cmd_create.c */
extern const struct command_family family_guest;       /* cmd_guest.c */
extern const struct command_family family_state;       /* cmd_state.c */
extern const struct command_family family_list;        /* cmd_list.c */
extern const struct command_family family_identity;    /* cmd_identity.c */
extern const struct command_family family_memory;      /* cmd_memory.c */
extern const struct command_family family_vcpu;        /* cmd_vcpu.c */
extern const struct command_family family_block;       /* cmd_block.c */
extern const struct command_family family_network;     /* cmd_network.c */
extern const struct command_family family_pci;         /* cmd_pci.c */
extern const struct command_family family_transaction; /* cmd_transaction.c */
extern const struct command_family family_console;     /* cmd_console.c */
extern const struct command_family family_events;      /* cmd_events.c */
extern const struct command_family family_resource;    /* cmd_resource.c */
extern const struct command_family family_lease;       /* cmd_lease.c */
extern const struct command_family family_customer;    /* cmd_customer.c */
extern const struct command_family family_certificate; /* cmd_certificate.c */
extern const struct command_family family_token;       /* cmd_token.c */
extern const struct command_family family_image;       /* cmd_image.c */
extern const struct command_family family_audit;       /* cmd_audit.c */
extern const struct command_family family_usage;       /* cmd_usage.c */
extern const struct command_family family_host;        /* cmd_host.c */
extern const struct command_family family_dc;          /* cmd_dc.c */
extern const struct command_family family_status;      /* cmd_status.c */
extern const struct command_family family_top;         /* cmd_top.c */
extern const struct command_family family_verify;      /* cmd_verify.c */
extern const struct command_family family_policy;      /* cmd_policy.c */
extern const struct command_family family_why;         /* cmd_why.c */
extern const struct command_family family_moves;       /* cmd_moves.c */
extern const struct command_family family_rebalance;   /* cmd_rebalance.c */
extern const struct command_family family_fence;       /* cmd_fence.c */
extern const struct command_family family_store;       /* cmd_store.c */
extern const struct command_family family_channel;     /* cmd_channel.c */
extern const struct command_family family_help;        /* cmd_help.c */

#endif
