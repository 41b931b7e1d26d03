/* xl-vdc(1) from the tables of commands and errors. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "xl-ext/command.h"
#include "xl-ext/generate.h"

/* Words as arguments of a macro: what mdoc would read as a macro or a
 * delimiter is protected. */
static void macro_words(const char *words)
{
    bool start = true;
    for (const char *p = words; *p; p++) {
        if (start && *p != ' ')
            fputs("\\&", stdout);
        start = *p == ' ';
        if (*p == '-')
            fputs("\\-", stdout);
        else if (*p == '"')
            fputs("\\(dq", stdout);
        else if (*p == '\\')
            fputs("\\e", stdout);
        else
            putchar(*p);
    }
}

static void print_option(const struct command_option *o)
{
    printf(".It ");
    if (o->letter)
        printf("Fl %c , ", o->letter);
    printf("Fl \\-");
    macro_words(o->name);
    if (o->argument) {
        printf(" Ar ");
        macro_words(o->argument);
    }
    putchar('\n');
    generate_mdoc_text(o->text);
    /* texts of options have no full stop */
}

static void print_common_options(void)
{
    const struct command_option *o;
    printf(".Bl -tag -width Ds\n");
    for (size_t i = 0; (o = command_common_option(NULL, i)); i++)
        print_option(o);
    printf(".El\n");
}

static void print_command(const struct command *c)
{
    printf(".It Cm ");
    macro_words(c->name);
    if (*c->arguments) {
        printf(" Ar ");
        macro_words(c->arguments);
    }
    putchar('\n');
    generate_mdoc_text(c->summary);
    printf(".Pp\n");
    generate_mdoc_text(c->text);
    bool any = c->flags & COMMAND_CHANGES;
    for (const struct command_option *o = c->options; o && o->name; o++)
        any = true;
    if (any) {
        printf(".Bl -tag -width Ds\n");
        for (const struct command_option *o = c->options; o && o->name; o++)
            if (o->text)
                print_option(o);
        if (c->flags & COMMAND_CHANGES)
            print_option(command_common_option(c, 0));
        printf(".El\n");
    }
    if (c->flags & COMMAND_OPERATOR)
        printf(".Pp\nFor operators alone.\n");
    if (c->alias)
        printf(".Pp\nIts other name is\n.Cm %s .\n", c->alias);
}

static void print_commands(void)
{
    size_t n;
    const struct command_family *const *families = command_families(&n);
    for (size_t f = 0; f < n; f++) {
        printf(".Ss ");
        macro_words(families[f]->title);
        printf("\n.Bl -tag -width Ds\n");
        for (size_t i = 0; i < families[f]->n_commands; i++)
            print_command(&families[f]->commands[i]);
        printf(".El\n");
    }
}

struct status_row {
    int number, status, retry;
    const char *name, *text;
};

static const struct status_row statuses[] = {
#define VDC_ERROR(number, name, status, retry, text)                          \
    { number, status, retry, #name, text },
#include "base/errors.def"
#undef VDC_ERROR
};

static void print_statuses(void)
{
    printf(".Sh EXIT STATUS\n"
           "0 when everything was done, and else by what went wrong.\n"
           "With\n.Fl o Cm json\nan error has the number and the name as "
           "well;\nneither ever changes its meaning.\n"
           "A status marked with * may be another if the same is asked again "
           "later.\n.Bl -tag -width 999\n");
    for (int status = 1; status < 256; status++) {
        bool first = true;
        for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
            const struct status_row *row = &statuses[i];
            if (row->status != status)
                continue;
            if (first)
                printf(".It %d\n", status);
            else
                printf(".br\n");
            first = false;
            printf("%s (%d)%s: ", row->name, row->number,
                   row->retry ? "*" : "");
            generate_mdoc_text(row->text);
        }
    }
    printf(".It 130\ninterrupted with Ctrl\\-C; of a change, a second time: "
           "what came of it is not known\n"
           ".It 143\nthe same by the signal TERM\n.El\n");
}

