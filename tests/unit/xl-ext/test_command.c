/*
 * The table of commands, and the understanding of command lines.
 */
#include "../unit.h"

#include <stdlib.h>
#include <string.h>
#include <wordexp.h>

#include "xl-ext/command.h"
#include "xl-ext/families.h"
#include "xl-ext/xl_names.h"

static const struct command *all[256];

static size_t collect(void)
{
    size_t n_families, n = 0;
    const struct command_family *const *families =
        command_families(&n_families);
    for (size_t f = 0; f < n_families; f++)
        for (size_t i = 0; i < families[f]->n_commands; i++) {
            CU_ASSERT_FATAL(n < sizeof(all) / sizeof(all[0]));
            all[n++] = &families[f]->commands[i];
        }
    return n;
}

/* A row that lacks something is named. */
static void expect(bool ok, const struct command *c, const char *what)
{
    if (!ok)
        printf("    %s: %s\n", c->name, what);
    CU_ASSERT(ok);
}

static bool is_sentence_part(const char *text)
{
    size_t len = text ? strlen(text) : 0;
    return len > 0 && text[len - 1] != '.' && text[len - 1] != ' ';
}

static void test_rows(void)
{
    size_t n = collect();
    CU_ASSERT(n >= 49);
    for (size_t i = 0; i < n; i++) {
        const struct command *c = all[i];
        for (size_t k = 0; k < i; k++) {
            expect(strcmp(c->name, all[k]->name) != 0, c, "name not unique");
            expect(!c->alias || (strcmp(c->alias, all[k]->name) &&
                                 (!all[k]->alias ||
                                  strcmp(c->alias, all[k]->alias))),
                   c, "alias is not unique");
        }
        expect(c->run != NULL, c, "no function");
        expect(is_sentence_part(c->summary), c, "summary");
        expect(c->text && strlen(c->text) > 10, c, "text");
        expect(c->text && c->text[strlen(c->text) - 1] == '.', c, "full stop");
        expect(c->max < 0 || c->min <= c->max, c, "numbers of arguments");
        expect((c->max != 0) == (*c->arguments != 0), c, "argument text");
        expect(!(c->flags & COMMAND_DESTROYS) || (c->flags & COMMAND_CHANGES),
               c, "what destroys has no --dry-run");
        expect(!(c->flags & COMMAND_READS) || !(c->flags & COMMAND_CHANGES), c,
               "reads and changes");
        expect(c->examples && c->examples[0].line, c, "no example");
    }
}

/* Own options and common ones of a command: names and letters once each. */
static void test_options(void)
{
    size_t n = collect();
    for (size_t i = 0; i < n; i++) {
        const struct command_option *options[64];
        size_t n_options = 0;
        const struct command_option *o = all[i]->options;
        for (; o && o->name; o++)
            options[n_options++] = o;
        for (size_t k = 0; (o = command_common_option(all[i], k)); k++)
            options[n_options++] = o;
        for (size_t k = 0; k < n_options; k++) {
            for (size_t m = 0; m < k; m++) {
                expect(strcmp(options[k]->name, options[m]->name) != 0, all[i],
                       options[k]->name);
                expect(!options[k]->letter ||
                       options[k]->letter != options[m]->letter, all[i],
                       options[k]->name);
            }
            expect(!options[k]->text || is_sentence_part(options[k]->text),
                   all[i], options[k]->name);
        }
        bool dry = command_common_option(all[i], 0)->letter == 'n';
        expect(dry == ((all[i]->flags & COMMAND_CHANGES) != 0), all[i],
               "--dry-run");
    }
}

static int parse_words(size_t n, char **words, struct arena *arena,
                       struct command_args *args, struct vdc_error *err)
{
    return command_parse((int)n, words, arena, args, err);
}

