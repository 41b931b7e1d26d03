/*
 * channeld, guests and programs for tests; see channel_bed.h.
 */
#include "tests/sim/channel_bed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chan/packet.h"
#include "hv/sim/sim.h"
#include "tests/sim/process.h"

#define START_MS 20000

unsigned checks_done, checks_failed;

void check_has(const char *text, const char *words, const char *file, int line)
{
    checks_done++;
    if (strstr(text, words))
        return;
    printf("    %s:%d: wanted '%s' in '%s'\n", file, line, words, text);
    checks_failed++;
}

int bed_main(const struct bed_test *tests, size_t n_tests, int argc,
             char **argv)
{
    unsigned passed = 0, failed = 0;

    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < n_tests; i++) {
        if (argc > 1 && !strstr(tests[i].name, argv[1]))
            continue;
        unsigned before = checks_failed, done = checks_done;
        tests[i].run();
        bool ok = checks_failed == before && checks_done > done;
        printf("%s - %s\n", ok ? "ok" : "not ok", tests[i].name);
        fflush(stdout);
        passed += ok;
        failed += !ok;
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed || !passed ? 1 : 0;
}

static void fatal(const char *what)
{
    printf("    %s: %s\n", what, strerror(errno));
    exit(1);
}

const char *bed_path(const struct bed *bed, const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%.60s", bed->dir, name);
    return path;
}

void bed_write(const struct bed *bed, const char *name, const char *text)
{
    FILE *f = fopen(bed_path(bed, name), "w");

    if (!f || fputs(text, f) < 0 || fclose(f))
        fatal(name);
}

/* ---- the host ---- */

struct bed *bed_new(const char *rules, const char *conf)
{
    struct bed *bed = XNEW(struct bed);
    struct vdc_error err = { 0 };
    char text[2048], spec[256];

    strcpy(bed->dir, "/tmp/channeld-XXXXXX");
    if (!mkdtemp(bed->dir))
        fatal("mkdtemp");
    chmod(bed->dir, 0755);
    snprintf(bed->socket, sizeof(bed->socket), "%s/channel.sock", bed->dir);
    snprintf(bed->guests_socket, sizeof(bed->guests_socket), "%s/guests.sock",
             bed->dir);
    bed_write(bed, "rules", rules);
    snprintf(text, sizeof(text),
             "socket = \"%s\"\nrules = \"%s/rules\"\n"
             "sequence = \"%s/sequence\"\n"
             "policyd_socket = \"%s/policyd.sock\"\n"
             "hypervisor = \"sim:state=%s/sim.state,beside=yes,memory=64G\"\n"
             "simulated_guests = \"%s\"\noperators = [ \"%u\" ]\n%s",
             bed->socket, bed->dir, bed->dir, bed->dir, bed->dir,
             bed->guests_socket, (unsigned)getuid(), conf);
    bed_write(bed, "channeld.conf", text);
    bed->base = event_base_new();
    snprintf(spec, sizeof(spec), "state=%s/sim.state,beside=yes,memory=64G",
             bed->dir);
    if (hv_sim_open(spec, NULL, &bed->hv, &err)) {
        printf("    %s\n", err.text);
        exit(1);
    }
    return bed;
}

static void remove_folder(const char *dir)
{
    DIR *d = opendir(dir);

    for (struct dirent *e; d && (e = readdir(d));) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        if (e->d_name[0] != '.')
            unlink(path);
    }
    if (d)
        closedir(d);
    rmdir(dir);
}

void bed_free(struct bed *bed)
{
    if (bed->pid)
        CHECK(bed_stop(&bed->pid, SIGTERM) == 0);
    for (unsigned i = 0; i < bed->n_guests; i++)
        if (bed->guests[i].pid)
            CHECK(bed_stop(&bed->guests[i].pid, SIGTERM) == 0);
    if (checks_failed) {
        char command[256];
        snprintf(command, sizeof(command), "tail -n 15 %s",
                 bed_path(bed, "log"));
        if (system(command))
            printf("    no log\n");
    }
    hv_close(bed->hv);
    event_base_free(bed->base);
    remove_folder(bed->dir);
    free(bed);
}