static void print_examples(void)
{
    size_t n;
    const struct command_family *const *families = command_families(&n);
    printf(".Sh EXAMPLES\n.Bl -tag -width Ds\n");
    for (size_t f = 0; f < n; f++)
        for (size_t i = 0; i < families[f]->n_commands; i++) {
            const struct command *c = &families[f]->commands[i];
            for (const struct command_example *e = c->examples; e->line; e++) {
                printf(".It Li ");
                macro_words(e->line);
                putchar('\n');
                generate_mdoc_text(e->text);
            }
        }
    printf(".El\n");
}

static void print_guests(void)
{
    printf(".Sh GUESTS\n"
           "A\n.Ar GUEST\n"
           "is the name that its customer gave it, or its UUID.\n"
           "An operator says which customer's guest is meant with\n"
           ".Fl \\-customer\nor by writing\n.Ar CUSTOMER.NAME ;\n"
           "the number of its domain works too, where no guest has that "
           "number as its name.\n"
           "A guest of another customer does not exist for a customer.\n");
}

static void print_in_guest(void)
{
    printf(".Sh INSIDE A GUEST\n"
           "Inside a guest\n.Nm\nreaches policyd over a channel, which the "
           "guest's own\n.Xr channeld 8\nmakes.\n"
           "It takes that road by itself where there is the socket of a "
           "channeld and none of policyd, or when the socket is said to be\n"
           ".Sm off\n.Li channel: Ar PATH .\n.Sm on\n"
           "Who asks policyd has from Xen then: the guest itself, whoever "
           "runs the command in it.\n"
           ".Pp\n"
           "A guest may\n.Cm show ,\n.Cm mem\\-set ,\n.Cm vcpu\\-set ,\n"
           ".Cm vcpu\\-list ,\n.Cm block\\-list ,\n.Cm network\\-list ,\n"
           ".Cm reboot\nand\n.Cm shutdown\nitself, within what it was "
           "defined with and its customer's quota,\n"
           ".Cm list\nthe guests of its customer, and see its\n"
           ".Cm events .\n"
           "Its name may be left out:\n.Ql xl\\-vdc mem\\-set 200 .\n"
           "All else is refused.\n"
           ".Pp\n"
           "On a host whose policyd runs in a domain of its own,\n.Nm\n"
           "reaches it over a channel, too, by the address\n"
           ".Li channel:policy ,\nwhich it takes by itself where policyd "
           "has no socket; who asks is known by the unix account there, as "
           "ever.\n"
           ".Pp\n"
           "The program is\n.Nm xl\\-vdc\\-guest ,\n"
           "which can be linked statically; examples/guest shows how.\n");
}

static void print_changes(void)
{
    printf(".Sh CHANGES\n"
           "What a command changes happens wholly or not at all, also when "
           "the host loses its power meanwhile;\n"
           ".Cm transaction\ndoes so with several changes.\n"
           "A change that has to wait for another of the same guest waits.\n"
           ".Pp\n"
           "What is changed while a guest runs is remembered for its next "
           "start, unless\n.Fl \\-live\\-only\nis given.\n"
           ".Pp\n"
           "With\n.Fl \\-key\na change can be sent again after a failure, "
           "without knowing whether it was done: it is done once.\n"
           "With\n.Fl \\-if\\-generation\nit is done only to what was "
           "looked at before, and fails with CONFLICT otherwise.\n"
           "With\n.Fl \\-deadline\nit is undone when it takes too long, and "
           "fails with TIMEOUT.\n"
           ".Pp\n"
           "Ctrl\\-C while a change is under way asks for it to be undone, "
           "and waits for what comes of that: the error CANCELLED, or success "
           "when it was too late.\n"
           "A second Ctrl\\-C ends\n.Nm\nat once, and then\n"
           ".Cm list\nand\n.Cm events\nshow what came of it.\n"
           "So does the signal TERM.\n");
}

