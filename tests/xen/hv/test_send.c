/* Guests that go from this host to this host over a socket: live and not,
 * given up in the middle, and streams that are none. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xenctrl.h>

#include "tests/xen/hv/bedtest.h"

#define MOVE_MS 300000
#define MAX_STREAM ((size_t)256 << 20)

/* ---- what stands between the two ends ---- */

struct carrier {
    int from, to;      /* to: -1 for nowhere */
    bool keeps;        /* in bytes */
    uint64_t gives_up; /* after so many; 0: not */
    char *bytes;
    _Atomic uint64_t n;
    pthread_t thread;
};

static bool pass_on(const struct carrier *carrier, const char *bytes, size_t n)
{
    while (carrier->to >= 0 && n > 0) {
        ssize_t r = send(carrier->to, bytes, n, MSG_NOSIGNAL);
        if (r <= 0)
            return false;
        bytes += r;
        n -= (size_t)r;
    }
    return true;
}

static void *carrier_main(void *arg)
{
    static char buf[65536]; /* one at a time */
    struct carrier *carrier = arg;
    ssize_t n;

    while (!carrier->gives_up || carrier->n < carrier->gives_up) {
        n = recv(carrier->from, buf, sizeof(buf), 0);
        if (n <= 0 || !pass_on(carrier, buf, (size_t)n))
            break;
        if (carrier->keeps && carrier->n + (size_t)n <= MAX_STREAM)
            memcpy(carrier->bytes + carrier->n, buf, (size_t)n);
        carrier->n += (uint64_t)n;
    }
    close(carrier->from);
    if (carrier->to >= 0)
        close(carrier->to);
    return NULL;
}

static int pair(int *ret_other)
{
    int fds[2] = { -1, -1 };

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0,
          "socketpair");
    *ret_other = fds[1];
    return fds[0];
}

/* Returns the socket for `send`; *ret_to, for `receive`, unless NULL. */
static int carrier_begin(struct carrier *carrier, int *ret_to)
{
    int fd = pair(&carrier->from);

    carrier->to = -1;
    carrier->n = 0;
    if (ret_to)
        *ret_to = pair(&carrier->to);
    if (carrier->keeps)
        carrier->bytes = malloc(MAX_STREAM);
    pthread_create(&carrier->thread, NULL, carrier_main, carrier);
    return fd;
}

/* fd: that of `send`, which is closed. */
static void carrier_end(struct carrier *carrier, int fd)
{
    close(fd);
    pthread_join(carrier->thread, NULL);
}

/* ---- guests that count, on their consoles ---- */

static const char *console_text(const char *name)
{
    static char text[1 << 20];
    FILE *f = fopen(
        arena_printf(arena, "/var/log/xen/console/guest-%s.log", name), "re");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

    if (f)
        fclose(f);
    text[n] = '\0';
    return text;
}

/* The last number that it said; 0 for none. */
static unsigned long last_count(const char *name)
{
    unsigned long count = 0;

    for (const char *p = console_text(name); (p = strstr(p, "count-"));) {
        p += strlen("count-");
        if (*p >= '0' && *p <= '9')
            count = strtoul(p, NULL, 10);
    }
    return count;
}

struct counting {
    const char *name;
    unsigned long above;
};

static bool has_counted(void *arg)
{
    const struct counting *counting = arg;

    return last_count(counting->name) > counting->above;
}

static bool counts_on(const char *name, unsigned long above)
{
    struct counting counting = { name, above };

    return wait_for(has_counted, &counting, 60000);
}

static const char counter[] =
    "(i=0; while :; do i=$((i+1)); echo count-$i; sleep 1; done) &\n";

static uint32_t start_counting(const struct hv_domain_config *config)
{
    struct vdc_error err = { 0 };
    const char *console = "";
    uint32_t domid;

    if (!CHECK(make(config, &domid, &err) == 0, "%s", err.text))
        return HV_DOMID_NONE;
    CHECK(hv->domain->watch(hv, domid, &err) == 0, "%s", err.text);
    CHECK(unpause(domid, &err) == 0, "%s", err.text);
    CHECK(wait_up(domid), "%s is not up", config->name);
    CHECK(hv->domain->console_path(hv, domid, arena, &console, &err) == 0,
          "%s", err.text);
    int fd = open(console, O_RDWR | O_NOCTTY | O_CLOEXEC);
    CHECK(fd >= 0 && write(fd, counter, strlen(counter)) > 0, "console %s",
          console);
    close(fd);
    CHECK(counts_on(config->name, 1), "%s does not count", config->name);
    events_reset();
    return domid;
}

