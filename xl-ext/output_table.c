/* Tables, made by libsmartcols; see output.h, and output_plain.c. */
#include <assert.h>
#include <libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "xl-ext/output.h"

struct output_table {
    struct libscols_table *table;
    struct libscols_line *line;
    size_t n_columns;
    size_t next;
};

struct output_table *output_table_new(const struct output_column *columns,
                                      size_t n_columns)
{
    struct output_table *t = XNEW(struct output_table);
    t->n_columns = n_columns;
    t->table = scols_new_table();
    if (!t->table)
        abort();
    for (size_t i = 0; i < n_columns; i++) {
        int flags = columns[i].align == ALIGN_RIGHT ? SCOLS_FL_RIGHT : 0;
        if (!scols_table_new_column(t->table, columns[i].title, 0, flags))
            abort();
    }
    scols_table_set_column_separator(t->table, "  ");
    /* A line is never folded or cut: what reads it counts on the columns. */
    scols_table_set_termforce(t->table, SCOLS_TERMFORCE_NEVER);
    return t;
}

void output_table_cell(struct output_table *t, const char *text)
{
    if (t->next == 0)
        t->line = scols_table_new_line(t->table, NULL);
    assert(t->next < t->n_columns);
    if (!t->line || scols_line_set_data(t->line, t->next, text))
        abort();
    if (++t->next == t->n_columns)
        t->next = 0;
}

void output_table_printf(struct output_table *t, const char *format, ...)
{
    char cell[256];
    va_list ap;
    va_start(ap, format);
    vsnprintf(cell, sizeof(cell), format, ap);
    va_end(ap);
    output_table_cell(t, cell);
}

void output_table_finish(struct output_table *t)
{
    assert(t->next == 0);
    char *text = NULL;
    if (scols_table_is_empty(t->table)) {
        /* libsmartcols prints nothing then; the titles tell more. */
        for (size_t i = 0; i < t->n_columns; i++)
            output_table_cell(t, "");
        if (scols_print_table_to_string(t->table, &text) == 0 && text)
            printf("%.*s\n", (int)strcspn(text, "\n"), text);
    } else if (scols_print_table_to_string(t->table, &text) == 0 && text) {
        fputs(text, stdout);
        if (*text && text[strlen(text) - 1] != '\n')
            putchar('\n');
    }
    free(text);
    scols_unref_table(t->table);
    free(t);
}