void generate_man(void)
{
    printf(".\\\" Made by xl-vdc --generate-man; do not edit.\n"
           ".Dd $Mdocdate$\n.Dt XL-VDC 1\n.Os xen-vdc %s\n"
           ".Sh NAME\n.Nm xl-vdc\n"
           ".Nd guests of a virtual data center on Xen\n"
           ".Sh SYNOPSIS\n.Nm\n.Ar COMMAND\n.Op Ar OPTIONS\n"
           ".Op Ar ARGUMENTS\n"
           ".Sh DESCRIPTION\n.Nm\n"
           "makes and manages the guests of a virtual data center, in the "
           "habits of\n.Xr xl 1 .\n"
           "It asks\n.Xr policyd 8 ,\n"
           "which knows who the user is by the unix account, a token or, "
           "from elsewhere, a certificate: a customer, who sees and changes "
           "the customer's own guests, or an operator.\n"
           ".Pp\nA command may be shortened as long as it stays "
           "unambiguous.\n"
           "Options may stand anywhere after the command, up to\n"
           ".Fl \\- .\n"
           "Each command has these:\n",
           PACKAGE_VERSION);
    print_common_options();
    print_guests();
    print_in_guest();
    print_changes();
    printf(".Sh COMMANDS\n");
    print_commands();
    printf(".Sh OUTPUT\n"
           "Text is for people and may change.\n"
           "JSON, of\n.Fl o Cm json ,\n"
           "is for programs: its names are those of the protocol's "
           "messages, amounts of memory are in KiB, times in milliseconds "
           "since 1970, and an error is an object\n"
           ".Dq error\non standard error.\n"
           "Of placement there are whole numbers: a\n.Li weight\nis in "
           "1/1000, the\n.Li value\nof a term in 1/65536, and a\n"
           ".Li score ,\nthe sum of values times weights, in 1/65536000: "
           "a score of 32768000 is 0.5.\n"
           "Of plans of moves the scores,\n.Li before ,\n.Li after\nand\n"
           ".Li gain ,\nare in 1/100000000.\n"
           "Progress is shown on a terminal alone.\n"
           ".Sh ENVIRONMENT\n.Bl -tag -width Ds\n"
           ".It Ev XEN_VDC_SOCKET\nThe socket of policyd.\n"
           ".It Ev XEN_VDC_TOKEN\nA token, as token-create printed it: "
           "xl-vdc acts for its customer and in its role, whatever the "
           "account is.\n"
           "One that is set and empty is an error, so that nobody acts as "
           "the account by mistake.\n"
           ".It Ev XEN_VDC_TOKEN_FILE\nA file that has the token; for its "
           "owner only to read.\n"
           ".It Ev XEN_VDC_HOST\nHOST:PORT of a policyd elsewhere, as its "
           "setting\n.Ic tls_address\nsays; it goes before XEN_VDC_SOCKET.\n"
           ".It Ev XEN_VDC_CA\nThe file with the CA of policyd's "
           "certificate; those of the system when it is not set.\n"
           ".It Ev XEN_VDC_CERTIFICATE , XEN_VDC_KEY\nThe files with one's "
           "own certificate, registered by certificate-add, and its key.\n"
           "A token goes before it.\n"
           ".It Ev XEN_VDC_GUEST\nThe UUID of a guest: an operator asks as "
           "that guest, and may no more than it may, as inside of it.\n"
           ".It Ev XEN_VDC_CHANNEL_SOCKET\nThe socket of channeld.\n.El\n"
           ".Sh FILES\n.Bl -tag -width Ds\n"
           ".It Pa /run/xen\\-vdc/policyd.sock\n"
           "The socket of policyd when nothing else is said.\n"
           ".It Pa /run/xen\\-vdc/channel.sock\n"
           "That of channeld.\n.El\n");
    print_statuses();
    print_examples();
    printf(".Sh SEE ALSO\n.Xr xl 1 ,\n.Xr placement.conf 5 ,\n"
           ".Xr xl-vdc.cfg 5 ,\n.Xr xl.cfg 5 ,\n.Xr policyd 8\n");
}
