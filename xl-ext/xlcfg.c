/*
 * Reads a domain file for `xl-vdc create`: every entry by its row in the
 * table of keys, all problems at once.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/image_ref.h"
#include "base/suggest.h"
#include "wire/layout.h"
#include "xl-ext/xlcfg_impl.h"

#define COMMAND_LINE "command line"
#define MAX_KEYS 256
#define SHOWN_PROBLEMS 10

/* ---- problems and notes ---- */

static const char *entry_path(const struct xlcfg *x, const struct cfg_entry *e)
{
    for (size_t i = 0; i < x->n_entries; i++)
        if (&x->entries[i].cfg == e)
            return x->entries[i].path;
    return x->path;
}

void xlcfg_problem(struct xlcfg *x, const struct cfg_entry *e,
                   const char *format, ...)
{
    if (x->n_problems++ >= XLCFG_PROBLEMS_KEPT)
        return;
    struct xlcfg_problem *p = &x->problems[x->n_problems - 1];
    char text[1024];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    p->path = e ? entry_path(x, e) : x->path;
    p->line = e ? e->line : 0;
    p->text = arena_strdup(x->arena, text);
    p->hint = "";
}

void xlcfg_problem_hint(struct xlcfg *x, const char *format, ...)
{
    if (x->n_problems > XLCFG_PROBLEMS_KEPT)
        return;
    char text[512];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    x->problems[x->n_problems - 1].hint = arena_strdup(x->arena, text);
}

void xlcfg_note(struct xlcfg *x, const char *format, ...)
{
    if (x->n_notes == XLCFG_NOTES_KEPT)
        return;
    char text[512];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    x->notes[x->n_notes++] = arena_strdup(x->arena, text);
}

static bool is_command_line(const struct xlcfg_problem *p)
{
    return !strcmp(p->path, COMMAND_LINE);
}

/* One problem as a line: with its hint when there are several. */
static const char *problem_line(struct xlcfg *x, const struct xlcfg_problem *p,
                                bool with_hint)
{
    bool hinted = with_hint && *p->hint;
    const char *where = p->line && !is_command_line(p)
        ? arena_printf(x->arena, "%s:%u", p->path, p->line) : p->path;
    return arena_printf(x->arena, "%s: %s%s%s%s", where, p->text,
                        hinted ? " (" : "", hinted ? p->hint : "",
                        hinted ? ")" : "");
}

static int compare_problems(const void *a, const void *b)
{
    const struct xlcfg_problem *p = a, *q = b;
    if (is_command_line(p) != is_command_line(q))
        return is_command_line(p) ? 1 : -1;
    unsigned pl = p->line ? p->line : UINT32_MAX;
    unsigned ql = q->line ? q->line : UINT32_MAX;
    return pl < ql ? -1 : pl > ql;
}

static int report(struct xlcfg *x, struct vdc_error *err)
{
    size_t n = x->n_problems < XLCFG_PROBLEMS_KEPT ? x->n_problems
                                                   : XLCFG_PROBLEMS_KEPT;
    qsort(x->problems, n, sizeof(x->problems[0]), compare_problems);
    char text[sizeof(err->text)] = "";
    size_t len = 0, shown = 0;
    for (size_t i = 0; i < n && i < SHOWN_PROBLEMS; i++) {
        const char *line = problem_line(x, &x->problems[i], n > 1);
        /* room for a newline and "and 64 more problems" */
        if (shown && len + strlen(line) + 40 > sizeof(text))
            break;
        int more = snprintf(text + len, sizeof(text) - len, "%s%s",
                            shown ? "\n" : "", line);
        len += (size_t)more;
        if (len >= sizeof(text))
            len = sizeof(text) - 1;
        shown++;
    }
    if (x->n_problems > shown)
        snprintf(text + len, sizeof(text) - len, "\nand %zu more",
                 x->n_problems - shown);
    int rc = vdc_error_set(err, VDC_E_BAD_CONFIG, "%s", text);
    if (n == 1 && x->problems[0].hint[0])
        vdc_error_hint(err, "%s", x->problems[0].hint);
    return rc;
}

/* ---- values ---- */

const char *xlcfg_shown(struct xlcfg *x, const struct cfg_entry *e)
{
    switch (e->type) {
    case CFG_NUMBER:
        return e->text;
    case CFG_STRING:
        return strlen(e->text) > 60
            ? arena_printf(x->arena, "\"%.60s...\"", e->text)
            : arena_printf(x->arena, "\"%s\"", e->text);
    case CFG_LIST:
        break;
    }
    return "a list";
}

