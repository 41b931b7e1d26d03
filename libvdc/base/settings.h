/*
 * Settings of a daemon: each is one row with name, type, unit, range, default
 * and text; reading, checking, --show-settings and the manual come from the
 * row.  The file has xl.cfg syntax.
 */
#ifndef VDC_BASE_SETTINGS_H
#define VDC_BASE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/cfg.h"
#include "base/error.h"
#include "base/units.h"

enum setting_type {
    SETTING_STRING,   /* const char * */
    SETTING_U64,      /* uint64_t */
    SETTING_BOOL,     /* bool; 0, 1, or a word: yes no on off true false */
    SETTING_MEM,      /* struct mem; plain numbers are MiB */
    SETTING_DURATION, /* uint64_t milliseconds; plain numbers are seconds */
    SETTING_LIST      /* struct setting_list */
};

struct setting_list {
    size_t n_items;
    const char **items;
};

struct setting {
    const char *name;
    enum setting_type type;
    size_t offset;        /* of the member in the daemon's settings struct */
    const char *fallback; /* the default, as it would be written in the file
                             (a list: comma-separated); NULL: "", 0, none */
    uint64_t min, max;    /* U64; MEM in KiB; DURATION in ms; max 0: none */
    const char *text;     /* one or two sentences for the manual */
};

/*
 * Fills the struct at `base` with defaults, then with the file when path is
 * not NULL.  A missing file is an error only if `must_exist`.  Unknown names
 * (with the nearest known one), wrong types and values out of range are
 * VDC_E_BAD_CONFIG with path and line; a file that cannot be read is
 * VDC_E_NO_FILE.  After an error some members may have the file's values.
 * Strings live in the arena.  A default that its row does not allow aborts.
 */
int settings_load(const struct setting *rows, size_t n_rows, void *base,
                  const char *path, bool must_exist, struct arena *arena,
                  struct vdc_error *err);

/* A bound of the row (min, max) in words of its unit; buf >= 32.  Returns
 * buf. */
const char *settings_limit_format(const struct setting *row, uint64_t n,
                                  char *buf, size_t size);

/* A commented settings file with all the rows and their present values. */
void settings_print(const struct setting *rows, size_t n_rows,
                    const void *base, FILE *f);
/* The rows as an mdoc(7) list, for the manual pages. */
void settings_print_mdoc(const struct setting *rows, size_t n_rows, FILE *f);

#endif
