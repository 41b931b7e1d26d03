/* Tests of libvdc/base/base64.c. */
#include "base/base64.h"

#include <string.h>

#include "tests/unit/unit.h"

/* RFC 4648, section 10. */
static const struct {
    const char *plain, *text;
} known[] = {
    { "", "" },
    { "f", "Zg==" },
    { "fo", "Zm8=" },
    { "foo", "Zm9v" },
    { "foob", "Zm9vYg==" },
    { "fooba", "Zm9vYmE=" },
    { "foobar", "Zm9vYmFy" },
};

static void vectors(void)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        char text[16];
        uint8_t data[16];
        size_t size, len = strlen(known[i].text);
        CU_ASSERT_STRING_EQUAL(
            base64_encode(known[i].plain, strlen(known[i].plain), text),
            known[i].text);
        CU_ASSERT_EQUAL(base64_len(strlen(known[i].plain)), len);
        CU_ASSERT_TRUE_FATAL(base64_size(known[i].text, len, &size));
        CU_ASSERT_EQUAL(size, strlen(known[i].plain));
        CU_ASSERT_TRUE(base64_decode(known[i].text, len, data));
        CU_ASSERT_EQUAL(memcmp(data, known[i].plain, size), 0);
    }
}

static void every_byte_and_length(void)
{
    uint8_t data[256], back[256];
    char text[400];

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 167 + 13);
    for (size_t size = 0; size <= sizeof(data); size++) {
        size_t got;
        base64_encode(data, size, text);
        memset(back, 0xaa, sizeof(back));
        CU_ASSERT_TRUE_FATAL(base64_size(text, strlen(text), &got));
        CU_ASSERT_EQUAL_FATAL(got, size);
        CU_ASSERT_TRUE(base64_decode(text, strlen(text), back));
        CU_ASSERT_EQUAL(memcmp(data, back, size), 0);
        CU_ASSERT(size == sizeof(back) || back[size] == 0xaa);
    }
}

static void refuses(void)
{
    static const char *const bad[] = { "Z",    "Zg",   "Zg=",  "Zg=g",
                                       "=g==", "Z===", "====", "Zh==",
                                       "Zm9=", "Zm-v", "Zm 9", "Zg==Zg==" };
    uint8_t data[16];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_FALSE(base64_decode(bad[i], strlen(bad[i]), data));
}

static const struct unit_test tests[] = {
    { "known texts", vectors },
    { "every byte and length", every_byte_and_length },
    { "what is refused", refuses },
};

UNIT_MAIN("base64", tests)