bool xlcfg_digits(const char *text, long long *ret)
{
    const char *digits = text + (*text == '-');
    bool hex = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
    const char *known = hex ? "0123456789abcdefABCDEF" : "0123456789";
    digits += hex ? 2 : 0;
    if (!*digits || strspn(digits, known) != strlen(digits))
        return false;
    errno = 0;
    long long n = strtoll(text, NULL, hex ? 16 : 10);
    if (errno)
        return false;
    *ret = n;
    return true;
}

bool xlcfg_number(struct xlcfg *x, const struct cfg_entry *e, long long min,
                  long long max, const char *unit, long long *ret)
{
    long long n = 0;
    bool ok = e->type == CFG_NUMBER ||
        (e->type == CFG_STRING && xlcfg_digits(e->text, &n));
    if (e->type == CFG_NUMBER)
        n = e->number;
    if (ok && n >= min && n <= max) {
        *ret = n;
        return true;
    }
    xlcfg_problem(x, e, "'%s' wants a number%s from %lld to %lld, got %s",
                  e->name, unit, min, max, xlcfg_shown(x, e));
    if (!ok && e->type == CFG_STRING && *unit && *e->text &&
        strchr("kKmMgGtT", e->text[strlen(e->text) - 1]))
        xlcfg_problem_hint(x, "write it in MiB, without a suffix: 4G is 4096");
    return false;
}

bool xlcfg_bool(struct xlcfg *x, const struct cfg_entry *e, bool *ret)
{
    long long n = 0;
    if (e->type == CFG_NUMBER)
        n = e->number;
    else if (e->type == CFG_LIST || !xlcfg_digits(e->text, &n)) {
        xlcfg_problem(x, e, "'%s' wants 0 or 1, got %s", e->name,
                      xlcfg_shown(x, e));
        return false;
    }
    *ret = n != 0;
    return true;
}

bool xlcfg_text(struct xlcfg *x, const struct cfg_entry *e, size_t most,
                const char **ret)
{
    if (e->type == CFG_LIST) {
        xlcfg_problem(x, e, "'%s' wants a string, got a list", e->name);
        return false;
    }
    if (strlen(e->text) > most) {
        xlcfg_problem(x, e, "'%s' wants at most %zu characters, got %zu",
                      e->name, most, strlen(e->text));
        return false;
    }
    *ret = e->text;
    return true;
}

bool xlcfg_list(struct xlcfg *x, const struct cfg_entry *e, size_t most,
                const char *what)
{
    if (e->type != CFG_LIST) {
        xlcfg_problem(x, e, "'%s' wants a list of strings, got %s", e->name,
                      xlcfg_shown(x, e));
        xlcfg_problem_hint(x, "write %s = [ %s ]", e->name,
                           e->type == CFG_STRING ? xlcfg_shown(x, e)
                                                 : "\"...\"");
        return false;
    }
    if (e->n_items > most) {
        xlcfg_problem(x, e, "'%s' has %zu %s, the most is %zu", e->name,
                      e->n_items, what, most);
        return false;
    }
    return true;
}

const char *xlcfg_path(struct arena *arena, const char *path)
{
    if (path[0] == '/' || path[0] == 0 || image_ref_is(path))
        return path;
    char cwd[4096];
    if (!getcwd(cwd, sizeof(cwd)))
        return path;
    while (!strncmp(path, "./", 2))
        path += 2;
    return arena_printf(arena, "%s/%s", strcmp(cwd, "/") ? cwd : "", path);
}

/* ---- keys ---- */

static void set_action(struct xlcfg *x, const struct cfg_entry *e,
                       enum wire_action *ret)
{
    const char *word;
    int number;
    if (!xlcfg_text(x, e, 255, &word))
        return;
    if (wire_enum_number(&wire_enum_action, word, &number)) {
        *ret = (enum wire_action)number;
        return;
    }
    if (!strcmp(word, "rename-restart")) {
        xlcfg_problem(x, e, "'%s' does not support rename-restart", e->name);
        xlcfg_problem_hint(x, "use \"restart\", or \"preserve\" to look at "
                              "the stopped guest first");
    } else if (!strcmp(word, "soft-reset")) {
        xlcfg_problem(x, e, "'%s' does not support soft-reset, which is for "
                            "HVM guests", e->name);
        xlcfg_problem_hint(x, "use \"restart\"");
    } else {
        xlcfg_problem(x, e, "'%s' wants destroy, restart, preserve, "
                            "coredump-destroy or coredump-restart, got \"%s\"",
                      e->name, word);
    }
}

