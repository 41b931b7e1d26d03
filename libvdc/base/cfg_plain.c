/*
 * Our own reader of xl.cfg syntax: all there is where libxlutil is not, and
 * the source of names, order and lines where it is (libxlutil does not tell
 * them).
 *
 *     file       statements, each ended by a newline or ';'
 *     statement  nothing | NAME = value | NAME += value
 *     value      STRING | NUMBER | [ value, value, ... ]
 *
 * Newlines may stand after '[', and around each item.  `+=` appends to a
 * string or list that is there, and is `=` when it is not.  Stricter than
 * libxlutil: a name is set once, items of a list are not lists, and a number
 * is neither added nor added to.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cfg_impl.h"
#include "base/cfg_lex.h"

/* An entry and the room behind its text or items, so that adding to it many
 * times does not copy it each time. */
struct slot {
    struct cfg_entry entry;
    size_t text_len, text_room;
    size_t items_room;
};

struct parser {
    struct cfg_lexer lexer;
    struct arena *arena;
    bool is_extra; /* a name again replaces, instead of being an error */
    struct slot *slots;
    size_t n_slots, n_room, n_additions;
};

static int syntax_error(struct parser *parser, const char *wanted,
                        struct vdc_error *err)
{
    const struct cfg_lexer *lexer = &parser->lexer;
    return vdc_error_set(err, VDC_E_BAD_CONFIG, "%s:%u: %s expected, not %s",
                         lexer->path, lexer->token_line, wanted,
                         cfg_lexer_describe(lexer));
}

static int next(struct parser *parser, struct vdc_error *err)
{
    return cfg_lexer_next(&parser->lexer, err);
}

static struct slot *find(struct parser *parser, const char *name)
{
    for (size_t i = 0; i < parser->n_slots; i++)
        if (strcmp(parser->slots[i].entry.name, name) == 0)
            return &parser->slots[i];
    return NULL;
}

/* ---- values ---- */

static void add_item(struct parser *parser, struct slot *slot,
                     const char *text, unsigned line)
{
    struct cfg_entry *entry = &slot->entry;
    if (entry->n_items == slot->items_room) {
        slot->items_room = slot->items_room ? slot->items_room * 2 : 8;
        const char **items =
            ARENA_ARRAY(parser->arena, slot->items_room, const char *);
        unsigned *lines =
            ARENA_ARRAY(parser->arena, slot->items_room, unsigned);
        if (entry->n_items) {
            memcpy(items, entry->items, entry->n_items * sizeof(items[0]));
            memcpy(lines, entry->item_lines,
                   entry->n_items * sizeof(lines[0]));
        }
        entry->items = items;
        entry->item_lines = lines;
    }
    entry->item_lines[entry->n_items] = line;
    entry->items[entry->n_items++] = text;
}

static void add_text(struct parser *parser, struct slot *slot,
                     const char *text)
{
    size_t len = strlen(text);
    if (slot->text_len + len + 1 > slot->text_room) {
        slot->text_room = (slot->text_len + len + 1) * 2;
        char *room = arena_alloc(parser->arena, slot->text_room);
        memcpy(room, slot->entry.text, slot->text_len);
        slot->entry.text = room;
    }
    memcpy((char *)slot->entry.text + slot->text_len, text, len + 1);
    slot->text_len += len;
}

/* As strtol does it for libxlutil: decimal, 0x, or octal after a 0.  What is
 * not a number as a whole (12ab, 09) is text there, so it is here. */
static int take_number(struct parser *parser, struct cfg_entry *entry,
                       struct vdc_error *err)
{
    char *end;
    errno = 0;
    entry->text = parser->lexer.text;
    entry->number = strtoll(entry->text, &end, 0);
    if (*end) {
        entry->type = CFG_STRING;
        entry->number = 0;
        return 0;
    }
    if (errno)
        return vdc_error_set(
            err, VDC_E_BAD_CONFIG, "%s:%u: the number %.40s is too large",
            parser->lexer.path, parser->lexer.token_line, entry->text);
    entry->type = CFG_NUMBER;
    return 0;
}

