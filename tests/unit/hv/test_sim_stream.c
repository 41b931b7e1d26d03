/*
 * Sending simulated guests over a socket, live or not, and receiving them;
 * ends that are closed, streams that are cut off, processes that die.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "tests/unit/hv/sim_fixture.h"

#define HOST FAST ",clock=stopped,send_ms=800"
#define AT_ONCE FAST ",send_ms=0"

/* ---- the other end ---- */

/* Takes all that comes. */
struct peer {
    int fds[2]; /* the host's, ours */
    struct event *event;
    char *bytes;
    size_t size, room;
};

static void on_bytes(evutil_socket_t fd, short what, void *arg)
{
    static char buf[65536];
    struct peer *peer = arg;
    ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

    if (n <= 0) {
        event_del(peer->event);
        return;
    }
    if (peer->size + (size_t)n > peer->room) {
        peer->room = 2 * (peer->size + (size_t)n);
        peer->bytes = xrealloc(peer->bytes, peer->room);
    }
    memcpy(peer->bytes + peer->size, buf, (size_t)n);
    peer->size += (size_t)n;
}

static void peer_open(struct fixture *f, struct peer *peer, bool reads)
{
    memset(peer, 0, sizeof(*peer));
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, peer->fds), 0);
    peer->event =
        event_new(f->base, peer->fds[1], EV_READ | EV_PERSIST, on_bytes, peer);
    if (reads)
        event_add(peer->event, NULL);
}

static void peer_hang_up(struct peer *peer)
{
    event_free(peer->event);
    close(peer->fds[1]);
    peer->event = NULL;
}

static void peer_close(struct peer *peer)
{
    if (peer->event)
        peer_hang_up(peer);
    close(peer->fds[0]);
    free(peer->bytes);
}

/* ---- */

static void begin_send(struct fixture *f, uint32_t domid, struct peer *peer,
                       bool live)
{
    f->n_done = 0;
    CU_ASSERT_EQUAL(f->hv->domain->send(f->hv, domid, peer->fds[0], live,
                                        fixture_done, f, &f->err),
                    0);
    fixture_run(f, NULL, 0, 5);
}

static void step(struct fixture *f, unsigned ms)
{
    hv_sim_advance(f->hv, ms);
    fixture_run(f, NULL, 0, 5);
}

static uint32_t start_pvh(struct fixture *f, const char *name,
                          const char *words, struct hv_domain_config *ret)
{
    struct hv_domain_config config = fixture_config(name);

    config.type = HV_DOMAIN_PVH;
    config.cmdline = words;
    CU_ASSERT_EQUAL_FATAL(fixture_create_config(f, &config), 0);
    uint32_t domid = f->domid;
    fixture_unpause(f, domid);
    f->hv->domain->watch(f->hv, domid, &f->err);
    if (ret)
        *ret = config;
    return domid;
}

static int receive_bytes(struct fixture *f,
                         const struct hv_domain_config *config,
                         const char *bytes, size_t size)
{
    int fds[2];

    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    CU_ASSERT_EQUAL(send(fds[1], bytes, size, 0), (ssize_t)size);
    close(fds[1]);
    int rc =
        fixture_wait(f, f->hv->domain->receive(f->hv, config, fds[0],
                                               fixture_created, f, &f->err));
    close(fds[0]);
    return rc;
}

