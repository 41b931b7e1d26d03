/*
 * xl.cfg(5) files -> struct wire_definition, without asking any daemon.
 *
 * Every key of xl.cfg(5) of Xen 4.17, and those that xl reads without
 * documenting them, is a row of xlcfg_keys.def: honoured, or refused by name
 * with the reason and what to do instead.  Nothing is ignored in silence.
 */
#ifndef XL_EXT_XLCFG_H
#define XL_EXT_XLCFG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/cfg.h"
#include "base/error.h"
#include "wire/wire.h"

/* ---- reading ---- */

/*
 * Reads the file (NULL: none, all from the settings) and then the settings of
 * the command line ("memory=256", "name=web2"; several in one, separated by
 * ';' or newlines, as in a file), which replace the file's.  A bare word as
 * value is taken as if it were quoted.  Relative paths become absolute by the
 * working directory.
 *
 * Fills *ret (strings in the arena) and, when ret_notes is not NULL, remarks
 * worth telling the user (*ret_n_notes of them).
 *
 * Errors: VDC_E_NO_FILE; VDC_E_BAD_CONFIG, whose text has a line
 * "PATH:LINE: what is wrong" for each of the first problems of the file, and
 * whose hint is that of the only problem (with several problems their hints
 * stand in the lines).
 */
int xlcfg_read(const char *path, const char *const *settings,
               size_t n_settings, struct arena *arena,
               struct wire_definition *ret, const char *const **ret_notes,
               size_t *ret_n_notes, struct vdc_error *err);

/* ---- the same for single things, from the command line ---- */

/* A disk as xl-disk-configuration(5) writes it, an interface as
 * xl-network-configuration(5) does.  Errors: VDC_E_BAD_VALUE, with all that is
 * wrong in it. */
int xlcfg_disk(const char *spec, struct arena *arena, struct wire_disk *ret,
               struct vdc_error *err);
int xlcfg_vif(const char *spec, struct arena *arena, struct wire_nic *ret,
              struct vdc_error *err);

/* A PCI device, "[DDDD:]BB:SS.F" in hexadecimal, as "dddd:bb:ss.f"; a share of
 * a named pool, "NAME=AMOUNT".  Errors: VDC_E_BAD_VALUE. */
int xlcfg_bdf(const char *text, struct arena *arena, const char **ret,
              struct vdc_error *err);
int xlcfg_pool(const char *text, struct arena *arena,
               struct wire_pool_amount *ret, struct vdc_error *err);

/* "all", "0-3,5,^1", "nodes:0-1,^node:0" */
bool xlcfg_is_cpu_list(struct arena *arena, const char *text);

/* Absolute by the working directory, without looking at the file system; an
 * empty path stays empty. */
const char *xlcfg_path(struct arena *arena, const char *path);

/* ---- the table of keys ---- */

enum xlcfg_kind {
    XLCFG_STR,      /* text */
    XLCFG_PATH,     /* text, made absolute */
    XLCFG_MEM,      /* a number of MiB */
    XLCFG_U32,
    XLCFG_I64,
    XLCFG_BOOL,     /* 0 or not */
    XLCFG_TRISTATE, /* the same, and "not said" is another thing */
    XLCFG_ACTION,   /* on_poweroff and the like */
    XLCFG_OWN,      /* has a function */
    XLCFG_ONLY,     /* accepted with the one value that changes nothing */
    XLCFG_HVM,      /* refused: for HVM guests */
    XLCFG_NOT_YET,  /* refused: not supported by us */
    XLCFG_NEVER     /* refused: the host's operator decides this */
};

struct xlcfg; /* a reading under way */

struct xlcfg_key {
    const char *name;
    enum xlcfg_kind kind;
    size_t offset;       /* in struct wire_definition */
    long long min, max;  /* numbers: range; text: most characters */
    void (*set)(struct xlcfg *x, const struct cfg_entry *e); /* XLCFG_OWN */
    const char *allowed; /* XLCFG_ONLY: values, separated by '|' */
    const char *text;    /* honoured: what it does; refused: what instead */
};

const struct xlcfg_key *xlcfg_keys(size_t *ret_n);
bool xlcfg_key_is_honoured(const struct xlcfg_key *key);

#endif
