/*
 * What the files of the xl.cfg reader share: the reading under way, and how a
 * problem is reported so that the reading can go on to find the next.
 */
#ifndef XL_EXT_XLCFG_IMPL_H
#define XL_EXT_XLCFG_IMPL_H

#include "xl-ext/xlcfg.h"

#define XLCFG_PROBLEMS_KEPT 64
#define XLCFG_NOTES_KEPT 32

struct xlcfg_problem {
    unsigned line; /* 0: of the file as a whole */
    const char *path;
    const char *text;
    const char *hint; /* or "" */
};

/* An entry and where it came from: the file or the command line. */
struct xlcfg_entry {
    struct cfg_entry cfg;
    const char *path;
    bool replaced; /* a later one has the same name */
};

struct xlcfg {
    struct arena *arena;
    struct wire_definition *def;
    const char *path; /* of the file, for problems without a line */
    size_t n_entries;
    struct xlcfg_entry *entries;
    size_t n_problems; /* may be more than are kept */
    struct xlcfg_problem problems[XLCFG_PROBLEMS_KEPT];
    const char **notes;
    size_t n_notes;
};

/* e may be NULL (the file as a whole). */
void xlcfg_problem(struct xlcfg *x, const struct cfg_entry *e,
                   const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds the hint to the problem just reported. */
void xlcfg_problem_hint(struct xlcfg *x, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void xlcfg_note(struct xlcfg *x, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The entry that counts, or NULL. */
const struct cfg_entry *xlcfg_get(const struct xlcfg *x, const char *name);

/* An entry as people wrote it, for messages: 12, "two", [ ... ]. */
const char *xlcfg_shown(struct xlcfg *x, const struct cfg_entry *e);

/*
 * The value of an entry by type.  As in xl a number may stand in quotes.
 * Report the problem and return false when it is another type or out of
 * range.
 */
bool xlcfg_number(struct xlcfg *x, const struct cfg_entry *e, long long min,
                  long long max, const char *unit, long long *ret);
bool xlcfg_bool(struct xlcfg *x, const struct cfg_entry *e, bool *ret);
bool xlcfg_text(struct xlcfg *x, const struct cfg_entry *e, size_t most,
                const char **ret);
bool xlcfg_list(struct xlcfg *x, const struct cfg_entry *e, size_t most,
                const char *what);

/* A whole decimal or 0x number and nothing else. */
bool xlcfg_digits(const char *text, long long *ret);

/* xlcfg_extra.c: settings of the command line, as text of a file. */
const char *xlcfg_setting_text(struct arena *arena, const char *setting);

/* xlcfg_set.c, xlcfg_vif.c, xlcfg_cpu.c, xlcfg_pci.c, xlcfg_place.c: keys
 * with a function. */
void xlcfg_set_name(struct xlcfg *x, const struct cfg_entry *e);
void xlcfg_set_uuid(struct xlcfg *x, const struct cfg_entry *e);
void xlcfg_set_type(struct xlcfg *x, const struct cfg_entry *e);
void xlcfg_set_builder(struct xlcfg *x, const struct cfg_entry *e);
void xlcfg_set_cmdline(struct xlcfg *x, const struct cfg_entry *e);
void xlcfg_set_bootloader_args(struct xlcfg *x, const struct cfg_entry *e);
void xlcfg_set_disk(struct xlcfg *x, const struct cfg_entry *e);
void xlcfg_set_vif(struct xlcfg *x, const struct cfg_entry *e);
void xlcfg_set_pci(struct xlcfg *x, const struct cfg_entry *e);
void xlcfg_set_pools(struct xlcfg *x, const struct cfg_entry *e);
void xlcfg_set_cpus(struct xlcfg *x, const struct cfg_entry *e);
void xlcfg_set_cpuid(struct xlcfg *x, const struct cfg_entry *e);
void xlcfg_set_tsc_mode(struct xlcfg *x, const struct cfg_entry *e);
void xlcfg_set_on_boot(struct xlcfg *x, const struct cfg_entry *e);
void xlcfg_set_groups(struct xlcfg *x, const struct cfg_entry *e);
void xlcfg_set_cpu_features(struct xlcfg *x, const struct cfg_entry *e);
void xlcfg_set_dedicated(struct xlcfg *x, const struct cfg_entry *e);
void xlcfg_set_ignored(struct xlcfg *x, const struct cfg_entry *e);

/* After all keys: what depends on several (xlcfg_set.c). */
void xlcfg_check_whole(struct xlcfg *x);

#endif
