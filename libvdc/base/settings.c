/*
 * Settings of a daemon: from the rows of its table and a file into its
 * struct.
 *
 * Defaults go the same way as values of a file, so a default that its own
 * row does not allow is found by the first test that loads it.
 */
#include "base/settings.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/suggest.h"

/* A value on its way: an entry of the file, or one made of a default. */
struct source {
    const struct setting *row;
    const struct cfg_entry *entry;
    struct arena *arena;
    struct vdc_error *err;
};

static int bad(const struct source *source, const char *what)
{
    return vdc_error_set(source->err, VDC_E_BAD_CONFIG, "'%s' must be %s",
                         source->row->name, what);
}

/* ---- one function a type ---- */

static int read_string(const struct source *source, void *p)
{
    if (source->entry->type == CFG_LIST)
        return bad(source, "a string, not a list");
    *(const char **)p = arena_strdup(source->arena, source->entry->text);
    return 0;
}

static int read_u64(const struct source *source, void *p)
{
    const char *text = source->entry->text;
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 0);
    /* strtoull takes blanks and signs before digits; we do not. */
    if (source->entry->type == CFG_LIST || *text < '0' || *text > '9' ||
        *end || errno)
        return bad(source, "a number");
    *(uint64_t *)p = n;
    return 0;
}

static int read_bool(const struct source *source, void *p)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = { { "0", false },     { "1", true },    { "no", false },
                  { "yes", true },    { "off", false }, { "on", true },
                  { "false", false }, { "true", true } };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (source->entry->type != CFG_LIST &&
            strcmp(source->entry->text, words[i].word) == 0) {
            *(bool *)p = words[i].value;
            return 0;
        }
    }
    return bad(source, "0 or 1");
}

/* A number of the file may be written 0x10, which only the entry knows. */
static const char *amount_text(const struct source *source)
{
    return source->entry->type == CFG_NUMBER
               ? arena_printf(source->arena, "%lld", source->entry->number)
               : source->entry->text;
}

static int read_mem(const struct source *source, void *p)
{
    struct vdc_error why;
    if (source->entry->type == CFG_LIST)
        return bad(source, "an amount, not a list");
    if (units_mem_parse(amount_text(source), 1024, p, &why))
        return vdc_error_set(source->err, VDC_E_BAD_CONFIG, "'%s': %s",
                             source->row->name, why.text);
    return 0;
}

static int read_duration(const struct source *source, void *p)
{
    struct vdc_error why;
    if (source->entry->type == CFG_LIST)
        return bad(source, "a duration, not a list");
    if (units_duration_parse(amount_text(source), p, &why))
        return vdc_error_set(source->err, VDC_E_BAD_CONFIG, "'%s': %s",
                             source->row->name, why.text);
    return 0;
}

static int read_list(const struct source *source, void *p)
{
    const struct cfg_entry *entry = source->entry;
    if (entry->type != CFG_LIST)
        return bad(source, "a list, as [ \"a\", \"b\" ]");
    struct setting_list *list = p;
    list->n_items = entry->n_items;
    list->items = ARENA_ARRAY(source->arena, entry->n_items, const char *);
    for (size_t i = 0; i < entry->n_items; i++)
        list->items[i] = arena_strdup(source->arena, entry->items[i]);
    return 0;
}

static int read_value(const struct source *source, void *p)
{
    switch (source->row->type) {
    case SETTING_STRING:
        return read_string(source, p);
    case SETTING_U64:
        return read_u64(source, p);
    case SETTING_BOOL:
        return read_bool(source, p);
    case SETTING_MEM:
        return read_mem(source, p);
    case SETTING_DURATION:
        return read_duration(source, p);
    case SETTING_LIST:
        return read_list(source, p);
    }
    assert(!"a setting of no type");
    return VDC_E_INTERNAL;
}

/* ---- ranges ---- */

const char *settings_limit_format(const struct setting *row, uint64_t n,
                                  char *buf, size_t size)
{
    if (row->type == SETTING_MEM)
        return units_mem_format(MEM_KIB(n), buf, size);
    if (row->type == SETTING_DURATION)
        return units_duration_format(n, buf, size);
    snprintf(buf, size, "%" PRIu64, n);
    return buf;
}

