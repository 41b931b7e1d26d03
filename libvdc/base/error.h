/*
 * Errors: one table of codes (errors.def), and one struct that carries a
 * sentence for a person from wherever the error was found to the terminal.
 *
 * A function that can fail returns int: 0, or a negative VDC_E_ code.  Where
 * a person must understand the failure it takes a `struct vdc_error *` as its
 * last argument, filled on failure and untouched on success.  That pointer
 * may be NULL when the caller needs the code alone.
 */
#ifndef VDC_BASE_ERROR_H
#define VDC_BASE_ERROR_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum vdc_error_code {
    VDC_OK = 0,
#define VDC_ERROR(number, name, status, retry, text) VDC_E_##name = -(number),
#include "base/errors.def"
#undef VDC_ERROR
};

struct vdc_error {
    int code;        /* a VDC_E_ code, or 0 for "no error" */
    char text[1024]; /* what is wrong: names the thing, no final full stop */
    char hint[512];  /* what to do about it; "" when there is nothing to say */
};

/*
 * Fills *err (when not NULL): code, and the text by format; clears the hint.
 * A text too long is cut, ending in "..."; bytes that are no UTF-8 text, and
 * control characters, become question marks.  Returns code, so that
 * `return vdc_error_set(err, VDC_E_X, ...)` is the usual line.
 */
int vdc_error_set(struct vdc_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds the hint to an error already set; NULL err does nothing. */
void vdc_error_hint(struct vdc_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Puts "prefix: " before the text of an error already set, for a layer that
 * knows better what the caller was doing.  NULL err does nothing.
 */
void vdc_error_prefix(struct vdc_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* As vdc_error_set, from an errno value: ENOSPC becomes VDC_E_DISK_FULL,
 * ENOMEM VDC_E_NOMEM, EACCES/EPERM VDC_E_DENIED, ENOENT VDC_E_NO_FILE, any
 * other the given code; the text ends with ": " and strerror's words. */
int vdc_error_errno(struct vdc_error *err, int code, int errnum,
                    const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* "QUOTA" for VDC_E_QUOTA; "OK" for 0; "UNKNOWN" for what is not in the
 * table.  The pointer is to static text. */
const char *vdc_error_name(int code);

/* The table's text; never NULL. */
const char *vdc_error_text(int code);

/* The exit status of a command that ends with this code: 0 for VDC_OK, 1 for
 * an unknown code. */
int vdc_error_exit_status(int code);

/* Whether the same request, unchanged, may succeed later. */
bool vdc_error_may_retry(int code);

#ifdef __cplusplus
}
#endif

#endif
