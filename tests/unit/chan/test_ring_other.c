/*
 * Our end and one in another language, written from doc/channel-layout.md
 * alone, in another process.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/chan/ring_pair.h"
#include "tests/unit/chan/ring_wait.h"
#include "tests/unit/unit.h"

#define M 8192u
#define T 4096u
#define N_MESSAGES 3000u

static pid_t start(int memory_fd, int mine, int theirs)
{
    const char *top = getenv("TOP_SRCDIR");
    char path[4096], args[5][16];
    const unsigned numbers[5] = { (unsigned)memory_fd, (unsigned)mine,
                                  (unsigned)theirs, M, T };

    snprintf(path, sizeof(path), "%s/tests/unit/chan/other_end.py",
             top ? top : ".");
    for (int i = 0; i < 5; i++)
        snprintf(args[i], sizeof(args[i]), "%u", numbers[i]);
    pid_t pid = fork();
    if (pid)
        return pid;
    alarm(60);
    execlp("python3", "python3", path, args[0], args[1], args[2], args[3],
           args[4], (char *)NULL);
    _exit(127);
}

static bool is_answer(const struct ring_message *message, uint32_t i,
                      uint32_t size)
{
    uint8_t wanted[2048];

    seed_fill(wanted, size, i);
    for (uint32_t k = 0; k < size; k++)
        if (message->size != size || message->data[k] != wanted[size - 1 - k])
            return false;
    return message->size == size && message->type == 11 &&
           message->more == (i % 3 == 0);
}

/* Sends ahead by as much as fits, so that both rings get full. */
static uint32_t exchange(struct end *end)
{
    struct ring_message message;
    uint32_t n_sent = 0, n_good = 0, n_got = 0;

    while (n_got < N_MESSAGES) {
        uint8_t *to;
        uint32_t size = n_sent * 37 % 2041;
        while (n_sent < N_MESSAGES && !ring_reserve(end->ring, size, &to)) {
            seed_fill(to, size, n_sent);
            ring_commit(end->ring, size, 10, n_sent % 3 == 0);
            size = ++n_sent * 37 % 2041;
        }
        if (ring_publish(end->ring))
            end_notify(end);
        if (end_peek(end, &message))
            break;
        n_good += is_answer(&message, n_got, n_got * 37 % 2041);
        n_got++;
        ring_release(end->ring);
        if (ring_give_back(end->ring))
            end_notify(end);
    }
    return n_good;
}

static void test_echo(void)
{
    int fd = memfd_create("channel", 0);
    int a = eventfd(0, EFD_NONBLOCK), b = eventfd(0, EFD_NONBLOCK);
    struct ring_message message;
    struct ring ring;
    struct end end = { .ring = &ring, .wake_fd = a, .notify_fd = b };
    size_t size = ring_memory(M, T);
    uint8_t *to;
    int status;

    CU_ASSERT_EQUAL_FATAL(ftruncate(fd, (off_t)size), 0);
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CU_ASSERT_PTR_NOT_EQUAL_FATAL(memory, MAP_FAILED);
    CU_ASSERT_EQUAL(ring_make(&ring, memory, size, M, T, NULL), 0);
    pid_t pid = start(fd, b, a);
    CU_ASSERT_EQUAL(exchange(&end), N_MESSAGES);
    CU_ASSERT_EQUAL(ring_other(&ring), RING_OTHER_OPEN);

    /* It finishes, and reads on. */
    CU_ASSERT_EQUAL(end_reserve(&end, 0, &to), 0);
    ring_commit(&ring, 0, 9, false);
    if (ring_publish(&ring))
        end_notify(&end);
    CU_ASSERT_EQUAL(end_peek(&end, &message), 0);
    CU_ASSERT_EQUAL(message.type, 10);
    ring_release(&ring);
    CU_ASSERT_EQUAL(end_peek(&end, &message), VDC_E_CLOSED);
    CU_ASSERT_EQUAL(ring_other(&ring), RING_OTHER_FINISHED);
    ring_finish(&ring);
    end_notify(&end);
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL(status, 0);
    CU_ASSERT_EQUAL(ring_other(&ring), RING_OTHER_GONE);
    munmap(memory, size);
    close(fd);
    close(a);
    close(b);
}

static const struct unit_test tests[] = {
    { "an echo in Python", test_echo },
};

UNIT_MAIN("ring, another end", tests)
