/*
 * Errors for every program: the table of errors.def as lookups, and filling
 * the struct that carries a sentence to a person.
 *
 * Text is formatted into a local buffer first, because callers like to wrap
 * the text of an error into the same error.
 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

static const struct row {
    int code;
    const char *name;
    int exit_status;
    bool may_retry;
    const char *text;
} rows[] = {
#define VDC_ERROR(number, name, status, retry, text) \
    { -(number), #name, status, retry, text },
#include "base/errors.def"
#undef VDC_ERROR
};

static const struct row *find(int code)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].code == code)
            return &rows[i];
    return NULL;
}

/* Ends a text that was cut in "...", never in half a UTF-8 character. */
static void mark_cut(char *buf, size_t size)
{
    size_t at = size - 4;
    while (at > 0 && ((unsigned char)buf[at] & 0xc0) == 0x80)
        at--;
    memcpy(buf + at, "...", 4);
}

/*
 * Texts quote what a file, a user or a guest has: what is no text in them
 * becomes a question mark each byte, as an answer that is no text could not
 * be sent, and whoever waits for it would wait for ever.
 */
static void make_text(char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)text[i];
        bool control = (c < 0x20 && c != '\t' && c != '\n') || c == 0x7f;
        size_t n = utf8_size((const unsigned char *)text + i, len - i);
        if (n == 0 || control)
            text[i] = '?';
        i += n ? n : 1;
    }
}

static void format_cut(char *buf, size_t size, const char *format, va_list ap)
    __attribute__((format(printf, 3, 0)));

static void format_cut(char *buf, size_t size, const char *format, va_list ap)
{
    int len = vsnprintf(buf, size, format, ap);
    if (len < 0)
        snprintf(buf, size, "(text could not be formatted)");
    else if ((size_t)len >= size)
        mark_cut(buf, size);
    make_text(buf);
}

int vdc_error_set(struct vdc_error *err, int code, const char *format, ...)
{
    if (!err)
        return code;
    char text[sizeof(err->text)];
    va_list ap;
    va_start(ap, format);
    format_cut(text, sizeof(text), format, ap);
    va_end(ap);
    err->code = code;
    memcpy(err->text, text, sizeof(text));
    err->hint[0] = 0;
    return code;
}

void vdc_error_hint(struct vdc_error *err, const char *format, ...)
{
    if (!err)
        return;
    char hint[sizeof(err->hint)];
    va_list ap;
    va_start(ap, format);
    format_cut(hint, sizeof(hint), format, ap);
    va_end(ap);
    memcpy(err->hint, hint, sizeof(hint));
}

void vdc_error_prefix(struct vdc_error *err, const char *format, ...)
{
    if (!err)
        return;
    char prefix[sizeof(err->text)];
    char text[sizeof(err->text)];
    va_list ap;
    va_start(ap, format);
    format_cut(prefix, sizeof(prefix), format, ap);
    va_end(ap);
    size_t len = strlen(prefix);
    memcpy(text, prefix, len);
    int more = snprintf(text + len, sizeof(text) - len, ": %s", err->text);
    if (more < 0 || (size_t)more >= sizeof(text) - len)
        mark_cut(text, sizeof(text));
    memcpy(err->text, text, sizeof(text));
}

static int errno_code(int code, int errnum)
{
    switch (errnum) {
    case ENOSPC:
        return VDC_E_DISK_FULL;
    case ENOMEM:
        return VDC_E_NOMEM;
    case EACCES:
    case EPERM:
        return VDC_E_DENIED;
    case ENOENT:
        return VDC_E_NO_FILE;
    default:
        return code;
    }
}

int vdc_error_errno(struct vdc_error *err, int code, int errnum,
                    const char *format, ...)
{
    code = errno_code(code, errnum);
    if (!err)
        return code;
    char text[sizeof(err->text)];
    va_list ap;
    va_start(ap, format);
    format_cut(text, sizeof(text), format, ap);
    va_end(ap);
    char words[128];
    return vdc_error_set(err, code, "%s: %s", text,
                         strerror_r(errnum, words, sizeof(words)));
}

const char *vdc_error_name(int code)
{
    const struct row *row = find(code);
    return row ? row->name : code == VDC_OK ? "OK" : "UNKNOWN";
}

const char *vdc_error_text(int code)
{
    const struct row *row = find(code);
    return row ? row->text : code == VDC_OK ? "success" : "unknown error";
}

int vdc_error_exit_status(int code)
{
    const struct row *row = find(code);
    return row ? row->exit_status : code == VDC_OK ? 0 : 1;
}

bool vdc_error_may_retry(int code)
{
    const struct row *row = find(code);
    return row && row->may_retry;
}
