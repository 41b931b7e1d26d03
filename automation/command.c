/*
 * The commands of xl-vdc that automation has.
 *
 * Left out is what does not end by itself, what wants a terminal, what gives
 * away secrets (they would be in xenstore), and what an operator does once.
 */
#include "automation/command.h"

#include <string.h>

#include "base/suggest.h"
#include "base/words.h"

#define GUEST true

static const struct {
    const char *name;
    enum command_kind kind;
    bool for_guests;
} commands[] = {
    { "block-attach", COMMAND_KEYED },
    { "block-detach", COMMAND_KEYED },
    { "block-list", COMMAND_READ },
    { "capacity", COMMAND_READ },
    { "create", COMMAND_KEYED },
    { "customer-list", COMMAND_READ },
    { "customer-show", COMMAND_READ },
    { "dc-status", COMMAND_READ },
    { "destroy", COMMAND_KEYED },
    { "domid", COMMAND_READ },
    { "domname", COMMAND_READ },
    { "host-list", COMMAND_READ },
    { "host-show", COMMAND_READ },
    { "lease-list", COMMAND_READ },
    { "list", COMMAND_READ },
    { "mem-max", COMMAND_KEYED },
    { "mem-set", COMMAND_KEYED, GUEST },
    { "migrate", COMMAND_ONCE },
    { "moves", COMMAND_READ },
    { "network-attach", COMMAND_KEYED },
    { "network-detach", COMMAND_KEYED },
    { "network-list", COMMAND_READ },
    { "pause", COMMAND_KEYED },
    { "place", COMMAND_READ },
    { "reboot", COMMAND_KEYED, GUEST },
    { "rebalance", COMMAND_ONCE },
    { "rename", COMMAND_KEYED },
    { "resource-list", COMMAND_READ },
    { "restore", COMMAND_KEYED },
    { "save", COMMAND_KEYED },
    { "show", COMMAND_READ, GUEST },
    { "shutdown", COMMAND_KEYED, GUEST },
    { "start", COMMAND_KEYED },
    { "transaction", COMMAND_KEYED },
    { "unpause", COMMAND_KEYED },
    { "uptime", COMMAND_READ },
    { "vcpu-list", COMMAND_READ },
    { "vcpu-pin", COMMAND_KEYED },
    { "vcpu-set", COMMAND_KEYED, GUEST },
    { "version", COMMAND_READ },
    { "why", COMMAND_READ },
    { "why-not", COMMAND_READ },
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))
#define GUEST_COMMANDS "mem-set MEM, vcpu-set N, show, shutdown, reboot"

const char *command_name(size_t i)
{
    return i < N_COMMANDS ? commands[i].name : NULL;
}

enum command_kind command_kind(size_t i)
{
    return commands[i].kind;
}

bool command_is_for_guests(size_t i)
{
    return commands[i].for_guests;
}

int command_key_check(const char *key, struct vdc_error *err)
{
    size_t len = strlen(key);

    if (len && len <= COMMAND_KEY_MAX && !key[strcspn(key, " \t\n")])
        return 0;
    return vdc_error_set(err, VDC_E_BAD_VALUE,
                         "the node key wants 1 to %d characters without "
                         "blanks", COMMAND_KEY_MAX);
}

/* ---- what is refused ---- */

static int check_text(const char *text, bool by_guest, struct vdc_error *err)
{
    size_t most = by_guest ? COMMAND_GUEST_LINE_MAX : COMMAND_LINE_MAX;

    if (strlen(text) > most)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "a request has at most %zu characters", most);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if ((*p < ' ' && *p != '\t' && *p != '\n') || *p == 127 ||
            (by_guest && *p > '~'))
            return vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "a request is text, and it has a character "
                                 "that is none");
    return 0;
}

static int find(const char *word, bool by_guest, size_t *ret,
                struct vdc_error *err)
{
    const char *names[N_COMMANDS];

    for (size_t i = 0; i < N_COMMANDS; i++) {
        names[i] = commands[i].name;
        if (strcmp(word, names[i]) != 0)
            continue;
        if (by_guest && !commands[i].for_guests) {
            vdc_error_set(err, VDC_E_DENIED, "'%s' is not for guests", word);
            vdc_error_hint(err, "a guest asks for itself: " GUEST_COMMANDS);
            return VDC_E_DENIED;
        }
        *ret = i;
        return 0;
    }
    const char *near = suggest_nearest(word, names, N_COMMANDS);
    vdc_error_set(err, VDC_E_USAGE,
                  "'%.40s' cannot be asked for in xenstore%s%s%s", word,
                  near ? "; is '" : "", near ? near : "",
                  near ? "' meant?" : "");
    vdc_error_hint(err, "%s", by_guest
                   ? "a guest asks for itself: " GUEST_COMMANDS
                   : "automationd(8) lists the commands; all others are "
                     "xl-vdc's alone");
    return VDC_E_USAGE;
}

/* What would change who asks, or where, or take the key's place.  xl-vdc takes
 * beginnings of options, too. */
static int check_word(const char *word, bool by_guest, struct vdc_error *err)
{
    static const char *const not_here[] = { "--key", "--socket", "--remote" };
    size_t len = strcspn(word, "=");

    if (by_guest && *word == '-')
        return vdc_error_set(err, VDC_E_USAGE,
                             "a guest's request has no options: '%.40s'",
                             word);
    for (size_t i = 0; i < sizeof(not_here) / sizeof(not_here[0]); i++)
        if (len > 2 && len <= strlen(not_here[i]) &&
            strncmp(word, not_here[i], len) == 0) {
            vdc_error_set(err, VDC_E_USAGE,
                          "the option '%.40s' cannot be given in xenstore",
                          word);
            vdc_error_hint(err, "a key of your own goes into the node key, "
                                "before the request; the rest is for "
                                "automation.conf");
            return VDC_E_USAGE;
        }
    if (strncmp(word, "-H", 2) == 0)
        return vdc_error_set(err, VDC_E_USAGE,
                             "the option -H cannot be given in xenstore");
    return 0;
}

int command_line_parse(const char *text, bool by_guest, struct arena *arena,
                       struct command_line *ret, struct vdc_error *err)
{
    struct command_line line = { .words = NULL };
    size_t i = 0;
    int rc = check_text(text, by_guest, err);

    if (!rc)
        rc = words_split(text, arena, &line.words, &line.n_words, err);
    if (!rc && line.n_words == 0) {
        rc = vdc_error_set(err, VDC_E_USAGE, "the request is empty");
        vdc_error_hint(err, "write a command with its words: 'start web'");
    }
    if (!rc)
        rc = find(line.words[0], by_guest, &i, err);
    for (size_t w = 1; !rc && w < line.n_words; w++)
        rc = check_word(line.words[w], by_guest, err);
    if (rc)
        return rc;
    line.kind = commands[i].kind;
    *ret = line;
    return 0;
}
