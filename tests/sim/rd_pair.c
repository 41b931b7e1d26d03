/* For tests of guests that go from host to host. */
#include "tests/sim/rd_pair.h"
#include "tests/sim/rd_proxy.h"

#include <CUnit/CUnit.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/tls_issue.h"
#include "tests/unit/unit.h"

#define DAY_MS UINT64_C(86400000)

/* ---- certificates ---- */

static void must(int rc, const struct vdc_error *err)
{
    if (rc)
        printf("%s\n", err->text);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
}

static char *new_authority(void)
{
    uint64_t now = clock_wall().ms;
    char *key, *certificate;
    struct vdc_error err;

    must(tls_issue_key(&key, &err), &err);
    must(tls_issue_authority(key, "test", now - DAY_MS, now + DAY_MS,
                             &certificate, &err), &err);
    char *both = xasprintf("%s%s", certificate, key);
    tls_issue_free(key);
    free(certificate);
    return both;
}

void rd_pair_certify(struct rd_pair *pair, struct rd *rd, const char *name,
                     const char *role, uint8_t *ret_print)
{
    uint64_t now = clock_wall().ms;
    const struct tls_issue_for whom = { name, role, now - DAY_MS,
                                        now + DAY_MS };
    char *key, *request, *certificate;
    struct tls_certificate read;
    struct vdc_error err;

    must(tls_issue_key(&key, &err), &err);
    must(tls_issue_request(key, &request, &err), &err);
    must(tls_issue_grant(pair->authority, request, &whom, &certificate, &err),
         &err);
    must(tls_certificate_read(certificate, strlen(certificate), &read, &err),
         &err);
    memcpy(ret_print, read.fingerprint, TLS_FINGERPRINT_SIZE);
    mkdir(rd_path(rd, "dc"), 0700);
    int fd = open(rd_path(rd, "dc/host.pem"), O_WRONLY | O_CREAT | O_TRUNC,
                  0600);
    /* The authority's key is not a host's to have, and here no matter. */
    dprintf(fd, "%s%.*s%s", certificate,
            (int)(strstr(pair->authority, "-----BEGIN PRIVATE") -
                  pair->authority),
            pair->authority, key);
    close(fd);
    tls_issue_free(key);
    free(request);
    free(certificate);
}

static unsigned free_port(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    getsockname(fd, (struct sockaddr *)&at, &size);
    close(fd);
    return ntohs(at.sin_port);
}

/* ---- begin and end ---- */

static void configure(struct rd *rd, unsigned port, char *settings,
                      size_t size)
{
    snprintf(settings, size,
             "tls_address = \"127.0.0.1:%u\"\ndc_directory = \"%s/dc\"\n"
             "undo_wait = \"300ms\"\nmemory_wait = 2\n"
             "restart_min_interval = 0\n",
             port, rd->dir);
    rd->settings = settings;
}

struct rd_pair *rd_pair_new(const char *options_a, const char *options_b)
{
    struct rd_pair *pair = XNEW(struct rd_pair);

    pair->a = rd_new(options_a);
    pair->b = rd_new(options_b);
    pair->authority = new_authority();
    pair->port_a = free_port();
    pair->port_b = free_port();
    pair->live = true;
    rd_pair_certify(pair, pair->a, "alpha", "host", pair->print_a);
    rd_pair_certify(pair, pair->b, "beta", "host", pair->print_b);
    configure(pair->a, pair->port_a, pair->settings_a,
              sizeof(pair->settings_a));
    configure(pair->b, pair->port_b, pair->settings_b,
              sizeof(pair->settings_b));
    CU_ASSERT_FATAL(rd_start(pair->a));
    CU_ASSERT_FATAL(rd_start(pair->b));
    rd_pair_next(pair);
    return pair;
}

void rd_pair_free(struct rd_pair *pair)
{
    rd_free(pair->a);
    rd_free(pair->b);
    free(pair->authority);
    free(pair);
}

void rd_pair_next(struct rd_pair *pair)
{
    pair->epoch++;
    memset(pair->ticket, (int)pair->epoch, sizeof(pair->ticket));
    snprintf(pair->key_a, sizeof(pair->key_a), "send-%u",
             (unsigned)pair->epoch);
    snprintf(pair->key_b, sizeof(pair->key_b), "take-%u",
             (unsigned)pair->epoch);
}

void rd_pair_swap(struct rd_pair *pair)
{
    struct rd *rd = pair->a;
    unsigned port = pair->port_a;
    uint8_t print[TLS_FINGERPRINT_SIZE];

    pair->a = pair->b;
    pair->b = rd;
    pair->port_a = pair->port_b;
    pair->port_b = port;
    memcpy(print, pair->print_a, sizeof(print));
    memcpy(pair->print_a, pair->print_b, sizeof(print));
    memcpy(pair->print_b, print, sizeof(print));
}

