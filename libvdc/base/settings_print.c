/*
 * Settings as text: the commented file of --show-settings, which read again
 * gives the same values, and the list in the manual pages.
 */
#include <inttypes.h>
#include <string.h>

#include "base/settings.h"

#define TEXT_WIDTH 74

/* A string as the syntax of the file needs it. */
static void print_quoted(const char *text, FILE *f)
{
    static const char from[] = "\"\\\a\b\f\n\r\t\v";
    static const char to[] = "\"\\abfnrtv";
    fputc('"', f);
    for (; *text; text++) {
        const char *p = strchr(from, *text);
        if (p)
            fprintf(f, "\\%c", to[p - from]);
        else
            fputc(*text, f);
    }
    fputc('"', f);
}

static void print_list(const struct setting_list *list, FILE *f)
{
    fputs("[", f);
    for (size_t i = 0; i < list->n_items; i++) {
        fputs(i ? ", " : " ", f);
        print_quoted(list->items[i], f);
    }
    fputs(list->n_items ? " ]" : "]", f);
}

/* Numbers over what the syntax can hold are written in quotes. */
static void print_u64(uint64_t n, FILE *f)
{
    fprintf(f, n > INT64_MAX ? "\"%" PRIu64 "\"" : "%" PRIu64, n);
}

static void print_mem(struct mem mem, FILE *f)
{
    if (mem.kib % 1024 == 0)
        fprintf(f, "%" PRIu64, mem.kib / 1024);
    else
        fprintf(f, "\"%" PRIu64 "K\"", mem.kib);
}

static void print_duration(uint64_t ms, FILE *f)
{
    if (ms % 1000 == 0)
        fprintf(f, "%" PRIu64, ms / 1000);
    else
        fprintf(f, "\"%" PRIu64 "ms\"", ms);
}

static void print_value(const struct setting *row, const void *base, FILE *f)
{
    const void *p = (const char *)base + row->offset;
    switch (row->type) {
    case SETTING_STRING:
        print_quoted(*(const char *const *)p, f);
        break;
    case SETTING_U64:
        print_u64(*(const uint64_t *)p, f);
        break;
    case SETTING_BOOL:
        fputs(*(const bool *)p ? "1" : "0", f);
        break;
    case SETTING_MEM:
        print_mem(*(const struct mem *)p, f);
        break;
    case SETTING_DURATION:
        print_duration(*(const uint64_t *)p, f);
        break;
    case SETTING_LIST:
        print_list(p, f);
        break;
    }
}

static const char *type_text(enum setting_type type)
{
    switch (type) {
    case SETTING_STRING:
        return "string";
    case SETTING_U64:
        return "number";
    case SETTING_BOOL:
        return "0 or 1";
    case SETTING_MEM:
        return "amount in MiB, or as \"4G\"";
    case SETTING_DURATION:
        return "duration in seconds, or as \"5m\"";
    case SETTING_LIST:
        return "list of strings";
    }
    return "";
}

/* "number, 1 to 64, default 4" */
static void describe(const struct setting *row, FILE *f)
{
    fputs(type_text(row->type), f);
    bool ranged = row->type == SETTING_U64 || row->type == SETTING_MEM ||
                  row->type == SETTING_DURATION;
    if (ranged && (row->min || row->max)) {
        char min[32], max[32];
        settings_limit_format(row, row->min, min, sizeof(min));
        settings_limit_format(row, row->max, max, sizeof(max));
        if (row->max)
            fprintf(f, ", %s to %s", min, max);
        else
            fprintf(f, ", at least %s", min);
    }
    if (row->fallback && *row->fallback)
        fprintf(f, ", default %s", row->fallback);
}

/* The text as comment lines of a readable width. */
static void print_comment(const char *text, FILE *f)
{
    size_t column = 0;
    while (*text) {
        size_t len = strcspn(text, " ");
        if (column && column + 1 + len > TEXT_WIDTH) {
            fputc('\n', f);
            column = 0;
        }
        fputs(column ? " " : "# ", f);
        fwrite(text, 1, len, f);
        column += len + 1;
        text += len;
        text += strspn(text, " ");
    }
    fputc('\n', f);
}

void settings_print(const struct setting *rows, size_t n_rows,
                    const void *base, FILE *f)
{
    for (size_t i = 0; i < n_rows; i++) {
        if (i)
            fputc('\n', f);
        print_comment(rows[i].text, f);
        fputs("# (", f);
        describe(&rows[i], f);
        fprintf(f, ")\n%s = ", rows[i].name);
        print_value(&rows[i], base, f);
        fputc('\n', f);
    }
}

/* Text for mdoc: a backslash is doubled, and a line must not begin with a
 * dot or a quote, which would make it a request. */
static void print_mdoc_text(const char *text, FILE *f)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", f);
    for (; *text; text++) {
        if (*text == '\\')
            fputs("\\e", f);
        else
            fputc(*text, f);
    }
    fputc('\n', f);
}

void settings_print_mdoc(const struct setting *rows, size_t n_rows, FILE *f)
{
    fputs(".Bl -tag -width Ds\n", f);
    for (size_t i = 0; i < n_rows; i++) {
        fprintf(f, ".It Va %s\n", rows[i].name);
        print_mdoc_text(rows[i].text, f);
        fputs("(", f);
        describe(&rows[i], f);
        fputs(")\n", f);
    }
    fputs(".El\n", f);
}
