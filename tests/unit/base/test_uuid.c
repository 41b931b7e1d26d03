/* Identifiers to and from text. */
#include "base/uuid.h"

#include "tests/unit/unit.h"

static void test_text(void)
{
    static const char lower[] = "0123abcd-4567-89ef-fedc-ba9876543210";
    static const char upper[] = "0123ABCD-4567-89EF-FEDC-BA9876543210";
    struct vdc_uuid a, b;
    char buf[UUID_TEXT_SIZE];
    CU_ASSERT_TRUE_FATAL(uuid_from_text(lower, &a));
    CU_ASSERT_TRUE_FATAL(uuid_from_text(upper, &b));
    CU_ASSERT_TRUE(uuid_equal(&a, &b));
    CU_ASSERT_STRING_EQUAL(uuid_format(&b, buf), lower);
    CU_ASSERT_EQUAL(a.bytes[0], 0x01);
    CU_ASSERT_EQUAL(a.bytes[15], 0x10);
    b.bytes[15]++;
    CU_ASSERT_FALSE(uuid_equal(&a, &b));
}

static void test_bad(void)
{
    static const char *const rows[] = {
        "",
        "0123abcd-4567-89ef-fedc-ba987654321",
        "0123abcd-4567-89ef-fedc-ba98765432100",
        "0123abcd-4567-89ef-fedc-ba987654321g",
        "0123abcd-4567-89ef-fedcba9876543210",
        "0123abcd4567-89ef-fedc-ba9876543210-",
        "{0123abcd-4567-89ef-fedc-ba987654321",
        "0123abcd-4567-89ef-fedc-ba9876543210 ",
        " 0123abcd-4567-89ef-fedc-ba987654321",
        "0123abcd 4567 89ef fedc ba9876543210",
        "0",
        "0123abcd-",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vdc_uuid uuid = { { 9 } };
        CU_ASSERT_FALSE(uuid_from_text(rows[i], &uuid));
        CU_ASSERT_EQUAL(uuid.bytes[0], 9);
    }
}

static void test_random(void)
{
    struct vdc_uuid a, b, zero = { { 0 } };
    char buf[UUID_TEXT_SIZE];
    for (int i = 0; i < 100; i++) {
        uuid_random(&a);
        uuid_random(&b);
        CU_ASSERT_FALSE(uuid_equal(&a, &b));
        CU_ASSERT_FALSE(uuid_is_zero(&a));
        uuid_format(&a, buf);
        CU_ASSERT_EQUAL(buf[14], '4');
        CU_ASSERT_TRUE(buf[19] >= '8' && buf[19] <= 'b');
        CU_ASSERT_TRUE(uuid_from_text(buf, &b) && uuid_equal(&a, &b));
    }
    CU_ASSERT_TRUE(uuid_is_zero(&zero));
}

static const struct unit_test tests[] = {
    { "text there and back", test_text },
    { "what is none", test_bad },
    { "random ones", test_random },
};
UNIT_MAIN("base/uuid", tests)