/* Each example of the table is understood, as a call of its own command. */
static void test_examples(void)
{
    size_t n = collect(), n_examples = 0;
    for (size_t i = 0; i < n; i++)
        for (const struct command_example *e = all[i]->examples; e->line;
             e++) {
            const char *call = strstr(e->line, "xl-vdc ");
            CU_ASSERT_PTR_NOT_NULL_FATAL(call);
            char *line = xstrdup(call);
            line[strcspn(line, "|><")] = 0;
            wordexp_t words;
            CU_ASSERT_FATAL(wordexp(line, &words, WRDE_NOCMD) == 0);
            struct arena *arena = arena_new();
            struct command_args args;
            struct vdc_error err = { 0 };
            int rc = parse_words(words.we_wordc - 1, words.we_wordv + 1,
                                 arena, &args, &err);
            expect(rc == 0, all[i], e->line);
            expect(rc || args.command == all[i] ||
                   args.command->run == all[i]->run, all[i], e->line);
            n_examples++;
            arena_free(arena);
            wordfree(&words);
            free(line);
        }
    printf("    %zu examples\n", n_examples);
    CU_ASSERT(n_examples >= n);
}

/* ---- lines ---- */

static struct arena *line_arena;
static struct command_args args;
static struct vdc_error err;

static int parse(const char *line)
{
    static char *words[64];
    arena_free(line_arena);
    line_arena = arena_new();
    memset(&err, 0, sizeof(err));
    size_t n = 0;
    char *copy = arena_strdup(line_arena, line), *save = NULL;
    for (char *w = strtok_r(copy, " ", &save); w;
         w = strtok_r(NULL, " ", &save))
        words[n++] = w;
    return parse_words(n, words, line_arena, &args, &err);
}

static void test_names(void)
{
    CU_ASSERT_EQUAL(parse("list"), 0);
    CU_ASSERT_STRING_EQUAL(args.command->name, "list");
    CU_ASSERT_EQUAL(parse("ls"), 0);
    CU_ASSERT_STRING_EQUAL(args.command->name, "list");
    CU_ASSERT_EQUAL(parse("des web"), 0);
    CU_ASSERT_STRING_EQUAL(args.command->name, "destroy");
    CU_ASSERT_EQUAL(parse("customer-l"), 0);
    CU_ASSERT_STRING_EQUAL(args.command->name, "customer-list");
    /* create is the beginning of nothing else */
    CU_ASSERT_EQUAL(parse("create a.cfg"), 0);

    CU_ASSERT_EQUAL(parse("sh web"), VDC_E_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "shutdown"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "show"));
    CU_ASSERT_EQUAL(parse("creat2 web.cfg"), VDC_E_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "'creat2'"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "'create'"));
    CU_ASSERT_EQUAL(parse("zzzzzzzz"), VDC_E_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "help"));
    CU_ASSERT_EQUAL(parse(""), VDC_E_USAGE);
}

static void test_option_forms(void)
{
    CU_ASSERT_EQUAL(parse("shutdown -w --timeout 2m web db"), 0);
    CU_ASSERT(command_given(&args, "wait"));
    CU_ASSERT_STRING_EQUAL(command_value(&args, "timeout"), "2m");
    CU_ASSERT_EQUAL(args.n_arguments, 2);
    CU_ASSERT_EQUAL(parse("shutdown web -wn --timeout=2m -C acme"), 0);
    CU_ASSERT(command_given(&args, "wait"));
    CU_ASSERT(args.dry_run);
    CU_ASSERT_STRING_EQUAL(command_value(&args, "customer"), "acme");
    CU_ASSERT_EQUAL(parse("shutdown web -Cacme -t=5 --wa"), 0);
    CU_ASSERT_STRING_EQUAL(command_value(&args, "customer"), "acme");
    CU_ASSERT_STRING_EQUAL(command_value(&args, "timeout"), "5");
    CU_ASSERT(command_given(&args, "wait"));
    CU_ASSERT_EQUAL(parse("start -- -strange"), 0);
    CU_ASSERT_STRING_EQUAL(args.arguments[0], "-strange");
    CU_ASSERT_EQUAL(parse("-o json list"), 0);
    CU_ASSERT_EQUAL(args.format, FORMAT_JSON);
    CU_ASSERT_EQUAL(parse("list -o name"), 0);
    CU_ASSERT_EQUAL(args.format, FORMAT_NAME);
    CU_ASSERT_EQUAL(parse("create --dryrun a.cfg"), 0);
    CU_ASSERT(args.dry_run);
    CU_ASSERT_EQUAL(parse("list --socket /x/y"), 0);
    CU_ASSERT_STRING_EQUAL(args.socket, "/x/y");
    const char **users;
    CU_ASSERT_EQUAL(parse("customer-create a --user b -u c --us=d"), 0);
    CU_ASSERT_EQUAL(command_values(&args, "user", &users), 3);
    CU_ASSERT_STRING_EQUAL(users[2], "d");
    /* the last one counts */
    CU_ASSERT_EQUAL(parse("customer-create a --vcpus 1 --vcpus 2"), 0);
    CU_ASSERT_STRING_EQUAL(command_value(&args, "vcpus"), "2");
}

