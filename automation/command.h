/*
 * Which of xl-vdc's commands may be asked for in xenstore, by whom, and how
 * they are asked again.
 */
#ifndef AUTOMATION_COMMAND_H
#define AUTOMATION_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

#define COMMAND_LINE_MAX 2000 /* characters of a request */
#define COMMAND_GUEST_LINE_MAX 256
#define COMMAND_KEY_MAX 63

/* What happens when it is not known whether it was done. */
enum command_kind {
    COMMAND_READ,  /* changes nothing: it is asked again */
    COMMAND_KEYED, /* asked again with its key, it is not done again */
    COMMAND_ONCE   /* never asked again: it has failed, a person looks */
};

struct command_line {
    enum command_kind kind;
    char **words; /* with the command's name; NULL at the end */
    size_t n_words;
};

/*
 * Takes a request apart, as a shell does.  by_guest: a guest asks for itself.
 * Errors, which say what to do: VDC_E_USAGE (no words, no such command,
 * an option that cannot be given), VDC_E_BAD_VALUE (too long, characters),
 * VDC_E_DENIED (the command is not for guests).
 */
int command_line_parse(const char *text, bool by_guest, struct arena *arena,
                       struct command_line *ret, struct vdc_error *err);

/* 1 to 63 characters without blanks. */
int command_key_check(const char *key, struct vdc_error *err);

/* The table, for the manual and for tests; NULL after the last. */
const char *command_name(size_t i);
enum command_kind command_kind(size_t i);
bool command_is_for_guests(size_t i);

#endif
