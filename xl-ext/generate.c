/*
 * Which page was asked for, and text for mdoc(7).
 */
#include "xl-ext/generate.h"

#include <stdio.h>
#include <string.h>

struct request {
    const char *word;
    void (*run)(void);
};

static const struct request requests[] = {
    { "--generate-man", generate_man },
    { "--generate-man-cfg", generate_man_cfg },
    { "--generate-completion", generate_completion },
};

bool generate_is_request(const char *word)
{
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
        if (!strcmp(word, requests[i].word))
            return true;
    return false;
}

int generate_run(const char *word)
{
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
        if (!strcmp(word, requests[i].word))
            requests[i].run();
    return fflush(stdout) || ferror(stdout) ? 1 : 0;
}

void generate_mdoc_text(const char *text)
{
    bool line_start = true;
    for (const char *p = text; *p; p++) {
        if (p[0] == '\n' && p[1] == '\n') {
            printf("\n.Pp\n");
            line_start = true;
            p++;
            continue;
        }
        /* a dot or quote at the start of a line would be a request */
        if (line_start && (*p == '.' || *p == '\''))
            fputs("\\&", stdout);
        line_start = false;
        if (*p == '\\') {
            fputs("\\e", stdout);
        } else if (*p == '-') {
            fputs("\\-", stdout);
        } else if (p[0] == '.' && p[1] == ' ') {
            /* each sentence on its line, as mdoc wants it */
            fputs(".\n", stdout);
            line_start = true;
            p++;
        } else {
            putchar(*p);
        }
    }
    putchar('\n');
}
