/*
 * Files in xl.cfg syntax: domain files of users, and our own settings.
 *
 * `name = value`, value a number, a quoted string, or a list of strings
 * (numbers in a list are given as strings); `name += value` adds to a string
 * or a list.  Two implementations behind this interface: libxlutil
 * (cfg_xlu.c) where Xen is there, and our own reader of the same syntax
 * (cfg_plain.c) where it is not; a test holds the two to the same answers.
 *
 * As in xl, what begins like a number and is none (12ab, 09) is a string.
 * Stricter than xl: no lists in lists, no numeric escapes in strings (xl
 * loses them), at most 4096 names and 64 times `+=`.
 */
#ifndef VDC_BASE_CFG_H
#define VDC_BASE_CFG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

enum cfg_type {
    CFG_NUMBER, /* an integer without quotes */
    CFG_STRING,
    CFG_LIST
};

struct cfg_entry {
    const char *name;
    enum cfg_type type;
    unsigned line; /* of the name, counted from 1 */
    long long number;
    const char *text; /* string; for a number as written; "" for a list */
    size_t n_items;
    const char **items;
    unsigned *item_lines; /* of each item */
};

struct cfg_file {
    const char *path; /* as shown in errors */
    size_t n_entries;
    const struct cfg_entry *entries; /* in the order of the file */
};

/*
 * Reads a file of at most 1 MiB into the arena.  When `extra` is not NULL it
 * is more text of the same syntax ("memory=256\n"), given on the command
 * line; its entries follow the file's and replace those of the same name.
 * A name that occurs twice within the file is an error, but for `+=`.
 * Errors: VDC_E_NO_FILE, VDC_E_BAD_CONFIG (text begins with "path:line: ").
 */
int cfg_read(const char *path, const char *extra, struct arena *arena,
             struct cfg_file *ret, struct vdc_error *err);
/* The same from memory; `path` is for messages only.  `text` may be NULL when
 * `len` is 0. */
int cfg_parse(const char *path, const char *text, size_t len,
              const char *extra, struct arena *arena, struct cfg_file *ret,
              struct vdc_error *err);

/* The last entry of that name, or NULL. */
const struct cfg_entry *cfg_get(const struct cfg_file *file, const char *name);

/* Which implementation this build uses: "libxlutil" or "plain". */
const char *cfg_implementation(void);

/* One disk, as xl-disk-configuration(5) writes it; strings in the arena. */
struct cfg_disk {
    const char *target; /* path or "" for an empty drive */
    const char *format; /* "raw" "qcow" "qcow2" "vhd" "qed" "empty" */
    const char *vdev;
    const char *backend;     /* domain name or "" for dom0 */
    const char *backendtype; /* "phy" "qdisk" "tap" or "" for not said */
    const char *script;      /* or "" */
    bool readonly;
    bool cdrom;
    bool direct_io_safe;
    bool discard; /* as libxl has it: not said, it is !readonly */
};

/* Errors: VDC_E_BAD_VALUE with the specification and what is wrong in it; so
 * is what the struct has no place for (COLO, virtio, trusted, standalone). */
int cfg_disk_parse(const char *spec, struct arena *arena, struct cfg_disk *ret,
                   struct vdc_error *err);

#endif
