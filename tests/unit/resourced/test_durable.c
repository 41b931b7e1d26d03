/* Files that get their name when they are on the disk. */
#include "resourced/durable.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "tests/unit/unit.h"

struct result {
    unsigned n_calls;
    int rc;
    struct vdc_error err;
};

static void done(void *arg, int rc, const struct vdc_error *err)
{
    struct result *result = arg;

    result->n_calls++;
    result->rc = rc;
    if (rc)
        result->err = *err;
}

/* A file `from` with a word in it. */
static int make(const char *path, const char *word)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);

    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, word, strlen(word)), (ssize_t)strlen(word));
    return fd;
}

static bool has(const char *path, const char *word)
{
    char text[32] = "";
    FILE *f = fopen(path, "r");

    if (!f)
        return false;
    bool ok = fgets(text, sizeof(text), f) && strcmp(text, word) == 0;
    fclose(f);
    return ok;
}

static struct result run(int fd, const char *from, const char *to,
                         bool replace)
{
    struct event_base *base = event_base_new();
    struct result result = { 0 };

    CU_ASSERT_EQUAL(durable_rename(base, fd, from, to, replace, done, &result,
                                   NULL),
                    0);
    CU_ASSERT_EQUAL(result.n_calls, 0);
    event_base_dispatch(base);
    CU_ASSERT_EQUAL(result.n_calls, 1);
    event_base_free(base);
    return result;
}

static void test_rename(void)
{
    char dir[] = "/tmp/durable.XXXXXX";
    struct arena *arena = arena_new();

    CU_ASSERT_FATAL(mkdtemp(dir) != NULL);
    const char *from = arena_printf(arena, "%s/from", dir);
    const char *to = arena_printf(arena, "%s/to", dir);
    int fd = make(from, "one");
    CU_ASSERT_EQUAL(run(fd, from, to, false).rc, 0);
    close(fd);
    CU_ASSERT(has(to, "one"));
    CU_ASSERT_NOT_EQUAL(access(from, F_OK), 0);
    /* Never over another file. */
    fd = make(from, "two");
    struct result result = run(fd, from, to, false);
    CU_ASSERT_EQUAL(result.rc, VDC_E_EXISTS);
    CU_ASSERT_PTR_NOT_NULL(strstr(result.err.text, to));
    CU_ASSERT(has(to, "one"));
    CU_ASSERT(has(from, "two"));
    /* Unless that is what is wanted; or it keeps its name. */
    CU_ASSERT_EQUAL(run(fd, from, NULL, false).rc, 0);
    CU_ASSERT(has(from, "two"));
    CU_ASSERT_EQUAL(run(fd, from, to, true).rc, 0);
    CU_ASSERT(has(to, "two"));
    CU_ASSERT_NOT_EQUAL(access(from, F_OK), 0);
    close(fd);
    fd = make(from, "three");
    /* Into a folder that is not there; a file that is none. */
    const char *nowhere = arena_printf(arena, "%s/none/to", dir);
    CU_ASSERT_EQUAL(run(fd, from, nowhere, false).rc, VDC_E_NO_FILE);
    close(fd);
    CU_ASSERT_EQUAL(run(-1, from, nowhere, false).rc, VDC_E_IO);
    unlink(from);
    unlink(to);
    CU_ASSERT_EQUAL(rmdir(dir), 0);
    arena_free(arena);
}

static const struct unit_test tests[] = {
    { "rename", test_rename },
};

UNIT_MAIN("resourced/durable", tests)
