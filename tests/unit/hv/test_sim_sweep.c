/*
 * Every operation of the simulated host in one run, which is killed before
 * and after every change that it makes, and of which every call is made to
 * fail or never to answer: what is left can always be cleaned up, and nothing
 * leaks.  And one seed gives one run, with all of them.
 */
#include <fcntl.h>
#include <sys/socket.h>

#include "tests/unit/hv/sim_fixture.h"

#define BDF "0000:03:00.0"

/* ---- the run ---- */

struct run {
    struct fixture f;
    uint32_t domid;
    int fd;
    unsigned answer_ms; /* what does not answer by then hangs */
    char trace[16384];
    size_t len;
};

/* What came of a step. */
static void note(struct run *run, const char *what, int rc)
{
    struct run *r = run;

    r->len += (size_t)snprintf(r->trace + r->len, sizeof(r->trace) - r->len,
                               "%s %s %u %llu\n", what, vdc_error_name(rc),
                               r->f.domid,
                               (unsigned long long)hv_sim_effects(r->f.hv));
}

static void wait_and_note(struct run *run, const char *what, int rc)
{
    struct fixture *f = &run->f;

    f->n_done = 0;
    if (rc == 0)
        rc = fixture_run(f, &f->n_done, 1, run->answer_ms) ? f->rc
                                                           : VDC_E_TIMEOUT;
    note(run, what, rc);
}

#define LATER(operation, ...)                                          \
    wait_and_note(run, #operation,                                     \
                  run->f.hv->domain->operation(run->f.hv, __VA_ARGS__, \
                                               fixture_done, &run->f,  \
                                               &run->f.err))
#define NOW(operation, ...) \
    note(run, #operation,   \
         run->f.hv->domain->operation(run->f.hv, __VA_ARGS__, &run->f.err))

static const struct hv_disk disk = { .target = "/proc/self/exe",
                                     .vdev = "xvdb",
                                     .backend = "" };
static const struct hv_nic nics[] = {
    { .mac = "00:16:3e:00:00:01", .backend = "" },
    { .mac = "00:16:3e:00:00:02", .backend = "" },
};

static struct hv_domain_config config_of_run(void)
{
    static const char *const bdfs[] = { "0000:03:00.1" };
    static const char *const hard[] = { "0-2" };
    struct hv_domain_config config = fixture_config("work");

    memset(&config.uuid, 7, sizeof(config.uuid));
    config.max_vcpus = 3;
    config.n_nics = 1;
    config.nics = &nics[0];
    config.n_pci = 1;
    config.pci = bdfs;
    config.n_hard_affinity = 1;
    config.hard_affinity = hard;
    return config;
}

static void look(struct run *run)
{
    struct arena *arena = run->f.arena;
    struct hv_device *devices;
    struct hv_vcpu *vcpus;
    struct hv_sched sched;
    struct hv_usage usage;
    struct hv_cpupool *pools;
    struct mem target;
    const char **bdfs;
    size_t n;

    NOW(devices, run->domid, arena, &devices, &n);
    NOW(vcpus, run->domid, arena, &vcpus, &n);
    NOW(sched, run->domid, &sched);
    NOW(usage, run->domid, &usage);
    NOW(memory_target, run->domid, &target);
    NOW(pci_assignable, arena, &bdfs, &n);
    NOW(cpupools, arena, &pools, &n);
}

static void change(struct run *run)
{
    static const struct hv_sched sched = { 512, 50 };
    uint32_t domid = run->domid;

    NOW(set_max_memory, domid, MEM_MIB(200));
    NOW(set_memory_target, domid, MEM_MIB(70));
    NOW(set_vcpus, domid, 2);
    NOW(set_affinity, domid, -1, "1", "2");
    NOW(set_sched, domid, &sched);
    NOW(reserve, MEM_MIB(300));
    LATER(disk_attach, domid, &disk);
    LATER(nic_attach, domid, &nics[1]);
    LATER(pci_attach, domid, BDF);
    look(run);
    LATER(disk_detach, domid, "xvdb", false);
    LATER(nic_detach, domid, nics[1].mac, true);
    LATER(pci_detach, domid, BDF, false);
    LATER(pause, domid);
    LATER(unpause, domid);
    NOW(rename, domid, "other");
    NOW(reserve, MEM_MIB(0));
}