static void end(uint32_t domid)
{
    struct vdc_error err = { 0 };

    if (domid != HV_DOMID_NONE)
        CHECK(destroy(domid, &err) == 0, "%s", err.text);
}

static int resume(uint32_t domid, struct vdc_error *err)
{
    struct outcome outcome = { 0 };

    return outcome_finish(
        &outcome, hv->domain->resume(hv, domid, on_done, &outcome, err), err);
}

static bool is_suspended(uint32_t domid)
{
    struct hv_domain_info info = { 0 };

    return hv->domain->info(hv, domid, arena, &info, NULL) == 0 &&
           info.shutdown && info.shutdown_reason == HV_SHUTDOWN_SUSPEND;
}

static char *everything(void)
{
    return arena_printf(arena, "%s%s%s", store_below("/local/domain"),
                        store_below("/libxl"), store_below("/vm"));
}

static uint64_t free_settled_kib(void)
{
    struct hv_host_info info = { 0 };
    uint64_t last = 0;

    for (int i = 0, same = 0; i < 100 && same < 5; i++) {
        hv->domain->host_info(hv, arena, &info, NULL);
        same = info.free_memory.kib == last ? same + 1 : 0;
        last = info.free_memory.kib;
        spin(200);
    }
    return last;
}

/* The first guest after a boot leaves some pages with dom0. */
static void check_memory(uint64_t before_kib)
{
    uint64_t now_kib = free_settled_kib();

    CHECK(now_kib + 1024 >= before_kib, "free memory was %llu KiB, is %llu",
          (unsigned long long)before_kib, (unsigned long long)now_kib);
}

/* Xen refuses to begin what it does already. */
static bool has_its_writes_logged(uint32_t domid)
{
    xc_interface *xch = xc_interface_open(NULL, NULL, 0);

    bool off = xch && xc_shadow_control(xch, domid,
                                        XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY,
                                        NULL, 0) >= 0;
    if (off)
        xc_shadow_control(xch, domid, XEN_DOMCTL_SHADOW_OP_OFF, NULL, 0);
    xc_interface_close(xch);
    return !off;
}

/* ---- the tests ---- */

/* To nowhere: the code that it ends with. */
static int send_away(uint32_t domid, bool live, struct carrier *carrier,
                     struct vdc_error *err)
{
    struct outcome outcome = { 0 };
    uint64_t start_ms = now_ms();

    gap_reset();
    int fd = carrier_begin(carrier, NULL);
    int rc = hv->domain->send(hv, domid, fd, live, on_done, &outcome, err);
    if (rc == 0 && CHECK(wait_for(is_done, &outcome, MOVE_MS), "no answer")) {
        rc = outcome.rc;
        *err = outcome.err;
    }
    carrier_end(carrier, fd);
    printf("    %s: %llu bytes in %llu ms, gaps of at most %u ms: %s\n",
           live ? "live" : "not live", (unsigned long long)carrier->n,
           (unsigned long long)(now_ms() - start_ms), gap_ms(),
           rc ? err->text : "sent");
    return rc;
}

