/*
 * Finds commands and understands command lines by their tables, for main.
 *
 * Options may stand anywhere up to `--`, as letters (also several behind one
 * dash), as --name, --name=value or --name value, and by an unambiguous
 * beginning of their name.
 */
#include "xl-ext/command.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/suggest.h"
#include "chan/broker.h"
#include "xl-ext/families.h"
#include "xl-ext/remote.h"
#include "xl-ext/road.h"
#include "xl-ext/xl_names.h"

#define DEFAULT_SOCKET "/run/xen-vdc/policyd.sock"
#define MAX_CANDIDATES 64

static const struct command_option common_options[] = {
    { 'o', "output", "FORMAT", COMPLETE_FORMATS,
      "Print as text (the default), as json, or, for a list, the name of "
      "each thing" },
    { 'q', "quiet", NULL, COMPLETE_NOTHING,
      "Print errors and what was asked for, no progress and no remarks" },
    { 0, "socket", "PATH", COMPLETE_FILES,
      "The socket of policyd, instead of $XEN_VDC_SOCKET or "
      "/run/xen-vdc/policyd.sock; inside a guest channel:PATH, the socket of "
      "its channeld, which is taken by itself; of a policyd in a domain of "
      "its own channel:policy, which is taken by itself, too" },
    { 'H', "remote", "HOST:PORT", COMPLETE_NOTHING,
      "policyd elsewhere, over TLS, instead of $XEN_VDC_HOST; who one is "
      "comes from $XEN_VDC_CERTIFICATE and $XEN_VDC_KEY, or from a token" },
    { 'h', "help", NULL, COMPLETE_NOTHING, "Explain the command" },
};

static const struct command_option dry_run_option = {
    'n', "dry-run", NULL, COMPLETE_NOTHING,
    "Check everything, say what would be done, and do nothing"
};

static const struct command_option version_option = {
    0, "version", NULL, COMPLETE_NOTHING, "Print the version of xl-vdc"
};

#define N_COMMON (sizeof(common_options) / sizeof(common_options[0]))

const struct command_family *const *command_families(size_t *ret_n)
{
    static const struct command_family *const families[] = {
        &family_guest,    &family_create,      &family_list,
        &family_identity, &family_state,       &family_memory,
        &family_vcpu,     &family_block,       &family_network,
        &family_pci,      &family_transaction, &family_console,
        &family_events,   &family_resource,    &family_lease,
        &family_customer, &family_token,       &family_certificate,
        &family_usage,    &family_audit,       &family_host,
        &family_dc,       &family_status,      &family_top,
        &family_verify,   &family_policy,      &family_why,
        &family_fence,
        &family_rebalance, &family_moves,      &family_store,
        &family_channel,  &family_image,
        &family_help,
    };
    *ret_n = sizeof(families) / sizeof(families[0]);
    return families;
}

const struct command_option *command_common_option(const struct command *c,
                                                   size_t i)
{
    bool changes = c && (c->flags & COMMAND_CHANGES);
    if (changes && i == 0)
        return &dry_run_option;
    i -= changes;
    return i < N_COMMON ? &common_options[i] : NULL;
}

/* ---- finding a command ---- */

/* All commands whose name begins with the word; at most MAX_CANDIDATES. */
static size_t find_candidates(const char *word,
                              const struct command **candidates)
{
    size_t n_families, n = 0;
    const struct command_family *const *families =
        command_families(&n_families);
    for (size_t f = 0; f < n_families; f++)
        for (size_t i = 0; i < families[f]->n_commands; i++) {
            const struct command *c = &families[f]->commands[i];
            if (!strncmp(c->name, word, strlen(word)) && n < MAX_CANDIDATES)
                candidates[n++] = c;
        }
    return n;
}

static const struct command *find_exact(const char *word)
{
    size_t n_families;
    const struct command_family *const *families =
        command_families(&n_families);
    for (size_t f = 0; f < n_families; f++)
        for (size_t i = 0; i < families[f]->n_commands; i++) {
            const struct command *c = &families[f]->commands[i];
            if (!strcmp(c->name, word) ||
                (c->alias && !strcmp(c->alias, word)))
                return c;
        }
    return NULL;
}

