/*
 * The words of a file in xl.cfg syntax.  The same words as libxlutil's lexer
 * knows, less what it accepts and then mishandles (see cfg_lex.c).
 */
#ifndef VDC_BASE_CFG_LEX_H
#define VDC_BASE_CFG_LEX_H

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

enum cfg_token {
    CFG_TOKEN_END,
    CFG_TOKEN_NEWLINE, /* a comment belongs to the end of its line */
    CFG_TOKEN_SEMICOLON,
    CFG_TOKEN_COMMA,
    CFG_TOKEN_OPEN,
    CFG_TOKEN_CLOSE,
    CFG_TOKEN_SET, /* = */
    CFG_TOKEN_ADD, /* += */
    CFG_TOKEN_NAME,
    CFG_TOKEN_NUMBER,
    CFG_TOKEN_STRING
};

struct cfg_lexer {
    const char *path; /* for errors */
    const char *at, *end;
    unsigned line; /* of `at` */
    struct arena *arena;

    /* The last token. */
    enum cfg_token token;
    unsigned token_line;
    const char *text; /* NAME, NUMBER, STRING (without quotes); in the arena */
};

void cfg_lexer_init(struct cfg_lexer *lexer, const char *path,
                    const char *text, size_t len, struct arena *arena);
/* Reads one token.  Errors: VDC_E_BAD_CONFIG, "path:line: " first. */
int cfg_lexer_next(struct cfg_lexer *lexer, struct vdc_error *err);
/* How errors call the last token: "'abc'", "the end of the line". */
const char *cfg_lexer_describe(const struct cfg_lexer *lexer);

#endif
