/* Names of images in definitions, and digests of files. */
#include "base/image_ref.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sha256.h"
#include "tests/unit/unit.h"

#define ABC \
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void test_names(void)
{
    struct image_ref ref;
    struct vdc_error err;

    CU_ASSERT(image_ref_is("image:web"));
    CU_ASSERT(!image_ref_is("/boot/vmlinuz"));
    CU_ASSERT(!image_ref_is("image"));
    CU_ASSERT_EQUAL(image_ref_parse("image:web-kernel_1.2", &ref, &err), 0);
    CU_ASSERT_STRING_EQUAL(ref.name, "web-kernel_1.2");
    CU_ASSERT_STRING_EQUAL(ref.digest, "");
    CU_ASSERT_EQUAL(image_ref_parse("image:w@" ABC, &ref, &err), 0);
    CU_ASSERT_STRING_EQUAL(ref.name, "w");
    CU_ASSERT_STRING_EQUAL(ref.digest, ABC);
}

static void test_bad_names(void)
{
    static const char *const bad[] = {
        "web",          "image:",         "image:../x",
        "image:a/b",    "image:-a",       "image:.a",
        "image:a b",    "image:a@",       "image:a@" ABC "0",
        "image:@" ABC,  "image:a@BA7816", "image:a@" ABC "@" ABC,
        "image:a%s",    "image:\x80",
        "image:" ABC, /* a letter too many for a name */
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct image_ref ref = { .name = "as it was" };
        struct vdc_error err;
        CU_ASSERT_EQUAL(image_ref_parse(bad[i], &ref, &err), VDC_E_BAD_VALUE);
        CU_ASSERT_STRING_EQUAL(ref.name, "as it was");
    }
}

static void test_digests(void)
{
    struct sha256 *sha = sha256_new();
    char hex[SHA256_HEX_SIZE];

    sha256_add(sha, "ab", 2);
    sha256_hex(sha, hex); /* what is added later still counts */
    sha256_add(sha, "c", 1);
    sha256_hex(sha, hex);
    CU_ASSERT_STRING_EQUAL(hex, ABC);
    CU_ASSERT(image_digest_is(hex));
    hex[0] = 'G';
    CU_ASSERT(!image_digest_is(hex));
    CU_ASSERT(!image_digest_is("ba78"));
    sha256_free(sha);
}

static void test_files(void)
{
    char path[] = "/tmp/test_image_ref.XXXXXX";
    int fd = mkstemp(path);
    struct sha256 *sha = sha256_new();
    char hex[SHA256_HEX_SIZE];
    struct vdc_error err;
    uint64_t size = 77;
    int stop = 1;

    unlink(path);
    CU_ASSERT_EQUAL(write(fd, "abc", 3), 3);
    lseek(fd, 0, SEEK_SET);
    CU_ASSERT_EQUAL(sha256_add_file(sha, fd, NULL, &size, &err), 0);
    CU_ASSERT_EQUAL(size, 3);
    sha256_hex(sha, hex);
    CU_ASSERT_STRING_EQUAL(hex, ABC);
    lseek(fd, 0, SEEK_SET);
    size = 77;
    CU_ASSERT_EQUAL(sha256_add_file(sha, fd, &stop, &size, &err),
                    VDC_E_CANCELLED);
    CU_ASSERT_EQUAL(size, 77);
    close(fd);
    CU_ASSERT_EQUAL(sha256_add_file(sha, fd, NULL, &size, &err), VDC_E_IO);
    sha256_free(sha);
}

static const struct unit_test tests[] = {
    { "names", test_names },
    { "what is no name", test_bad_names },
    { "digests", test_digests },
    { "digests of files", test_files },
};
UNIT_MAIN("base/image_ref", tests)
