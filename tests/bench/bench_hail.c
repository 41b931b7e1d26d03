/*
 * What one placement costs beside Ganeti's hail, on the same data center:
 * hosts of 64 cores and 512 GiB with guests of the mix of bench_workload.h on
 * 70 % of the cores, those of at most 8 vCPUs.
 *
 *   bench_hail HAIL ONE-SHOT HOSTS [SECONDS]
 *
 * In policyd the view is there already, and a placement is choosing a host
 * and putting the guest there; hail is asked by its input file, as Ganeti asks
 * it.  Like for like is ONE-SHOT (tests/bench/iallocator), which reads the
 * same file.  User CPU of each: of processes by wait4(2), the least of three
 * runs; SECONDS (60) of CPU are the most that one gets.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "policyd/placement/index.h"
#include "policyd/policies/iallocator.h"
#include "tests/bench/bench_workload.h"

#define HOST_CORES 64
#define HOST_GIB 512
#define GUEST_CORES_MAX 8
#define USED_PERCENT 70
#define PLACEMENTS 20000
#define RUNS 3

static void die(const char *what)
{
    fprintf(stderr, "bench_hail: %s\n", what);
    exit(1);
}

/* ---- the data center ---- */

static double cpu_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct placement_names *names;
static struct placement_view *view;
static struct placement_index *placement_index;
static uint64_t seed = 1;
/* Those that are there, the next to go first. */
static uint32_t *guests;
static size_t n_guests, next_guest;

static struct placement_request draw(void)
{
    const struct workload_type *type;

    /* larger ones find no host when guests are spread */
    do
        type = workload_type(&seed);
    while (type->vcpus > GUEST_CORES_MAX);
    return (struct placement_request){
        .spec = { .memory = MEM_GIB(type->memory_gib), .vcpus = type->vcpus },
        .start = true,
    };
}

static uint32_t place(const struct placement_request *request)
{
    struct placement_decision decision;
    struct placement_guest guest = { .spec = request->spec,
                                     .runs = true,
                                     .backup = PLACEMENT_NONE };
    uint32_t at = PLACEMENT_NONE;

    if (placement_index_choose(placement_index, view, request,
                               placement_policy_find("spread"), &decision,
                               NULL))
        return PLACEMENT_NONE;
    guest.host = decision.winner.host;
    if (placement_view_add_guest(view, &guest, &at, NULL))
        die("a guest that was placed cannot be put there");
    return at;
}

static void fill(uint32_t n_hosts)
{
    uint64_t cores = 0;
    char text[32];

    names = placement_names_new();
    view = placement_view_new(names);
    placement_view_set_overcommit(view, 100);
    for (uint32_t i = 0; i < n_hosts; i++) {
        snprintf(text, sizeof(text), "host%u", i);
        const struct placement_host host = {
            .name = placement_names_add(names, text),
            .memory = MEM_GIB(HOST_GIB),
            .pcpus = HOST_CORES,
        };
        placement_view_put_host(view, &host, NULL, NULL);
    }
    placement_index = placement_index_new(view);
    while (cores * 100 < (uint64_t)n_hosts * HOST_CORES * USED_PERCENT) {
        struct placement_request request = draw();
        guests = xrealloc(guests, (n_guests + 1) * sizeof(*guests));
        guests[n_guests] = place(&request);
        if (guests[n_guests++] == PLACEMENT_NONE)
            die("no room at 70 %");
        cores += request.spec.vcpus;
    }
}

/* Returns the CPU that it took to make the text of it. */
static double write_input(const char *path)
{
    const struct placement_request request = {
        .spec = { .memory = MEM_GIB(8), .vcpus = 4 }, .start = true
    };
    struct json_out *out = json_out_new(false);
    struct vdc_error err = { 0 };
    size_t len = 0;
    FILE *f = fopen(path, "w");
    double began = cpu_s();

    if (!f || iallocator_write(view, &request, placement_policy_find("spread"),
                               "new", out, &err))
        die("the input cannot be written");
    const char *text = json_out_text(out, &len);
    double took_s = cpu_s() - began;
    if (fwrite(text, 1, len, f) != len || fclose(f))
        die("the input cannot be written");
    json_out_free(out);
    return took_s;
}

/* ---- in the process ---- */

static void replace_one(void)
{
    struct placement_request request = draw();

    placement_view_remove_guest(view, guests[next_guest]);
    guests[next_guest] = place(&request);
    if (guests[next_guest] == PLACEMENT_NONE)
        die("no room for another");
    next_guest = (next_guest + 1) % n_guests;
}

