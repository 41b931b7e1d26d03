/* Tests of libvdc/wire/json_read.c. */
#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "tests/unit/wire/fill.h"

/* What the other way writes is read as the same, for every struct. */
static void there_and_back(void)
{
    size_t n;
    const struct wire_struct *const *structs = wire_structs(&n);
    uint64_t seed = 7;

    for (size_t i = 0; i < n; i++) {
        for (int round = 0; round < 3; round++) {
            const struct wire_struct *s = structs[i];
            struct arena *arena = arena_new();
            struct json_out *out = json_out_new(round % 2);
            void *a = arena_alloc(arena, s->size);
            void *b = arena_alloc(arena, s->size);
            const struct json_value *value;
            uint8_t *x, *y;
            size_t x_size, y_size;
            struct vdc_error err = { 0 };
            size_t len;
            wire_init(s, a);
            fill_struct(s, a, arena, &seed);
            wire_to_json(s, a, out);
            const char *text = json_out_text(out, &len);
            CU_ASSERT_EQUAL_FATAL(json_parse(text, len, arena, &value, &err),
                                  0);
            if (wire_from_json(s, value, arena, b, &err)) {
                printf("%s: %s\n", s->name, err.text);
                CU_FAIL("not read");
            } else {
                CU_ASSERT_EQUAL_FATAL(
                    wire_struct_encode(s, a, arena, &x, &x_size, NULL), 0);
                CU_ASSERT_EQUAL_FATAL(
                    wire_struct_encode(s, b, arena, &y, &y_size, NULL), 0);
                CU_ASSERT(x_size == y_size && memcmp(x, y, x_size) == 0);
            }
            json_out_free(out);
            arena_free(arena);
        }
    }
}

static const struct {
    const char *json, *words;
} faults[] = {
    { "[]", "an object expected" },
    { "{\"uuid\":\"x\"}", "uuid: a UUID" },
    { "{\"uuid\":7}", "uuid: a UUID" },
    { "{\"name\":7}", "name: text" },
    { "{\"nonsense\":7}", "nonsense: there is no such member" },
    { "{\"state\":-1}", "state: a whole number of 32 bits" },
    { "{\"state\":4294967296}", "state: a whole number of 32 bits" },
    { "{\"state\":1.5}", "state: a whole number of 32 bits" },
    { "{\"state\":\"1\"}", "state: a whole number of 32 bits" },
    { "{\"counts\":{\"memory_kib\":-5}}", "counts: memory_kib: a whole" },
    { "{\"counts\":{\"memory\":5}}", "counts: memory: there is no such" },
    { "{\"created_ms\":18446744073709551616}", "created_ms: a whole" },
};

static void what_is_wrong(void)
{
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        struct arena *arena = arena_new();
        struct wire_stored_partition body;
        const struct json_value *value;
        struct vdc_error err = { 0 };
        CU_ASSERT_EQUAL_FATAL(json_parse(faults[i].json,
                                         strlen(faults[i].json), arena, &value,
                                         &err),
                              0);
        CU_ASSERT_EQUAL(wire_from_json(&wire_struct_stored_partition, value,
                                       arena, &body, &err),
                        VDC_E_BAD_VALUE);
        if (!strstr(err.text, faults[i].words)) {
            printf("%s: %s\n", faults[i].json, err.text);
            CU_FAIL("another text");
        }
        arena_free(arena);
    }
}

static void lists_and_words(void)
{
    static const char json[] =
        "{\"name\":\"acme\",\"logins\":[{\"uid\":4294967295,\"user\":\"u\"},"
        "{\"uid\":3}]}";
    static const char bad[] = "{\"logins\":[{\"uid\":1},{\"uid\":\"x\"}]}";
    struct arena *arena = arena_new();
    struct wire_customer customer;
    const struct json_value *value;
    struct vdc_error err = { 0 };

    CU_ASSERT_EQUAL_FATAL(json_parse(json, strlen(json), arena, &value, &err),
                          0);
    CU_ASSERT_EQUAL(
        wire_from_json(&wire_struct_customer, value, arena, &customer, &err),
        0);
    CU_ASSERT_EQUAL(customer.n_logins, 2);
    CU_ASSERT_EQUAL(customer.logins[0].uid, UINT32_MAX);
    CU_ASSERT_STRING_EQUAL(customer.logins[1].user, "");
    CU_ASSERT_EQUAL(customer.quota.guests, -1);
    CU_ASSERT_EQUAL_FATAL(json_parse(bad, strlen(bad), arena, &value, &err),
                          0);
    CU_ASSERT_EQUAL(
        wire_from_json(&wire_struct_customer, value, arena, &customer, &err),
        VDC_E_BAD_VALUE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "logins[1]: uid"));
    arena_free(arena);
}

/* As text, whole, and not as a number, which others round. */
static void ids(void)
{
    static const struct {
        const char *json;
        int rc;
    } rows[] = {
        { "{\"boot_id\":\"18446744073709551615\"}", 0 },
        { "{\"boot_id\":\"18446744073709551616\"}", VDC_E_BAD_VALUE },
        { "{\"boot_id\":\"-1\"}", VDC_E_BAD_VALUE },
        { "{\"boot_id\":\"1x\"}", VDC_E_BAD_VALUE },
        { "{\"boot_id\":7}", VDC_E_BAD_VALUE },
    };
    struct json_out *out = json_out_new(false);
    struct wire_host host;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena *arena = arena_new();
        const struct json_value *value;
        CU_ASSERT_EQUAL_FATAL(json_parse(rows[i].json, strlen(rows[i].json),
                                         arena, &value, NULL),
                              0);
        CU_ASSERT_EQUAL(
            wire_from_json(&wire_struct_host, value, arena, &host, NULL),
            rows[i].rc);
        arena_free(arena);
    }
    wire_init(&wire_struct_host, &host);
    host.boot_id = UINT64_MAX;
    wire_to_json(&wire_struct_host, &host, out);
    CU_ASSERT_PTR_NOT_NULL(strstr(json_out_text(out, NULL),
                                  "\"boot_id\":\"18446744073709551615\""));
    json_out_free(out);
}

static const struct unit_test tests[] = {
    { "there and back", there_and_back },
    { "what is wrong", what_is_wrong },
    { "lists", lists_and_words },
    { "ids", ids },
};

UNIT_MAIN("wire/json_read", tests)
