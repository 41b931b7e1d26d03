/* Small files: wholly there or not, their modes, and the directory's lock. */
#include "base/textfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "tests/unit/unit.h"

static char directory[64];
static char *path, *new_path;

static void begin(void)
{
    strcpy(directory, "/tmp/test_textfile.XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
    path = xasprintf("%s/file", directory);
    new_path = xasprintf("%s/file.new", directory);
}

static void end(void)
{
    unlink(path);
    unlink(new_path);
    rmdir(directory);
    free(path);
    free(new_path);
}

static unsigned mode_of(const char *file)
{
    struct stat st;

    return stat(file, &st) ? 0 : st.st_mode & 07777;
}

static void test_round(void)
{
    char *text = NULL;
    struct vdc_error err;

    begin();
    CU_ASSERT_EQUAL(textfile_read(path, 100, &text, &err), VDC_E_NO_FILE);
    umask(0);
    CU_ASSERT_EQUAL(textfile_write(path, 0600, "one\n", &err), 0);
    CU_ASSERT_EQUAL(mode_of(path), 0600);
    umask(077);
    CU_ASSERT_EQUAL(textfile_write(path, 0644, "another\n", &err), 0);
    CU_ASSERT_EQUAL(mode_of(path), 0644);
    CU_ASSERT_EQUAL(textfile_read(path, 8, &text, &err), 0);
    CU_ASSERT_STRING_EQUAL(text, "another\n");
    free(text);
    CU_ASSERT_EQUAL(textfile_read(path, 7, &text, &err), VDC_E_BAD_CONFIG);
    CU_ASSERT_EQUAL(mode_of(new_path), 0);
    end();
}

static void test_left_behind(void)
{
    struct vdc_error err;
    char *text;

    begin();
    /* a link to another file is not followed, and neither is its mode kept */
    char *other = xasprintf("%s/other", directory);
    CU_ASSERT_EQUAL(textfile_write(other, 0644, "other", &err), 0);
    CU_ASSERT_EQUAL(symlink(other, new_path), 0);
    CU_ASSERT_EQUAL(textfile_write(path, 0600, "mine", &err), 0);
    CU_ASSERT_EQUAL(mode_of(path), 0600);
    CU_ASSERT_EQUAL(textfile_read(other, 100, &text, &err), 0);
    CU_ASSERT_STRING_EQUAL(text, "other");
    free(text);
    /* what cannot be overwritten leaves the old one */
    CU_ASSERT_EQUAL(mkdir(new_path, 0700), 0);
    CU_ASSERT_NOT_EQUAL(textfile_write(path, 0600, "late", &err), 0);
    rmdir(new_path);
    CU_ASSERT_EQUAL(textfile_read(path, 100, &text, &err), 0);
    CU_ASSERT_STRING_EQUAL(text, "mine");
    free(text);
    unlink(other);
    free(other);
    end();
}

static void test_lock(void)
{
    struct vdc_error err;
    int fd, again;

    begin();
    char *keys = xasprintf("%s/keys", directory);
    CU_ASSERT_EQUAL_FATAL(textfile_lock_directory(keys, &fd, &err), 0);
    CU_ASSERT_EQUAL(mode_of(keys), 0700);
    CU_ASSERT_EQUAL(textfile_lock_directory(keys, &again, &err), VDC_E_BUSY);
    close(fd);
    CU_ASSERT_EQUAL_FATAL(textfile_lock_directory(keys, &fd, &err), 0);
    close(fd);
    CU_ASSERT_EQUAL(chmod(keys, 0770), 0);
    CU_ASSERT_EQUAL(textfile_lock_directory(keys, &fd, &err), VDC_E_DENIED);
    rmdir(keys);
    char *deep = xasprintf("%s/deep", keys);
    CU_ASSERT_EQUAL(textfile_lock_directory(deep, &fd, &err), VDC_E_NO_FILE);
    free(deep);
    free(keys);
    end();
}

static const struct unit_test tests[] = {
    { "there and back", test_round },
    { "what another left behind", test_left_behind },
    { "a directory for keys", test_lock },
};

UNIT_MAIN("textfile", tests)
