/*
 * Reads a file of rules.  Every line is looked at, also after an error, so
 * that whoever wrote it need not try as often as there are errors.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/reasons.h"
#include "base/suggest.h"
#include "channeld/rule.h"

#define WORDS_MAX 8
#define COUNT_MAX 1000000

struct parse {
    struct rule_table *table;
    struct reasons reasons;
    struct arena *arena;
    unsigned line;
};

static int bad(const struct parse *parse, struct vdc_error *err,
               const char *text)
{
    return vdc_error_set(err, VDC_E_BAD_CONFIG, "%s:%u: %s",
                         parse->table->path, parse->line, text);
}

#define BAD(parse, err, ...) \
    bad(parse, err, arena_printf((parse)->arena, __VA_ARGS__))

/* ---- one word ---- */

static int take_at(const struct parse *parse, const char *word,
                   struct rule_subject *ret, struct vdc_error *err)
{
    static const char *const names[] = { "@any", "@host", "@customer",
                                         "@same-customer" };
    static const enum rule_subject_kind kinds[] = { RULE_ANY, RULE_HOST,
                                                    RULE_CUSTOMER,
                                                    RULE_SAME_CUSTOMER };

    for (size_t i = 0; i < 4; i++)
        if (strcmp(word, names[i]) == 0) {
            ret->kind = kinds[i];
            return 0;
        }
    const char *near = suggest_nearest(word, names, 4);
    return BAD(parse, err,
               "there is no '%s'%s%s; write @any, @host, @customer, "
               "@same-customer, a customer, CUSTOMER.PARTITION or a UUID",
               word, near ? ", did you mean " : "", near ? near : "");
}

static int take_owner(const struct parse *parse, const char *word, size_t len,
                      char *ret, struct vdc_error *err)
{
    static const char characters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

    if (len == 0 || len > PARTY_OWNER_MAX || !islower(word[0]) ||
        strspn(word, characters) < len)
        return BAD(parse, err,
                   "'%.*s' cannot be a customer's name; one is of a-z, 0-9 "
                   "and '-', a letter first",
                   (int)len, word);
    memcpy(ret, word, len);
    ret[len] = '\0';
    if (strcmp(ret, PARTY_PROVIDER) == 0)
        ret[0] = '\0';
    return 0;
}

static int take_subject(const struct parse *parse, const char *word,
                        struct rule_subject *ret, struct vdc_error *err)
{
    const char *dot = strchr(word, '.');

    if (word[0] == '@')
        return take_at(parse, word, ret, err);
    if (uuid_from_text(word, &ret->uuid)) {
        ret->kind = RULE_UUID;
        return 0;
    }
    ret->kind = dot ? RULE_PARTITION : RULE_OWNER;
    if (dot && (!dot[1] || strlen(dot + 1) > PARTY_NAME_MAX))
        return BAD(parse, err, "'%s' lacks a partition's name after the dot",
                   word);
    if (dot)
        PARTY_COPY(ret->name, dot + 1);
    return take_owner(parse, word, dot ? (size_t)(dot - word) : strlen(word),
                      ret->owner, err);
}

static int take_service(const struct parse *parse, const char *word, char *ret,
                        struct vdc_error *err)
{
    size_t len = strlen(word);
    bool all = strcmp(word, "*") == 0;
    /* checked as a name of the kind that it stands for */
    bool some = len > 2 && strcmp(word + len - 2, "/*") == 0;
    const char *name =
        some ? arena_printf(parse->arena, "%.*sx", (int)len - 1, word) : word;

    if (!all && rule_check_service(name, NULL))
        return BAD(parse, err,
                   "'%s' cannot be a service's name; write a word of a-z, "
                   "0-9, '.', '_', '-', CUSTOMER/WORD, CUSTOMER/* or *",
                   word);
    party_copy(ret, RULE_SERVICE_MAX + 1, word);
    return 0;
}

