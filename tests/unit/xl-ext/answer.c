/* What xl-vdc printed; see answer.h. */
#include "tests/unit/xl-ext/answer.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "tests/unit/unit.h"

struct fake_result answer;

void answer_ends(int status)
{
    answer = fake_end();
    if (answer.status != status)
        printf("    status %d, wanted %d\n    out: %s\n    err: %s\n",
               answer.status, status, answer.out, answer.err);
    CU_ASSERT_EQUAL(answer.status, status);
}

void answer_has(const char *where, const char *text)
{
    if (!strstr(where, text))
        printf("    wanted: %s\n    got:    %s\n", text, where);
    CU_ASSERT_PTR_NOT_NULL(strstr(where, text));
}

/* The value at the path of keys and numbers, in what was printed. */
static const struct json_value *at(const char *text, struct arena *arena,
                                   const char *where)
{
    const struct json_value *value = NULL;
    char *copy = arena_strdup(arena, where), *save = NULL;
    if (json_parse(text, strlen(text), arena, &value, NULL))
        return NULL;
    for (char *w = strtok_r(copy, ".", &save); w && value;
         w = strtok_r(NULL, ".", &save)) {
        if (value->type == JSON_ARRAY) {
            size_t i = (size_t)(*w - '0');
            value = i < value->n_items ? &value->items[i] : NULL;
        } else {
            value = json_get(value, w);
        }
    }
    return value;
}

void answer_json_is(const char *where, const char *wanted)
{
    struct arena *arena = arena_new();
    const struct json_value *value = at(answer.out, arena, where);
    const char *got = value ? value->text ? value->text : "?" : "nothing";
    if (strcmp(got, wanted))
        printf("    %s: %s, wanted %s\n", where, got, wanted);
    CU_ASSERT_STRING_EQUAL(got, wanted);
    arena_free(arena);
}