static int check_range(const struct source *source, const void *p)
{
    const struct setting *row = source->row;
    uint64_t n;
    if (row->type == SETTING_U64 || row->type == SETTING_DURATION)
        n = *(const uint64_t *)p;
    else if (row->type == SETTING_MEM)
        n = ((const struct mem *)p)->kib;
    else
        return 0;
    if (n >= row->min && (n <= row->max || !row->max))
        return 0;
    char min[32], max[32];
    settings_limit_format(row, row->min, min, sizeof(min));
    settings_limit_format(row, row->max, max, sizeof(max));
    if (!row->max)
        return vdc_error_set(source->err, VDC_E_BAD_CONFIG,
                             "'%s' must be at least %s", row->name, min);
    return vdc_error_set(source->err, VDC_E_BAD_CONFIG,
                         "'%s' must be between %s and %s", row->name, min,
                         max);
}

/* ---- defaults and the file ---- */

/* "a, b" -> items without the blanks around them. */
static void split_list(const char *text, struct arena *arena,
                       struct cfg_entry *ret)
{
    ret->type = CFG_LIST;
    ret->items = ARENA_ARRAY(arena, strlen(text) / 2 + 1, const char *);
    while (*text) {
        size_t len = strcspn(text, ",");
        const char *start = text + strspn(text, " ");
        const char *end = text + len;
        while (end > start && end[-1] == ' ')
            end--;
        if (end > start)
            ret->items[ret->n_items++] =
                arena_strndup(arena, start, (size_t)(end - start));
        text += len + (text[len] == ',');
    }
}

static int set_one(const struct source *source, void *base)
{
    void *p = (char *)base + source->row->offset;
    int rc = read_value(source, p);
    return rc ? rc : check_range(source, p);
}

static void set_default(const struct setting *row, void *base,
                        struct arena *arena)
{
    const char *text = row->fallback ? row->fallback : "";
    if (!*text && row->type != SETTING_STRING && row->type != SETTING_LIST)
        text = "0";
    struct cfg_entry entry = { .type = CFG_STRING, .text = text };
    if (row->type == SETTING_LIST)
        split_list(text, arena, &entry);
    struct vdc_error err;
    struct source source = { row, &entry, arena, &err };
    if (set_one(&source, base)) {
        fprintf(stderr, "default of %s: %s\n", row->name, err.text);
        assert(!"a default that its own row does not allow");
        abort();
    }
}

static const struct setting *find(const struct setting *rows, size_t n_rows,
                                  const char *name)
{
    for (size_t i = 0; i < n_rows; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static int unknown_name(const struct setting *rows, size_t n_rows,
                        const char *path, const struct cfg_entry *entry,
                        struct arena *arena, struct vdc_error *err)
{
    const char **names = ARENA_ARRAY(arena, n_rows, const char *);
    for (size_t i = 0; i < n_rows; i++)
        names[i] = rows[i].name;
    int rc =
        vdc_error_set(err, VDC_E_BAD_CONFIG, "%s:%u: there is no setting '%s'",
                      path, entry->line, entry->name);
    const char *near = suggest_nearest(entry->name, names, n_rows);
    if (near)
        vdc_error_hint(err, "did you mean '%s'?", near);
    return rc;
}

static int load_file(const struct setting *rows, size_t n_rows, void *base,
                     const char *path, struct arena *arena,
                     struct vdc_error *err)
{
    struct cfg_file file;
    int rc = cfg_read(path, NULL, arena, &file, err);
    for (size_t i = 0; !rc && i < file.n_entries; i++) {
        const struct cfg_entry *entry = &file.entries[i];
        const struct setting *row = find(rows, n_rows, entry->name);
        if (!row)
            return unknown_name(rows, n_rows, path, entry, arena, err);
        struct source source = { row, entry, arena, err };
        rc = set_one(&source, base);
        if (rc)
            vdc_error_prefix(err, "%s:%u", path, entry->line);
    }
    return rc;
}

int settings_load(const struct setting *rows, size_t n_rows, void *base,
                  const char *path, bool must_exist, struct arena *arena,
                  struct vdc_error *err)
{
    for (size_t i = 0; i < n_rows; i++)
        set_default(&rows[i], base, arena);
    if (!path || (!must_exist && access(path, F_OK) < 0 && errno == ENOENT))
        return 0;
    return load_file(rows, n_rows, base, path, arena, err);
}