static int take_count(const struct parse *parse, const char *name,
                      const char *value, uint32_t *ret, struct vdc_error *err)
{
    char *end;
    errno = 0;
    unsigned long n = strtoul(value, &end, 10);

    if (!isdigit(value[0]) || *end || errno || n == 0 || n > COUNT_MAX)
        return BAD(parse, err, "%s wants a number from 1 to %d, got '%s'",
                   name, COUNT_MAX, value);
    *ret = (uint32_t)n;
    return 0;
}

static int take_size(const struct parse *parse, const char *value,
                     struct mem *ret, struct vdc_error *err)
{
    struct mem size;

    if (units_mem_parse(value, 1, &size, NULL) || size.kib < 4 ||
        size.kib > 4096)
        return BAD(parse, err,
                   "size wants 4K to 4M (a plain number is KiB), got '%s'",
                   value);
    *ret = size;
    return 0;
}

static int take_place(const struct parse *parse, const char *value,
                      struct rule *rule, struct vdc_error *err)
{
    int rc = take_subject(parse, value, &rule->at, err);

    rule->moved =
        rule->at.kind == RULE_PARTITION || rule->at.kind == RULE_UUID;
    if (rc || rule->moved)
        return rc;
    return BAD(parse, err,
               "at wants one partition, CUSTOMER.PARTITION or a UUID, got "
               "'%s'",
               value);
}

static int take_limit(const struct parse *parse, char *word, struct rule *rule,
                      struct vdc_error *err)
{
    static const char *const names[] = { "at", "channels", "size", "grants" };
    char *value = strchr(word, '=');

    if (!value)
        return BAD(parse, err,
                   "'%s' is not of the form NAME=N; at=PARTITION, "
                   "channels=N, size=N and grants=N may follow allow",
                   word);
    *value++ = '\0';
    if (strcmp(word, "at") == 0)
        return take_place(parse, value, rule, err);
    if (strcmp(word, "channels") == 0)
        return take_count(parse, word, value, &rule->channels, err);
    if (strcmp(word, "grants") == 0)
        return take_count(parse, word, value, &rule->grants, err);
    if (strcmp(word, "size") == 0)
        return take_size(parse, value, &rule->size, err);
    const char *near = suggest_nearest(word, names, 4);
    return BAD(parse, err,
               "there is no limit '%s'%s%s; channels, size and "
               "grants are the limits, and at is a place",
               word, near ? ", did you mean " : "", near ? near : "");
}

/* ---- one line ---- */

static int take_verdict(const struct parse *parse, const char *word, bool *ret,
                        struct vdc_error *err)
{
    if (strcmp(word, "allow") && strcmp(word, "deny"))
        return BAD(parse, err, "'%s' stands where allow or deny must", word);
    *ret = word[0] == 'a';
    return 0;
}

static void note(struct parse *parse, int rc, const struct vdc_error *err)
{
    if (rc)
        reasons_add(&parse->reasons, err);
}

/* Each word is taken, whatever the others are. */
static void take_words(struct parse *parse, char **words, size_t n,
                       struct rule *rule)
{
    struct vdc_error err = { 0 };

    if (n < 4) {
        note(parse,
             BAD(parse, &err,
                 "a rule has four words at least: SERVICE FROM TO "
                 "allow|deny; here are %zu",
                 n),
             &err);
        return;
    }
    note(parse, take_service(parse, words[0], rule->service, &err), &err);
    note(parse, take_subject(parse, words[1], &rule->from, &err), &err);
    note(parse, take_subject(parse, words[2], &rule->to, &err), &err);
    note(parse, take_verdict(parse, words[3], &rule->allow, &err), &err);
    for (size_t i = 4; i < n; i++) {
        if (strcmp(words[3], "deny") == 0)
            note(parse,
                 BAD(parse, &err, "'%s': what is denied has no limits",
                     words[i]),
                 &err);
        else
            note(parse, take_limit(parse, words[i], rule, &err), &err);
    }
}

static bool is_text(const char *line)
{
    for (; *line; line++)
        if (iscntrl((unsigned char)*line) && *line != '\t')
            return false;
    return true;
}

