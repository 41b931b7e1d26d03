/* help: from the tables, for all commands or one. */
#include <stdio.h>
#include <string.h>

#include "xl-ext/families.h"
#include "xl-ext/output.h"

#define WIDTH 78

/* Words of the text, broken at WIDTH; the cursor stands at `column`, and
 * further lines begin at `indent`. */
static void print_wrapped(const char *text, size_t column, size_t indent)
{
    bool first = true;
    while (*text) {
        if (!strncmp(text, "\n\n", 2)) {
            printf("\n\n%*s", (int)indent, "");
            column = indent;
            first = true;
            text += 2;
            continue;
        }
        size_t len = strcspn(text, " \n");
        if (!first && column + 1 + len > WIDTH) {
            printf("\n%*s", (int)indent, "");
            column = indent;
            first = true;
        }
        printf("%s%.*s", first ? "" : " ", (int)len, text);
        column += len + !first;
        first = false;
        text += len;
        while (*text == ' ' || (*text == '\n' && text[1] != '\n'))
            text++;
    }
    putchar('\n');
}

static void print_option(const struct command_option *o)
{
    char left[64], letter[8] = "    ";
    if (o->letter)
        snprintf(letter, sizeof(letter), "-%c, ", o->letter);
    int len = snprintf(left, sizeof(left), "  %s--%s%s%s", letter, o->name,
                       o->argument ? " " : "", o->argument ? o->argument : "");
    printf("%-24s", left);
    if (len >= 24)
        printf("\n%24s", "");
    print_wrapped(o->text, 24, 24);
}

static void print_all(void)
{
    size_t n_families;
    const struct command_family *const *families =
        command_families(&n_families);
    printf("usage: xl-vdc COMMAND [OPTIONS] [ARGUMENTS]\n\n"
           "A virtual data center on Xen, for its customers and its "
           "operators.\n");
    for (size_t f = 0; f < n_families; f++) {
        printf("\n%s:\n", families[f]->title);
        for (size_t i = 0; i < families[f]->n_commands; i++) {
            const struct command *c = &families[f]->commands[i];
            printf("  %-19s %s%s\n", c->name, c->summary,
                   c->flags & COMMAND_OPERATOR ? " (operators)" : "");
        }
    }
    printf("\nOptions:\n");
    const struct command_option *common;
    for (size_t i = 0; (common = command_common_option(NULL, i)); i++)
        print_option(common);
    printf("  %-22s%s\n", "    --version", "Print the version of xl-vdc");
    printf("\n'xl-vdc help COMMAND' explains a command; xl-vdc(1) is the "
           "manual.\n"
           "A command may be shortened as long as it stays unambiguous.\n");
}

static void print_one(const struct command *c)
{
    printf("usage: xl-vdc %s [OPTIONS]%s%s\n\n%s%s.\n\n", c->name,
           *c->arguments ? " " : "", c->arguments, c->summary,
           c->flags & COMMAND_OPERATOR ? ", for operators" : "");
    print_wrapped(c->text, 0, 0);
    printf("\nOptions:\n");
    for (const struct command_option *o = c->options; o && o->name; o++)
        if (o->text)
            print_option(o);
    const struct command_option *common;
    for (size_t i = 0; (common = command_common_option(c, i)); i++)
        print_option(common);
    printf("\nExamples:\n");
    for (const struct command_example *e = c->examples; e->line; e++)
        printf("  %s\n      ", e->line), print_wrapped(e->text, 6, 6);
    if (c->alias)
        printf("\nIts other name is %s.\n", c->alias);
}

static int run_help(const struct command_args *args, struct vdc_error *err)
{
    if (args->n_arguments == 0) {
        print_all();
        return 0;
    }
    const struct command *command;
    int rc = command_find(args->arguments[0], &command, err);
    if (rc == 0)
        print_one(command);
    return rc;
}

static const struct command_example help_examples[] = {
    { "xl-vdc help create", "Explain create; so does xl-vdc create --help." },
    { NULL, NULL }
};

static const struct command help_commands[] = {
    { "help", NULL, "[COMMAND]", 0, 1, COMMAND_READS | COMMAND_LOCAL,
      COMPLETE_COMMANDS, NULL, "Explain the commands, or one of them",
      "Without a command, lists them all.", help_examples, run_help },
};

const struct command_family family_help = {
    "Help", help_commands, sizeof(help_commands) / sizeof(help_commands[0])
};
