/* Completion for bash from the tables of commands. */
#include <stdio.h>

#include "xl-ext/command.h"
#include "xl-ext/generate.h"

static const char *action(enum command_complete complete)
{
    switch (complete) {
    case COMPLETE_NOTHING:
        break;
    case COMPLETE_FILES:
        return "files";
    case COMPLETE_GUESTS:
        return "guests";
    case COMPLETE_CUSTOMERS:
        return "customers";
    case COMPLETE_HOSTS:
        return "hosts";
    case COMPLETE_COMMANDS:
        return "commands";
    case COMPLETE_FORMATS:
        return "formats";
    }
    return "nothing";
}

static void each_option(const struct command *c,
                        void (*print)(const struct command_option *o))
{
    for (const struct command_option *o = c->options; o && o->name; o++)
        if (o->text)
            print(o);
    const struct command_option *common;
    for (size_t i = 0; (common = command_common_option(c, i)); i++)
        print(common);
}

static void print_word(const struct command_option *o)
{
    printf(" --%s", o->name);
}

/* What follows an option with a value. */
static void print_value(const struct command_option *o)
{
    if (!o->argument)
        return;
    printf("            --%s", o->name);
    if (o->letter)
        printf("|-%c", o->letter);
    printf(") value=%s ;;\n", action(o->complete));
}

/* Options whose next word is no argument of the command. */
static void print_with_value(const struct command_option *o)
{
    if (!o->argument)
        return;
    printf(" --%s", o->name);
    if (o->letter)
        printf(" -%c", o->letter);
}

static void print_command(const struct command *c)
{
    printf("    %s%s%s)\n        options='", c->name, c->alias ? "|" : "",
           c->alias ? c->alias : "");
    each_option(c, print_word);
    printf("'\n        with_value='");
    each_option(c, print_with_value);
    printf(" '\n        what=%s\n", action(c->complete));
    if (c->then)
        printf("        then=%s\n", action(c->then));
    printf("        case $previous in\n");
    each_option(c, print_value);
    printf("        esac\n        ;;\n");
}

static void print_command_names(void)
{
    size_t n;
    const struct command_family *const *families = command_families(&n);
    for (size_t f = 0; f < n; f++)
        for (size_t i = 0; i < families[f]->n_commands; i++)
            printf("%s%s", f + i ? " " : "", families[f]->commands[i].name);
}

void generate_completion(void)
{
    size_t n;
    const struct command_family *const *families = command_families(&n);
    printf("# bash completion for xl-vdc, made by xl-vdc "
           "--generate-completion\n\n"
           "_xl_vdc_commands='");
    print_command_names();
    printf("'\n\n"
           "_xl_vdc()\n{\n"
           "    local current=${COMP_WORDS[COMP_CWORD]}\n"
           "    local previous=${COMP_WORDS[COMP_CWORD-1]}\n"
           "    local command= options= with_value= what=commands then= "
           "value= word i\n"
           "    COMPREPLY=()\n"
           "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
           "        word=${COMP_WORDS[i]}\n"
           "        case $word in\n"
           "        -o|--output|--socket|-H|--remote) ((i++)) ;;\n"
           "        -*) ;;\n"
           "        *) command=$word; break ;;\n"
           "        esac\n"
           "    done\n"
           "    case $command in\n"
           "    '')\n"
           "        options='--help --version --output --quiet --socket "
           "--remote' ;;\n");
    for (size_t f = 0; f < n; f++)
        for (size_t i = 0; i < families[f]->n_commands; i++)
            print_command(&families[f]->commands[i]);
    printf("    *) return ;;\n"
           "    esac\n"
           "    if [[ $current == -* ]]; then\n"
           "        COMPREPLY=($(compgen -W \"$options\" -- \"$current\"))\n"
           "        return\n"
           "    fi\n"
           "    # what is offered after the first argument\n"
           "    if [[ -n $then ]]; then\n"
           "        for ((i++; i < COMP_CWORD; i++)); do\n"
           "            word=${COMP_WORDS[i]}\n"
           "            case $word in\n"
           "            -*) [[ $with_value == *\" $word \"* ]] && ((i++)) "
           ";;\n"
           "            *) what=$then; break ;;\n"
           "            esac\n"
           "        done\n"
           "    fi\n"
           "    case ${value:-$what} in\n"
           "    commands) COMPREPLY=($(compgen -W \"$_xl_vdc_commands\" -- "
           "\"$current\")) ;;\n"
           "    formats) COMPREPLY=($(compgen -W 'text json name' -- "
           "\"$current\")) ;;\n"
           "    guests) COMPREPLY=($(compgen -W \"$(xl-vdc list -o name "
           "2>/dev/null)\" -- \"$current\")) ;;\n"
           "    customers) COMPREPLY=($(compgen -W \"$(xl-vdc customer-list "
           "-o name 2>/dev/null)\" -- \"$current\")) ;;\n"
           "    hosts) COMPREPLY=($(compgen -W \"$(xl-vdc host-list "
           "-o name 2>/dev/null)\" -- \"$current\")) ;;\n"
           "    files)\n"
           "        compopt -o filenames 2>/dev/null\n"
           "        COMPREPLY=($(compgen -f -- \"$current\")) ;;\n"
           "    esac\n"
           "}\n"
           "complete -F _xl_vdc xl-vdc\n");
}
