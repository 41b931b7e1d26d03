/* JSON out and in. */
#include "base/json.h"

#include <locale.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static void write_example(struct json_out *out)
{
    json_out_object(out);
    json_out_key(out, "a");
    json_out_u64(out, UINT64_MAX);
    json_out_key(out, "b");
    json_out_array(out);
    json_out_i64(out, INT64_MIN);
    json_out_double(out, 0.1);
    json_out_double(out, NAN);
    json_out_bool(out, true);
    json_out_string(out, NULL);
    json_out_object(out);
    json_out_object_end(out);
    json_out_array_end(out);
    json_out_key(out, "c");
    json_out_string(out, "x\"\n");
    json_out_object_end(out);
}

static void test_write(void)
{
    struct json_out *out = json_out_new(false);
    size_t len = 1;
    CU_ASSERT_STRING_EQUAL(json_out_text(out, &len), "");
    CU_ASSERT_EQUAL(len, 0);
    write_example(out);
    CU_ASSERT_STRING_EQUAL(
        json_out_text(out, &len),
        "{\"a\":18446744073709551615,\"b\":[-9223372036854775808,0.1,null,"
        "true,null,{}],\"c\":\"x\\\"\\n\"}");
    CU_ASSERT_EQUAL(len, strlen(json_out_text(out, NULL)));
    json_out_free(out);
    json_out_free(NULL);
}

static void test_write_pretty(void)
{
    struct json_out *out = json_out_new(true);
    json_out_object(out);
    json_out_key(out, "a");
    json_out_array(out);
    json_out_u64(out, 1);
    json_out_array_end(out);
    json_out_object_end(out);
    CU_ASSERT_STRING_EQUAL(json_out_text(out, NULL),
                           "{\n    \"a\": [\n        1\n    ]\n}\n");
    json_out_free(out);
}

static void test_write_bad_utf8(void)
{
    static const struct {
        const char *text, *json;
    } rows[] = {
        { "\xc3\xa4", "\"\xc3\xa4\"" },
        { "a\xff"
          "b",
          "\"a\xef\xbf\xbd"
          "b\"" },
        { "\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\"" },
        { "\xf4\x90\x80\x80",
          "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\x01\x1f", "\"\\u0001\\u001F\"" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct json_out *out = json_out_new(false);
        json_out_string(out, rows[i].text);
        CU_ASSERT_STRING_EQUAL(json_out_text(out, NULL), rows[i].json);
        json_out_free(out);
    }
}

static void test_write_numbers(void)
{
    static const double rows[] = { 0,   1,       -1.5, 1e300,     1e-300,
                                   0.1, 1.0 / 3, 1e15, 12345678.9 };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct json_out *out = json_out_new(false);
        json_out_double(out, rows[i]);
        const struct json_value *value = NULL;
        size_t len;
        const char *text = json_out_text(out, &len);
        CU_ASSERT_EQUAL_FATAL(json_parse(text, len, arena, &value, NULL), 0);
        CU_ASSERT_EQUAL(value->real, rows[i]);
        json_out_free(out);
    }
    arena_free(arena);
}

static void misuse_value_without_key(struct json_out *out)
{
    json_out_object(out);
    json_out_string(out, "a");
}

static void misuse_wrong_end(struct json_out *out)
{
    json_out_object(out);
    json_out_array_end(out);
}

static void misuse_second_value(struct json_out *out)
{
    json_out_null(out);
    json_out_null(out);
}

static void misuse_key_in_array(struct json_out *out)
{
    json_out_array(out);
    json_out_key(out, "a");
}

static void misuse_end_after_key(struct json_out *out)
{
    json_out_object(out);
    json_out_key(out, "a");
    json_out_object_end(out);
}