static int skip_newlines(struct parser *parser, struct vdc_error *err)
{
    int rc = 0;
    while (!rc && parser->lexer.token == CFG_TOKEN_NEWLINE)
        rc = next(parser, err);
    return rc;
}

/* From after '[' to the ']'. */
static int take_list(struct parser *parser, struct slot *slot,
                     struct vdc_error *err)
{
    struct cfg_lexer *lexer = &parser->lexer;
    slot->entry.type = CFG_LIST;
    for (;;) {
        int rc = next(parser, err);
        if (!rc)
            rc = skip_newlines(parser, err);
        if (rc)
            return rc;
        if (lexer->token == CFG_TOKEN_CLOSE)
            return 0;
        if (lexer->token == CFG_TOKEN_OPEN)
            return vdc_error_set(err, VDC_E_BAD_CONFIG,
                                 "%s:%u: a list inside a list is not possible",
                                 lexer->path, lexer->token_line);
        if (lexer->token != CFG_TOKEN_STRING &&
            lexer->token != CFG_TOKEN_NUMBER)
            return syntax_error(parser, "a string, a number or ']'", err);
        add_item(parser, slot, lexer->text, lexer->token_line);
        rc = next(parser, err);
        if (!rc)
            rc = skip_newlines(parser, err);
        if (rc)
            return rc;
        if (lexer->token == CFG_TOKEN_CLOSE)
            return 0;
        if (lexer->token != CFG_TOKEN_COMMA)
            return syntax_error(parser, "',' or ']'", err);
    }
}

static int take_value(struct parser *parser, struct slot *slot,
                      struct vdc_error *err)
{
    struct cfg_lexer *lexer = &parser->lexer;
    slot->entry.text = "";
    if (lexer->token == CFG_TOKEN_OPEN)
        return take_list(parser, slot, err);
    if (lexer->token == CFG_TOKEN_NUMBER)
        return take_number(parser, &slot->entry, err);
    if (lexer->token != CFG_TOKEN_STRING)
        return syntax_error(
            parser, "a number, a string in quotes, or a list in [ ]", err);
    slot->entry.type = CFG_STRING;
    slot->entry.text = lexer->text;
    slot->text_len = strlen(lexer->text);
    return 0;
}

/* ---- statements ---- */

static void remove_slot(struct parser *parser, struct slot *slot)
{
    size_t i = (size_t)(slot - parser->slots);
    parser->n_slots--;
    memmove(slot, slot + 1, (parser->n_slots - i) * sizeof(*slot));
}

static int store(struct parser *parser, const struct slot *slot,
                 struct vdc_error *err)
{
    struct slot *old = find(parser, slot->entry.name);
    if (old && !parser->is_extra)
        return vdc_error_set(err, VDC_E_BAD_CONFIG,
                             "%s:%u: '%s' is set twice, first in line %u",
                             parser->lexer.path, slot->entry.line,
                             slot->entry.name, old->entry.line);
    if (old)
        remove_slot(parser, old);
    if (parser->n_slots == CFG_ENTRIES_MAX)
        return vdc_error_set(
            err, VDC_E_BAD_CONFIG, "%s:%u: more than %d settings",
            parser->lexer.path, slot->entry.line, CFG_ENTRIES_MAX);
    if (parser->n_slots == parser->n_room) {
        size_t n_room = parser->n_room ? parser->n_room * 2 : 32;
        struct slot *slots = ARENA_ARRAY(parser->arena, n_room, struct slot);
        if (parser->n_slots)
            memcpy(slots, parser->slots, parser->n_slots * sizeof(*slots));
        parser->slots = slots;
        parser->n_room = n_room;
    }
    parser->slots[parser->n_slots++] = *slot;
    return 0;
}

