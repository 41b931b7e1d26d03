/*
 * JSON by yajl: what commands print with -o json, what is kept as text in the
 * stores, and what etcd answers.
 *
 * yajl's generator does not notice all misuse (a map closed as an array), so
 * the nesting is tracked here and asserted.  Numbers are written and read in
 * the C locale, whatever locale the program set for its tables.
 */
#include "base/json.h"

#include <assert.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>
#include <yajl/yajl_parse.h>

#include "base/utf8.h"

#define SIZE_LIMIT (16 * 1024 * 1024)
#define DEPTH_LIMIT 64

static void *yajl_malloc(void *ctx, size_t size)
{
    return xzalloc(size);
}

static void *yajl_realloc_(void *ctx, void *p, size_t size)
{
    return xrealloc(p, size);
}

static void yajl_free_(void *ctx, void *p)
{
    free(p);
}

static const yajl_alloc_funcs alloc_funcs = { yajl_malloc, yajl_realloc_,
                                              yajl_free_, NULL };

/* Never freed: glibc's "C" locale is static. */
static locale_t c_locale(void)
{
    static locale_t c;
    if (!c)
        c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    assert(c);
    return c;
}

/* ---- writing ---- */

enum expect {
    EXPECT_VALUE, /* the one value of the text, or that of a key */
    EXPECT_KEY,   /* in an object: a key or the end */
    EXPECT_ITEM,  /* in an array: a value or the end */
    EXPECT_NOTHING
};

struct json_out {
    yajl_gen gen;
    size_t depth;
    enum expect expect[DEPTH_LIMIT + 1]; /* one for each open level */
};

struct json_out *json_out_new(bool pretty)
{
    struct json_out *out = XNEW(struct json_out);
    out->gen = yajl_gen_alloc(&alloc_funcs);
    if (!out->gen)
        abort();
    if (pretty) {
        yajl_gen_config(out->gen, yajl_gen_beautify, 1);
        yajl_gen_config(out->gen, yajl_gen_indent_string, "    ");
    }
    out->expect[0] = EXPECT_VALUE;
    return out;
}

void json_out_free(struct json_out *out)
{
    if (!out)
        return;
    yajl_gen_free(out->gen);
    free(out);
}

static void check(yajl_gen_status status)
{
    assert(status == yajl_gen_status_ok);
    (void)status;
}

/* Every value, of whatever kind, passes here before it is written. */
static void before_value(struct json_out *out)
{
    enum expect *expect = &out->expect[out->depth];
    assert(*expect == EXPECT_VALUE || *expect == EXPECT_ITEM);
    if (*expect == EXPECT_VALUE)
        *expect = out->depth ? EXPECT_KEY : EXPECT_NOTHING;
}

static void open_level(struct json_out *out, enum expect expect)
{
    assert(out->depth < DEPTH_LIMIT);
    out->expect[++out->depth] = expect;
}

static void close_level(struct json_out *out, enum expect expect)
{
    assert(out->depth > 0 && out->expect[out->depth] == expect);
    (void)expect;
    out->depth--;
}

void json_out_object(struct json_out *out)
{
    before_value(out);
    open_level(out, EXPECT_KEY);
    check(yajl_gen_map_open(out->gen));
}

void json_out_object_end(struct json_out *out)
{
    close_level(out, EXPECT_KEY);
    check(yajl_gen_map_close(out->gen));
}

void json_out_array(struct json_out *out)
{
    before_value(out);
    open_level(out, EXPECT_ITEM);
    check(yajl_gen_array_open(out->gen));
}

void json_out_array_end(struct json_out *out)
{
    close_level(out, EXPECT_ITEM);
    check(yajl_gen_array_close(out->gen));
}

static bool is_ascii(const unsigned char *p, size_t len)
{
    unsigned char any = 0;

    for (size_t i = 0; i < len; i++)
        any |= p[i];
    return any < 0x80;
}

static void write_string(struct json_out *out, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t len = strlen(text), size = 0;
    if (is_ascii(p, len)) {
        check(yajl_gen_string(out->gen, p, len));
        return;
    }
    unsigned char *clean = xzalloc(len * 3 + 1);
    for (size_t i = 0; i < len;) {
        size_t n = utf8_size(p + i, len - i);
        memcpy(clean + size, n ? p + i : (const unsigned char *)"\xef\xbf\xbd",
               n ? n : 3);
        size += n ? n : 3;
        i += n ? n : 1;
    }
    check(yajl_gen_string(out->gen, clean, size));
    free(clean);
}

void json_out_key(struct json_out *out, const char *key)
{
    assert(out->depth > 0 && out->expect[out->depth] == EXPECT_KEY);
    out->expect[out->depth] = EXPECT_VALUE;
    write_string(out, key);
}