/* CPU of choosing a host and putting the guest there, and of taking one away
 * that had come before. */
static double measure_own(void)
{
    /* until all classes of requests have been seen */
    for (int i = 0; i < 1000; i++)
        replace_one();
    double began = cpu_s();
    for (int i = 0; i < PLACEMENTS; i++)
        replace_one();
    return (cpu_s() - began) / PLACEMENTS;
}

/* ---- processes ---- */

struct run {
    double user_s; /* the least; of the only one when it was killed */
    bool killed;   /* it used up its time */
    char answer[512];
};

static void exec_child(char *const *words, int out, unsigned limit_s)
{
    const struct rlimit limit = { limit_s, limit_s + 1 };

    dup2(out, STDOUT_FILENO);
    setrlimit(RLIMIT_CPU, &limit);
    execv(words[0], words);
    _exit(127);
}

static void run_once(char *const *words, unsigned limit_s, struct run *run)
{
    struct rusage usage;
    int fds[2], status = 0;
    size_t len = 0;
    ssize_t r;

    if (pipe(fds))
        die("no pipe");
    pid_t pid = fork();
    if (pid == 0)
        exec_child(words, fds[1], limit_s);
    close(fds[1]);
    while (len < sizeof(run->answer) - 1 &&
           (r = read(fds[0], run->answer + len,
                     sizeof(run->answer) - 1 - len)) > 0)
        len += (size_t)r;
    run->answer[len] = '\0';
    close(fds[0]);
    if (pid < 0 || wait4(pid, &status, 0, &usage) != pid)
        die("a process was lost");
    run->killed = WIFSIGNALED(status);
    if (!run->killed && WEXITSTATUS(status) != 0)
        die("the program failed");
    double user_s =
        (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6;
    if (run->user_s <= 0 || user_s < run->user_s)
        run->user_s = user_s;
}

static struct run measure(char *const *words, unsigned limit_s)
{
    struct run run = { 0 };

    for (int i = 0; i < RUNS && !run.killed; i++)
        run_once(words, limit_s, &run);
    return run;
}

/* The host that an answer names can take the guest. */
static void check_answer(const struct run *run)
{
    struct arena *arena = arena_new();
    struct iallocator_answer answer = { 0 };

    if (run->killed)
        return;
    if (iallocator_read_answer(run->answer, strlen(run->answer), arena,
                               &answer, NULL) ||
        !answer.success ||
        placement_view_find_host(
            view, placement_names_find(names, answer.host)) == PLACEMENT_NONE)
        die("an answer that names no host");
    arena_free(arena);
}

static void tell(const char *who, const struct run *run, double own_s,
                 double once_s)
{
    const char *over = run->killed ? "over " : "";

    check_answer(run);
    printf("  %-26s %s%.3f s\n", who, over, run->user_s);
    if (own_s > 0)
        printf("  %-26s %s%.2g times one placement in policyd\n", "", over,
               run->user_s / own_s);
    if (once_s > 0)
        printf("  %-26s %s%.1f times our one shot\n", "", over,
               run->user_s / once_s);
}

int main(int argc, char **argv)
{
    char path[] = "/tmp/bench_hail.XXXXXX";
    int fd = mkstemp(path);

    if (argc < 4 || fd < 0)
        die("usage: bench_hail HAIL ONE-SHOT HOSTS [SECONDS]");
    close(fd);
    uint32_t n_hosts = (uint32_t)atoi(argv[3]);
    unsigned limit_s = argc > 4 ? (unsigned)atoi(argv[4]) : 60;
    char *plain[] = { argv[1], path, NULL };
    char *quick[] = { argv[1], (char *)"--no-capacity-checks", path, NULL };
    char *shot[] = { argv[2], path, NULL };

    fill(n_hosts);
    double input_s = write_input(path);
    printf("%u hosts, %u guests; user CPU\n", n_hosts,
           placement_view_n_guests(view));
    printf("  %-26s %.1f ms\n", "writing hail's input", input_s * 1e3);
    double own_s = measure_own();
    printf("  %-26s %.2f us\n", "a placement in policyd", own_s * 1e6);
    struct run once = measure(shot, limit_s);
    tell("our one shot", &once, 0, 0);
    struct run run = measure(quick, limit_s);
    tell("hail --no-capacity-checks", &run, own_s, once.user_s);
    run = measure(plain, limit_s);
    tell("hail", &run, own_s, once.user_s);
    unlink(path);
    free(guests);
    placement_index_free(placement_index);
    placement_view_free(view);
    placement_names_free(names);
    return 0;
}