static void move(enum hv_domain_type type, bool live)
{
    struct hv_domain_config config = guest("leaves", type, "");
    struct outcome sent = { 0 }, received = { 0 };
    struct carrier carrier = { 0 };
    struct hv_event event = { 0 };
    struct vdc_error err = { 0 };
    uint64_t memory = free_settled_kib();
    char *store = everything();
    uint32_t domid = start_counting(&config);
    int to = -1;

    if (domid == HV_DOMID_NONE)
        return;
    config.name = "arrives";
    uuid_random(&config.uuid);
    unlink("/var/log/xen/console/guest-arrives.log");
    gap_reset();
    uint64_t start_ms = now_ms();
    int fd = carrier_begin(&carrier, &to);
    CHECK(hv->domain->receive(hv, &config, to, on_created, &received, &err) ==
              0,
          "%s", err.text);
    CHECK(hv->domain->send(hv, domid, fd, live, on_done, &sent, &err) == 0,
          "%s", err.text);
    CHECK(wait_event(HV_EVENT_SHUTDOWN, domid, MOVE_MS, &event) &&
              event.reason == HV_SHUTDOWN_SUSPEND,
          "suspend is told");
    uint64_t suspended_ms = now_ms();
    CHECK(wait_for(is_done, &sent, MOVE_MS) && sent.rc == 0, "%s",
          sent.err.text);
    uint64_t sent_ms = now_ms();
    CHECK(is_suspended(domid), "it is not suspended");
    carrier_end(&carrier, fd);
    CHECK(wait_for(is_done, &received, MOVE_MS) && received.rc == 0, "%s",
          received.err.text);
    close(to);
    uint64_t received_ms = now_ms();
    unsigned long before = last_count("leaves");
    if (received.rc == 0) {
        CHECK(unpause(received.domid, &err) == 0, "%s", err.text);
        uint64_t runs_ms = now_ms();
        CHECK(counts_on("arrives", before), "it does not count on");
        printf("    %s %s: %llu bytes; suspended after %llu ms, sent after "
               "%llu, received after %llu; stood still for %llu ms; counted "
               "to %lu before, first %.20s after; gaps of at most %u ms\n",
               hv_domain_type_name(type), live ? "live" : "not live",
               (unsigned long long)carrier.n,
               (unsigned long long)(suspended_ms - start_ms),
               (unsigned long long)(sent_ms - start_ms),
               (unsigned long long)(received_ms - start_ms),
               (unsigned long long)(runs_ms - suspended_ms), before,
               strstr(console_text("arrives"), "count-"), gap_ms());
        CHECK(!strstr(console_text("arrives"), "count-1\r"),
              "it counts from 1");
    }
    end(domid);
    end(received.domid);
    check_memory(memory);
    CHECK(strcmp(everything(), store) == 0, "xenstore has changed: %s",
          everything());
}

static void test_pvh_live(void)
{
    move(HV_DOMAIN_PVH, true);
}

static void test_pv(void)
{
    move(HV_DOMAIN_PV, false);
}

static void test_pv_live(void)
{
    struct hv_domain_config config = guest("pvlive", HV_DOMAIN_PV, "");
    struct carrier carrier = { 0 };
    struct vdc_error err = { 0 };
    uint32_t domid = start_counting(&config);

    if (domid == HV_DOMID_NONE)
        return;
    struct hv_host_info host = { 0 };
    hv->domain->host_info(hv, arena, &host, NULL);
    bool can = strstr(host.capabilities, "shadow") != NULL;
    CHECK(send_away(domid, true, &carrier, &err) ==
              (can ? 0 : VDC_E_UNSUPPORTED),
          "%s", err.text);
    CHECK(can || carrier.n == 0, "something was sent");
    CHECK(can || !is_suspended(domid), "it was touched");
    if (can)
        CHECK(resume(domid, &err) == 0, "%s", err.text);
    CHECK(counts_on("pvlive", last_count("pvlive")), "it does not run on");
    end(domid);
}

/* Given up before the first byte, in the middle, and with the last bytes;
 * and then it is sent again, and let run on by ourselves. */
