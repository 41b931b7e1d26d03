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
/* Of commands that have no other. */
extern const struct command_option guest_plain_options[];

/*
 * Fills a reference from what the user wrote: a UUID, or else a name, a
 * domid or CUSTOMER.NAME, which policyd tells apart; inside a guest also
 * COMMAND_THIS_GUEST, which is a reference without any.  Errors:
 * VDC_E_BAD_VALUE when it cannot be the name of anything.
 */
int guest_ref(const struct command_args *args, const char *word,
              struct wire_partition_ref *ret, struct vdc_error *err);

/* --customer, or "".  Errors: VDC_E_BAD_VALUE when it is too long. */
int guest_customer(const struct command_args *args, const char **ret,
                   struct vdc_error *err);

/* A name to rename to; only its length is looked at.  Errors:
 * VDC_E_BAD_VALUE. */
int guest_new_name(const char *word, const char **ret, struct vdc_error *err);

/* The definition that [FILE] [KEY=VALUE]... of create mean; remarks go to
 * stderr (cmd_create.c).  Errors: those of xlcfg_read, VDC_E_USAGE. */
int guest_definition(const struct command_args *args,
                     struct wire_definition *ret, struct vdc_error *err);

/* "web: running as domain 3 on host alpha" on stdout; or what would be. */
void guest_print_state(const struct command_args *args, const char *word,
                       const struct wire_partition_reply *reply);
void guest_print_plan(const char *word, const char *const *plan,
                      uint32_t n_plan);

/* Says so when it was done before, with the same key. */
void guest_note_again(const struct command_args *args, bool again);

/* A reply as JSON, without definitions that are not in it. */
void guest_to_json(const struct wire_partition_reply *reply,
                   struct json_out *out);

/* ---- several guests in one command ---- */

struct guest_each {
    const struct command_args *args;
    struct client *client;
    /* Does it for one guest. */
    int (*one)(struct guest_each *each, const char *word,
               struct wire_partition_reply *ret, struct vdc_error *err);
    const char *gone_word; /* what to say when the guest is forgotten */
    void *arg;             /* for `one` */
};

/*
 * Calls each->one for each argument, one after the other, and prints what
 * came of it; one that fails does not keep the others from being done, but an
 * interruption does.  The code of the first that failed; its error is already
 * printed then.
 */
int guest_each_run(struct guest_each *each, struct vdc_error *err);

#endif