void rd_pair_create(struct rd_pair *pair, const char *cmdline)
{
    struct wire_definition *d = &pair->definition;

    rd_definition(d, "web", cmdline);
    d->type = WIRE_PVH;
    memset(&pair->uuid, 0x42, sizeof(pair->uuid));
    d->uuid = pair->uuid;
    CU_ASSERT_EQUAL_FATAL(rd_create(pair->a, d, true, &pair->err), 0);
}

/* ---- orders ---- */

static const char *name_of(const struct rd_pair *pair, const struct rd *rd)
{
    return strstr(rd->settings, arena_printf(rd->arena, ":%u\"",
                                             rd == pair->a ? pair->port_a
                                                           : pair->port_b)) &&
                   rd->settings == pair->settings_a
               ? "alpha"
               : "beta";
}

void rd_pair_fill_target(struct rd_pair *pair,
                         enum wire_transaction_stage stage,
                         struct rd_transaction *ret)
{
    rd_begin(ret);
    ret->t.stage = stage;
    ret->t.key = pair->key_b;
    ret->t.timeout_ms = pair->timeout_ms;
    struct wire_operation *op = rd_add(ret, WIRE_OP_CREATE, "");
    op->definition = pair->definition;
    op->owner = "acme";
    op->xen_name = "acme.web";
    op->epoch = pair->epoch;
    op = rd_add(ret, WIRE_OP_START, "");
    op->uuid = pair->uuid;
    op->stream = true;
    op->host = name_of(pair, pair->a);
    op->fingerprint = pair->print_a;
    op->n_fingerprint = sizeof(pair->print_a);
    op->ticket = pair->ticket;
    op->n_ticket = sizeof(pair->ticket);
    op->epoch = pair->epoch;
    op->paused = pair->paused;
}

void rd_pair_fill_send(struct rd_pair *pair, struct rd_transaction *ret)
{
    rd_begin(ret);
    ret->t.key = pair->key_a;
    struct wire_operation *op = rd_add(ret, WIRE_OP_SEND, "");
    op->uuid = pair->uuid;
    op->host = name_of(pair, pair->b);
    op->address = arena_printf(pair->a->arena, "127.0.0.1:%u",
                               pair->send_to ? pair->send_to : pair->port_b);
    op->fingerprint = pair->print_b;
    op->n_fingerprint = sizeof(pair->print_b);
    op->ticket = pair->ticket;
    op->n_ticket = sizeof(pair->ticket);
    op->epoch = pair->epoch;
    op->live = pair->live;
    op->kib_per_s = pair->kib_per_s;
}

int rd_pair_stage(struct rd_pair *pair, enum wire_transaction_stage stage)
{
    struct rd_transaction t;

    rd_pair_fill_target(pair, stage, &t);
    return rd_transact(pair->b, &t, NULL, &pair->err);
}

int rd_pair_send(struct rd_pair *pair)
{
    struct rd_transaction t;

    rd_pair_fill_send(pair, &t);
    return rd_transact(pair->a, &t, NULL, &pair->err);
}

/* ---- what is there ---- */

static struct hv_domain_info find(struct hv *hv, const struct vdc_uuid *uuid)
{
    struct hv_domain_info *domains, found = { 0 };
    struct arena *arena = arena_new();
    size_t n = 0;

    if (hv->domain->list(hv, arena, &domains, &n, NULL) == 0)
        for (size_t i = 0; i < n; i++)
            if (uuid_equal(&domains[i].uuid, uuid))
                found = domains[i];
    arena_free(arena);
    return found;
}

static bool runs(const struct hv_domain_info *info)
{
    return info->domid && !info->paused && !info->shutdown && !info->dying;
}

struct hv_domain_info rd_pair_domain(struct rd_pair *pair, struct rd *rd)
{
    return find(rd_host(rd), &pair->uuid);
}

bool rd_pair_runs(struct rd_pair *pair, struct rd *rd)
{
    struct hv_domain_info info = rd_pair_domain(pair, rd);

    return runs(&info);
}

/* ---- what policyd would do ---- */

static void see_to(struct rd *rd)
{
    if (rd->pid && rd_connect(rd))
        return;
    if (rd->pid)
        rd_wait(rd);
    CU_ASSERT_FATAL(rd_start(rd));
}

/* Whether it was released; whatever is under way has come to its end. */
static bool was_released(struct rd_pair *pair)
{
    struct rd_transaction t;
    struct vdc_error err = { 0 };

    rd_begin(&t);
    t.t.key = pair->key_a;
    t.t.recall = t.t.close = true;
    int rc = rd_transact(pair->a, &t, NULL, &err);
    if (rc == VDC_E_NOT_FOUND) /* the order once more: it has gone, or not */
        rc = rd_pair_send(pair);
    return rc == 0;
}