static int unknown_command(const char *word, struct vdc_error *err)
{
    const struct command *all[MAX_CANDIDATES];
    const char *names[MAX_CANDIDATES];
    size_t n = find_candidates("", all);
    for (size_t i = 0; i < n; i++)
        names[i] = all[i]->name;
    int rc = vdc_error_set(err, VDC_E_USAGE, "unknown command '%s'", word);
    const char *near = suggest_nearest(word, names, n);
    const char *hint = xl_names_hint(word);
    if (hint)
        vdc_error_hint(err, "%s", hint);
    else if (near)
        vdc_error_hint(err, "did you mean '%s'?", near);
    else
        vdc_error_hint(err, "'xl-vdc help' lists the commands");
    return rc;
}

int command_find(const char *word, const struct command **ret,
                 struct vdc_error *err)
{
    const struct command *exact = find_exact(word);
    if (exact) {
        *ret = exact;
        return 0;
    }
    const struct command *candidates[MAX_CANDIDATES];
    /* a whole name of xl's is not the beginning of one of ours */
    size_t n =
        *word && !xl_names_hint(word) ? find_candidates(word, candidates) : 0;
    if (n == 0)
        return unknown_command(word, err);
    if (n == 1) {
        *ret = candidates[0];
        return 0;
    }
    int rc = vdc_error_set(err, VDC_E_USAGE, "'%s' may be any of:", word);
    for (size_t i = 0; err && i < n; i++) {
        size_t len = strlen(err->text);
        if (len + strlen(candidates[i]->name) + 2 < sizeof(err->text)) {
            err->text[len] = ' ';
            strcpy(err->text + len + 1, candidates[i]->name);
        }
    }
    vdc_error_hint(err, "write more of the name");
    return rc;
}

/* ---- options ---- */

struct parser {
    const struct command *command; /* NULL: not known yet */
    int argc;
    char **argv;
    int next;
    struct arena *arena;
    struct command_given *given;
    size_t n_given;
    const char **arguments;
    size_t n_arguments;
    bool no_more_options;
};

/* The i-th option that may stand here; NULL after the last. */
static const struct command_option *option_at(const struct command *command,
                                              size_t i)
{
    for (size_t own = 0;
         command && command->options && command->options[own].name; own++)
        if (i-- == 0)
            return &command->options[own];
    const struct command_option *common = command_common_option(command, i);
    if (common)
        return common;
    size_t n_common = 0;
    while (command_common_option(command, n_common))
        n_common++;
    return !command && i == n_common ? &version_option : NULL;
}

static int unknown_option(const struct parser *p, const char *shown,
                          const char *name, struct vdc_error *err)
{
    const char *names[MAX_CANDIDATES];
    size_t n = 0;
    const struct command_option *o;
    while (n < MAX_CANDIDATES && (o = option_at(p->command, n)))
        names[n++] = o->text ? o->name : NULL;
    const char *near = name ? suggest_nearest(name, names, n) : NULL;
    int rc = p->command
                 ? vdc_error_set(err, VDC_E_USAGE, "%s has no option '%s'",
                                 p->command->name, shown)
                 : vdc_error_set(err, VDC_E_USAGE,
                                 "no option '%s' is known before the command",
                                 shown);
    const char *xl =
        p->command ? xl_names_option_hint(p->command->name, shown) : NULL;
    if (xl)
        vdc_error_hint(err, "%s", xl);
    else if (near)
        vdc_error_hint(err, "did you mean '--%s'?", near);
    else
        vdc_error_hint(err, "'xl-vdc %s%s' lists the options",
                       p->command ? "help " : "--help",
                       p->command ? p->command->name : "");
    return rc;
}

static void add_given(struct parser *p, const struct command_option *option,
                      const char *value)
{
    p->given[p->n_given].option = option;
    p->given[p->n_given++].value = value;
}

