/*
 * What each daemon tells of its process and its loop; see metrics.h.
 */
#include <dirent.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/metrics.h"

/* The loop is late by how much later than this its timer comes. */
#define LOOK_US 250000
/* The longest of this and of the last of these is told, so that each scraper
 * sees it, whenever it comes. */
#define SPAN_US 60000000

struct metrics_process {
    const char *program, *version;
    struct event *timer;
    uint64_t due_us;
    uint64_t span_us;                /* when the present one began */
    uint64_t longest_us, before_us;  /* of the present one, of that before */
    uint64_t started_ms;             /* since 1970 */
};

static void look_again(struct metrics_process *process)
{
    static const struct timeval tv = { 0, LOOK_US };

    process->due_us = metrics_now_us() + LOOK_US;
    event_add(process->timer, &tv);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct metrics_process *process = arg;
    uint64_t now_us = metrics_now_us();
    uint64_t late_us = now_us > process->due_us ? now_us - process->due_us : 0;

    if (now_us - process->span_us >= SPAN_US) {
        process->before_us = process->longest_us;
        process->longest_us = 0;
        process->span_us = now_us;
    }
    if (late_us > process->longest_us)
        process->longest_us = late_us;
    look_again(process);
}

struct metrics_process *metrics_process_new(struct event_base *base,
                                            const char *program,
                                            const char *version)
{
    struct metrics_process *process = XNEW(struct metrics_process);

    process->program = program;
    process->version = version;
    process->started_ms = clock_wall().ms;
    process->span_us = metrics_now_us();
    process->timer = event_new(base, -1, 0, on_timer, process);
    if (!process->timer)
        abort(); /* out of memory */
    look_again(process);
    return process;
}

void metrics_process_free(struct metrics_process *process)
{
    if (!process)
        return;
    event_free(process->timer);
    free(process);
}

static double resident_bytes(void)
{
    unsigned long size, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    if (f && fscanf(f, "%lu %lu", &size, &resident) != 2)
        resident = 0;
    if (f)
        fclose(f);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static double count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    double n = 0;

    if (!dir)
        return 0;
    while (readdir(dir))
        n++;
    closedir(dir);
    return n - 3; /* ".", ".." and its own */
}

static double cpu_seconds(void)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage))
        return 0;
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void metrics_process_write(const struct metrics_process *process,
                           struct evbuffer *out)
{
    uint64_t longest_us = process->longest_us > process->before_us
                              ? process->longest_us
                              : process->before_us;

    metrics_family(out, "xen_vdc_build_info", METRICS_GAUGE,
                   "Always 1; what it is in the labels.");
    metrics_value(out, "xen_vdc_build_info", 1, "program", process->program,
                  "version", process->version, NULL);
    metrics_one(out, "process_start_time_seconds", METRICS_GAUGE,
                "When the daemon was started, seconds since 1970.",
                (double)process->started_ms / 1000);
    metrics_one(out, "process_cpu_seconds_total", METRICS_COUNTER,
                "CPU time of the daemon.", cpu_seconds());
    metrics_one(out, "process_resident_memory_bytes", METRICS_GAUGE,
                "Memory of the daemon.", resident_bytes());
    metrics_one(out, "process_open_fds", METRICS_GAUGE,
                "Descriptors that the daemon has open.", count_descriptors());
    metrics_one(out, "xen_vdc_loop_lag_seconds", METRICS_GAUGE,
                "How long the daemon's loop was late at worst, in the last "
                "one to two minutes.", (double)longest_us / 1e6);
}
