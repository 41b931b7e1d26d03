/* chan/link: memory between processes; offers that lie. */
#include "chan/link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static bool readable(const struct link *link)
{
    struct pollfd p = { .fd = link->wake_fd, .events = POLLIN };
    return poll(&p, 1, 0) == 1;
}

static void pair(struct link **giver, struct link **joiner)
{
    struct link_offer offer;
    struct vdc_error err;

    CU_ASSERT_EQUAL_FATAL(
        link_give(LINK_MEMORY, 0, 3, 100, giver, &offer, &err), 0);
    CU_ASSERT_EQUAL(offer.n_pages, 3);
    CU_ASSERT_EQUAL_FATAL(link_join(&offer, 101, joiner, &err), 0);
    CU_ASSERT_EQUAL(offer.fds[0], -1);
}

static void test_shared(void)
{
    struct link *a, *b;

    pair(&a, &b);
    CU_ASSERT_EQUAL(a->size, 3 * LINK_PAGE);
    CU_ASSERT_EQUAL(b->size, 3 * LINK_PAGE);
    strcpy((char *)a->memory + 5000, "seen");
    CU_ASSERT_STRING_EQUAL((char *)b->memory + 5000, "seen");
    CU_ASSERT_FALSE(readable(b));
    link_notify(a);
    link_notify(a);
    CU_ASSERT_TRUE(readable(b));
    CU_ASSERT_FALSE(readable(a));
    link_acknowledge(b);
    CU_ASSERT_FALSE(readable(b));
    link_acknowledge(b); /* nothing is there: no harm */
    CU_ASSERT_FALSE(link_other_gone(b));
    link_close(a);
    CU_ASSERT_TRUE(readable(b));
    link_acknowledge(b);
    CU_ASSERT_TRUE(link_other_gone(b));
    link_notify(b);
    link_close(b);
    link_close(NULL);
}

static void test_never_blocks(void)
{
    struct link *a, *b;

    pair(&a, &b);
    /* What a hostile end can do to its own descriptor does nothing to ours. */
    fcntl(b->wake_fd, F_SETFL, 0);
    alarm(10);
    for (unsigned i = 0; i < 100000; i++)
        link_notify(a);
    fcntl(a->wake_fd, F_SETFL, 0);
    link_acknowledge(a);
    link_notify(a);
    alarm(0);
    unsigned rounds = 0;
    for (; readable(b) && rounds < 100000; rounds++)
        link_acknowledge(b);
    CU_ASSERT_FALSE(readable(b));
    CU_ASSERT(rounds > 0 && rounds < 1000);
    link_close(a);
    link_close(b);
}

static void test_kill(void)
{
    struct link_end end;
    struct link_offer offer;
    struct link *link;
    struct vdc_error err;
    int ready[2];
    char byte;

    CU_ASSERT_EQUAL_FATAL(
        link_give_end(LINK_MEMORY, 0, 2, 0, &end, &offer, &err), 0);
    CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        link_end_clear(&end);
        struct link *mine;
        if (link_join(&offer, 1, &mine, NULL))
            _exit(1);
        strcpy(mine->memory, "last words");
        link_notify(mine);
        (void)!write(ready[1], "", 1);
        pause();
    }
    link_offer_clear(&offer);
    CU_ASSERT_EQUAL_FATAL(link_import(&end, &link, &err), 0);
    CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
    CU_ASSERT_TRUE(readable(link));
    link_acknowledge(link);
    CU_ASSERT_FALSE(link_other_gone(link));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    CU_ASSERT_TRUE(readable(link));
    link_acknowledge(link);
    CU_ASSERT_TRUE(link_other_gone(link));
    CU_ASSERT_STRING_EQUAL(link->memory, "last words");
    link_close(link);
    close(ready[0]);
    close(ready[1]);
}

static blkcnt_t blocks(int fd)
{
    struct stat st;

    CU_ASSERT_EQUAL_FATAL(fstat(fd, &st), 0);
    return st.st_blocks;
}

/* Who makes memory for others takes no page of it; who keeps it open without
 * having touched it keeps none. */
static void test_costs_nothing(void)
{
    struct link_end end;
    struct link_offer offer;
    struct link *link;
    struct vdc_error err;

    CU_ASSERT_EQUAL_FATAL(link_give_end(LINK_MEMORY, 0, LINK_PAGES_MAX, 0,
                                        &end, &offer, &err),
                          0);
    CU_ASSERT_EQUAL(blocks(end.fds[0]), 0);
    CU_ASSERT_EQUAL_FATAL(link_join(&offer, 1, &link, &err), 0);
    CU_ASSERT_EQUAL(blocks(end.fds[0]), 0);
    for (size_t i = 0; i < link->size; i += LINK_PAGE)
        if (((char *)link->memory)[i])
            CU_FAIL("memory that is not zero");
    CU_ASSERT_EQUAL(((char *)link->memory)[link->size - 1], 0);
    ((char *)link->memory)[LINK_PAGE] = 1;
    CU_ASSERT(blocks(end.fds[0]) > 0);
    link_close(link);
    link_end_clear(&end);
}