static int start_anew(struct rd_pair *pair)
{
    struct rd_transaction t;

    rd_begin(&t);
    struct wire_operation *op = rd_add(&t, WIRE_OP_CREATE, "");
    op->definition = pair->definition;
    op->owner = "acme";
    op->xen_name = "acme.web";
    op->start = true;
    op->epoch = pair->epoch;
    return rd_transact(pair->a, &t, NULL, &pair->err);
}

enum rd_pair_end rd_pair_settle(struct rd_pair *pair)
{
    see_to(pair->a);
    see_to(pair->b);
    if (!was_released(pair)) {
        int rc = rd_pair_stage(pair, WIRE_STAGE_ABANDONED);
        if (rc)
            printf("\n  abandoned: %s", pair->err.text);
        return rc ? RD_PAIR_UNKNOWN : RD_PAIR_STAYED;
    }
    int rc = rd_pair_stage(pair, WIRE_STAGE_RELEASED);
    if (rc == 0)
        return RD_PAIR_MOVED;
    if (rc == VDC_E_CLOSED || rc == VDC_E_WRONG_STATE) {
        printf("\n  released: %s", pair->err.text);
        return RD_PAIR_UNKNOWN;
    }
    rc = start_anew(pair);
    if (rc)
        printf("\n  returned: %s", pair->err.text);
    return rc ? RD_PAIR_UNKNOWN : RD_PAIR_RETURNED;
}

/* ---- one that waits for its decision ---- */

void rd_pair_go(struct rd_pair *pair)
{
    rd_pair_next(pair);
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_EXPECT), 0);
    CU_ASSERT_EQUAL(rd_pair_send(pair), 0);
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_RELEASED), 0);
    CU_ASSERT(rd_pair_runs(pair, pair->b));
}

static void bring_back(struct rd_pair *pair)
{
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_RELEASED), 0);
    rd_pair_swap(pair);
    rd_pair_go(pair);
    rd_pair_swap(pair);
}

/* Whether b waits for the decision; what is not prepared is waited for until
 * it has ended. */
static bool waits_on_b(struct rd_pair *pair)
{
    struct rd_transaction t;

    rd_begin(&t);
    t.t.key = pair->key_b;
    t.t.recall = true;
    return rd_transact(pair->b, &t, NULL, NULL) == VDC_E_BUSY;
}

void rd_pair_wait_on_b(struct rd_pair *pair, bool released)
{
    unsigned tries = 0;

    for (unsigned k = 1; k < 100 && tries < 200; k++, tries++) {
        struct rd_proxy *proxy = rd_proxy_new(pair->port_b, k, RD_PROXY_CUT,
                                              0);
        pair->send_to = (uint16_t)rd_proxy_port(proxy);
        int rc = rd_pair_send(pair);
        rd_proxy_end(proxy, NULL);
        pair->send_to = 0;
        rd_sleep(30);
        if (waits_on_b(pair) && (rc == 0) == released)
            return;
        if (rc == 0) {
            bring_back(pair);
            k = 1; /* the stream came in other pieces than before */
        } else {
            CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_ABANDONED), 0);
        }
        rd_pair_next(pair);
        CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_EXPECT), 0);
    }
    CU_FAIL_FATAL("b does not come to wait");
}

/* ---- the watcher ---- */

struct rd_watch {
    pid_t pid;
    struct seen {
        volatile unsigned looks, both, stop;
    } *seen;
};

static void watch(struct rd_pair *pair, struct seen *seen)
{
    struct hv *a = NULL, *b = NULL;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (hv_sim_open(pair->a->spec + strlen("sim:"), NULL, &a, NULL) ||
        hv_sim_open(pair->b->spec + strlen("sim:"), NULL, &b, NULL))
        _exit(1);
    while (!seen->stop) {
        struct hv_domain_info in_a = find(a, &pair->uuid);
        struct hv_domain_info in_b = find(b, &pair->uuid);
        /* It may have gone from one to the other in between. */
        if (runs(&in_a) && runs(&in_b)) {
            in_a = find(a, &pair->uuid);
            seen->both += runs(&in_a);
        }
        seen->looks++;
    }
    _exit(0);
}

struct rd_watch *rd_watch_new(struct rd_pair *pair)
{
    struct rd_watch *watcher = XNEW(struct rd_watch);

    watcher->seen = mmap(NULL, sizeof(*watcher->seen),
                         PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                         -1, 0);
    CU_ASSERT_PTR_NOT_EQUAL_FATAL(watcher->seen, MAP_FAILED);
    fflush(NULL);
    watcher->pid = fork();
    if (watcher->pid == 0)
        watch(pair, watcher->seen);
    return watcher;
}

unsigned rd_watch_end(struct rd_watch *watcher, unsigned *ret_looks)
{
    int status = 1;

    watcher->seen->stop = 1;
    waitpid(watcher->pid, &status, 0);
    CU_ASSERT_EQUAL(status, 0);
    unsigned both = watcher->seen->both;
    *ret_looks = watcher->seen->looks;
    munmap(watcher->seen, sizeof(*watcher->seen));
    free(watcher);
    return both;
}