static int next_value(struct parser *p, const char *shown, const char **ret,
                      struct vdc_error *err)
{
    if (p->next >= p->argc)
        return vdc_error_set(err, VDC_E_USAGE, "option '%s' wants a value",
                             shown);
    *ret = p->argv[p->next++];
    return 0;
}

/* --name, --name=value, or an unambiguous beginning of the name. */
static int parse_long(struct parser *p, const char *word,
                      struct vdc_error *err)
{
    const char *equals = strchr(word, '=');
    size_t len = equals ? (size_t)(equals - word) : strlen(word);
    const char *name = arena_strndup(p->arena, word + 2, len - 2);
    const char *shown = arena_strndup(p->arena, word, len);
    const struct command_option *found = NULL, *o;
    size_t n_found = 0;
    for (size_t i = 0; (o = option_at(p->command, i)); i++) {
        if (!strcmp(o->name, name)) {
            found = o;
            n_found = 1;
            break;
        }
        if (o->text && *name && !strncmp(o->name, name, strlen(name))) {
            found = o;
            n_found++;
        }
    }
    if (n_found == 0)
        return unknown_option(p, shown, name, err);
    if (n_found > 1)
        return vdc_error_set(err, VDC_E_USAGE,
                             "option '%s' is the beginning of several", shown);
    const char *value = equals ? equals + 1 : NULL;
    if (!found->argument && value)
        return vdc_error_set(err, VDC_E_USAGE, "option '%s' takes no value",
                             shown);
    int rc = 0;
    if (found->argument && !value)
        rc = next_value(p, shown, &value, err);
    if (rc == 0)
        add_given(p, found, value);
    return rc;
}

/* -x, -xVALUE, -x VALUE, and several flags behind one dash. */
static int parse_letters(struct parser *p, const char *word,
                         struct vdc_error *err)
{
    for (const char *letter = word + 1; *letter; letter++) {
        const struct command_option *found = NULL, *o;
        for (size_t i = 0; !found && (o = option_at(p->command, i)); i++)
            if (o->letter == *letter)
                found = o;
        char shown[3] = { '-', *letter, 0 };
        if (!found)
            return unknown_option(p, arena_strdup(p->arena, shown), NULL, err);
        if (!found->argument) {
            add_given(p, found, NULL);
            continue;
        }
        const char *value = letter + 1;
        if (*value == '=')
            value++;
        int rc = *value ? 0 : next_value(p, shown, &value, err);
        if (rc == 0)
            add_given(p, found, value);
        return rc;
    }
    return 0;
}

static int parse_word(struct parser *p, struct vdc_error *err)
{
    const char *word = p->argv[p->next++];
    if (!p->no_more_options && !strcmp(word, "--")) {
        p->no_more_options = true;
        return 0;
    }
    if (!p->no_more_options && !strncmp(word, "--", 2))
        return parse_long(p, word, err);
    if (!p->no_more_options && word[0] == '-' && word[1])
        return parse_letters(p, word, err);
    if (!p->command) {
        return command_find(word, &p->command, err);
    }
    p->arguments[p->n_arguments++] = word;
    return 0;
}

/* ---- inside a guest ---- */

/* What Linux says in dom0. */
static bool is_host(void)
{
    char text[64] = "";
    FILE *f = fopen("/proc/xen/capabilities", "re");
    bool is = f && fgets(text, sizeof(text), f) && strstr(text, "control_d");
    if (f)
        fclose(f);
    return is;
}

/* On the host policyd has a socket, or is in a domain of its own; in a guest
 * there is only channeld's. */
static const char *default_socket(struct arena *arena)
{
    const char *socket = getenv("XEN_VDC_SOCKET");
    const char *host = getenv(REMOTE_HOST_ENV);
    const char *channel = getenv(BROKER_SOCKET_ENV);
    if (host && *host)
        return arena_printf(arena, ROAD_TLS "%s", host);
    if (socket && *socket)
        return socket;
    if (!channel || !*channel)
        channel = BROKER_SOCKET;
    if (access(DEFAULT_SOCKET, F_OK) == 0 || access(channel, F_OK) != 0)
        return DEFAULT_SOCKET;
    if (is_host())
        return ROAD_CHANNEL "policy";
    return arena_printf(arena, ROAD_CHANNEL "%s", channel);
}