static void test_live(void)
{
    struct fixture f;
    struct peer peer;
    struct hv_domain_config config;

    fixture_open(&f, HOST ",stream=1");
    uint32_t domid = start_pvh(&f, "g", "vdc.reboot=100", &config);
    peer_open(&f, &peer, true);
    begin_send(&f, domid, &peer, true);
    size_t last = 0;
    for (int i = 1; i < 8; i++) { /* it runs, and bytes come */
        CU_ASSERT(!fixture_info(&f, domid).shutdown);
        step(&f, 100);
        CU_ASSERT(peer.size > last);
        last = peer.size;
    }
    CU_ASSERT_EQUAL(f.n_done, 0);
    CU_ASSERT_EQUAL(fixture_info(&f, domid).shutdown_reason,
                    HV_SHUTDOWN_SUSPEND);
    step(&f, 100);
    CU_ASSERT(fixture_run(&f, &f.n_done, 1, 1000));
    CU_ASSERT_EQUAL(f.rc, 0);
    CU_ASSERT(peer.size > 64 * 1024 * 1024 / 100);
    CU_ASSERT(peer.size < 64 * 1024 * 1024 / 100 + 1024);
    CU_ASSERT_EQUAL(f.events[0].reason, HV_SHUTDOWN_SUSPEND);
    hv_sim_advance(f.hv, 50000); /* it stands still meanwhile */
    CU_ASSERT_EQUAL(fixture_destroy(&f, domid), 0);
    uint64_t before = fixture_free_kib(&f);
    CU_ASSERT_EQUAL_FATAL(receive_bytes(&f, &config, peer.bytes, 1 << 17),
                          VDC_E_CLOSED);
    int fds[2]; /* more than a socket holds */
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    f.n_done = 0;
    f.hv->domain->receive(f.hv, &config, fds[0], fixture_created, &f, &f.err);
    for (size_t at = 0; at < peer.size;) {
        ssize_t n =
            send(fds[1], peer.bytes + at, peer.size - at, MSG_DONTWAIT);
        at += n > 0 ? (size_t)n : 0;
        event_base_loop(f.base, EVLOOP_NONBLOCK);
    }
    CU_ASSERT(fixture_run(&f, &f.n_done, 1, 1000)); /* it is not closed */
    CU_ASSERT_EQUAL(f.rc, 0);
    CU_ASSERT(fixture_info(&f, f.domid).paused);
    CU_ASSERT_EQUAL(before - fixture_free_kib(&f) >= 64 * 1024, true);
    domid = f.domid;
    fixture_unpause(&f, domid);
    hv_sim_advance(f.hv, 98500);
    CU_ASSERT(!fixture_info(&f, domid).shutdown);
    hv_sim_advance(f.hv, 1500);
    CU_ASSERT_EQUAL(fixture_info(&f, domid).shutdown_reason,
                    HV_SHUTDOWN_REBOOT);
    close(fds[0]);
    close(fds[1]);
    peer_close(&peer);
    fixture_close(&f);
}

/* It suspends first. */
static void test_not_live(void)
{
    struct fixture f;
    struct peer peer;

    fixture_open(&f, HOST);
    uint32_t domid = fixture_start(&f, "g", "");
    peer_open(&f, &peer, true);
    begin_send(&f, domid, &peer, false);
    CU_ASSERT(fixture_info(&f, domid).shutdown);
    for (int i = 0; i < 8; i++) {
        CU_ASSERT_EQUAL(f.n_done, 0);
        step(&f, 100);
    }
    CU_ASSERT(fixture_run(&f, &f.n_done, 1, 1000));
    CU_ASSERT_EQUAL(f.rc, 0);
    CU_ASSERT(peer.size < 1024);
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, resume, domid), 0);
    CU_ASSERT(fixture_info(&f, domid).blocked);
    peer_close(&peer);
    fixture_close(&f);
}