static void test_given_up(void)
{
    struct hv_domain_config config = guest("stays", HV_DOMAIN_PVH, "");
    struct carrier carrier = { 0 };
    struct vdc_error err = { 0 };
    uint32_t domid = start_counting(&config);

    if (domid == HV_DOMID_NONE)
        return;
    CHECK(send_away(domid, true, &carrier, &err) == 0, "%s", err.text);
    CHECK(is_suspended(domid), "it is not suspended");
    uint64_t whole = carrier.n;
    CHECK(resume(domid, &err) == 0, "%s", err.text);
    CHECK(counts_on("stays", last_count("stays")), "resume");
    const struct {
        uint64_t after;
        bool live;
    } cases[] = { { 1, true },
                  { 30 << 20, true },
                  { whole - (4 << 20), true },
                  { 1, false },
                  { 30 << 20, false } };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        carrier.gives_up = cases[i].after;
        int rc = send_away(domid, cases[i].live, &carrier, &err);
        /* What it writes while it is sent makes one longer than another. */
        bool may_end = cases[i].after > whole / 2 && rc == 0;
        CHECK(rc == VDC_E_CLOSED || may_end, "%s: %s", vdc_error_name(rc),
              err.text);
        if (may_end)
            CHECK(resume(domid, &err) == 0, "%s", err.text);
        CHECK(!is_suspended(domid), "it stands");
        CHECK(!has_its_writes_logged(domid), "Xen logs its writes");
        CHECK(counts_on("stays", last_count("stays")), "it does not run on");
    }
    carrier.gives_up = 0;
    CHECK(send_away(domid, true, &carrier, &err) == 0, "%s", err.text);
    end(domid);
}

/* The socket is closed when it begins. */
static void test_closed_before(void)
{
    struct hv_domain_config config = guest("closed", HV_DOMAIN_PVH, "");
    struct vdc_error err = { 0 };
    uint32_t domid = start_counting(&config);

    for (int live = 0; domid != HV_DOMID_NONE && live < 2; live++) {
        struct outcome outcome = { 0 };
        int other, fd = pair(&other);
        close(other);
        CHECK(hv->domain->send(hv, domid, fd, live, on_done, &outcome, &err) ==
                  0,
              "%s", err.text);
        CHECK(wait_for(is_done, &outcome, MOVE_MS) &&
                  outcome.rc == VDC_E_CLOSED,
              "%s", outcome.err.text);
        printf("    %s\n", outcome.err.text);
        close(fd);
        CHECK(counts_on("closed", last_count("closed")), "it stands");
    }
    end(domid);
}

/* Paused while it is copied, so that it cannot do what it is asked to. */
static void test_does_not_suspend(void)
{
    struct hv_domain_config config = guest("deaf", HV_DOMAIN_PVH, "");
    struct carrier carrier = { 0 };
    struct outcome sent = { 0 }, paused = { 0 };
    struct vdc_error err = { 0 };
    uint32_t domid = start_counting(&config);

    if (domid == HV_DOMID_NONE)
        return;
    int fd = carrier_begin(&carrier, NULL);
    CHECK(hv->domain->send(hv, domid, fd, true, on_done, &sent, &err) == 0,
          "%s", err.text);
    spin(1000);
    int rc = hv->domain->pause(hv, domid, on_done, &paused, &err);
    CHECK(outcome_finish(&paused, rc, &err) == 0, "%s", err.text);
    CHECK(wait_for(is_done, &sent, MOVE_MS) && sent.rc == VDC_E_TIMEOUT, "%s",
          sent.err.text);
    printf("    %s\n", sent.err.text);
    carrier_end(&carrier, fd);
    CHECK(unpause(domid, &err) == 0, "%s", err.text);
    CHECK(counts_on("deaf", last_count("deaf")), "it does not run on");
    CHECK(!is_suspended(domid), "it stands");
    CHECK(!has_its_writes_logged(domid), "Xen logs its writes");
    end(domid);
}

/* ---- receive ---- */

struct bytes {
    int fd;
    const char *bytes;
    size_t size;
};

static void *feed(void *arg)
{
    const struct bytes *bytes = arg;
    struct carrier carrier = { .to = bytes->fd };

    pass_on(&carrier, bytes->bytes, bytes->size);
    close(bytes->fd);
    return NULL;
}

