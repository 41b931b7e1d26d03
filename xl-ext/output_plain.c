/*
 * Tables without a library, as libsmartcols makes them (output_table.c): for
 * xl-vdc-guest, which is linked statically, and that library is no static one
 * in Debian.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "xl-ext/output.h"

#define SEPARATOR "  "

struct output_table {
    struct arena *arena;
    const struct output_column *columns;
    size_t n_columns;
    size_t *widths;
    const char **cells; /* row by row */
    size_t n_cells, n_room;
};

/* Letters of UTF-8; those of double width are not looked after. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

struct output_table *output_table_new(const struct output_column *columns,
                                      size_t n_columns)
{
    struct arena *arena = arena_new();
    struct output_table *t = ARENA_NEW(arena, struct output_table);
    t->arena = arena;
    t->columns = columns;
    t->n_columns = n_columns;
    t->widths = ARENA_ARRAY(arena, n_columns, size_t);
    for (size_t i = 0; i < n_columns; i++)
        t->widths[i] = width_of(columns[i].title);
    return t;
}

void output_table_cell(struct output_table *t, const char *text)
{
    size_t *most = &t->widths[t->n_cells % t->n_columns];
    size_t width = width_of(text);
    if (t->n_cells == t->n_room) {
        size_t n_room = t->n_room * 2 + 64;
        const char **more = ARENA_ARRAY(t->arena, n_room, const char *);
        if (t->n_cells)
            memcpy(more, t->cells, t->n_cells * sizeof(*more));
        t->cells = more;
        t->n_room = n_room;
    }
    t->cells[t->n_cells++] = arena_strdup(t->arena, text);
    if (width > *most)
        *most = width;
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

static void pad(size_t n)
{
    while (n-- > 0)
        putchar(' ');
}

/* The last column has nothing after it. */
static void print_cell(const struct output_table *t, size_t column,
                       const char *text)
{
    size_t rest = t->widths[column] - width_of(text);
    bool right = t->columns[column].align == ALIGN_RIGHT;
    bool last = column + 1 == t->n_columns;
    if (right)
        pad(rest);
    fputs(text, stdout);
    if (!right && !last)
        pad(rest);
    fputs(last ? "\n" : SEPARATOR, stdout);
}

void output_table_finish(struct output_table *t)
{
    assert(t->n_cells % t->n_columns == 0);
    for (size_t i = 0; i < t->n_columns; i++)
        print_cell(t, i, t->columns[i].title);
    for (size_t i = 0; i < t->n_cells; i++)
        print_cell(t, i % t->n_columns, t->cells[i]);
    arena_free(t->arena);
}