void json_out_string(struct json_out *out, const char *text)
{
    if (!text) {
        json_out_null(out);
        return;
    }
    before_value(out);
    write_string(out, text);
}

static void write_number(struct json_out *out, const char *digits)
{
    before_value(out);
    check(yajl_gen_number(out->gen, digits, strlen(digits)));
}

#define DIGITS_SIZE 24

/* Of thousands of numbers in one text, printf would take the most time. */
static char *format_u64(char digits[DIGITS_SIZE], uint64_t n)
{
    char *p = digits + DIGITS_SIZE;

    *--p = '\0';
    do
        *--p = (char)('0' + n % 10);
    while (n /= 10);
    return p;
}

void json_out_u64(struct json_out *out, uint64_t n)
{
    char digits[DIGITS_SIZE];

    write_number(out, format_u64(digits, n));
}

void json_out_i64(struct json_out *out, int64_t n)
{
    char digits[DIGITS_SIZE];
    char *p = format_u64(digits, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);

    if (n < 0)
        *--p = '-';
    write_number(out, p);
}

/* The fewest digits that read back as the same number. */
void json_out_double(struct json_out *out, double n)
{
    if (!isfinite(n)) {
        json_out_null(out);
        return;
    }
    char digits[40];
    locale_t before = uselocale(c_locale());
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof(digits), "%.*g", precision, n);
        if (strtod(digits, NULL) == n)
            break;
    }
    uselocale(before);
    write_number(out, digits);
}

void json_out_bool(struct json_out *out, bool b)
{
    before_value(out);
    check(yajl_gen_bool(out->gen, b));
}

void json_out_null(struct json_out *out)
{
    before_value(out);
    check(yajl_gen_null(out->gen));
}

const char *json_out_text(struct json_out *out, size_t *ret_len)
{
    const unsigned char *text;
    size_t len;
    check(yajl_gen_get_buf(out->gen, &text, &len));
    if (ret_len)
        *ret_len = len;
    return text ? (const char *)text : ""; /* yajl: nothing yet */
}

/* ---- reading ---- */

/* An object or array whose end has not come yet; it grows on the heap and is
 * copied into the arena when it is complete. */
struct level {
    struct json_value *items;
    const char **keys; /* NULL in an array */
    size_t n_items, n_room;
    const char *key; /* of the value that comes next */
    bool is_object;
};

struct reader {
    struct arena *arena;
    size_t depth;
    struct level levels[DEPTH_LIMIT];
    struct json_value *root;
    const char *problem; /* why a callback stopped the parser */
};

static int stop(struct reader *reader, const char *problem)
{
    reader->problem = problem;
    return 0;
}

static int add(struct reader *reader, struct json_value value)
{
    if (reader->depth == 0) {
        reader->root = arena_memdup(reader->arena, &value, sizeof(value));
        return 1;
    }
    struct level *level = &reader->levels[reader->depth - 1];
    if (level->n_items == level->n_room) {
        level->n_room = level->n_room ? level->n_room * 2 : 8;
        level->items =
            xrealloc(level->items, level->n_room * sizeof(level->items[0]));
        if (level->is_object)
            level->keys =
                xrealloc(level->keys, level->n_room * sizeof(level->keys[0]));
    }
    if (level->is_object)
        level->keys[level->n_items] = level->key;
    level->items[level->n_items++] = value;
    return 1;
}

static int on_null(void *ctx)
{
    return add(ctx, (struct json_value){ .type = JSON_NULL });
}

static int on_boolean(void *ctx, int b)
{
    return add(ctx, (struct json_value){ .type = JSON_BOOL, .boolean = b });
}

/* The number as an integer: as digits when it is written so, else by the
 * double when that is whole and exact (1e3, 2.0). */
static bool to_integer(const char *text, double real, int64_t *ret)
{
    if (strspn(text, "-0123456789") == strlen(text)) {
        errno = 0;
        long long n = strtoll(text, NULL, 10);
        if (errno)
            return false;
        *ret = n;
        return true;
    }
    const double exact = 9007199254740992.0; /* 2^53 */
    if (!(real >= -exact && real <= exact) || real != (double)(int64_t)real)
        return false;
    *ret = (int64_t)real;
    return true;
}

static int on_number(void *ctx, const char *digits, size_t len)
{
    struct reader *reader = ctx;
    struct json_value value = { .type = JSON_NUMBER };
    value.text = arena_strndup(reader->arena, digits, len);
    value.real = strtod_l(value.text, NULL, c_locale());
    value.is_integer = to_integer(value.text, value.real, &value.integer);
    return add(reader, value);
}

