/* What running guests have, for block-list, vcpu-list and the like. */
#ifndef XL_EXT_DEVICES_H
#define XL_EXT_DEVICES_H

#include "wire/wire.h"
#include "xl-ext/client.h"
#include "xl-ext/command.h"
#include "xl-ext/output.h"

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
typedef void devices_members_fn(const struct wire_device_list *list,
                                const void *arg, struct json_out *out);
void devices_print_json(const struct devices *devices,
                        devices_members_fn *members, const void *arg);

/* What a command shows of the guests that its arguments name, or of all. */
struct devices_view {
    void (*print)(const struct command_args *args,
                  const struct devices *devices, const void *arg);
    devices_members_fn *members;
};
/* The whole of such a command.  Errors: those of devices_get. */
int devices_show(const struct command_args *args,
                 const struct devices_view *view, const void *arg,
                 struct vdc_error *err);

/* Devices of a kind, a row each: block-list and its like. */
struct devices_table {
    enum wire_resource_kind kind;
    const struct output_column *columns;
    size_t n_columns;
    void (*add)(struct output_table *table, struct arena *arena,
                const struct devices_guest *guest,
                const struct wire_device *device);
};
int devices_list(const struct command_args *args,
                 const struct devices_table *what, struct vdc_error *err);

#endif