/* From this host to itself: what is sent waits in the socket. */
static void send_and_receive(struct run *run)
{
    struct hv_domain_config config = config_of_run();
    struct fixture *f = &run->f;
    int fds[2];

    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    LATER(unpause, run->domid);
    LATER(send, run->domid, fds[0], false);
    LATER(resume, run->domid);
    LATER(destroy, run->domid);
    shutdown(fds[0], SHUT_WR);
    f->domid = HV_DOMID_NONE;
    wait_and_note(run, "receive",
                  f->hv->domain->receive(f->hv, &config, fds[1],
                                         fixture_created, f, &f->err));
    run->domid = f->domid;
    close(fds[0]);
    close(fds[1]);
}

/* Everything once; what fails does not end it. */
static void do_all(struct run *run)
{
    struct hv_domain_config config = config_of_run();
    struct fixture *f = &run->f;
    char path[64];

    run->fd = open(fixture_state_path(path, sizeof(path)),
                   O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    unlink(path);
    f->domid = HV_DOMID_NONE;
    wait_and_note(
        run, "create",
        f->hv->domain->create(f->hv, &config, fixture_created, f, &f->err));
    run->domid = f->domid;
    f->hv->store->write(f->hv, "/tool/xen-vdc/1", "x", NULL);
    LATER(unpause, run->domid);
    change(run);
    LATER(save, run->domid, run->fd);
    LATER(resume, run->domid);
    lseek(run->fd, 0, SEEK_SET);
    LATER(save, run->domid, run->fd);
    LATER(destroy, run->domid);
    lseek(run->fd, 0, SEEK_SET);
    f->domid = HV_DOMID_NONE;
    wait_and_note(run, "restore",
                  f->hv->domain->restore(f->hv, &config, run->fd,
                                         fixture_created, f, &f->err));
    run->domid = f->domid;
    send_and_receive(run);
    LATER(destroy, run->domid);
    f->hv->store->remove(f->hv, "/tool/xen-vdc", NULL);
    close(run->fd);
}

static void run_with(const char *options, const char *fault)
{
    struct run *run = XNEW(struct run);

    run->answer_ms = 100;
    if (fault)
        setenv("VDC_SIM_FAULT", fault, 1);
    fixture_open(&run->f, options);
    unsetenv("VDC_SIM_FAULT");
    do_all(run);
    fixture_close(&run->f);
    free(run);
}

/* The exit status as a shell has it. */
static int run_in_child(const char *options, const char *fault)
{
    int status;

    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        run_with(options, fault);
        _exit(0);
    }
    CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- the sweep ---- */

struct sweep {
    char path[64], options[224];
    uint64_t free_kib;
    char *tree;
    uint64_t n_effects, n_calls;
    int n_points, n_leaks;
};

static void sweep_open(struct sweep *sweep)
{
    struct fixture f;

    memset(sweep, 0, sizeof(*sweep));
    fixture_state_path(sweep->path, sizeof(sweep->path));
    snprintf(sweep->options, sizeof(sweep->options),
             FAST ",send_ms=0,detach_ms=10,suspend_ms=10,state=%s",
             sweep->path);
    fixture_open(&f, sweep->options);
    sweep->free_kib = fixture_free_kib(&f);
    sweep->tree = xstrdup(hv_sim_store_dump(f.hv, f.arena));
    hv_sim_fault(f.hv, NULL, NULL);
    uint64_t effects = hv_sim_effects(f.hv);
    run_with(sweep->options, NULL);
    sweep->n_effects = hv_sim_effects(f.hv) - effects;
    sweep->n_calls = hv_sim_calls(f.hv);
    fixture_close(&f);
}

static void sweep_close(struct sweep *sweep)
{
    free(sweep->tree);
    unlink(sweep->path);
}

/* As a daemon does when it comes back: everything that is not dom0 goes. */
static void clean_up(struct sweep *sweep, const char *fault)
{
    struct fixture f;
    struct hv_domain_info *infos;
    size_t n = 0;

    fixture_open(&f, sweep->options);
    f.hv->domain->list(f.hv, f.arena, &infos, &n, &f.err);
    for (size_t i = 1; i < n; i++)
        CU_ASSERT_EQUAL(fixture_destroy(&f, infos[i].domid), 0);
    f.hv->store->remove(f.hv, "/tool/xen-vdc", NULL);
    if (fixture_free_kib(&f) != sweep->free_kib ||
        fixture_reserved_kib(&f) != 0 || fixture_n_assignable(&f) != 2 ||
        fixture_n_domains(&f) != 1 ||
        strcmp(hv_sim_store_dump(f.hv, f.arena), sweep->tree) != 0) {
        sweep->n_leaks++;
        printf("\n%s leaks\n", fault);
        CU_FAIL("a leak");
    }
    hv_sim_fault(f.hv, NULL, NULL); /* counts from 0 */
    fixture_close(&f);
}

static void try_point(struct sweep *sweep, const char *kind, uint64_t k,
                      int want_status)
{
    char fault[64];

    snprintf(fault, sizeof(fault), "%s:*:%llu", kind, (unsigned long long)k);
    CU_ASSERT_EQUAL(run_in_child(sweep->options, fault), want_status);
    clean_up(sweep, fault);
    sweep->n_points++;
}

static void test_crash(void)
{
    struct sweep sweep;

    sweep_open(&sweep);
    CU_ASSERT(sweep.n_effects >= 40);
    clean_up(&sweep, "nothing");
    for (uint64_t k = 1; k <= sweep.n_effects; k++) {
        try_point(&sweep, "crash-before", k, 137);
        try_point(&sweep, "crash-after", k, 137);
    }
    try_point(&sweep, "crash-before", sweep.n_effects + 1, 0);
    printf("%d crash points, %d leaks\n", sweep.n_points, sweep.n_leaks);
    sweep_close(&sweep);
}

static void test_fail(void)
{
    struct sweep sweep;

    sweep_open(&sweep);
    CU_ASSERT(sweep.n_calls >= 30);
    clean_up(&sweep, "nothing");
    for (uint64_t k = 1; k <= sweep.n_calls; k++) {
        try_point(&sweep, "fail", k, 0);
        try_point(&sweep, "refuse", k, 0);
        try_point(&sweep, "hang", k, 0);
        try_point(&sweep, "hang-after", k, 0);
    }
    printf("%d failing or hanging calls, %d leaks\n", sweep.n_points,
           sweep.n_leaks);
    sweep_close(&sweep);
}

/* ---- one seed, one run ---- */

static char *trace_of(unsigned seed)
{
    struct run *run = XNEW(struct run);
    char options[128];

    snprintf(options, sizeof(options),
             "clock=jump,jitter=100,create_ms=1000,attach_ms=1000,save_ms=900,"
             "send_ms=800,op_ms=500,destroy_ms=1000,seed=%u",
             seed);
    run->answer_ms = 10000;
    fixture_open(&run->f, options);
    /* Guests that act by themselves meanwhile. */
    for (int i = 0; i < 5; i++) {
        uint32_t domid;
        char name[16], words[64];
        snprintf(name, sizeof(name), "g%d", i);
        snprintf(words, sizeof(words), "vdc.crash=%d.%d", i, i);
        hv_sim_foreign_create(run->f.hv, name, MEM_MIB(32), words, &domid,
                              NULL);
        hv_sim_foreign_unpause(run->f.hv, domid, NULL);
        run->f.hv->domain->watch(run->f.hv, domid, NULL);
    }
    do_all(run);
    for (int i = 0; i < run->f.n_events; i++)
        note(run, "event", run->f.events[i].kind);
    struct hv_domain_info dom0 = fixture_info(&run->f, 0);
    run->len +=
        (size_t)snprintf(run->trace + run->len, sizeof(run->trace) - run->len,
                         "%llu\n", (unsigned long long)dom0.cpu_time_ns);
    char *trace = xstrdup(run->trace);
    fixture_close(&run->f);
    free(run);
    return trace;
}

static void test_one_seed_one_run(void)
{
    char *first = trace_of(1), *again = trace_of(1), *other = trace_of(2);

    CU_ASSERT_STRING_EQUAL(first, again);
    CU_ASSERT_STRING_NOT_EQUAL(first, other);
    CU_ASSERT_PTR_NOT_NULL(strstr(first, "restore OK"));
    CU_ASSERT_PTR_NOT_NULL(strstr(first, "receive OK"));
    CU_ASSERT_PTR_NULL(strstr(first, "TIMEOUT"));
    free(first);
    free(again);
    free(other);
}

static const struct unit_test tests[] = {
    { "crash at every effect of every operation", test_crash },
    { "every call fails or hangs", test_fail },
    { "one seed, one run of all operations", test_one_seed_one_run },
};

UNIT_MAIN("hv/sim sweep", tests)