static pid_t spawn(const struct bed *bed, char *const argv[])
{
    const char *top = getenv("TOP_BUILDDIR");
    char program[256];
    pid_t pid;

    snprintf(program, sizeof(program), "%s/channeld/channeld",
             top ? top : ".");
    fflush(stdout);
    pid = fork();
    if (pid)
        return pid;
    /* what was freed counts as freed when memory is looked at */
    setenv("ASAN_OPTIONS", "quarantine_size_mb=1", 0);
    int log = open(bed_path(bed, "log"), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(log, 1);
    dup2(log, 2);
    for (int fd = 3; fd < 4096; fd++)
        close(fd);
    execv(program, argv);
    _exit(127);
}

static void wait_socket(const char *path)
{
    for (unsigned i = 0; i < START_MS / 10; i++) {
        int fd;
        if (packet_connect(path, &fd, NULL) == 0) {
            close(fd);
            return;
        }
        usleep(10000);
    }
    printf("    nobody listens at %s\n", path);
    checks_failed++;
}

void bed_start(struct bed *bed)
{
    char config[128], program[] = "channeld", option[] = "--config",
                      level[] = "--log-level=debug";
    char *argv[] = { program, option, config, level, NULL };

    snprintf(config, sizeof(config), "%s", bed_path(bed, "channeld.conf"));
    bed->pid = spawn(bed, argv);
    wait_socket(bed->socket);
}

int bed_stop(pid_t *pid, int signal_number)
{
    int status = 0;

    kill(*pid, signal_number);
    while (waitpid(*pid, &status, 0) < 0 && errno == EINTR)
        ;
    *pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- guests ---- */

static void publish(struct bed *bed, uint32_t domid, const char *name,
                    const char *value)
{
    char path[256];

    snprintf(path, sizeof(path), "/tool/xen-vdc/partition/%u%s", domid, name);
    if (bed->hv->store->write(bed->hv, path, value, NULL))
        fatal(path);
}

unsigned bed_add_guest(struct bed *bed, const char *owner, const char *name)
{
    struct vdc_error err = { 0 };
    struct bed_guest *guest = NULL;
    struct vdc_uuid uuid;
    char text[UUID_TEXT_SIZE], full[80];
    unsigned i;

    for (i = 0; i < bed->n_guests && bed->guests[i].domid; i++)
        ;
    if (i == bed->n_guests)
        bed->n_guests++;
    guest = &bed->guests[i];
    snprintf(full, sizeof(full), "%s.%s", owner, name);
    if (hv_sim_foreign_create(bed->hv, full, MEM_MIB(64), "", &guest->domid,
                              &err)) {
        printf("    %s\n", err.text);
        exit(1);
    }
    hv_sim_foreign_unpause(bed->hv, guest->domid, NULL);
    snprintf(guest->owner, sizeof(guest->owner), "%s", owner);
    snprintf(guest->name, sizeof(guest->name), "%s", name);
    snprintf(full, sizeof(full), "guest%u.sock", i);
    snprintf(guest->socket, sizeof(guest->socket), "%s", bed_path(bed, full));
    uuid_random(&uuid);
    publish(bed, guest->domid, "", uuid_format(&uuid, text));
    publish(bed, guest->domid, "/owner", owner);
    publish(bed, guest->domid, "/name", name);
    return i;
}

void bed_start_guest(struct bed *bed, unsigned i)
{
    struct bed_guest *guest = &bed->guests[i];
    char text[512], name[32], config[128],
        program[] = "channeld", role[] = "--guest", option[] = "--config";
    char *argv[] = { program, role, option, config, NULL };

    snprintf(name, sizeof(name), "guest%u.conf", i);
    snprintf(text, sizeof(text), "socket = \"%s\"\ncontrol = \"sim:%u:%s\"\n",
             guest->socket, guest->domid, bed->guests_socket);
    bed_write(bed, name, text);
    snprintf(config, sizeof(config), "%s", bed_path(bed, name));
    guest->pid = spawn(bed, argv);
    wait_socket(guest->socket);
}

void bed_destroy_guest(struct bed *bed, unsigned i)
{
    struct bed_guest *guest = &bed->guests[i];
    char path[64];

    if (guest->pid)
        bed_stop(&guest->pid, SIGKILL);
    hv_sim_foreign_destroy(bed->hv, guest->domid, NULL);
    snprintf(path, sizeof(path), "/tool/xen-vdc/partition/%u", guest->domid);
    bed->hv->store->remove(bed->hv, path, NULL);
    guest->domid = 0;
}

const char *bed_store(struct bed *bed, struct arena *arena)
{
    return hv_sim_store_dump(bed->hv, arena);
}

/* ---- the loop ---- */

static void on_nothing(evutil_socket_t fd, short what, void *arg)
{
}

/* The loop once, for at most so long. */
static void turn(struct bed *bed, unsigned ms)
{
    const struct timeval most = { ms / 1000, ms % 1000 * 1000 };
    struct event *timer = evtimer_new(bed->base, on_nothing, NULL);

    evtimer_add(timer, &most);
    event_base_loop(bed->base, EVLOOP_ONCE);
    event_free(timer);
}

unsigned bed_time_factor(void)
{
    const char *slow = getenv("VDC_TIME_FACTOR");

    return slow ? (unsigned)atoi(slow) : 1;
}

bool bed_until(struct bed *bed, bed_until_fn *fn, void *arg,
               unsigned timeout_ms)
{
    /* The limit is for what never comes: a busy machine is no failure. */
    uint64_t until =
        clock_mono().ms + UINT64_C(4) * timeout_ms * bed_time_factor();

    bool holds;

    /* What held once counts: asking again could find the next state. */
    while (!(holds = fn(arg)) && clock_mono().ms < until)
        turn(bed, 20);
    return holds;
}

static bool is_true(void *arg)
{
    return *(const bool *)arg;
}

bool bed_run(struct bed *bed, const bool *done, unsigned timeout_ms)
{
    return bed_until(bed, is_true, (void *)(uintptr_t)done, timeout_ms);
}

void bed_pause(struct bed *bed, unsigned ms)
{
    uint64_t until = clock_mono().ms + ms;

    while (clock_mono().ms < until)
        turn(bed, 20);
}

/* ---- looking ---- */

unsigned bed_fds_at_rest(struct bed *bed)
{
    unsigned n = bed_count_fds(bed->pid);

    for (unsigned same = 0, i = 0; same < 4 && i < 100; i++) {
        unsigned before = n;
        bed_pause(bed, 20 * bed_time_factor());
        n = bed_count_fds(bed->pid);
        same = n == before ? same + 1 : 0;
    }
    return n;
}

unsigned bed_count_fds(pid_t pid)
{
    return process_count_fds(pid);
}

unsigned long bed_memory(pid_t pid)
{
    char path[64], line[256];
    unsigned long kib = 0;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof(line), f))
        if (sscanf(line, "VmRSS: %lu", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib;
}

bool bed_logged(const struct bed *bed, const char *words)
{
    return process_logged(bed_path(bed, "log"), words);
}
