/*
 * Secrets of channels' ends, and the file of their key.
 */
#include "channeld/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/unit/unit.h"

static struct secret_key counting(void)
{
    struct secret_key key;

    for (unsigned i = 0; i < SECRET_KEY_SIZE; i++)
        key.bytes[i] = (uint8_t)i;
    return key;
}

/* The example in the authors' paper, and the first of their program's. */
static void test_hash(void)
{
    struct secret_key key = counting();
    uint8_t data[15];

    for (unsigned i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)i;
    CU_ASSERT_EQUAL(secret_hash(&key, data, 15), 0xa129ca6149be45e5);
    CU_ASSERT_EQUAL(secret_hash(&key, data, 0), 0x726fdb47dd0e0e31);
    CU_ASSERT_EQUAL(secret_hash(&key, data, 1), 0x74f839c593dc67fd);
}

static struct channel example(void)
{
    struct channel c = { .id = 7,
                         .to_server = MEM_KIB(4),
                         .to_client = MEM_KIB(8),
                         .opened_ms = 12345 };

    PARTY_COPY(c.service, "echo");
    c.party[REGISTRY_CLIENT] = (struct party){ .domid = 3 };
    c.party[REGISTRY_SERVER] = (struct party){ .uid = 1000, .pid = 77 };
    c.party[REGISTRY_CLIENT].partition.bytes[0] = 9;
    return c;
}

/* Each thing that goes in changes both ends' numbers, or one's alone. */
static void test_what_counts(void)
{
    struct secret_key key = counting();
    struct channel c = example();
    uint64_t client = secret_of(&key, &c, REGISTRY_CLIENT);
    uint64_t server = secret_of(&key, &c, REGISTRY_SERVER);

    CU_ASSERT_NOT_EQUAL(client, server);
    c.party[REGISTRY_SERVER].pid++; /* another process of this user */
    CU_ASSERT_EQUAL(secret_of(&key, &c, REGISTRY_CLIENT), client);
    CU_ASSERT_NOT_EQUAL(secret_of(&key, &c, REGISTRY_SERVER), server);
    struct channel others[8];
    for (unsigned i = 0; i < 8; i++)
        others[i] = example();
    others[0].id++;
    PARTY_COPY(others[1].service, "echoo");
    others[2].to_server = MEM_KIB(8);
    others[3].to_client = MEM_KIB(4);
    others[4].opened_ms++;
    others[5].layout = WIRE_LAYOUT_VCHAN;
    others[6].party[REGISTRY_CLIENT].domid++;
    others[7].party[REGISTRY_CLIENT].partition.bytes[15]++;
    for (unsigned i = 0; i < 8; i++) {
        CU_ASSERT_NOT_EQUAL(secret_of(&key, &others[i], REGISTRY_CLIENT),
                            client);
        CU_ASSERT_NOT_EQUAL(secret_of(&key, &others[i], REGISTRY_SERVER),
                            server);
    }
    c = example();
    key.bytes[15]++;
    CU_ASSERT_NOT_EQUAL(secret_of(&key, &c, REGISTRY_CLIENT), client);
}

/* The longest of everything has room. */
static void test_long(void)
{
    struct secret_key key = counting();
    struct channel c = example();

    memset(c.service, 'x', RULE_SERVICE_MAX);
    c.id = c.opened_ms = UINT64_MAX;
    CU_ASSERT_NOT_EQUAL(secret_of(&key, &c, REGISTRY_CLIENT), 0);
}

static void test_file(void)
{
    char dir[] = "/tmp/test_secret.XXXXXX", path[64];
    struct secret_key one, two;
    struct vdc_error err = { 0 };
    struct stat st;

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/key", dir);
    CU_ASSERT_EQUAL(secret_key_open(path, &one, &err), 0);
    CU_ASSERT_EQUAL(secret_key_open(path, &two, &err), 0);
    CU_ASSERT_EQUAL(memcmp(&one, &two, sizeof(one)), 0);
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    CU_ASSERT_EQUAL(st.st_size, SECRET_KEY_SIZE);
    /* half a key is none: another is made, and kept */
    CU_ASSERT_EQUAL(truncate(path, 7), 0);
    log_set_level(VDC_LOG_ERROR);
    CU_ASSERT_EQUAL(secret_key_open(path, &two, &err), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(&one, &two, sizeof(one)), 0);
    CU_ASSERT_EQUAL(secret_key_open(path, &one, &err), 0);
    CU_ASSERT_EQUAL(memcmp(&one, &two, sizeof(one)), 0);
    unlink(path);
    rmdir(dir);
    CU_ASSERT_NOT_EQUAL(secret_key_open(path, &one, &err), 0);
}

static const struct unit_test tests[] = {
    { "the hash", test_hash },
    { "what goes into it", test_what_counts },
    { "long names", test_long },
    { "the key's file", test_file },
};
UNIT_MAIN("secret", tests)
