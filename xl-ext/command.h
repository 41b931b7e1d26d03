/*
 * The commands of xl-vdc as data: each family's file ends in its table, and
 * parsing, help, the manual page and shell completion come from the rows.
 */
#ifndef XL_EXT_COMMAND_H
#define XL_EXT_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/uuid.h"

/* What a command does to the world. */
#define COMMAND_READS 1u
#define COMMAND_CHANGES 2u     /* has --dry-run */
#define COMMAND_DESTROYS 4u    /* something is gone afterwards */
#define COMMAND_OPERATOR 8u    /* customers may not */
#define COMMAND_LOCAL 16u      /* asks no daemon */
#define COMMAND_NAMES 32u      /* -o name makes sense */
#define COMMAND_ACTS 64u       /* changes something, and has no --dry-run */

/* What the shell offers for an argument. */
enum command_complete {
    COMPLETE_NOTHING,
    COMPLETE_FILES,
    COMPLETE_GUESTS,
    COMPLETE_CUSTOMERS,
    COMPLETE_HOSTS,
    COMPLETE_COMMANDS,
    COMPLETE_FORMATS
};

struct command_option {
    char letter;          /* 0: none; a row without a name ends a table */
    const char *name;
    const char *argument; /* NULL: a flag */
    enum command_complete complete;
    const char *text;     /* NULL: works, but is not shown */
};

struct command_example {
    const char *line;
    const char *text;
};

struct command_args;

struct command {
    const char *name;
    const char *alias;     /* or NULL */
    const char *arguments; /* "GUEST...", "" when there are none */
    int min, max;          /* how many; max < 0: any number */
    unsigned flags;
    enum command_complete complete;
    const struct command_option *options; /* or NULL */
    const char *summary;   /* one line, no full stop */
    const char *text;      /* paragraphs, separated by an empty line */
    const struct command_example *examples; /* ended by a NULL line */
    int (*run)(const struct command_args *args, struct vdc_error *err);
    /* What is offered after the first argument, when that is something else;
     * COMPLETE_NOTHING: the same. */
    enum command_complete then;
};

struct command_family {
    const char *title;
    const struct command *commands;
    size_t n_commands;
};

enum command_format {
    FORMAT_TEXT,
    FORMAT_JSON,
    FORMAT_NAME
};

/* A command line that was understood. */
struct command_args {
    const struct command *command;
    struct arena *arena;
    enum command_format format;
    bool quiet;
    bool dry_run;
    bool version_only;  /* --version instead of a command */
    const char *socket; /* never NULL; see road.h */
    bool in_guest; /* the guest itself asks, over a channel, or as_guest */
    struct vdc_uuid as_guest; /* an operator asks as this guest; zero: not */
    size_t n_arguments;
    const char *const *arguments;
    size_t n_given;
    const struct command_given *given;
};

struct command_given {
    const struct command_option *option;
    const char *value; /* NULL for a flag */
};

/* Inside a guest it need not be named: what stands for it among arguments, and
 * in what is printed.  No guest can be called so. */
#define COMMAND_THIS_GUEST "this guest"
/* The environment variable of as_guest. */
#define COMMAND_GUEST_ENV "XEN_VDC_GUEST"

/* The families in the order in which help shows them. */
const struct command_family *const *command_families(size_t *ret_n);

/* The options that the command understands besides its own; `i` from 0.
 * NULL after the last. */
const struct command_option *command_common_option(const struct command *c,
                                                   size_t i);

/* By name, alias or unambiguous beginning.  Errors: VDC_E_USAGE. */
int command_find(const char *word, const struct command **ret,
                 struct vdc_error *err);

/*
 * Understands a whole command line (argv without the program's name).  What
 * needs no command (--help, --version) gives `ret->command` of `help` or
 * `version`.  `ret->format` and `ret->socket` are right even after an error
 * as far as they were understood.  Errors: VDC_E_USAGE.
 */
int command_parse(int argc, char **argv, struct arena *arena,
                  struct command_args *ret, struct vdc_error *err);

/* The option's value given last, or NULL.  The name must be in the table. */
const char *command_value(const struct command_args *args, const char *name);
bool command_given(const struct command_args *args, const char *name);
/* All values of an option that may be repeated, in their order. */
size_t command_values(const struct command_args *args, const char *name,
                      const char ***ret);

#endif
