/* Save, resume, restore; send, receive. */
#include "tests/hv/conform.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char head[] = "what is before it in the file\n";

/* A file that begins with something else. */
static int open_file(const char *path)
{
    int fd = open(path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);

    CHECK(fd >= 0 && write(fd, head, sizeof(head)) == sizeof(head),
          "cannot write %s", path);
    return fd;
}

/* Up to where it listens to what it is asked: it has booted. */
struct booted {
    uint32_t domid;
};

static bool has_booted(void *arg)
{
    const struct booted *booted = arg;
    struct hv_device *devices;
    size_t n = 0;

    return hv->domain->devices(hv, booted->domid, arena, &devices, &n, NULL) ==
               0 &&
           n > 0 && devices[0].state == HV_DEVICE_CONNECTED;
}

/* With a network, from which is seen that it has booted. */
static uint32_t start_booted(struct hv_domain_config *config)
{
    static const struct hv_nic nic = { .mac = "00:16:3e:00:77:09",
                                       .bridge = "",
                                       .model = "",
                                       .ip = "",
                                       .script = "",
                                       .backend = "",
                                       .vifname = "",
                                       .gatewaydev = "" };

    config->n_nics = 1;
    config->nics = &nic;
    struct booted booted = { start(config) };
    if (booted.domid != HV_DOMID_NONE) {
        CHECK(wait_for(has_booted, &booted, GUEST_MS), "it does not boot");
        if (!simulated)
            spin(5000); /* from the driver to a system that is up */
    }
    return booted.domid;
}

static void check_suspended(uint32_t domid)
{
    struct hv_event event = { 0 };

    CHECK(wait_event(HV_EVENT_SHUTDOWN, domid, 10000, &event) &&
              event.reason == HV_SHUTDOWN_SUSPEND,
          "suspend is not told");
    struct hv_domain_info info = info_of(domid);
    CHECK(info.shutdown && info.shutdown_reason == HV_SHUTDOWN_SUSPEND,
          "it is not suspended");
}

static void check_obeys(uint32_t domid)
{
    struct hv_event event = { 0 };

    events_reset();
    OK(ask(domid, HV_SHUTDOWN_POWEROFF));
    CHECK(wait_event(HV_EVENT_SHUTDOWN, domid, GUEST_MS, &event) &&
              event.reason == HV_SHUTDOWN_POWEROFF,
          "it does not power off");
}

static void test_resume(void)
{
    struct hv_domain_config config = guest("conform-resume");
    const char *path = file_path("resume");
    uint32_t domid = start_booted(&config);

    if (domid == HV_DOMID_NONE)
        return;
    CHECK(WAIT(resume, domid) != 0, "resume of one that runs");
    int fd = open_file(path);
    OK(WAIT(save, domid, fd));
    CHECK(lseek(fd, 0, SEEK_CUR) > (off_t)sizeof(head), "nothing is written");
    check_suspended(domid);
    OK(WAIT(resume, domid));
    struct hv_domain_info info = info_of(domid);
    CHECK(!info.shutdown && info.shutdown_reason == HV_SHUTDOWN_NONE,
          "it does not run on");
    check_obeys(domid);
    end(domid);
    close(fd);
    unlink(path);
}

static int restore(const struct hv_domain_config *config, int fd,
                   uint32_t *ret_domid)
{
    struct outcome outcome = { 0 };
    int rc = finish(&outcome, hv->domain->restore(hv, config, fd, on_created,
                                                  &outcome, &err));

    *ret_domid = rc ? HV_DOMID_NONE : outcome.domid;
    return rc;
}

static void test_restore(void)
{
    struct hv_domain_config config = guest("conform-restore");
    const char *path = file_path("restore");
    uint64_t before = free_kib();
    uint32_t domid = start_booted(&config), again;

    if (domid == HV_DOMID_NONE)
        return;
    uint64_t had = info_of(domid).current_memory.kib;
    int fd = open_file(path);
    OK(WAIT(save, domid, fd));
    check_suspended(domid);
    end(domid);
    events_reset();
    CHECK(lseek(fd, sizeof(head), SEEK_SET) == sizeof(head), "lseek");
    if (OK(restore(&config, fd, &again))) {
        struct hv_domain_info info = info_of(again);
        CHECK(again != domid, "the same domid");
        CHECK(info.paused && !info.shutdown, "it is not left paused");
        CHECK(strcmp(info.name, config.name) == 0, "name %s", info.name);
        CHECK(uuid_equal(&info.uuid, &config.uuid), "uuid");
        CHECK(about(info.current_memory.kib, had), "%llu KiB, and %llu before",
              (unsigned long long)info.current_memory.kib,
              (unsigned long long)had);
        OK(hv->domain->watch(hv, again, &err));
        OK(WAIT(unpause, again));
        struct booted booted = { again };
        CHECK(wait_for(has_booted, &booted, GUEST_MS), "its network");
        check_obeys(again);
        end(again);
    }
    check_free(before);
    close(fd);
    unlink(path);
}