static int append(struct parser *parser, const struct slot *slot,
                  struct vdc_error *err)
{
    const struct cfg_entry *entry = &slot->entry;
    const char *path = parser->lexer.path;
    struct slot *old = find(parser, entry->name);
    if (++parser->n_additions > CFG_ADDITIONS_MAX)
        return vdc_error_set(err, VDC_E_BAD_CONFIG,
                             "%s:%u: '+=' more than %d times", path,
                             entry->line, CFG_ADDITIONS_MAX);
    if (entry->type == CFG_NUMBER || (old && old->entry.type == CFG_NUMBER))
        return vdc_error_set(err, VDC_E_BAD_CONFIG,
                             "%s:%u: '+=' is for strings and lists, not "
                             "numbers",
                             path, entry->line);
    if (!old)
        return store(parser, slot, err);
    if (old->entry.type != entry->type)
        return vdc_error_set(err, VDC_E_BAD_CONFIG,
                             "%s:%u: '%s' cannot add a list to a string or a "
                             "string to a list",
                             path, entry->line, entry->name);
    if (entry->type == CFG_STRING)
        add_text(parser, old, entry->text);
    for (size_t i = 0; i < entry->n_items; i++)
        add_item(parser, old, entry->items[i], entry->item_lines[i]);
    return 0;
}

/* The lexer is at a name. */
static int take_statement(struct parser *parser, struct vdc_error *err)
{
    struct cfg_lexer *lexer = &parser->lexer;
    struct slot slot = {
        .entry = { .name = lexer->text, .line = lexer->token_line },
    };
    int rc = next(parser, err);
    if (rc)
        return rc;
    enum cfg_token operation = lexer->token;
    if (operation != CFG_TOKEN_SET && operation != CFG_TOKEN_ADD)
        return syntax_error(parser, "'=' after a name", err);
    rc = next(parser, err);
    if (!rc)
        rc = take_value(parser, &slot, err);
    if (!rc)
        rc = next(parser, err);
    if (rc)
        return rc;
    if (lexer->token != CFG_TOKEN_NEWLINE &&
        lexer->token != CFG_TOKEN_SEMICOLON && lexer->token != CFG_TOKEN_END)
        return syntax_error(parser, "the end of the line or ';'", err);
    return operation == CFG_TOKEN_SET ? store(parser, &slot, err)
                                      : append(parser, &slot, err);
}

static int take_file(struct parser *parser, const char *path, const char *text,
                     size_t len, struct vdc_error *err)
{
    struct cfg_lexer *lexer = &parser->lexer;
    cfg_lexer_init(lexer, path, text, len, parser->arena);
    do {
        int rc = next(parser, err);
        if (rc)
            return rc;
        if (lexer->token == CFG_TOKEN_NAME)
            rc = take_statement(parser, err);
        else if (lexer->token != CFG_TOKEN_NEWLINE &&
                 lexer->token != CFG_TOKEN_SEMICOLON &&
                 lexer->token != CFG_TOKEN_END)
            rc = syntax_error(parser, "a name", err);
        if (rc)
            return rc;
    } while (lexer->token != CFG_TOKEN_END);
    return 0;
}

int cfg_plain_parse(const char *path, const char *text, size_t len,
                    const char *extra, struct arena *arena,
                    struct cfg_file *ret, struct vdc_error *err)
{
    struct parser parser = { .arena = arena };
    int rc = take_file(&parser, path, text, len, err);
    if (!rc && extra) {
        parser.is_extra = true;
        rc = take_file(&parser, "command line", extra, strlen(extra), err);
    }
    if (rc)
        return rc;
    struct cfg_entry *entries =
        ARENA_ARRAY(arena, parser.n_slots, struct cfg_entry);
    for (size_t i = 0; i < parser.n_slots; i++)
        entries[i] = parser.slots[i].entry;
    ret->path = arena_strdup(arena, path);
    ret->n_entries = parser.n_slots;
    ret->entries = entries;
    return 0;
}
