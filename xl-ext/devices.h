/* What running guests have, for block-list, vcpu-list and the like. */
#ifndef XL_EXT_DEVICES_H
#define XL_EXT_DEVICES_H

#include "wire/wire.h"
#include "xl-ext/client.h"
#include "xl-ext/command.h"

struct devices_guest {
    const char *name; /* as the user calls it */
    const struct wire_device_list *list;
};

struct devices {
    size_t n_guests;
    struct devices_guest *guests;
};

/*
 * Asks for each of the words; with none of them for every guest of the user's
 * that has a domain.  A guest that cannot be shown is said on stderr, and the
 * others are in *ret; the code is that of the first such.  Other errors, which
 * concern all, are in *err, and *ret is empty then.
 */
int devices_get(const struct command_args *args, const char *const *words,
                size_t n_words, struct devices *ret, struct vdc_error *err);

/* As JSON: an object with an array `guests`, each with its name, domid and
 * what `members` adds. */
void devices_print_json(const struct devices *devices,
                        void (*members)(const struct wire_device_list *list,
                                        struct json_out *out));

/* For `members`: the devices of that kind as the array `devices`. */
void devices_to_json(const struct wire_device_list *list,
                     enum wire_resource_kind kind, struct json_out *out);

#endif