static void test_restore_wrong(void)
{
    struct hv_domain_config config = guest("conform-garbage");
    const char *path = file_path("garbage"), *store = store_dump();
    uint64_t before = free_kib();
    int fd = open_file(path);
    uint32_t domid;

    for (int i = 0; i < 3; i++) { /* from its begin, its middle, its end */
        off_t at = i == 0 ? 0 : i == 1 ? 7 : (off_t)sizeof(head);
        CHECK(lseek(fd, at, SEEK_SET) == at, "lseek");
        ENDS(VDC_E_BAD_VALUE, restore(&config, fd, &domid));
        end(domid);
    }
    check_free(before);
    CHECK(strcmp(store, store_dump()) == 0, "xenstore has changed");
    close(fd);
    unlink(path);
}

/* A file that was cut off anywhere: nothing of the guest is left. */
static void test_restore_cut(void)
{
    struct hv_domain_config config = guest("conform-cut");
    const char *path = file_path("cut"), *store = store_dump();
    uint64_t before = free_kib();
    uint32_t domid = start_booted(&config);

    if (domid == HV_DOMID_NONE)
        return;
    int fd = open_file(path);
    OK(WAIT(save, domid, fd));
    off_t whole = lseek(fd, 0, SEEK_CUR) - (off_t)sizeof(head);
    end(domid);
    const off_t cuts[] = { whole * 9 / 10, whole / 2, 24, 16 };
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        CHECK(ftruncate(fd, (off_t)sizeof(head) + cuts[i]) == 0 &&
                  lseek(fd, sizeof(head), SEEK_SET) == sizeof(head),
              "truncate");
        if (!CHECK(restore(&config, fd, &domid) != 0, "restored from %lld",
                   (long long)cuts[i]))
            end(domid);
        printf("    cut after %lld bytes: %s\n", (long long)cuts[i], err.text);
    }
    check_free(before);
    CHECK(strcmp(store, store_dump()) == 0, "xenstore has changed");
    close(fd);
    unlink(path);
}

static void test_save_paused(void)
{
    struct hv_domain_config config = guest("conform-stands");
    const char *path = file_path("stands");
    uint32_t domid;

    if (!OK(make(&config, &domid)))
        return;
    int fd = open_file(path);
    ENDS(VDC_E_WRONG_STATE, WAIT(save, domid, fd));
    close(fd);
    unlink(path);
    end(domid);
}

/* libxl goes back in what it writes. */
static void test_pipe(void)
{
    struct hv_domain_config config = guest("conform-pipe");
    uint32_t domid, again;
    int fds[2];

    if (!CHECK(pipe(fds) == 0, "pipe") || !OK(make(&config, &domid)))
        return;
    OK(WAIT(unpause, domid));
    ENDS(VDC_E_UNSUPPORTED, WAIT(save, domid, fds[1]));
    CHECK(!info_of(domid).shutdown, "it does not run on");
    end(domid);
    close(fds[1]);
    ENDS(VDC_E_UNSUPPORTED, restore(&config, fds[0], &again));
    if (again != HV_DOMID_NONE)
        end(again);
    close(fds[0]);
}

/* No room for it: the guest runs on. */
static void test_save_fails(void)
{
    struct hv_domain_config config = guest("conform-full");
    uint32_t domid = start_booted(&config);

    if (domid == HV_DOMID_NONE)
        return;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (CHECK(fd >= 0, "no /dev/full")) {
        ENDS(VDC_E_DISK_FULL, WAIT(save, domid, fd));
        close(fd);
    }
    spin(500);
    struct hv_domain_info info = info_of(domid);
    CHECK(!info.shutdown && !info.paused, "it does not run on");
    check_obeys(domid);
    end(domid);
}

/* ---- send and receive ---- */

/* The other end of a socket: keeps what comes, or gives it back. */
struct peer {
    int fds[2]; /* the hypervisor's, ours */
    struct event *event;
    char *bytes;
    size_t size, room, at;
};

static void on_come(evutil_socket_t fd, short what, void *arg)
{
    static char buf[65536];
    struct peer *peer = arg;
    ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        event_del(peer->event);
        return;
    }
    if (peer->size + (size_t)n > peer->room) { /* seldom: it is slow in dom0 */
        peer->room = 2 * peer->room + sizeof(buf);
        peer->bytes = xrealloc(peer->bytes, peer->room);
    }
    memcpy(peer->bytes + peer->size, buf, (size_t)n);
    peer->size += (size_t)n;
}