static void test_refused(void)
{
    struct fixture f;
    struct peer peer;
    struct hv_domain_config config = fixture_config("other");
    int fds[2], udp[2];

    fixture_open(&f, AT_ONCE);
    uint32_t domid = fixture_start(&f, "g", "");
    uint32_t paused = fixture_create(&f, "p", "");
    peer_open(&f, &peer, true);
    CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_DGRAM, 0, udp), 0);
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, send, domid, peer.fds[0], true),
                    VDC_E_UNSUPPORTED); /* PV */
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, send, domid, fds[1], false),
                    VDC_E_UNSUPPORTED);
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, send, domid, udp[0], false),
                    VDC_E_UNSUPPORTED);
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, send, domid, -1, false), VDC_E_IO);
    CU_ASSERT_EQUAL(f.hv->domain->receive(f.hv, &config, fds[0],
                                          fixture_created, &f, &f.err),
                    VDC_E_UNSUPPORTED);
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, send, paused, peer.fds[0], false),
                    VDC_E_WRONG_STATE);
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, send, 999, peer.fds[0], false),
                    VDC_E_NOT_FOUND);
    CU_ASSERT(!fixture_info(&f, domid).shutdown);
    fixture_run(&f, NULL, 0, 5);
    CU_ASSERT_EQUAL(peer.size, 0);
    hv_sim_fault(f.hv, "refuse:send:1", NULL);
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, send, domid, peer.fds[0], false),
                    VDC_E_HYPERVISOR);
    for (int i = 0; i < 2; i++) {
        close(fds[i]);
        close(udp[i]);
    }
    peer_close(&peer);
    fixture_close(&f);
}

/* The other end is closed before it begins, and after each piece. */
static void test_closed(void)
{
    struct fixture f;
    struct peer peer;

    for (int i = 0; i < 20; i++) {
        bool live = i % 2;
        int pieces = i / 2;
        fixture_open(&f, HOST);
        uint32_t domid = start_pvh(&f, "g", "", NULL);
        peer_open(&f, &peer, true);
        if (pieces == 0)
            peer_hang_up(&peer);
        begin_send(&f, domid, &peer, live);
        for (int k = 1; k < pieces; k++)
            step(&f, 100);
        if (pieces == 9) { /* all is there */
            CU_ASSERT(fixture_run(&f, &f.n_done, 1, 1000));
            CU_ASSERT_EQUAL(f.rc, 0);
        } else {
            if (pieces > 0)
                peer_hang_up(&peer);
            step(&f, 100);
            CU_ASSERT(fixture_run(&f, &f.n_done, 1, 1000));
            CU_ASSERT_EQUAL(f.rc, VDC_E_CLOSED);
            CU_ASSERT(fixture_info(&f, domid).blocked);
        }
        peer_close(&peer);
        fixture_close(&f);
    }
}

/* One that does not read is waited for, the loop runs on, and closing it is
 * seen at once. */
static void test_does_not_read(void)
{
    struct fixture f;
    struct peer peer;

    for (int closes = 0; closes < 2; closes++) {
        fixture_open(&f, AT_ONCE ",stream=100");
        uint32_t domid = start_pvh(&f, "g", "", NULL);
        peer_open(&f, &peer, false);
        begin_send(&f, domid, &peer, true);
        fixture_run(&f, NULL, 0, 50);
        CU_ASSERT_EQUAL(f.n_done, 0);
        CU_ASSERT(!fixture_info(&f, domid).shutdown);
        if (closes)
            peer_hang_up(&peer);
        else
            event_add(peer.event, NULL);
        CU_ASSERT(fixture_run(&f, &f.n_done, 1, 20000 * unit_time_factor()));
        CU_ASSERT_EQUAL(f.rc, closes ? VDC_E_CLOSED : 0);
        CU_ASSERT_EQUAL(fixture_info(&f, domid).shutdown, !closes);
        if (!closes)
            CU_ASSERT(peer.size > 64 << 20);
        peer_close(&peer);
        fixture_close(&f);
    }
}

/* 60 seconds, and then it runs on. */
static void test_ignored(void)
{
    struct fixture f;
    struct peer peer;

    fixture_open(&f, AT_ONCE ",clock=jump");
    uint32_t domid = start_pvh(&f, "g", "sim.suspend=ignore", NULL);
    peer_open(&f, &peer, true);
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, send, domid, peer.fds[0], true),
                    VDC_E_TIMEOUT);
    CU_ASSERT(fixture_info(&f, domid).blocked);
    peer_close(&peer);
    fixture_close(&f);
}