static void test_option_errors(void)
{
    CU_ASSERT_EQUAL(parse("list --lnog"), VDC_E_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "'--lnog'"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "'--long'"));
    CU_ASSERT_EQUAL(parse("list -Z"), VDC_E_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "'-Z'"));
    CU_ASSERT_EQUAL(parse("list --long=yes"), VDC_E_USAGE);
    CU_ASSERT_EQUAL(parse("shutdown web --timeout"), VDC_E_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "value"));
    CU_ASSERT_EQUAL(parse("shutdown web -t"), VDC_E_USAGE);
    CU_ASSERT_EQUAL(parse("list -o xml"), VDC_E_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "'xml'"));
    CU_ASSERT_EQUAL(parse("start web -o name"), VDC_E_USAGE);
    CU_ASSERT_EQUAL(parse("list --dry-run"), VDC_E_USAGE);
    CU_ASSERT_EQUAL(parse("list --"), 0);
    CU_ASSERT_EQUAL(parse("list ----"), VDC_E_USAGE);
    /* two places of policyd, wherever they stand */
    CU_ASSERT_EQUAL(parse("-H h.example:8443 list --socket /x/y"),
                    VDC_E_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "--socket and -H"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "leave out --socket for one"));
    CU_ASSERT_EQUAL(parse("list --socket /x/y --remote=h.example:8443"),
                    VDC_E_USAGE);
    CU_ASSERT_EQUAL(parse("list -H h.example:8443 -o json"), 0);
    CU_ASSERT_STRING_EQUAL(args.socket, "tls:h.example:8443");
    /* a common option before the command, another's is not known there */
    CU_ASSERT_EQUAL(parse("--wait shutdown web"), VDC_E_USAGE);
    /* JSON was asked for before the fault: the error comes in it */
    CU_ASSERT_EQUAL(parse("list -o json --nonsense"), VDC_E_USAGE);
    CU_ASSERT_EQUAL(args.format, FORMAT_JSON);
}

static void test_counts(void)
{
    CU_ASSERT_EQUAL(parse("start"), VDC_E_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "GUEST..."));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "usage: xl-vdc start GUEST..."));
    CU_ASSERT_EQUAL(parse("rename a"), VDC_E_USAGE);
    CU_ASSERT_EQUAL(parse("rename a b c"), VDC_E_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "'c'"));
    CU_ASSERT_EQUAL(parse("host-list x"), VDC_E_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "'x'"));
}

static void test_help(void)
{
    CU_ASSERT_EQUAL(parse("--help"), 0);
    CU_ASSERT_STRING_EQUAL(args.command->name, "help");
    CU_ASSERT_EQUAL(args.n_arguments, 0);
    CU_ASSERT_EQUAL(parse("rename --help"), 0);
    CU_ASSERT_STRING_EQUAL(args.command->name, "help");
    CU_ASSERT_STRING_EQUAL(args.arguments[0], "rename");
    CU_ASSERT_EQUAL(parse("rename a b -h"), 0);
    CU_ASSERT_STRING_EQUAL(args.arguments[0], "rename");
    CU_ASSERT_EQUAL(parse("help --help"), 0);
    CU_ASSERT_STRING_EQUAL(args.arguments[0], "help");
    CU_ASSERT_EQUAL(parse("--version"), 0);
    CU_ASSERT_STRING_EQUAL(args.command->name, "version");
    CU_ASSERT(args.version_only);
    CU_ASSERT_EQUAL(parse("version"), 0);
    CU_ASSERT(!args.version_only);
    arena_free(line_arena);
    line_arena = NULL;
}