static void on_room(evutil_socket_t fd, short what, void *arg)
{
    struct peer *peer = arg;
    ssize_t n = send(fd, peer->bytes + peer->at, peer->size - peer->at,
                     MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n > 0)
        peer->at += (size_t)n;
    if ((n < 0 && errno != EAGAIN) || peer->at == peer->size)
        event_del(peer->event);
}

static void peer_open(struct peer *peer, bool gives)
{
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, peer->fds) == 0,
          "socketpair");
    peer->event = event_new(base, peer->fds[1],
                            (gives ? EV_WRITE : EV_READ) | EV_PERSIST,
                            gives ? on_room : on_come, peer);
    event_add(peer->event, NULL);
}

static void peer_close(struct peer *peer)
{
    event_free(peer->event);
    close(peer->fds[0]);
    close(peer->fds[1]);
}

static int receive(const struct hv_domain_config *config, struct peer *peer,
                   uint32_t *ret_domid)
{
    struct outcome outcome = { 0 };

    peer_open(peer, true);
    if (peer->size < 1000) { /* and that was all */
        on_room(peer->fds[1], 0, peer);
        shutdown(peer->fds[1], SHUT_WR);
    }
    int rc = finish(&outcome, hv->domain->receive(hv, config, peer->fds[0],
                                                  on_created, &outcome, &err));
    peer_close(peer);
    *ret_domid = rc ? HV_DOMID_NONE : outcome.domid;
    return rc;
}

static void send_and_receive(enum hv_domain_type type, bool live)
{
    struct hv_domain_config config = guest("conform-sent");
    struct peer peer = { 0 };
    uint64_t before = free_kib();

    config.type = type;
    uint32_t domid = start_booted(&config), again;
    if (domid == HV_DOMID_NONE)
        return;
    peer_open(&peer, false);
    OK(WAIT(send, domid, peer.fds[0], live));
    spin(100);
    peer_close(&peer);
    CHECK(peer.size > 24, "%zu bytes", peer.size);
    check_suspended(domid);
    end(domid);
    events_reset();
    if (OK(receive(&config, &peer, &again))) {
        CHECK(info_of(again).paused, "it is not left paused");
        CHECK(info_of(again).type == type, "another type");
        OK(hv->domain->watch(hv, again, &err));
        OK(WAIT(unpause, again));
        struct booted booted = { again };
        CHECK(wait_for(has_booted, &booted, GUEST_MS), "its network");
        check_obeys(again);
        end(again);
    }
    check_free(before);
    free(peer.bytes);
}

static void test_send(void)
{
    send_and_receive(HV_DOMAIN_PV, false);
}

static void test_send_live(void)
{
    send_and_receive(HV_DOMAIN_PVH, true);
}

/* The guest runs on, or nothing is left of it. */
static void test_send_fails(void)
{
    struct hv_domain_config config = guest("conform-kept");
    char garbage[] = "garbage";
    struct peer peer = { .bytes = garbage, .size = 7 };
    uint64_t before = free_kib();
    uint32_t domid = start_booted(&config), again;
    int fds[2];

    if (domid == HV_DOMID_NONE || !CHECK(pipe(fds) == 0, "pipe"))
        return;
    ENDS(VDC_E_UNSUPPORTED, WAIT(send, domid, fds[1], false));
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, peer.fds) == 0, "socketpair");
    close(peer.fds[1]);
    ENDS(VDC_E_CLOSED, WAIT(send, domid, peer.fds[0], false));
    close(peer.fds[0]);
    CHECK(!info_of(domid).shutdown, "it does not run on");
    OK(WAIT(pause, domid));
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, peer.fds) == 0, "socketpair");
    ENDS(VDC_E_WRONG_STATE, WAIT(send, domid, peer.fds[0], false));
    close(peer.fds[0]);
    close(peer.fds[1]);
    OK(WAIT(unpause, domid));
    check_obeys(domid);
    end(domid);
    ENDS(VDC_E_BAD_VALUE, receive(&config, &peer, &again));
    peer = (struct peer){ .bytes = garbage };
    ENDS(VDC_E_CLOSED, receive(&config, &peer, &again));
    check_free(before);
    close(fds[0]);
    close(fds[1]);
}

const struct test save_tests[] = {
    { "save: and resume", test_resume },
    { "save: and restore", test_restore },
    { "save: restored from garbage", test_restore_wrong },
    { "save: restored from a part", test_restore_cut },
    { "save: a guest that does not run", test_save_paused },
    { "save: into a pipe", test_pipe },
    { "save: without room", test_save_fails },
    { "send: and receive", test_send },
    { "send: live, and receive", test_send_live },
    { "send: in vain", test_send_fails },
    { NULL, NULL },
};