/* An operator's program asks as a guest, and may what that may.  One that is
 * set wrongly must not make it an operator. */
static int take_as_guest(struct vdc_uuid *ret, struct vdc_error *err)
{
    const char *text = getenv(COMMAND_GUEST_ENV);
    if (!text || (uuid_from_text(text, ret) && !uuid_is_zero(ret)))
        return 0;
    int rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "$" COMMAND_GUEST_ENV " wants the UUID of a guest, "
                           "got '%s'", text);
    vdc_error_hint(err, "unset it to ask as yourself");
    return rc;
}

/* The argument GUEST that was left out. */
static void take_this_guest(struct parser *p)
{
    const struct command *c = p->command;
    bool first = strncmp(c->arguments, "GUEST", 5) == 0;
    if (!first || c->min < 1 || p->n_arguments != (size_t)c->min - 1)
        return;
    memmove(p->arguments + 1, p->arguments,
            p->n_arguments * sizeof(*p->arguments));
    p->arguments[0] = COMMAND_THIS_GUEST;
    p->n_arguments++;
}

/* ---- the whole line ---- */

static int check_count(const struct parser *p, struct vdc_error *err)
{
    const struct command *c = p->command;
    size_t n = p->n_arguments;
    int rc = 0;
    if (n < (size_t)c->min)
        rc = vdc_error_set(err, VDC_E_USAGE, "%s wants %s", c->name,
                           c->arguments);
    else if (c->max >= 0 && n > (size_t)c->max && c->max == 0)
        rc = vdc_error_set(err, VDC_E_USAGE,
                           "%s takes no arguments, but got '%s'", c->name,
                           p->arguments[0]);
    else if (c->max >= 0 && n > (size_t)c->max)
        rc = vdc_error_set(err, VDC_E_USAGE, "one argument too many: '%s'",
                           p->arguments[c->max]);
    if (rc)
        vdc_error_hint(err, "usage: xl-vdc %s%s%s; see 'xl-vdc help %s'",
                       c->name, *c->arguments ? " " : "", c->arguments,
                       c->name);
    return rc;
}

static int take_format(const char *word, const struct command *c,
                       enum command_format *ret, struct vdc_error *err)
{
    bool names = !c || (c->flags & COMMAND_NAMES);
    if (!strcmp(word, "text"))
        *ret = FORMAT_TEXT;
    else if (!strcmp(word, "json"))
        *ret = FORMAT_JSON;
    else if (!strcmp(word, "name") && names)
        *ret = FORMAT_NAME;
    else
        return vdc_error_set(err, VDC_E_USAGE,
                             "the output format is text%s json, not '%s'",
                             names ? ", name or" : " or", word);
    return 0;
}

/* What the common options say; also after an error further on, so that the
 * error is printed in the format that was asked for. */
static int take_common(const struct parser *p, struct command_args *ret,
                       struct vdc_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < p->n_given; i++) {
        const struct command_given *g = &p->given[i];
        if (!strcmp(g->option->name, "output")) {
            int r = take_format(g->value, p->command, &ret->format, err);
            rc = rc ? rc : r;
        } else if (!strcmp(g->option->name, "quiet")) {
            ret->quiet = true;
        } else if (!strcmp(g->option->name, "socket")) {
            ret->socket = g->value;
        } else if (!strcmp(g->option->name, "remote")) {
            ret->socket = arena_printf(p->arena, ROAD_TLS "%s", g->value);
        } else if (g->option == &dry_run_option ||
                   !strcmp(g->option->name, "dryrun")) {
            ret->dry_run = true;
        }
    }
    return rc;
}

