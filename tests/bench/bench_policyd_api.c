/*
 * What a policyd that serves at a socket can do: the real daemon, on the store
 * that it has, or (`serve`) the same code in this process, on a store whose
 * commits cost nothing, to see what the store's part is.
 *
 *   bench_policyd restart POLICYD CONFIG SOCKET
 *   bench_policyd api SOCKET PID SECONDS WHAT...
 *   bench_policyd serve STORE SOCKET
 */
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "policyd/api/operations.h"
#include "policyd/api/server.h"
#include "policyd/kv/kv_sqlite.h"
#include "policyd/store/store_impl.h"
#include "tests/bench/bench_policyd.h"

#define READY_MS 120000
#define CONNECTIONS 8
#define PIPELINED 16

static double mib(unsigned long kib)
{
    return (double)kib / 1024;
}

/* ---- restart ---- */

void run_restart(char **argv)
{
    struct wire_empty empty = { 0 };
    double begin = seconds(CLOCK_MONOTONIC);
    int fd = -1, status;
    pid_t pid = fork();

    if (pid == 0) {
        execl(argv[0], argv[0], "--config", argv[1], (char *)NULL);
        _exit(127);
    }
    for (int ms = 0; fd < 0 && ms < READY_MS; ms++) {
        fd = client_connect(argv[2]);
        if (waitpid(pid, &status, WNOHANG) == pid)
            die(argv[0], NULL);
        usleep(1000);
    }
    if (fd < 0 || !client_send(fd, WIRE_MSG_policy_show, 2, &empty) ||
        !client_receive(fd, NULL, NULL)) {
        kill(pid, SIGKILL);
        die("policyd does not answer", NULL);
    }
    printf("restart: the first answer after %.2f s, of which CPU %.2f s "
           "(aim: 2 s); %.0f MiB\n",
           seconds(CLOCK_MONOTONIC) - begin, cpu_of(pid),
           mib(memory_of(pid, "VmRSS:")));
    sleep(5);
    double cpu = cpu_of(pid);
    sleep(5);
    printf("    at most %.0f MiB (aim: 200); %.1f %% of a CPU while no host "
           "can be reached\n",
           mib(memory_of(pid, "VmHWM:")), (cpu_of(pid) - cpu) * 100 / 5);
    close(fd);
    kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
}

/* ---- requests, many at a time ---- */

struct asking {
    const char *path;
    pid_t pid; /* of policyd */
    double length;
    unsigned n_sent;
};

static void send_one(struct asking *asking, int fd, uint32_t id,
                     enum wire_message_number number, const void *body)
{
    struct wire_partition_create create;
    char name[32];

    if (number == WIRE_MSG_partition_create) {
        /* each another guest, all of one customer */
        create = *(const struct wire_partition_create *)body;
        snprintf(name, sizeof(name), "n%ld-%u", (long)getpid(),
                 asking->n_sent);
        create.definition.name = name;
        uuid_random(&create.definition.uuid);
        body = &create;
        client_send(fd, number, id + 2, body);
    } else {
        client_send(fd, number, id + 2, body);
    }
    asking->n_sent++;
}

/* Each connection always has so many under way. */
static void measure(struct asking *asking, const char *name,
                    enum wire_message_number number, const void *body,
                    double *ret_rate)
{
    int fds[CONNECTIONS];
    unsigned n = 0;

    for (int i = 0; i < CONNECTIONS; i++) {
        fds[i] = client_connect(asking->path);
        if (fds[i] < 0)
            die("policyd does not answer", NULL);
        for (uint32_t id = 0; id < PIPELINED; id++)
            send_one(asking, fds[i], id, number, body);
    }
    double begin = seconds(CLOCK_MONOTONIC), cpu = cpu_of(asking->pid);
    while (seconds(CLOCK_MONOTONIC) - begin < asking->length)
        for (int i = 0; i < CONNECTIONS; i++) {
            for (int k = 0; k < PIPELINED; k++, n++)
                if (!client_receive(fds[i], NULL, NULL))
                    die("connection", NULL);
            for (uint32_t id = 0; id < PIPELINED; id++)
                send_one(asking, fds[i], id, number, body);
        }
    double wall = seconds(CLOCK_MONOTONIC) - begin;
    cpu = cpu_of(asking->pid) - cpu;
    for (int i = 0; i < CONNECTIONS; i++) {
        for (int k = 0; k < PIPELINED; k++)
            client_receive(fds[i], NULL, NULL);
        close(fds[i]);
    }
    *ret_rate = n / cpu;
    printf("    %-52s %8.0f/s %8.0f/s of policyd's CPU, %.0f us each\n", name,
           n / wall, n / cpu, cpu / n * 1e6);
    fflush(stdout);
}