/* What happens to it while it is copied. */
static void test_in_the_middle(void)
{
    struct fixture f;
    struct peer peer;
    struct hv_domain_config config;

    for (int what = 0; what < 4; what++) {
        fixture_open(&f, HOST);
        uint32_t domid = start_pvh(&f, "g", "", &config);
        peer_open(&f, &peer, true);
        begin_send(&f, domid, &peer, true);
        step(&f, 100);
        if (what == 0)
            hv_sim_foreign_destroy(f.hv, domid, &f.err);
        else if (what == 1)
            hv_sim_guest_stop(f.hv, domid, HV_SHUTDOWN_CRASH, &f.err);
        else
            f.hv->domain->set_memory_target(
                f.hv, domid, MEM_MIB(what == 2 ? 32 : 120), &f.err);
        for (int i = 0; i < 8; i++)
            step(&f, 100);
        CU_ASSERT(fixture_run(&f, &f.n_done, 1, 1000));
        CU_ASSERT_EQUAL(f.rc, what == 0   ? VDC_E_NOT_FOUND
                              : what == 1 ? VDC_E_HYPERVISOR
                                          : 0);
        if (what >= 2) { /* it comes with what it has at the end */
            fixture_destroy(&f, domid);
            uint64_t before = fixture_free_kib(&f);
            CU_ASSERT_EQUAL(receive_bytes(&f, &config, peer.bytes, peer.size),
                            0);
            CU_ASSERT_EQUAL(fixture_info(&f, f.domid).current_memory.kib,
                            (what == 2 ? 32 : 120) * 1024);
            fixture_destroy(&f, f.domid);
            CU_ASSERT_EQUAL(fixture_free_kib(&f), before);
        }
        peer_close(&peer);
        fixture_close(&f);
    }
}

/* A guest that was sent, as bytes. */
static size_t sent_bytes(struct fixture *f, char *buf, size_t size,
                         struct hv_domain_config *config)
{
    struct peer peer;
    uint32_t domid = start_pvh(f, "sent", "", config);

    peer_open(f, &peer, true);
    CU_ASSERT_EQUAL(FIXTURE_WAIT(f, send, domid, peer.fds[0], true), 0);
    fixture_run(f, NULL, 0, 5);
    CU_ASSERT_FATAL(peer.size > 0 && peer.size < size);
    memcpy(buf, peer.bytes, peer.size);
    size = peer.size;
    CU_ASSERT_EQUAL(fixture_destroy(f, domid), 0);
    peer_close(&peer);
    return size;
}

static void test_damaged(void)
{
    struct fixture f;
    struct hv_domain_config config;
    char good[2048], bad[2048];
    int n_tried = 0;

    fixture_open(&f, AT_ONCE);
    size_t size = sent_bytes(&f, good, sizeof(good), &config);
    uint64_t before = fixture_free_kib(&f);
    const char *tree = hv_sim_store_dump(f.hv, f.arena);
    for (size_t i = 0; i < size; i++, n_tried++) /* cut off */
        CU_ASSERT_EQUAL(receive_bytes(&f, &config, good, i), VDC_E_CLOSED);
    for (size_t i = 0; i < size; i++, n_tried++) {
        memcpy(bad, good, size);
        bad[i] ^= 4;
        CU_ASSERT(receive_bytes(&f, &config, bad, size) != 0);
    }
    CU_ASSERT_EQUAL(receive_bytes(&f, &config, "garbage", 7), VDC_E_BAD_VALUE);
    config.max_vcpus = 8;
    CU_ASSERT_EQUAL(receive_bytes(&f, &config, good, size), VDC_E_HYPERVISOR);
    config.max_vcpus = 2;
    hv_sim_fault(f.hv, "fail:receive:1;refuse:receive:2", NULL);
    CU_ASSERT_EQUAL(receive_bytes(&f, &config, good, size), VDC_E_HYPERVISOR);
    CU_ASSERT_EQUAL(receive_bytes(&f, &config, good, size), VDC_E_HYPERVISOR);
    CU_ASSERT_EQUAL(fixture_free_kib(&f), before);
    CU_ASSERT_EQUAL(fixture_n_domains(&f), 1);
    CU_ASSERT_STRING_EQUAL(hv_sim_store_dump(f.hv, f.arena), tree);
    CU_ASSERT_EQUAL(receive_bytes(&f, &config, good, size), 0);
    printf("%d damaged streams\n", n_tried + 2);
    fixture_close(&f);
}