static bool given(const struct parser *p, const char *name)
{
    for (size_t i = 0; i < p->n_given; i++)
        if (!strcmp(p->given[i].option->name, name))
            return true;
    return false;
}

/* Which of the two is meant is not for us to guess. */
static int check_roads(const struct parser *p, struct vdc_error *err)
{
    if (!given(p, "socket") || !given(p, "remote"))
        return 0;
    vdc_error_set(err, VDC_E_USAGE,
                  "--socket and -H (--remote) name two places of policyd");
    vdc_error_hint(err, "leave out --socket for one that is elsewhere, over "
                        "TLS, or -H for the one of that socket");
    return VDC_E_USAGE;
}

/* --help and --version stand for commands. */
static void take_other_command(struct parser *p)
{
    const struct command *other = NULL;
    if (given(p, "help"))
        other = find_exact("help");
    else if (!p->command)
        other = find_exact("version");
    if (!other)
        return;
    p->n_arguments = 0;
    if (p->command)
        p->arguments[p->n_arguments++] = p->command->name;
    p->command = other;
}

int command_parse(int argc, char **argv, struct arena *arena,
                  struct command_args *ret, struct vdc_error *err)
{
    /* A word gives at most as many options as it has letters. */
    size_t most = 1;
    for (int i = 0; i < argc; i++)
        most += strlen(argv[i]) + 1;
    struct parser p = { .argc = argc, .argv = argv, .arena = arena };
    p.given = ARENA_ARRAY(arena, most, struct command_given);
    p.arguments = ARENA_ARRAY(arena, argc + 2, const char *);
    *ret = (struct command_args){ .arena = arena };
    ret->socket = default_socket(arena);

    int rc = 0;
    while (rc == 0 && p.next < argc)
        rc = parse_word(&p, err);
    int r = take_common(&p, ret, rc ? NULL : err);
    rc = rc ? rc : r;
    if (!rc)
        rc = check_roads(&p, err);
    if (rc)
        return rc;
    if (!p.command && !given(&p, "help") && !given(&p, "version")) {
        rc = vdc_error_set(err, VDC_E_USAGE, "a command is missing");
        vdc_error_hint(err, "'xl-vdc help' lists the commands");
        return rc;
    }
    bool version_only = !p.command && given(&p, "version");
    take_other_command(&p);
    rc = take_as_guest(&ret->as_guest, err);
    if (rc)
        return rc;
    ret->in_guest = road_is_guest(ret->socket) ||
                    !uuid_is_zero(&ret->as_guest);
    if (ret->in_guest)
        take_this_guest(&p);
    rc = check_count(&p, err);
    if (rc)
        return rc;
    ret->command = p.command;
    ret->version_only = version_only;
    ret->arguments = p.arguments;
    ret->n_arguments = p.n_arguments;
    ret->given = p.given;
    ret->n_given = p.n_given;
    return 0;
}

/* ---- what was given ---- */

static void assert_known(const struct command_args *args, const char *name)
{
    const struct command_option *o;
    size_t i = 0;
    while ((o = option_at(args->command, i)) && strcmp(o->name, name))
        i++;
    assert(o && "an option that the command's table has not");
}

const char *command_value(const struct command_args *args, const char *name)
{
    assert_known(args, name);
    for (size_t i = args->n_given; i-- > 0;)
        if (!strcmp(args->given[i].option->name, name))
            return args->given[i].value;
    return NULL;
}

bool command_given(const struct command_args *args, const char *name)
{
    assert_known(args, name);
    for (size_t i = 0; i < args->n_given; i++)
        if (!strcmp(args->given[i].option->name, name))
            return true;
    return false;
}

size_t command_values(const struct command_args *args, const char *name,
                      const char ***ret)
{
    assert_known(args, name);
    const char **values =
        ARENA_ARRAY(args->arena, args->n_given + 1, const char *);
    size_t n = 0;
    for (size_t i = 0; i < args->n_given; i++)
        if (!strcmp(args->given[i].option->name, name))
            values[n++] = args->given[i].value;
    *ret = values;
    return n;
}
