/*
 * The lexer of our own reader of xl.cfg syntax.
 *
 * What libxlutil (4.17) does and this file does the same: names are lower
 * case, begin with a letter and may have digits, dots and underscores; a
 * number begins with a digit and goes on with 0-9, a-f and x; a string has
 * either quote and ends on its line; blanks are space and tab alone.
 *
 * What it does otherwise: numeric escapes in strings (\x41, \101) are an
 * error.  libxlutil refuses the hexadecimal ones, and drops the octal ones
 * from the string without a word.
 */
#include "base/cfg_lex.h"

#include <stdbool.h>
#include <string.h>

void cfg_lexer_init(struct cfg_lexer *lexer, const char *path,
                    const char *text, size_t len, struct arena *arena)
{
    if (!text)
        text = ""; /* of no bytes: NULL may not be counted on from */
    *lexer = (struct cfg_lexer){
        .path = path,
        .at = text,
        .end = text + len,
        .line = 1,
        .arena = arena,
    };
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool in_name(char c)
{
    return is_lower(c) || is_digit(c) || c == '.' || c == '_';
}

static bool in_number(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || c == 'x';
}

static int take_word(struct cfg_lexer *lexer, enum cfg_token token,
                     bool (*belongs)(char c))
{
    const char *start = lexer->at;
    while (lexer->at < lexer->end && belongs(*lexer->at))
        lexer->at++;
    lexer->token = token;
    lexer->text =
        arena_strndup(lexer->arena, start, (size_t)(lexer->at - start));
    return 0;
}

static int take_mark(struct cfg_lexer *lexer, enum cfg_token token,
                     size_t size)
{
    lexer->token = token;
    lexer->at += size;
    return 0;
}

static int take_newline(struct cfg_lexer *lexer)
{
    while (lexer->at < lexer->end && *lexer->at != '\n')
        lexer->at++;
    if (lexer->at == lexer->end)
        return take_mark(lexer, CFG_TOKEN_END, 0);
    lexer->line++;
    return take_mark(lexer, CFG_TOKEN_NEWLINE, 1);
}

/* The character that \c stands for, or -1. */
static int unescape(char c)
{
    static const char from[] = "\"'\\abfnrtv";
    static const char to[] = "\"'\\\a\b\f\n\r\t\v";
    const char *p = c ? strchr(from, c) : NULL;
    return p ? (unsigned char)to[p - from] : -1;
}

static int bad_escape(const struct cfg_lexer *lexer, char c,
                      struct vdc_error *err)
{
    if (is_digit(c) || c == 'x')
        return vdc_error_set(err, VDC_E_BAD_CONFIG,
                             "%s:%u: characters by number (\\%c...) are not "
                             "possible in a string",
                             lexer->path, lexer->line, c);
    return vdc_error_set(err, VDC_E_BAD_CONFIG,
                         "%s:%u: a backslash in a string must be written "
                         "twice, or stand before one of \\ ' \" a b f n r t v",
                         lexer->path, lexer->line);
}

static int take_string(struct cfg_lexer *lexer, struct vdc_error *err)
{
    char quote = *lexer->at;
    const char *p = lexer->at + 1;
    const char *stop = memchr(p, '\n', (size_t)(lexer->end - p));
    if (!stop)
        stop = lexer->end;
    char *text = arena_alloc(lexer->arena, (size_t)(stop - p) + 1);
    size_t len = 0;
    while (p < stop && *p != quote) {
        if (*p != '\\') {
            text[len++] = *p++;
            continue;
        }
        if (p + 1 == stop)
            break;
        int c = unescape(p[1]);
        if (c < 0)
            return bad_escape(lexer, p[1], err);
        text[len++] = (char)c;
        p += 2;
    }
    if (p >= stop || *p != quote)
        return vdc_error_set(err, VDC_E_BAD_CONFIG,
                             "%s:%u: a string that does not end on its line",
                             lexer->path, lexer->line);
    text[len] = 0;
    lexer->at = p + 1;
    lexer->token = CFG_TOKEN_STRING;
    lexer->text = text;
    return 0;
}

static int bad_character(const struct cfg_lexer *lexer, struct vdc_error *err)
{
    unsigned char c = (unsigned char)*lexer->at;
    const char *path = lexer->path;
    unsigned line = lexer->line;
    if (c == '\r') {
        vdc_error_set(err, VDC_E_BAD_CONFIG,
                      "%s:%u: a carriage return: the file has line ends of "
                      "DOS",
                      path, line);
        vdc_error_hint(err, "take them out: sed -i 's/\\r$//' FILE");
        return VDC_E_BAD_CONFIG;
    }
    if (c >= 'A' && c <= 'Z')
        return vdc_error_set(err, VDC_E_BAD_CONFIG,
                             "%s:%u: '%c': names are lower case, and text "
                             "has quotes",
                             path, line, c);
    if (c < 0x20 || c >= 0x7f)
        return vdc_error_set(err, VDC_E_BAD_CONFIG,
                             "%s:%u: the byte 0x%02x outside a string", path,
                             line, c);
    return vdc_error_set(err, VDC_E_BAD_CONFIG,
                         "%s:%u: '%c' is not expected here", path, line, c);
}

int cfg_lexer_next(struct cfg_lexer *lexer, struct vdc_error *err)
{
    while (lexer->at < lexer->end && (*lexer->at == ' ' || *lexer->at == '\t'))
        lexer->at++;
    lexer->token_line = lexer->line;
    lexer->text = "";
    if (lexer->at == lexer->end)
        return take_mark(lexer, CFG_TOKEN_END, 0);
    switch (*lexer->at) {
    case '#':
    case '\n':
        return take_newline(lexer);
    case ';':
        return take_mark(lexer, CFG_TOKEN_SEMICOLON, 1);
    case ',':
        return take_mark(lexer, CFG_TOKEN_COMMA, 1);
    case '[':
        return take_mark(lexer, CFG_TOKEN_OPEN, 1);
    case ']':
        return take_mark(lexer, CFG_TOKEN_CLOSE, 1);
    case '=':
        return take_mark(lexer, CFG_TOKEN_SET, 1);
    case '"':
    case '\'':
        return take_string(lexer, err);
    default:
        break;
    }
    if (is_lower(*lexer->at))
        return take_word(lexer, CFG_TOKEN_NAME, in_name);
    if (is_digit(*lexer->at))
        return take_word(lexer, CFG_TOKEN_NUMBER, in_number);
    if (lexer->end - lexer->at >= 2 && memcmp(lexer->at, "+=", 2) == 0)
        return take_mark(lexer, CFG_TOKEN_ADD, 2);
    return bad_character(lexer, err);
}

const char *cfg_lexer_describe(const struct cfg_lexer *lexer)
{
    switch (lexer->token) {
    case CFG_TOKEN_END:
        return "the end of the text";
    case CFG_TOKEN_NEWLINE:
        return "the end of the line";
    case CFG_TOKEN_SEMICOLON:
        return "';'";
    case CFG_TOKEN_COMMA:
        return "','";
    case CFG_TOKEN_OPEN:
        return "'['";
    case CFG_TOKEN_CLOSE:
        return "']'";
    case CFG_TOKEN_SET:
        return "'='";
    case CFG_TOKEN_ADD:
        return "'+='";
    case CFG_TOKEN_NAME:
    case CFG_TOKEN_NUMBER:
    case CFG_TOKEN_STRING:
        return arena_printf(lexer->arena, "'%.40s'", lexer->text);
    }
    return "?";
}
