/*
 * JSON, by yajl; the one place that uses yajl.
 *
 * Writing: calls in order into a growing buffer, nested objects and arrays
 * kept well-formed by asserts.  Strings are UTF-8; bytes that are not valid
 * UTF-8 are replaced by U+FFFD (they may come from a guest).
 * Reading: a whole text into a tree in an arena.
 */
#ifndef VDC_BASE_JSON_H
#define VDC_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

struct json_out;

/* pretty: indented by 4, for people; otherwise one line, for events. */
struct json_out *json_out_new(bool pretty);
void json_out_free(struct json_out *out);
void json_out_object(struct json_out *out);
void json_out_object_end(struct json_out *out);
void json_out_array(struct json_out *out);
void json_out_array_end(struct json_out *out);
void json_out_key(struct json_out *out, const char *key);
void json_out_string(struct json_out *out, const char *text); /* NULL: null */
void json_out_u64(struct json_out *out, uint64_t n);
void json_out_i64(struct json_out *out, int64_t n);
void json_out_double(struct json_out *out, double n); /* not finite: null */
void json_out_bool(struct json_out *out, bool b);
void json_out_null(struct json_out *out);
/* The text so far, 0-terminated; valid until the next call or free. */
const char *json_out_text(struct json_out *out, size_t *ret_len);

enum json_type {
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

struct json_value {
    enum json_type type;
    bool boolean;
    const char *text;  /* string; for a number its digits as they stood */
    int64_t integer;   /* number: its value if whole and in range, else 0 */
    bool is_integer;
    double real;
    size_t n_items;    /* array, object */
    const struct json_value *items;
    const char **keys; /* object: n_items of them */
};

/* Parses exactly one value of at most 16 MiB and depth 64.  An object with
 * one name twice and a string with \u0000 are errors.
 * Errors: VDC_E_BAD_VALUE with the place. */
int json_parse(const char *text, size_t len, struct arena *arena,
               const struct json_value **ret, struct vdc_error *err);
/* Member of an object by name; NULL when absent or not an object. */
const struct json_value *json_get(const struct json_value *object,
                                  const char *key);

#endif