static void take_line(struct parse *parse, char *line)
{
    struct rule_table *table = parse->table;
    struct vdc_error err = { 0 };
    char *words[WORDS_MAX];
    size_t n = 0;

    line += strspn(line, " \t");
    line[strcspn(line, "#")] = '\0';
    for (size_t len = strlen(line); len && strchr(" \t\r", line[len - 1]);)
        line[--len] = '\0';
    if (!*line)
        return;
    if (strlen(line) > RULE_TEXT_MAX || !is_text(line) ||
        table->n_rules == RULE_ROWS_MAX) {
        note(parse,
             BAD(parse, &err,
                 "a rule is text of at most %d "
                 "characters, and a file has at most %d",
                 RULE_TEXT_MAX, RULE_ROWS_MAX),
             &err);
        return;
    }
    if ((table->n_rules & (table->n_rules - 1)) == 0)
        table->rules =
            xrealloc(table->rules, (table->n_rules ? 2 * table->n_rules : 1) *
                                       sizeof(*table->rules));
    struct rule *rule = &table->rules[table->n_rules++];
    *rule = (struct rule){ .line = parse->line };
    PARTY_COPY(rule->text, line);
    char *save = NULL;
    for (char *word = strtok_r(line, " \t", &save); word;
         word = strtok_r(NULL, " \t", &save)) {
        if (n == WORDS_MAX) {
            note(parse, BAD(parse, &err, "'%s' is one word too many", word),
                 &err);
            return;
        }
        words[n++] = word;
    }
    take_words(parse, words, n, rule);
}

int rule_table_parse(const char *path, const char *text, size_t len,
                     struct rule_table **ret, struct vdc_error *err)
{
    struct parse parse = { .arena = arena_new() };
    char *copy = arena_strndup(parse.arena, text, len);
    struct vdc_error one = { 0 };

    parse.table = XNEW(struct rule_table);
    parse.table->path = xstrdup(path);
    if (strlen(copy) < len) {
        parse.line = 1;
        note(&parse,
             bad(&parse, &one,
                 "the file has zero bytes, and is no "
                 "text"),
             &one);
    }
    for (char *line = copy; line;) {
        char *end = strchr(line, '\n');
        if (end)
            *end++ = '\0';
        parse.line++;
        take_line(&parse, line);
        line = end;
    }
    int rc = reasons_error(&parse.reasons, err);
    arena_free(parse.arena);
    if (rc)
        rule_table_free(parse.table);
    else
        *ret = parse.table;
    return rc;
}

/* ---- the file ---- */

static int read_all(int fd, const char *path, struct arena *arena, char **ret,
                    size_t *ret_len, struct vdc_error *err)
{
    struct stat st;
    size_t done = 0;

    if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size > RULE_FILE_MAX)
        return vdc_error_set(err, VDC_E_BAD_CONFIG,
                             "%s is no file of at most 1 MiB", path);
    char *text = arena_alloc(arena, RULE_FILE_MAX);
    while (done < RULE_FILE_MAX) {
        ssize_t r = read(fd, text + done, RULE_FILE_MAX - done);
        if (r < 0 && errno != EINTR)
            return vdc_error_errno(err, VDC_E_NO_FILE, errno, "cannot read %s",
                                   path);
        if (r == 0)
            break;
        done += r > 0 ? (size_t)r : 0;
    }
    *ret = text;
    *ret_len = done;
    return 0;
}

int rule_table_read(const char *path, struct rule_table **ret,
                    struct vdc_error *err)
{
    struct arena *arena;
    char *text;
    size_t len;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        int rc = vdc_error_errno(err, VDC_E_NO_FILE, errno,
                                 "cannot read the rules in %s", path);
        vdc_error_hint(err, "one rule a line: SERVICE FROM TO allow|deny; "
                            "channeld(8) describes them");
        return rc;
    }
    arena = arena_new();
    int rc = read_all(fd, path, arena, &text, &len, err);
    close(fd);
    if (rc == 0)
        rc = rule_table_parse(path, text, len, ret, err);
    arena_free(arena);
    return rc;
}
