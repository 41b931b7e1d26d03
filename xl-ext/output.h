/*
 * What xl-vdc prints: text for people, JSON for machines, from the same
 * structs, so that one cannot lag behind the other.
 */
#ifndef XL_EXT_OUTPUT_H
#define XL_EXT_OUTPUT_H

#include "base/error.h"
#include "base/json.h"
#include "wire/wire.h"
#include "xl-ext/command.h"

/* One line of a message's struct as a JSON object on stdout. */
void output_json_struct(const struct wire_struct *s, const void *body);
/* The same of a list that came in pages: all of it, without its `next`. */
void output_json_list(const struct wire_struct *s, const void *body);
/* A finished JSON text on stdout; frees `out`. */
void output_json(struct json_out *out);

/* The members of an error, code to retry, into an object that is open. */
void output_json_error(struct json_out *out, const struct vdc_error *err);

/*
 * An error on stderr: "xl-vdc: TEXT", a line of its text each, and "  HINT";
 * with -o json one object {"error": {...}}.
 */
void output_error(const struct command_args *args,
                  const struct vdc_error *err);

/* A remark on stderr, unless --quiet or JSON. */
void output_note(const struct command_args *args, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Text from elsewhere for a terminal: control characters, and those that turn
 * the direction of writing, become '?'. */
const char *output_clean(struct arena *arena, const char *text);

/* ---- tables ---- */

enum output_align {
    ALIGN_LEFT,
    ALIGN_RIGHT
};

struct output_column {
    const char *title;
    enum output_align align;
};

/* Rows are printed when the table is finished; the columns must stay valid
 * until then. */
struct output_table;
struct output_table *output_table_new(const struct output_column *columns,
                                      size_t n_columns);
/* One cell more; a row is full after n_columns of them. */
void output_table_cell(struct output_table *table, const char *text);
void output_table_printf(struct output_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Prints and frees. */
void output_table_finish(struct output_table *table);

/* ---- a struct as text, by its description ---- */

/* "name  value" a line, fields that have their default left out. */
void output_text_struct(const struct wire_struct *s, const void *body,
                        const char *indent, struct arena *arena);

#endif