/* The code; nothing may be left. */
static int receive_bytes(const char *bytes, size_t size, struct vdc_error *err)
{
    struct hv_domain_config config = guest("comes", HV_DOMAIN_PVH, "");
    struct outcome outcome = { 0 };
    struct bytes all = { .bytes = bytes, .size = size };
    uint64_t memory = free_settled_kib();
    char *store = everything();
    pthread_t thread;
    int fd = pair(&all.fd);

    pthread_create(&thread, NULL, feed, &all);
    int rc = hv->domain->receive(hv, &config, fd, on_created, &outcome, err);
    if (rc == 0 && CHECK(wait_for(is_done, &outcome, MOVE_MS), "no answer")) {
        rc = outcome.rc;
        *err = outcome.err;
    }
    close(fd);
    pthread_join(thread, NULL);
    printf("    %zu bytes: %s: %s\n", size, vdc_error_name(rc),
           rc ? err->text : "");
    if (rc == 0)
        end(outcome.domid);
    check_memory(memory);
    CHECK(strcmp(everything(), store) == 0, "xenstore has changed: %s",
          everything());
    return rc;
}

/* Many that wait keep nobody else from working. */
static void test_many_wait(void)
{
    struct hv_domain_config config = guest("other", HV_DOMAIN_PVH, "");
    struct outcome outcomes[20] = { { 0 } };
    int fds[20], others[20];
    struct vdc_error err = { 0 };
    uint32_t domid;

    for (int i = 0; i < 20; i++) {
        struct hv_domain_config comes =
            guest(arena_printf(arena, "comes-%d", i), HV_DOMAIN_PVH, "");
        fds[i] = pair(&others[i]);
        CHECK(hv->domain->receive(hv, &comes, fds[i], on_created, &outcomes[i],
                                  &err) == 0,
              "%s", err.text);
    }
    CHECK(make(&config, &domid, &err) == 0, "%s", err.text);
    end(domid);
    for (int i = 0; i < 20; i++) {
        CHECK(!outcomes[i].done, "it does not wait");
        close(others[i]);
    }
    for (int i = 0; i < 20; i++) {
        CHECK(wait_for(is_done, &outcomes[i], 30000) &&
                  outcomes[i].rc == VDC_E_CLOSED,
              "%s", outcomes[i].err.text);
        close(fds[i]);
    }
}

static void test_bad_streams(void)
{
    static const char garbage[4096] = "this is no domain at all";
    struct hv_domain_config config = guest("whole", HV_DOMAIN_PVH, "");
    struct carrier carrier = { .keeps = true };
    struct vdc_error err = { 0 };

    CHECK(receive_bytes(garbage, sizeof(garbage), &err) == VDC_E_BAD_VALUE,
          "%s", err.text);
    CHECK(receive_bytes(garbage, 3, &err) == VDC_E_BAD_VALUE, "%s", err.text);
    CHECK(receive_bytes("", 0, &err) == VDC_E_CLOSED, "%s", err.text);
    uint32_t domid = start_counting(&config);
    if (domid == HV_DOMID_NONE)
        return;
    CHECK(send_away(domid, true, &carrier, &err) == 0, "%s", err.text);
    end(domid);
    /* libxl does without its own last 8 bytes: they are all 0. */
    const size_t cuts[] = { 10, 24, 100, carrier.n / 2, carrier.n - 9 };
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++)
        CHECK(receive_bytes(carrier.bytes, cuts[i], &err) == VDC_E_CLOSED,
              "%s", err.text);
    for (size_t i = 0; i < 2; i++) { /* the version; then libxc's marker */
        size_t at = i == 0 ? 11 : 24;
        carrier.bytes[at] ^= 0x55;
        CHECK(receive_bytes(carrier.bytes, carrier.n, &err) ==
                  (i == 0 ? VDC_E_BAD_VALUE : VDC_E_HYPERVISOR),
              "%s", err.text);
        carrier.bytes[at] ^= 0x55;
    }
    CHECK(receive_bytes(carrier.bytes, carrier.n, &err) == 0, "%s", err.text);
    free(carrier.bytes);
}

const struct test send_tests[] = {
    { "send: PVH live, and received", test_pvh_live },
    { "send: PV, and received", test_pv },
    { "send: PV live", test_pv_live },
    { "send: given up, and sent again", test_given_up },
    { "send: the other end is closed", test_closed_before },
    { "send: a guest that does not suspend", test_does_not_suspend },
    { "receive: many wait", test_many_wait },
    { "receive: what is no stream, or a part", test_bad_streams },
    { NULL, NULL },
};