/* A byte at a time; and the host is closed while more is waited for. */
static void test_slowly(void)
{
    struct fixture f;
    struct hv_domain_config config;
    char good[2048];
    int fds[2];

    fixture_open(&f, AT_ONCE);
    size_t size = sent_bytes(&f, good, sizeof(good), &config);
    for (size_t until = size; until > size - 10; until -= 9) {
        CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        f.n_done = 0;
        CU_ASSERT_EQUAL(f.hv->domain->receive(f.hv, &config, fds[0],
                                              fixture_created, &f, &f.err),
                        0);
        for (size_t i = 0; i < until; i++) {
            CU_ASSERT_EQUAL(f.n_done, 0);
            CU_ASSERT_EQUAL(send(fds[1], good + i, 1, 0), 1);
            fixture_run(&f, NULL, 0, 0);
        }
        if (until == size) {
            CU_ASSERT(fixture_run(&f, &f.n_done, 1, 1000));
            CU_ASSERT_EQUAL(f.rc, 0);
            fixture_destroy(&f, f.domid);
        }
        close(fds[1]);
        if (until == size)
            close(fds[0]);
    }
    fixture_close(&f);
    close(fds[0]);
}

/* In the middle, whether it has suspended or not: it runs on. */
static void test_fails(void)
{
    struct fixture f;
    struct peer peer;

    for (int live = 0; live < 2; live++) {
        fixture_open(&f, AT_ONCE);
        hv_sim_fault(f.hv, "fail:send:1", NULL);
        uint32_t domid = start_pvh(&f, "g", "", NULL);
        peer_open(&f, &peer, true);
        CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, send, domid, peer.fds[0], live),
                        VDC_E_HYPERVISOR);
        fixture_run(&f, NULL, 0, 5);
        CU_ASSERT(peer.size > 0);
        CU_ASSERT_EQUAL(f.n_events, live ? 0 : 1);
        CU_ASSERT(fixture_info(&f, domid).blocked);
        peer_close(&peer);
        fixture_close(&f);
    }
}

/* The process dies after the guest has suspended: the next one can let it
 * run on. */
static void test_crash(void)
{
    struct fixture f;
    struct peer peer;
    char path[64], options[224];
    int status;

    fixture_state_path(path, sizeof(path));
    snprintf(options, sizeof(options), "%s,state=%s", AT_ONCE, path);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        setenv("VDC_SIM_FAULT", "crash-after:send:2", 1);
        fixture_open(&f, options);
        uint32_t domid = start_pvh(&f, "g", "", NULL);
        peer_open(&f, &peer, true);
        FIXTURE_WAIT(&f, send, domid, peer.fds[0], true);
        _exit(0);
    }
    CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    fixture_open(&f, options);
    CU_ASSERT_EQUAL(fixture_info(&f, 1).shutdown_reason, HV_SHUTDOWN_SUSPEND);
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, resume, 1), 0);
    CU_ASSERT(fixture_info(&f, 1).blocked);
    fixture_close(&f);
    unlink(path);
}

static const struct unit_test tests[] = {
    { "live, and received", test_live },
    { "not live", test_not_live },
    { "what cannot be sent", test_refused },
    { "the other end is closed", test_closed },
    { "the other end does not read", test_does_not_read },
    { "a guest that does not suspend", test_ignored },
    { "live, and something happens", test_in_the_middle },
    { "damaged streams", test_damaged },
    { "received slowly", test_slowly },
    { "failures in the middle", test_fails },
    { "a crash in the middle", test_crash },
};

UNIT_MAIN("hv/sim stream", tests)