static void test_write_misuse(void)
{
    static void (*const rows[])(struct json_out *) = {
        misuse_value_without_key, misuse_wrong_end, misuse_second_value,
        misuse_key_in_array, misuse_end_after_key
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
            close(STDERR_FILENO);
            signal(SIGABRT, SIG_DFL);
            rows[i](json_out_new(false));
            _exit(0);
        }
        int status = 0;
        waitpid(pid, &status, 0);
        CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

static void test_read(void)
{
    static const char text[] =
        " {\"n\": null, \"t\": true, \"i\": -12, \"f\": 2.5, \"s\": "
        "\"\\u00e4\","
        " \"a\": [1, [], {}], \"o\": {\"x\": \"y\"}, \"\": 0} ";
    struct arena *arena = arena_new();
    const struct json_value *root = NULL;
    CU_ASSERT_EQUAL_FATAL(json_parse(text, strlen(text), arena, &root, NULL),
                          0);
    CU_ASSERT_EQUAL(root->type, JSON_OBJECT);
    CU_ASSERT_EQUAL(root->n_items, 8);
    CU_ASSERT_STRING_EQUAL(root->keys[0], "n");
    CU_ASSERT_EQUAL(json_get(root, "n")->type, JSON_NULL);
    CU_ASSERT_TRUE(json_get(root, "t")->boolean);
    CU_ASSERT_EQUAL(json_get(root, "i")->integer, -12);
    CU_ASSERT_TRUE(json_get(root, "i")->is_integer);
    CU_ASSERT_EQUAL(json_get(root, "f")->real, 2.5);
    CU_ASSERT_FALSE(json_get(root, "f")->is_integer);
    CU_ASSERT_STRING_EQUAL(json_get(root, "f")->text, "2.5");
    CU_ASSERT_STRING_EQUAL(json_get(root, "s")->text, "\xc3\xa4");
    const struct json_value *a = json_get(root, "a");
    CU_ASSERT_EQUAL_FATAL(a->n_items, 3);
    CU_ASSERT_EQUAL(a->items[0].integer, 1);
    CU_ASSERT_EQUAL(a->items[1].type, JSON_ARRAY);
    CU_ASSERT_EQUAL(a->items[1].n_items, 0);
    CU_ASSERT_EQUAL(a->items[2].type, JSON_OBJECT);
    CU_ASSERT_STRING_EQUAL(json_get(json_get(root, "o"), "x")->text, "y");
    CU_ASSERT_PTR_NULL(json_get(root, "absent"));
    CU_ASSERT_PTR_NULL(json_get(a, "x"));
    CU_ASSERT_PTR_NULL(json_get(NULL, "x"));
    CU_ASSERT_PTR_NOT_NULL(json_get(root, ""));
    arena_free(arena);
}

static void test_read_numbers(void)
{
    static const struct {
        const char *text;
        bool is_integer;
        int64_t integer;
    } rows[] = {
        { "9223372036854775807", true, INT64_MAX },
        { "-9223372036854775808", true, INT64_MIN },
        { "9223372036854775808", false, 0 },
        { "1e3", true, 1000 },
        { "2.0", true, 2 },
        { "-0", true, 0 },
        { "0.5", false, 0 },
        { "1e300", false, 0 },
        { "1e999", false, 0 },
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct json_value *value = NULL;
        CU_ASSERT_EQUAL_FATAL(json_parse(rows[i].text, strlen(rows[i].text),
                                         arena, &value, NULL),
                              0);
        CU_ASSERT_EQUAL(value->type, JSON_NUMBER);
        CU_ASSERT_STRING_EQUAL(value->text, rows[i].text);
        CU_ASSERT_EQUAL(value->is_integer, rows[i].is_integer);
        CU_ASSERT_EQUAL(value->integer, rows[i].integer);
    }
    arena_free(arena);
}

static void test_read_bad(void)
{
    static const char *const rows[] = {
        "",
        " ",
        "{",
        "[1,",
        "{\"a\"}",
        "1 2",
        "{} x",
        "nul",
        "'a'",
        "[1,]",
        "{\"a\":1,}",
        "\"\xff\"",
        "\"a",
        "/* a */ 1",
        "01",
        "\"\\u0000\"",
        "{\"\\u0000\":1}",
        "{\"a\":1,\"b\":2,\"a\":3}",
        "[[{\"a\":[1,{\"b\":",
        "]",
        "NaN",
        "+1",
        "\"\n\"",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena *arena = arena_new();
        const struct json_value *value = NULL;
        struct vdc_error err = { 0 };
        CU_ASSERT_EQUAL(
            json_parse(rows[i], strlen(rows[i]), arena, &value, &err),
            VDC_E_BAD_VALUE);
        CU_ASSERT_PTR_NULL(value);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "line 1, column "));
        CU_ASSERT_PTR_NULL(strchr(err.text, '\n'));
        arena_free(arena);
    }
}

static void test_read_limits(void)
{
    struct arena *arena = arena_new();
    const struct json_value *value = NULL;
    char text[200];
    memset(text, '[', 65);
    memset(text + 65, ']', 65);
    CU_ASSERT_EQUAL(json_parse(text, 130, arena, &value, NULL),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(json_parse(text + 1, 128, arena, &value, NULL), 0);
    size_t size = 16 * 1024 * 1024 + 1;
    char *big = xzalloc(size);
    memset(big, ' ', size);
    big[0] = '1';
    CU_ASSERT_EQUAL(json_parse(big, size, arena, &value, NULL),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(json_parse(big, size - 1, arena, &value, NULL), 0);
    free(big);
    arena_free(arena);
}

static void test_place(void)
{
    static const char text[] = "{\n  \"a\": 1,\n  \"b\": nope\n}";
    struct arena *arena = arena_new();
    const struct json_value *value;
    struct vdc_error err;
    CU_ASSERT_EQUAL(json_parse(text, strlen(text), arena, &value, &err),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "line 3"));
    arena_free(arena);
}

static const struct unit_test tests[] = {
    { "writing", test_write },
    { "writing for people", test_write_pretty },
    { "bytes that are not UTF-8", test_write_bad_utf8 },
    { "numbers there and back", test_write_numbers },
    { "misuse aborts", test_write_misuse },
    { "reading", test_read },
    { "reading numbers", test_read_numbers },
    { "what is no JSON", test_read_bad },
    { "limits", test_read_limits },
    { "the place of an error", test_place },
};
UNIT_MAIN("base/json", tests)