/* ---- hosts come up ---- */

/* Hosts that are not up, by what placement says. */
static unsigned n_down(int fd)
{
    struct wire_partition_create create;
    struct arena *arena = arena_new();
    unsigned n = 0;
    void *body = NULL;

    define(&create);
    create.brief = true;
    if (!client_send(fd, WIRE_MSG_placement_try, 2, &create) ||
        !client_receive(fd, arena, &body))
        die("policyd does not answer", NULL);
    const struct wire_placement_decision *d = body;
    for (uint32_t i = 0; i < d->n_excluded; i++)
        if (strcmp(d->excluded[i].constraint, "state") == 0)
            n = d->excluded[i].hosts;
    arena_free(arena);
    return n;
}

static void wait_for_hosts(const struct asking *asking)
{
    double begin = seconds(CLOCK_MONOTONIC), cpu = cpu_of(asking->pid);
    unsigned down = 1;
    int fd = -1;

    for (int ms = 0; down && ms < READY_MS; ms += 20) {
        if (fd < 0)
            fd = client_connect(asking->path);
        down = fd < 0 ? 1 : n_down(fd);
        usleep(20000);
    }
    if (down)
        die("hosts do not come up", NULL);
    sleep(2);
    printf("    all hosts up %.2f s after that, of which CPU %.2f s; %.0f "
           "MiB, at most %.0f (aim: 200)\n",
           seconds(CLOCK_MONOTONIC) - begin - 2, cpu_of(asking->pid) - cpu,
           mib(memory_of(asking->pid, "VmRSS:")),
           mib(memory_of(asking->pid, "VmHWM:")));
    fflush(stdout);
    close(fd);
}

static void measure_reads(struct asking *asking)
{
    struct wire_partition_create create;
    struct wire_empty empty = { 0 };
    double nothing, brief, all;

    measure(asking, "policy_show: nothing is looked for", WIRE_MSG_policy_show,
            &empty, &nothing);
    define(&create);
    create.brief = true;
    measure(asking, "placement_try, brief (aim: 20000/s)",
            WIRE_MSG_placement_try, &create, &brief);
    create.brief = false;
    measure(asking, "placement_try: all hosts explained",
            WIRE_MSG_placement_try, &create, &all);
    printf("    by CPU: brief / policy_show %.2f; brief / explained %.0f\n",
           brief / nothing, brief / all);
}

void run_api(char **argv)
{
    struct asking asking = { .path = argv[0],
                             .pid = atoi(argv[1]),
                             .length = atof(argv[2]) };
    struct wire_partition_create create;
    double rate;

    wait_for_hosts(&asking);
    printf("requests over the socket, %d connections with %d under way:\n",
           CONNECTIONS, PIPELINED);
    if (strcmp(argv[3], "own") == 0)
        kill(asking.pid, SIGUSR1);
    if (strcmp(argv[3], "all") == 0)
        measure_reads(&asking);
    define(&create);
    measure(&asking, "partition_create, a host of its own each time",
            WIRE_MSG_partition_create, &create, &rate);
    create.definition.memory = MEM_KIB(2 * HOST_KIB);
    client_expects_no_room = true;
    measure(&asking, "partition_create, for which no host has room",
            WIRE_MSG_partition_create, &create, &rate);
    printf("    at the end %.0f MiB, at most %.0f (aim: 200)\n",
           mib(memory_of(asking.pid, "VmRSS:")),
           mib(memory_of(asking.pid, "VmHWM:")));
}

/* ---- a store whose commits cost nothing ---- */

