/* A process between two ends of TLS; see rd_proxy.h. */
#include "tests/sim/rd_proxy.h"

#include <CUnit/CUnit.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"

#define HEADER 5 /* of a record: type, version, size */

struct rd_proxy {
    pid_t pid;
    unsigned port;
    struct shared {
        volatile unsigned records, hit;
    } *shared;
    unsigned to, k;
    enum rd_proxy_what what;
    pid_t victim;
};

/* One record from one end to the other; false: the connection is over. */
static bool hand_on(struct rd_proxy *proxy, int from, int to)
{
    uint8_t record[HEADER + 65536];

    if (recv(from, record, HEADER, MSG_WAITALL) != HEADER)
        return false;
    size_t size = (size_t)record[3] << 8 | record[4];
    if (recv(from, record + HEADER, size, MSG_WAITALL) != (ssize_t)size)
        return false;
    size += HEADER;
    bool now = ++proxy->shared->records == proxy->k;
    if (now && proxy->what == RD_PROXY_KILL_AFTER) {
        send(to, record, size, MSG_NOSIGNAL);
        usleep(500);
    }
    if (now)
        proxy->shared->hit = 1;
    if (now && proxy->what == RD_PROXY_HANG)
        for (;;)
            pause();
    if (now && proxy->what != RD_PROXY_CUT)
        kill(proxy->victim, SIGKILL);
    if (now)
        return false;
    return send(to, record, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static void carry(struct rd_proxy *proxy, int near)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    int far = socket(AF_INET, SOCK_STREAM, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons((uint16_t)proxy->to);
    if (connect(far, (struct sockaddr *)&at, sizeof(at)) == 0) {
        struct pollfd fds[2] = { { near, POLLIN, 0 }, { far, POLLIN, 0 } };
        bool goes_on = true;
        while (goes_on && poll(fds, 2, -1) > 0) {
            if (fds[0].revents)
                goes_on = hand_on(proxy, near, far);
            if (goes_on && fds[1].revents)
                goes_on = hand_on(proxy, far, near);
        }
    }
    close(far);
}

static void serve(struct rd_proxy *proxy, int listener)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            _exit(1);
        carry(proxy, fd);
        close(fd);
    }
}

struct rd_proxy *rd_proxy_new(unsigned to, unsigned k,
                              enum rd_proxy_what what, pid_t victim)
{
    struct rd_proxy *proxy = XNEW(struct rd_proxy);
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    CU_ASSERT_EQUAL_FATAL(listen(fd, 4), 0);
    getsockname(fd, (struct sockaddr *)&at, &size);
    proxy->port = ntohs(at.sin_port);
    proxy->to = to;
    proxy->k = k;
    proxy->what = what;
    proxy->victim = victim;
    proxy->shared = mmap(NULL, sizeof(*proxy->shared), PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CU_ASSERT_PTR_NOT_EQUAL_FATAL(proxy->shared, MAP_FAILED);
    fflush(NULL);
    proxy->pid = fork();
    if (proxy->pid == 0)
        serve(proxy, fd);
    close(fd);
    return proxy;
}

unsigned rd_proxy_port(const struct rd_proxy *proxy)
{
    return proxy->port;
}

bool rd_proxy_end(struct rd_proxy *proxy, unsigned *ret_records)
{
    kill(proxy->pid, SIGKILL);
    waitpid(proxy->pid, NULL, 0);
    bool hit = proxy->shared->hit;
    if (ret_records)
        *ret_records = proxy->shared->records;
    munmap(proxy->shared, sizeof(*proxy->shared));
    free(proxy);
    return hit;
}
