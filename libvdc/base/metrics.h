/*
 * Metrics in Prometheus' text format (version 0.0.4): a family has one HELP
 * and one TYPE line, and its samples follow; the writer keeps them together.
 * Names follow Prometheus' habits: base units (seconds, bytes), `_total` for
 * what only rises.
 *
 * What a loop of a daemon has besides (metrics_process) and the HTTP end
 * (metrics_server.h) are apart.
 */
#ifndef VDC_BASE_METRICS_H
#define VDC_BASE_METRICS_H

#include <stdint.h>

struct evbuffer;
struct event_base;

/* How often something was done, and how long that took together. */
struct metrics_timing {
    uint64_t n;
    uint64_t us;
};

/* Monotonic, in microseconds. */
uint64_t metrics_now_us(void);
/* CPU time of this thread. */
uint64_t metrics_cpu_us(void);
/* One more, which began then. */
void metrics_timing_add(struct metrics_timing *timing, uint64_t begun_us);

enum metrics_type {
    METRICS_COUNTER, /* only rises, from 0 when the daemon starts */
    METRICS_GAUGE,
    METRICS_SUMMARY  /* with _sum and _count alone */
};

/* Begins a family; once for each name. */
void metrics_family(struct evbuffer *out, const char *name,
                    enum metrics_type type, const char *help);
/*
 * A sample of the family that was begun last.  Labels: name, value, ... and
 * NULL; names are [a-z_]+, values any text, which is escaped; bytes of it that
 * are no UTF-8 become '?'.
 */
void metrics_value(struct evbuffer *out, const char *name, double value, ...)
    __attribute__((sentinel));
/* The two samples of a METRICS_SUMMARY, in seconds. */
void metrics_timing(struct evbuffer *out, const char *name,
                    const struct metrics_timing *timing, ...)
    __attribute__((sentinel));
/* A family of one sample without labels. */
void metrics_one(struct evbuffer *out, const char *name,
                 enum metrics_type type, const char *help, double value);

/*
 * The process and its loop: build, start, CPU time, memory, descriptors, and
 * how long the loop was late at worst.  For that a timer runs four times a
 * second, so it is there only where metrics are asked for.
 */
struct metrics_process;
/* Both texts must stay valid. */
struct metrics_process *metrics_process_new(struct event_base *base,
                                            const char *program,
                                            const char *version);
void metrics_process_free(struct metrics_process *process); /* NULL allowed */
void metrics_process_write(const struct metrics_process *process,
                           struct evbuffer *out);

#endif
