/* chan/packet: connecting at once never waits, and says why it does
 * not work. */
#include "chan/packet.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define MANY 300 /* more than a listener has room for */

static char dir[64], path[96];

static void begin(void)
{
    strcpy(dir, "/tmp/packet-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/socket", dir);
}

static void end(void)
{
    char lock[128];

    snprintf(lock, sizeof(lock), "%s.lock", path);
    unlink(lock);
    unlink(path);
    CU_ASSERT_EQUAL(rmdir(dir), 0);
}

static void on_accept(void *arg, int fd, const struct packet_peer *peer)
{
    close(fd);
}

/* Nobody accepts: a loop that does not run is like a process that is
 * stopped. */
static void test_full(void)
{
    struct event_base *base = event_base_new();
    struct packet_listener *listener;
    struct vdc_error err = { 0 };
    int fds[MANY], n = 0, rc = 0;

    begin();
    CU_ASSERT_EQUAL_FATAL(
        packet_listen(base, path, 0600, on_accept, NULL, &listener, &err), 0);
    alarm(20);
    while (n < MANY && (rc = packet_connect_at_once(path, &fds[n], &err)) == 0)
        n++;
    alarm(0);
    CU_ASSERT(n > 0 && n < MANY);
    CU_ASSERT_EQUAL(rc, VDC_E_BUSY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, path));
    /* as soon as some are accepted there is room again */
    event_base_loop(base, EVLOOP_NONBLOCK);
    int fd = -1;
    CU_ASSERT_EQUAL(packet_connect_at_once(path, &fd, &err), 0);
    CU_ASSERT_NOT_EQUAL(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    close(fd);
    while (n)
        close(fds[--n]);
    packet_listener_destroy(listener);
    event_base_free(base);
    end();
}

static void fails(const char *where, int code, const char *words)
{
    struct vdc_error err = { 0 };
    int fd = -1;

    CU_ASSERT_EQUAL(packet_connect(where, &fd, NULL), code);
    CU_ASSERT_EQUAL(packet_connect_at_once(where, &fd, &err), code);
    CU_ASSERT_EQUAL(fd, -1);
    if (!strstr(err.text, words))
        printf("    %s\n", err.text);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, words));
}

static void test_no_such_socket(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char long_path[200];

    begin();
    fails("", VDC_E_BAD_VALUE, "is empty");
    memset(long_path, 'a', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    fails(long_path, VDC_E_BAD_VALUE, "is too long for a socket's path");
    fails(path, VDC_E_NO_DAEMON, "nobody answers at");
    fails(dir, VDC_E_BAD_VALUE, "is no socket of channeld's");
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fclose(file);
    fails(path, VDC_E_BAD_VALUE, "is no socket of channeld's");
    unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(address.sun_path, path, strlen(path) + 1);
    CU_ASSERT_EQUAL_FATAL(
        bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    CU_ASSERT_EQUAL_FATAL(listen(fd, 1), 0);
    fails(path, VDC_E_BAD_VALUE, "is no socket of channeld's");
    /* what a process that was killed left behind */
    close(fd);
    unlink(path);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(
        bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    fails(path, VDC_E_NO_DAEMON, "nobody answers at");
    close(fd);
    end();
}

static const struct unit_test tests[] = {
    { "a listener that accepts nobody", test_full },
    { "a path of something else", test_no_such_socket },
};

UNIT_MAIN("chan/packet, connecting", tests)
