/* The head of saved guests: there and back, and what is no such file. */
#include "base/savefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static int temporary(void)
{
    char path[] = "/tmp/test_savefile.XXXXXX";
    int fd = mkstemp(path);

    CU_ASSERT_TRUE_FATAL(fd >= 0);
    unlink(path);
    return fd;
}

static void test_round(void)
{
    struct savefile_head head = { .saved_ms = UINT64_C(1772370309123),
                                  .memory_kib = UINT64_C(1) << 40 };
    struct savefile_head back;
    struct vdc_error err;
    int fd = temporary();

    uuid_random(&head.uuid);
    CU_ASSERT_EQUAL(savefile_write(fd, &head, &err), 0);
    CU_ASSERT_EQUAL(lseek(fd, 0, SEEK_CUR), SAVEFILE_HEAD_SIZE);
    CU_ASSERT_EQUAL(write(fd, "stream", 6), 6);
    lseek(fd, 0, SEEK_SET);
    CU_ASSERT_EQUAL(savefile_read(fd, &back, &err), 0);
    CU_ASSERT_TRUE(uuid_equal(&head.uuid, &back.uuid));
    CU_ASSERT_EQUAL(back.saved_ms, head.saved_ms);
    CU_ASSERT_EQUAL(back.memory_kib, head.memory_kib);
    CU_ASSERT_EQUAL(lseek(fd, 0, SEEK_CUR), SAVEFILE_HEAD_SIZE);
    close(fd);
}

static void test_refused(void)
{
    struct savefile_head head = { .saved_ms = 1 }, back;
    struct vdc_error err;
    int fd = temporary();

    CU_ASSERT_EQUAL(savefile_read(fd, &back, &err), VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(savefile_write(fd, &head, &err), 0);
    for (off_t cut = 1; cut < SAVEFILE_HEAD_SIZE; cut++) {
        CU_ASSERT_EQUAL(ftruncate(fd, cut), 0);
        lseek(fd, 0, SEEK_SET);
        CU_ASSERT_EQUAL(savefile_read(fd, &back, &err), VDC_E_BAD_VALUE);
        lseek(fd, 0, SEEK_SET);
        CU_ASSERT_EQUAL(savefile_write(fd, &head, &err), 0);
    }
    CU_ASSERT_EQUAL(pwrite(fd, "\2", 1, 16), 1);
    lseek(fd, 0, SEEK_SET);
    CU_ASSERT_EQUAL(savefile_read(fd, &back, &err), VDC_E_STORE_NEWER);
    CU_ASSERT_EQUAL(pwrite(fd, "Xen", 3, 0), 3);
    lseek(fd, 0, SEEK_SET);
    CU_ASSERT_EQUAL(savefile_read(fd, &back, &err), VDC_E_BAD_VALUE);
    close(fd);
}

/* By whom it could have been written; what is no file is not waited for. */
static void test_open(void)
{
    char folder[] = "/tmp/test_savefile.XXXXXX", path[64], fifo[64];
    struct vdc_error err;
    int fd;

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/file", folder);
    snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
    CU_ASSERT_EQUAL(savefile_open(path, &fd, &err), VDC_E_NO_FILE);
    fd = open(path, O_CREAT | O_WRONLY, 0600);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    close(fd);
    CU_ASSERT_EQUAL(savefile_open(path, &fd, &err), 0);
    close(fd);
    CU_ASSERT_EQUAL(savefile_check_folder(folder, &err), 0);
    CU_ASSERT_EQUAL(savefile_check_folder(path, &err), VDC_E_NO_FILE);
    CU_ASSERT_EQUAL(chmod(folder, 0720), 0);
    CU_ASSERT_EQUAL(savefile_open(path, &fd, &err), VDC_E_DENIED);
    CU_ASSERT_EQUAL(savefile_check_folder(folder, &err), VDC_E_DENIED);
    CU_ASSERT_EQUAL(chmod(folder, 01702), 0);
    CU_ASSERT_EQUAL(savefile_open(path, &fd, &err), VDC_E_DENIED);
    CU_ASSERT_EQUAL(chmod(folder, 0755), 0);
    CU_ASSERT_EQUAL(chmod(path, 0620), 0);
    CU_ASSERT_EQUAL(savefile_open(path, &fd, &err), VDC_E_DENIED);
    CU_ASSERT_EQUAL(mkfifo(fifo, 0600), 0);
    CU_ASSERT_EQUAL(savefile_open(fifo, &fd, &err), VDC_E_BAD_VALUE);
    unlink(fifo);
    CU_ASSERT_EQUAL(symlink("file", fifo), 0);
    CU_ASSERT_EQUAL(savefile_open(fifo, &fd, &err), VDC_E_BAD_VALUE);
    unlink(fifo);
    unlink(path);
    rmdir(folder);
    CU_ASSERT_EQUAL(savefile_check_folder(folder, &err), VDC_E_NO_FILE);
    CU_ASSERT_EQUAL(savefile_open(path, &fd, &err), VDC_E_NO_FILE);
}

static const struct unit_test tests[] = {
    { "there and back", test_round },
    { "what is no such file", test_refused },
    { "who can have written it", test_open },
};

UNIT_MAIN("savefile", tests)