/* The commands of xl 4.17: each is here or has its hint. */
static const char *const xl_commands[] = {
    "block-attach", "block-detach", "block-list", "button-press",
    "cd-eject", "cd-insert", "channel-list", "claims", "config-update",
    "console", "cpupool-cpu-add", "cpupool-cpu-remove", "cpupool-create",
    "cpupool-destroy", "cpupool-list", "cpupool-migrate",
    "cpupool-numa-split", "cpupool-rename", "create", "debug-keys",
    "destroy", "devd", "dmesg", "domid", "domname", "dump-core",
    "getenforce", "info", "list", "loadpolicy", "mem-max", "mem-set",
    "migrate", "migrate-receive", "network-attach", "network-detach",
    "network-list", "pause", "pci-assignable-add", "pci-assignable-list",
    "pci-assignable-remove", "pci-attach", "pci-detach", "pci-list",
    "psr-cat-set", "psr-cat-show", "psr-cmt-attach", "psr-cmt-detach",
    "psr-cmt-show", "psr-hwinfo", "psr-mba-set", "psr-mba-show",
    "qemu-monitor-command", "reboot", "remus", "rename", "restore",
    "resume", "save", "sched-credit", "sched-credit2", "sched-rtds",
    "set-parameters", "setenforce", "sharing", "shutdown", "suspend",
    "sysrq", "top", "trigger", "unpause", "uptime", "usb-list",
    "usbctrl-attach", "usbctrl-detach", "usbdev-attach", "usbdev-detach",
    "vcpu-list", "vcpu-pin", "vcpu-set", "vdispl-attach", "vdispl-detach",
    "vdispl-list", "vkb-attach", "vkb-detach", "vkb-list", "vm-list",
    "vncviewer", "vsnd-attach", "vsnd-detach", "vsnd-list", "vtpm-attach",
    "vtpm-detach", "vtpm-list",
};

static void test_xl_names(void)
{
    size_t n = sizeof(xl_commands) / sizeof(xl_commands[0]);
    for (size_t i = 0; i < n; i++) {
        const struct command *found = NULL;
        memset(&err, 0, sizeof(err));
        const char *hint = xl_names_hint(xl_commands[i]);
        int rc = command_find(xl_commands[i], &found, &err);
        bool ours = rc == 0 && !strcmp(found->name, xl_commands[i]);
        bool hinted = rc == VDC_E_USAGE && hint && !strcmp(err.hint, hint);
        if (ours == hinted)
            printf("    %s: %s\n", xl_commands[i], err.hint);
        CU_ASSERT(ours != hinted);
    }
    printf("    %zu commands of xl\n", n);
    CU_ASSERT_PTR_NULL(xl_names_hint("no-such-command"));
    const char *force = xl_names_option_hint("vcpu-pin", "-f");
    CU_ASSERT_PTR_NOT_NULL_FATAL(force);
    CU_ASSERT_PTR_NOT_NULL(strstr(force, "xl itself"));
    CU_ASSERT_PTR_EQUAL(xl_names_option_hint("vcpu-pin", "--force"), force);
    CU_ASSERT_PTR_NULL(xl_names_option_hint("block-detach", "-f"));
}

static const struct unit_test tests[] = {
    { "every row of the table is whole", test_rows },
    { "options are unique, changes have --dry-run", test_options },
    { "every example is understood", test_examples },
    { "commands are found by name, alias and beginning", test_names },
    { "forms of options", test_option_forms },
    { "wrong options", test_option_errors },
    { "numbers of arguments", test_counts },
    { "--help and --version", test_help },
    { "every command of xl is known", test_xl_names },
};

UNIT_MAIN("xl-ext/command", tests)
