/* What the commands about guests share. */
#ifndef XL_EXT_GUEST_H
#define XL_EXT_GUEST_H

#include "wire/wire.h"
#include "xl-ext/client.h"
#include "xl-ext/command.h"

/* --customer, for operators; every command with a guest has it. */
#define GUEST_CUSTOMER_OPTION                                                 \
    {                                                                         \
        'C', "customer", "NAME", COMPLETE_CUSTOMERS,                          \
            "The customer whose guest is meant (operators)"                   \
    }

/*
 * Fills a reference from what the user wrote: a UUID, or else a name, a
 * domid or CUSTOMER.NAME, which policyd tells apart.  Errors: VDC_E_BAD_VALUE
 * when it cannot be the name of anything.
 */
int guest_ref(const struct command_args *args, const char *word,
              struct wire_partition_ref *ret, struct vdc_error *err);

/* "web: running as domain 3 on host alpha" on stdout. */
void guest_print_state(const struct command_args *args, const char *word,
                       const struct wire_partition_reply *reply);

#endif