struct pending {
    TAILQ_ENTRY(pending) link;
    kv_done_fn *done;
    void *arg;
};

/* Reads are another's. */
struct free_kv {
    struct kv kv;
    struct kv *real;
    struct event *turn;
    TAILQ_HEAD(, pending) pending;
    uint64_t revision;
};

static void free_turn(evutil_socket_t fd, short what, void *arg)
{
    const struct vdc_error none = { 0 };
    struct free_kv *s = arg;
    struct pending *p;

    while ((p = TAILQ_FIRST(&s->pending))) {
        TAILQ_REMOVE(&s->pending, p, link);
        p->done(p->arg, ++s->revision, &none);
        free(p);
    }
}

static void free_read(struct kv *kv, const char *prefix, kv_pair_fn *pair,
                      kv_done_fn *done, void *arg)
{
    kv_read(((struct free_kv *)kv)->real, prefix, pair, done, arg);
}

static void free_commit(struct kv *kv, const struct kv_compare *compares,
                        size_t n_compares, const struct kv_change *changes,
                        size_t n_changes, kv_done_fn *done, void *arg)
{
    struct free_kv *s = (struct free_kv *)kv;
    struct pending *p = XNEW(struct pending);

    p->done = done;
    p->arg = arg;
    TAILQ_INSERT_TAIL(&s->pending, p, link);
    event_active(s->turn, EV_TIMEOUT, 0);
}

static bool free_up(const struct kv *kv, struct vdc_error *why)
{
    return true;
}

static const char *free_name(const struct kv *kv)
{
    return "a store that keeps nothing";
}

static void free_close(struct kv *kv)
{
}

static const struct kv_ops free_ops = { .read = free_read,
                                        .commit = free_commit,
                                        .up = free_up,
                                        .name = free_name,
                                        .close = free_close };

static bool is_over, are_up;

static void on_term(evutil_socket_t fd, short what, void *arg)
{
    is_over = true;
}

static void on_up(evutil_socket_t fd, short what, void *arg)
{
    are_up = true;
}

/* Whoever comes meanwhile waits until a turn of the loop has ended. */
static void turn_until_over(struct event_base *base)
{
    double most[2] = { 0, 0 };

    while (!is_over) {
        double at = seconds(CLOCK_THREAD_CPUTIME_ID);
        double *longest = &most[are_up];
        event_base_loop(base, EVLOOP_ONCE);
        at = seconds(CLOCK_THREAD_CPUTIME_ID) - at;
        *longest = at > *longest ? at : *longest;
    }
    printf("    the longest turn of its loop: %.1f ms of CPU while hosts come "
           "up, thousands in a turn; %.1f ms then, with up to %d requests and "
           "what hosts answer\n",
           most[0] * 1e3, most[1] * 1e3, CONNECTIONS * PIPELINED);
}

void run_serve(char **argv)
{
    static struct setup setup;
    struct free_kv *s = XNEW(struct free_kv);
    const struct rlimit all = { 20000, 20000 };
    struct event_base *base = event_base_new();
    struct vdc_error err = { 0 };
    struct operations *ops;
    struct server *server;

    setrlimit(RLIMIT_NOFILE, &all);
    event_add(evsignal_new(base, SIGTERM, on_term, NULL), NULL);
    event_add(evsignal_new(base, SIGUSR1, on_up, NULL), NULL);
    setup.socket = argv[1];
    setup.placement = "/nonexistent";
    setup.command_address = setup.channel_socket = setup.host_name = "";
    setup.host_report_ms = 5000;
    setup.answer_keep_ms = setup.usage_period_ms = 3600000;
    setup.decisions_kept = 10000;
    s->kv.ops = &free_ops;
    TAILQ_INIT(&s->pending);
    s->turn = event_new(base, -1, 0, free_turn, s);
    if (kv_sqlite_open(base, argv[0], NULL, &s->real, &err) ||
        operations_new(base, &setup, store_new(base, &s->kv, false), &ops,
                       &err) ||
        server_new(base, argv[1], ops, &server, &err))
        die(argv[0], &err);
    turn_until_over(base);
}