static int on_string(void *ctx, const unsigned char *text, size_t len)
{
    struct reader *reader = ctx;
    if (len && memchr(text, 0, len))
        return stop(reader, "a string with the character \\u0000");
    struct json_value value = { .type = JSON_STRING };
    value.text = arena_strndup(reader->arena, (const char *)text, len);
    return add(reader, value);
}

static int begin(struct reader *reader, bool is_object)
{
    if (reader->depth == DEPTH_LIMIT)
        return stop(reader, "nested deeper than 64 levels");
    reader->levels[reader->depth++] = (struct level){ .is_object = is_object };
    return 1;
}

static int on_start_map(void *ctx)
{
    return begin(ctx, true);
}

static int on_start_array(void *ctx)
{
    return begin(ctx, false);
}

static int on_map_key(void *ctx, const unsigned char *key, size_t len)
{
    struct reader *reader = ctx;
    if (len && memchr(key, 0, len))
        return stop(reader, "a name with the character \\u0000");
    reader->levels[reader->depth - 1].key =
        arena_strndup(reader->arena, (const char *)key, len);
    return 1;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Two members of one name mean different things to different readers, so
 * there must be none.  By sorting: an object may have a million members. */
static bool has_double_key(const struct level *level)
{
    if (level->n_items < 2)
        return false;
    size_t size = level->n_items * sizeof(level->keys[0]);
    const char **keys = xrealloc(NULL, size);
    memcpy(keys, level->keys, size);
    qsort(keys, level->n_items, sizeof(keys[0]), compare_keys);
    bool found = false;
    for (size_t i = 1; i < level->n_items && !found; i++)
        found = strcmp(keys[i - 1], keys[i]) == 0;
    free(keys);
    return found;
}

static void level_fini(struct level *level)
{
    free(level->items);
    free(level->keys);
}

static int end(struct reader *reader)
{
    struct level *level = &reader->levels[reader->depth - 1];
    if (level->is_object && has_double_key(level))
        return stop(reader, "an object that has the same name twice");
    struct json_value value = {
        .type = level->is_object ? JSON_OBJECT : JSON_ARRAY,
        .n_items = level->n_items,
        .items = arena_memdup(reader->arena, level->items,
                              level->n_items * sizeof(level->items[0])),
    };
    if (level->is_object)
        value.keys = arena_memdup(reader->arena, level->keys,
                                  level->n_items * sizeof(level->keys[0]));
    level_fini(level);
    reader->depth--;
    return add(reader, value);
}

static int on_end(void *ctx)
{
    return end(ctx);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_start_map,
    .yajl_map_key = on_map_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_start_array,
    .yajl_end_array = on_end,
};

static int set_error(const char *text, size_t at, const char *problem,
                     struct vdc_error *err)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at; i++) {
        column = text[i] == '\n' ? 1 : column + 1;
        line += text[i] == '\n';
    }
    return vdc_error_set(err, VDC_E_BAD_VALUE,
                         "not valid JSON at line %zu, column %zu: %.*s", line,
                         column, (int)strcspn(problem, "\n"), problem);
}

static int report(yajl_handle handle, const struct reader *reader,
                  const char *text, size_t len, struct vdc_error *err)
{
    size_t at = yajl_get_bytes_consumed(handle);
    if (at > len)
        at = len;
    if (reader->problem)
        return set_error(text, at, reader->problem, err);
    unsigned char *words = yajl_get_error(handle, 0, NULL, 0);
    int rc = set_error(text, at, (const char *)words, err);
    yajl_free_error(handle, words);
    return rc;
}

int json_parse(const char *text, size_t len, struct arena *arena,
               const struct json_value **ret, struct vdc_error *err)
{
    if (len > SIZE_LIMIT)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "a JSON text of %zu bytes; the limit is 16 MiB",
                             len);
    int rc = 0;
    struct reader *reader = XNEW(struct reader);
    reader->arena = arena;
    yajl_handle handle = yajl_alloc(
        &callbacks, (yajl_alloc_funcs *)(uintptr_t)&alloc_funcs, reader);
    if (!handle)
        abort();
    if (yajl_parse(handle, (const unsigned char *)text, len) !=
            yajl_status_ok ||
        yajl_complete_parse(handle) != yajl_status_ok || !reader->root)
        rc = report(handle, reader, text, len, err);
    else
        *ret = reader->root;
    yajl_free(handle);
    while (reader->depth > 0)
        level_fini(&reader->levels[--reader->depth]);
    free(reader);
    return rc;
}

const struct json_value *json_get(const struct json_value *object,
                                  const char *key)
{
    if (!object || object->type != JSON_OBJECT)
        return NULL;
    for (size_t i = 0; i < object->n_items; i++)
        if (strcmp(object->keys[i], key) == 0)
            return &object->items[i];
    return NULL;
}