static bool is_allowed(const struct xlcfg_key *key, const struct cfg_entry *e)
{
    if (e->type == CFG_LIST)
        return e->n_items == 0 && !strcmp(key->allowed, "[]");
    long long n, allowed;
    if (xlcfg_digits(e->text, &n) && xlcfg_digits(key->allowed, &allowed) &&
        n == allowed)
        return true;
    const char *at = key->allowed;
    for (;;) {
        size_t len = strcspn(at, "|");
        if (len == strlen(e->text) && !strncmp(at, e->text, len))
            return true;
        if (!at[len])
            return false;
        at += len + 1;
    }
}

static void refuse(struct xlcfg *x, const struct xlcfg_key *key,
                   const struct cfg_entry *e)
{
    if (key->kind == XLCFG_ONLY && is_allowed(key, e))
        return;
    if (key->kind == XLCFG_ONLY && e->type != CFG_LIST)
        xlcfg_problem(x, e, "'%s' = %s is not supported", e->name,
                      xlcfg_shown(x, e));
    else if (key->kind == XLCFG_NEVER)
        xlcfg_problem(x, e, "'%s' is not for customers to say", e->name);
    else
        xlcfg_problem(x, e, "'%s' is not supported", e->name);
    xlcfg_problem_hint(x, "%s", key->text);
}

static void set_key(struct xlcfg *x, const struct xlcfg_key *key,
                    const struct cfg_entry *e)
{
    void *field = (char *)x->def + key->offset;
    const char *text;
    long long n;
    bool b;
    switch (key->kind) {
    case XLCFG_STR:
        if (xlcfg_text(x, e, (size_t)key->max, &text))
            *(const char **)field = text;
        break;
    case XLCFG_PATH:
        if (xlcfg_text(x, e, (size_t)key->max, &text))
            *(const char **)field = xlcfg_path(x->arena, text);
        break;
    case XLCFG_MEM:
        if (xlcfg_number(x, e, key->min, key->max, " of MiB", &n))
            *(struct mem *)field = MEM_MIB(n);
        break;
    case XLCFG_U32:
        if (xlcfg_number(x, e, key->min, key->max, "", &n))
            *(uint32_t *)field = (uint32_t)n;
        break;
    case XLCFG_I64:
        if (xlcfg_number(x, e, key->min, key->max, "", &n))
            *(int64_t *)field = n;
        break;
    case XLCFG_BOOL:
        if (xlcfg_bool(x, e, &b))
            *(bool *)field = b;
        break;
    case XLCFG_TRISTATE:
        if (xlcfg_bool(x, e, &b))
            *(enum wire_tristate *)field = b ? WIRE_YES : WIRE_NO;
        break;
    case XLCFG_ACTION:
        set_action(x, e, field);
        break;
    case XLCFG_OWN:
        key->set(x, e);
        break;
    case XLCFG_ONLY:
    case XLCFG_HVM:
    case XLCFG_NOT_YET:
    case XLCFG_NEVER:
        refuse(x, key, e);
        break;
    }
}

/* What no message can carry is told here, where the line is known. */
static bool check_text(struct xlcfg *x, const struct cfg_entry *e)
{
    const char *fault =
        layout_text_fault(e->text, strlen(e->text), SIZE_MAX);
    for (size_t i = 0; !fault && i < e->n_items; i++)
        fault = layout_text_fault(e->items[i], strlen(e->items[i]), SIZE_MAX);
    if (fault)
        xlcfg_problem(x, e, "the value of '%s' %s", e->name, fault);
    return !fault;
}

static void set_entry(struct xlcfg *x, const struct cfg_entry *e)
{
    size_t n;
    const struct xlcfg_key *keys = xlcfg_keys(&n);
    const char *names[MAX_KEYS];
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(keys[i].name, e->name)) {
            set_key(x, &keys[i], e);
            return;
        }
        names[i] = xlcfg_key_is_honoured(&keys[i]) ? keys[i].name : NULL;
    }
    xlcfg_problem(x, e, "unknown key '%s'", e->name);
    const char *near = suggest_nearest(e->name, names, n);
    if (near)
        xlcfg_problem_hint(x, "did you mean '%s'?", near);
    else
        xlcfg_problem_hint(x, "xl-vdc.cfg(5) lists the keys");
}

