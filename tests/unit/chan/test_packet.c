/* chan/packet: packets with descriptors, and an other end that means harm. */
#include "chan/packet.h"

#include <dirent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

/* One end is a packet, the other a plain socket. */
struct end {
    struct event_base *base;
    struct packet *packet; /* NULL: it was destroyed */
    int raw;
    unsigned n_packets, n_closed;
    size_t size; /* of the last */
    uint32_t next;
    int code;
    int kept; /* descriptor; -1: none */
    bool keep, destroy;
};

static unsigned count_fds(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/fd");

    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

static void on_packet(void *arg, const uint8_t *data, size_t size, int *fds,
                      unsigned n_fds)
{
    struct end *end = arg;

    end->n_packets++;
    end->size = size;
    if (size == 4) {
        CU_ASSERT_EQUAL(memcmp(data, &end->next, 4), 0);
        end->next++;
    }
    if (end->keep && n_fds) {
        end->kept = fds[0];
        fds[0] = -1;
    }
    if (end->destroy) {
        packet_destroy(end->packet);
        end->packet = NULL;
    }
}

static void on_close(void *arg, const struct vdc_error *err)
{
    struct end *end = arg;

    end->n_closed++;
    end->code = err->code;
}

static const struct packet_ops ops = { on_packet, on_close };

static void begin(struct end *end)
{
    int fds[2];

    *end = (struct end){ .base = event_base_new(), .kept = -1 };
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
        abort();
    evutil_make_socket_nonblocking(fds[0]);
    end->packet = packet_new(end->base, fds[0], &ops, end);
    end->raw = fds[1];
}

static void finish(struct end *end)
{
    packet_destroy(end->packet);
    if (end->raw >= 0)
        close(end->raw);
    if (end->kept >= 0)
        close(end->kept);
    event_base_free(end->base);
}

static void turn(struct end *end, unsigned times)
{
    while (times--)
        event_base_loop(end->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

/* By the plain socket. */
static void say(struct end *end, const void *data, size_t size, unsigned n_fds)
{
    struct iovec iov = { (void *)(uintptr_t)data, size };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    union {
        char buf[CMSG_SPACE(16 * sizeof(int))];
        struct cmsghdr align;
    } control = { 0 };
    int fds[16];

    for (unsigned i = 0; i < n_fds; i++)
        fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (n_fds) {
        msg.msg_control = control.buf;
        msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
    }
    CU_ASSERT_EQUAL(sendmsg(end->raw, &msg, MSG_DONTWAIT), (ssize_t)size);
    for (unsigned i = 0; i < n_fds; i++)
        close(fds[i]);
}

/* Those that are wanted are kept, the others closed. */
static void test_descriptors(void)
{
    struct end end;
    struct stat st;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), got[PACKET_FDS_MAX];
    uint8_t buf[PACKET_SIZE_MAX];
    unsigned n = 0;
    size_t size;

    begin(&end);
    unsigned before = count_fds();
    say(&end, "all", 3, PACKET_FDS_MAX);
    turn(&end, 3);
    CU_ASSERT_EQUAL(end.n_packets, 1);
    CU_ASSERT_EQUAL(count_fds(), before);
    end.keep = true;
    say(&end, "one", 3, 3);
    turn(&end, 3);
    CU_ASSERT_EQUAL(end.n_packets, 2);
    CU_ASSERT_EQUAL(count_fds(), before + 1);
    CU_ASSERT(end.kept >= 0 && fstat(end.kept, &st) == 0 &&
              S_ISCHR(st.st_mode));
    /* the other way: given away */
    CU_ASSERT_EQUAL(packet_send(end.packet, "back", 4, &fd, 1), 0);
    CU_ASSERT_EQUAL(
        packet_blocking_receive(end.raw, 1000, buf, &size, got, &n, NULL), 0);
    CU_ASSERT(size == 4 && n == 1);
    close(got[0]); /* it may have the number of the one that was sent */
    CU_ASSERT_EQUAL(fcntl(fd, F_GETFD), -1);
    /* also when it cannot be sent */
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CU_ASSERT_EQUAL(packet_send(end.packet, "", 0, &fd, 1), VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(fcntl(fd, F_GETFD), -1);
    finish(&end);
}

/* However many there are, others of the loop have their turn. */
static void test_bounded(void)
{
    struct end end;

    begin(&end);
    for (uint32_t i = 0; i < 100; i++)
        say(&end, &i, 4, 0);
    turn(&end, 1);
    CU_ASSERT(end.n_packets > 0 && end.n_packets <= 16);
    turn(&end, 20);
    CU_ASSERT_EQUAL(end.n_packets, 100);
    packet_pause(end.packet);
    for (uint32_t i = 100; i < 110; i++)
        say(&end, &i, 4, 0);
    turn(&end, 5);
    CU_ASSERT_EQUAL(end.n_packets, 100);
    packet_resume(end.packet);
    turn(&end, 5);
    CU_ASSERT_EQUAL(end.n_packets, 110);
    finish(&end);
}

/* What is no packet of ours ends the connection, and leaves nothing open. */
static void test_too_much(void)
{
    static const uint8_t large[PACKET_SIZE_MAX + 1];
    struct end end;

    begin(&end);
    say(&end, large, PACKET_SIZE_MAX, 0);
    turn(&end, 3);
    CU_ASSERT_EQUAL(end.size, PACKET_SIZE_MAX);
    say(&end, large, sizeof(large), 0);
    turn(&end, 3);
    CU_ASSERT_EQUAL(end.n_packets, 1);
    CU_ASSERT_EQUAL(end.n_closed, 1);
    CU_ASSERT_EQUAL(end.code, VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(packet_send(end.packet, "x", 1, NULL, 0), VDC_E_CLOSED);
    finish(&end);

    begin(&end);
    unsigned before = count_fds();
    say(&end, "too many", 8, PACKET_FDS_MAX + 1);
    turn(&end, 3);
    CU_ASSERT_EQUAL(end.n_packets, 0);
    CU_ASSERT_EQUAL(end.code, VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(count_fds(), before);
    finish(&end);
}

/* Who does not read is dropped, and costs no more than so much until then. */
static void test_unread(void)
{
    static const uint8_t bytes[1000];
    struct end end;
    unsigned n = 0;

    begin(&end);
    while (packet_send(end.packet, bytes, sizeof(bytes), NULL, 0) == 0)
        n++;
    CU_ASSERT(n >= PACKET_QUEUE_MAX / 1000);
    CU_ASSERT(n < 3 * PACKET_QUEUE_MAX / 1000);
    CU_ASSERT_EQUAL(end.n_closed, 0); /* from the loop, not from the call */
    turn(&end, 3);
    CU_ASSERT_EQUAL(end.n_closed, 1);
    CU_ASSERT_EQUAL(end.code, VDC_E_BUSY);
    finish(&end);
}

static void test_end(void)
{
    struct end end;

    begin(&end);
    for (uint32_t i = 0; i < 40; i++)
        say(&end, &i, 4, 0);
    close(end.raw);
    end.raw = -1;
    /* that it has gone is no reason not to hear what it said */
    packet_send(end.packet, "x", 1, NULL, 0);
    turn(&end, 10);
    CU_ASSERT_EQUAL(end.n_packets, 40);
    CU_ASSERT_EQUAL(end.n_closed, 1);
    CU_ASSERT_EQUAL(end.code, VDC_E_CLOSED);
    finish(&end);

    begin(&end);
    end.destroy = true;
    for (uint32_t i = 0; i < 3; i++)
        say(&end, &i, 4, 1);
    unsigned before = count_fds();
    turn(&end, 3);
    CU_ASSERT_EQUAL(end.n_packets, 1);
    CU_ASSERT_EQUAL(end.n_closed, 0);
    CU_ASSERT_EQUAL(count_fds(), before - 1);
    finish(&end);
}

static void accepted(void *arg, int fd, const struct packet_peer *peer)
{
    CU_ASSERT(peer->uid == getuid() && peer->pid == getpid());
    ++*(unsigned *)arg;
    close(fd);
}

static void test_listen(void)
{
    struct event_base *base = event_base_new();
    struct packet_listener *one = NULL, *two = NULL;
    char dir[] = "/tmp/packet-XXXXXX", path[64], lock[80];
    unsigned n = 0;
    int fd = -1;

    if (!mkdtemp(dir))
        abort();
    snprintf(path, sizeof(path), "%s/socket", dir);
    snprintf(lock, sizeof(lock), "%s.lock", path);
    CU_ASSERT_EQUAL(packet_connect(path, &fd, NULL), VDC_E_NO_DAEMON);
    CU_ASSERT_EQUAL_FATAL(
        packet_listen(base, path, 0600, accepted, &n, &one, NULL), 0);
    CU_ASSERT_EQUAL(packet_listen(base, path, 0600, accepted, &n, &two, NULL),
                    VDC_E_BUSY);
    CU_ASSERT_EQUAL(packet_connect(path, &fd, NULL), 0);
    event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    CU_ASSERT_EQUAL(n, 1);
    uint8_t buf[PACKET_SIZE_MAX];
    int fds[PACKET_FDS_MAX];
    unsigned n_fds;
    size_t size;
    CU_ASSERT_EQUAL(
        packet_blocking_receive(fd, 1000, buf, &size, fds, &n_fds, NULL),
        VDC_E_CLOSED);
    close(fd);
    packet_listener_destroy(one);
    CU_ASSERT_EQUAL(packet_connect(path, &fd, NULL), VDC_E_NO_DAEMON);
    unlink(lock);
    CU_ASSERT_EQUAL(rmdir(dir), 0);
    event_base_free(base);
}

static void test_blocking(void)
{
    uint8_t buf[PACKET_SIZE_MAX];
    int fds[PACKET_FDS_MAX];
    struct end end;
    unsigned n_fds;
    size_t size;

    begin(&end);
    CU_ASSERT_EQUAL(
        packet_blocking_receive(end.raw, 30, buf, &size, fds, &n_fds, NULL),
        VDC_E_TIMEOUT);
    CU_ASSERT_EQUAL(packet_blocking_send(end.raw, "abc", 3, NULL, 0, NULL), 0);
    turn(&end, 2);
    CU_ASSERT_EQUAL(end.size, 3);
    packet_destroy(end.packet);
    end.packet = NULL;
    CU_ASSERT_EQUAL(packet_blocking_send(end.raw, "abc", 3, NULL, 0, NULL),
                    VDC_E_CLOSED);
    finish(&end);
}

static const struct unit_test tests[] = {
    { "descriptors", test_descriptors },
    { "a turn is bounded", test_bounded },
    { "too much", test_too_much },
    { "an end that does not read", test_unread },
    { "the end", test_end },
    { "listening", test_listen },
    { "waiting", test_blocking },
};

UNIT_MAIN("chan/packet", tests)