/* A process that makes both ends and closes its copies is not noticed. */
static void test_handed_over(void)
{
    struct link_end end, other = { .kind = LINK_MEMORY, .n_pages = 2 };
    struct link_offer offer;
    struct link *a, *b;
    struct vdc_error err;

    CU_ASSERT_EQUAL_FATAL(
        link_give_end(LINK_MEMORY, 0, 2, 0, &end, &offer, &err), 0);
    CU_ASSERT_EQUAL_FATAL(offer.n_fds, LINK_FDS);
    struct link_end mine = end;
    for (unsigned i = 0; i < LINK_FDS; i++) {
        mine.fds[i] = fcntl(end.fds[i], F_DUPFD_CLOEXEC, 0);
        other.fds[i] = fcntl(offer.fds[i], F_DUPFD_CLOEXEC, 0);
    }
    link_end_clear(&end);
    link_offer_clear(&offer);
    CU_ASSERT_EQUAL_FATAL(link_import(&mine, &a, &err), 0);
    CU_ASSERT_EQUAL_FATAL(link_import(&other, &b, &err), 0);
    CU_ASSERT_FALSE(readable(a) || readable(b));
    link_notify(b);
    CU_ASSERT_TRUE(readable(a));
    link_close(a);
    link_close(b);
}

/* ---- offers that lie ---- */

static int lie(int memory, int wake, unsigned n_fds, uint32_t n_pages)
{
    struct link_offer offer = { .kind = LINK_MEMORY,
                                .n_pages = n_pages,
                                .fds = { memory, wake, -1, -1 },
                                .n_fds = n_fds };
    struct link *link = NULL;
    struct vdc_error err = { 0 };
    int rc = link_join(&offer, 0, &link, &err);

    CU_ASSERT_PTR_NULL(link);
    CU_ASSERT(err.text[0] != '\0');
    CU_ASSERT_EQUAL(offer.fds[0], -1);
    if (memory >= 0) {
        CU_ASSERT_EQUAL(fcntl(memory, F_GETFD), -1); /* taken, and closed */
    }
    return rc;
}

static int memory(off_t size, int seals)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CU_ASSERT_EQUAL_FATAL(ftruncate(fd, size), 0);
    if (seals)
        fcntl(fd, F_ADD_SEALS, seals);
    return fd;
}

static int wake(void)
{
    int fds[2];
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    close(fds[1]);
    return fds[0];
}

static void test_lies(void)
{
    const int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    int fds[2];

    CU_ASSERT_EQUAL(lie(memory(8192, 0), wake(), 2, 2), VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(lie(memory(8192, F_SEAL_SHRINK), wake(), 2, 2),
                    VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(lie(memory(8192, F_SEAL_GROW | F_SEAL_SEAL), wake(), 2, 2),
                    VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(lie(memory(4096, all), wake(), 2, 2), VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(lie(memory(0, all), wake(), 2, 2), VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(lie(memory(12288, all), wake(), 2, 2), VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(lie(memory(8192, all | F_SEAL_WRITE), wake(), 2, 2),
                    VDC_E_CLOSED); /* its giver is gone first of all */
    CU_ASSERT_EQUAL(lie(memory(8192, all), wake(), 2, 0), VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(lie(memory(8192, all), wake(), 2, LINK_PAGES_MAX + 1),
                    VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(lie(memory(8192, all), -1, 1, 2), VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(lie(-1, -1, 2, 2), VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(lie(open("/dev/zero", O_RDWR), wake(), 2, 2),
                    VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
    CU_ASSERT_EQUAL(lie(memory(8192, all), fds[0], 2, 2), VDC_E_PROTOCOL);
    close(fds[1]);
    CU_ASSERT_EQUAL(lie(memory(8192, all), wake(), 2, 2), VDC_E_CLOSED);
    /* Memory that cannot be written, from one who is there. */
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    CU_ASSERT(lie(memory(8192, all | F_SEAL_WRITE), fds[0], 2, 2) < 0);
    close(fds[1]);
}

static void test_bad_values(void)
{
    struct link_offer offer;
    struct link *link = NULL;
    struct vdc_error err = { 0 };

    CU_ASSERT_EQUAL(link_give(LINK_MEMORY, 0, 0, 0, &link, &offer, &err),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(
        link_give(LINK_MEMORY, 0, LINK_PAGES_MAX + 1, 0, &link, &offer, &err),
        VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(link_give(LINK_MEMORY, 0, 1, 4096, &link, &offer, &err),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(link_give(LINK_GRANT, 0x7ff0, 1, 0, &link, &offer, &err),
                    VDC_E_BAD_VALUE);
    offer = (struct link_offer){ .kind = LINK_GRANT,
                                 .n_pages = 1,
                                 .fds = { -1, -1, -1, -1 } };
    CU_ASSERT_EQUAL(link_join(&offer, 0, &link, &err), VDC_E_PROTOCOL);
    CU_ASSERT_PTR_NULL(link);
}

/* Where there is no Xen the error says so and what to do. */
static void test_no_xen(void)
{
    struct link_offer offer;
    struct link *link = NULL;
    struct vdc_error err = { 0 };

    if (access("/dev/xen/gntalloc", F_OK) == 0) {
        CU_PASS("on Xen: tests/xen looks at this");
        return;
    }
    CU_ASSERT_EQUAL(link_give(LINK_GRANT, 1, 1, 0, &link, &offer, &err),
                    VDC_E_UNSUPPORTED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/dev/xen/gntalloc"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "xen-gntalloc"));
    CU_ASSERT_PTR_NULL(link);
}

static const struct unit_test tests[] = {
    { "memory and notifications are shared", test_shared },
    { "a notification never blocks", test_never_blocks },
    { "an end is killed", test_kill },
    { "memory costs who touches it", test_costs_nothing },
    { "an end is handed over", test_handed_over },
    { "offers that lie", test_lies },
    { "values that cannot be", test_bad_values },
    { "without Xen", test_no_xen },
};

UNIT_MAIN("chan/link", tests)