const struct cfg_entry *xlcfg_get(const struct xlcfg *x, const char *name)
{
    for (size_t i = x->n_entries; i-- > 0;)
        if (!strcmp(x->entries[i].cfg.name, name))
            return &x->entries[i].cfg;
    return NULL;
}

/* ---- the whole ---- */

static void add_entries(struct xlcfg *x, const struct cfg_file *file)
{
    struct xlcfg_entry *entries = ARENA_ARRAY(
        x->arena, x->n_entries + file->n_entries, struct xlcfg_entry);
    for (size_t i = 0; i < x->n_entries; i++) {
        entries[i] = x->entries[i];
        for (size_t k = 0; k < file->n_entries; k++)
            if (!strcmp(entries[i].cfg.name, file->entries[k].name))
                entries[i].replaced = true;
    }
    for (size_t i = 0; i < file->n_entries; i++) {
        entries[x->n_entries + i].cfg = file->entries[i];
        entries[x->n_entries + i].path = file->path;
    }
    x->entries = entries;
    x->n_entries += file->n_entries;
}

static int read_setting(struct xlcfg *x, const char *setting,
                        struct vdc_error *err)
{
    /* Each setting is read by itself, so there is nothing to add to. */
    const char *equals = strchr(setting, '=');
    if (equals > setting && equals[-1] == '+') {
        int rc = vdc_error_set(err, VDC_E_BAD_CONFIG,
                               "'%s': += works in files only", setting);
        vdc_error_hint(err, "give the whole value with =");
        return rc;
    }
    const char *text = xlcfg_setting_text(x->arena, setting);
    struct cfg_file file;
    int rc = cfg_parse(COMMAND_LINE, text, strlen(text), NULL, x->arena,
                       &file, NULL);
    if (rc) {
        vdc_error_set(err, rc, "'%s' on the command line is no setting",
                      setting);
        vdc_error_hint(err, "write it as in the file, quoted for the shell: "
                            "memory=256 'vif=[\"bridge=xenbr0\"]'");
        return rc;
    }
    add_entries(x, &file);
    return 0;
}

static int read_sources(struct xlcfg *x, const char *path,
                        const char *const *settings, size_t n_settings,
                        struct vdc_error *err)
{
    struct cfg_file file;
    if (path) {
        struct vdc_error why;
        int rc = cfg_read(path, NULL, x->arena, &file, &why);
        if (rc && strstr(why.text, "list inside a list"))
            vdc_error_hint(&why, "only 'vnuma' and 'vsnd' have such lists, "
                                 "and neither is supported; leave it out");
        if (rc && err)
            *err = why;
        if (rc)
            return rc;
        add_entries(x, &file);
    }
    for (size_t i = 0; i < n_settings; i++) {
        int rc = read_setting(x, settings[i], err);
        if (rc)
            return rc;
    }
    return 0;
}

static void set_defaults(struct wire_definition *def)
{
    wire_init(&wire_struct_definition, def);
    def->type = WIRE_PV;
    def->on_poweroff = WIRE_DESTROY;
    def->on_reboot = WIRE_RESTART;
    def->on_watchdog = WIRE_DESTROY;
    def->on_crash = WIRE_DESTROY;
    def->on_boot = WIRE_BOOT_LAST;
}

int xlcfg_read(const char *path, const char *const *settings,
               size_t n_settings, struct arena *arena,
               struct wire_definition *ret, const char *const **ret_notes,
               size_t *ret_n_notes, struct vdc_error *err)
{
    struct wire_definition def;
    set_defaults(&def);
    struct xlcfg *x = ARENA_NEW(arena, struct xlcfg);
    x->arena = arena;
    x->def = &def;
    x->path = path ? path : COMMAND_LINE;
    x->notes = ARENA_ARRAY(arena, XLCFG_NOTES_KEPT, const char *);

    int rc = read_sources(x, path, settings, n_settings, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < x->n_entries; i++)
        if (!x->entries[i].replaced && check_text(x, &x->entries[i].cfg))
            set_entry(x, &x->entries[i].cfg);
    xlcfg_check_whole(x);
    if (x->n_problems)
        return report(x, err);
    *ret = def;
    if (ret_notes) {
        *ret_notes = x->notes;
        *ret_n_notes = x->n_notes;
    }
    return 0;
}
