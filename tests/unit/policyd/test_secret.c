/* Tests of policyd/customers/secret.c. */
#include "policyd/customers/secret.h"

#include <string.h>

#include "tests/unit/unit.h"

static void drawn(void)
{
    char id[2][SECRET_ID_SIZE], text[2][SECRET_TEXT_SIZE];
    uint8_t salt[2][SECRET_SALT_SIZE];

    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(secret_draw(id[i], text[i], salt[i], NULL), 0);
        CU_ASSERT_EQUAL(strspn(id[i], "0123456789abcdef"), SECRET_ID_SIZE - 1);
        CU_ASSERT_EQUAL(strspn(text[i], "0123456789abcdef"),
                        SECRET_TEXT_SIZE - 1);
        CU_ASSERT_EQUAL(strlen(text[i]), SECRET_TEXT_SIZE - 1);
    }
    CU_ASSERT_NOT_EQUAL(strcmp(id[0], id[1]), 0);
    CU_ASSERT_NOT_EQUAL(strcmp(text[0], text[1]), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(salt[0], salt[1], SECRET_SALT_SIZE), 0);
}

/* FIPS 180-2: SHA-256 of "abc". */
static void hashed(void)
{
    static const uint8_t abc[SECRET_HASH_SIZE] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
        0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
        0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad
    };
    uint8_t hash[SECRET_HASH_SIZE];

    CU_ASSERT_EQUAL(secret_hash((const uint8_t *)"a", 1, "bc", hash, NULL), 0);
    CU_ASSERT(secret_same(hash, abc, sizeof(abc)));
    CU_ASSERT_EQUAL(secret_hash((const uint8_t *)"b", 1, "bc", hash, NULL), 0);
    CU_ASSERT_FALSE(secret_same(hash, abc, sizeof(abc)));
}

static const struct unit_test tests[] = {
    { "secrets are drawn", drawn },
    { "and hashed with their salt", hashed },
};

UNIT_MAIN("policyd/secret", tests)
