/*
 * A command that does the same to each of its arguments: one that fails does
 * not keep the others.
 */
#ifndef XL_EXT_EACH_H
#define XL_EXT_EACH_H

#include "xl-ext/client.h"

struct each {
    int (*one)(const struct command_args *args, struct client *client,
               const char *word, struct vdc_error *err);
    const char *key;  /* in JSON, of the list of those that went well */
    const char *done; /* said of each; of a dry run also with -q */
};

/* What failed is said as it fails; the first failure is returned. */
int each_run(const struct command_args *args, const struct each *each,
             struct vdc_error *err);

#endif
