/*
 * The two clocks of every program, and the switch by which a test stops
 * them.
 */
#include "base/clock.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

static bool stopped;
static struct mono stopped_mono;
static struct wall stopped_wall;

static uint64_t read_ms(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

struct mono clock_mono(void)
{
    return stopped ? stopped_mono : (struct mono){ read_ms(CLOCK_MONOTONIC) };
}

struct wall clock_wall(void)
{
    return stopped ? stopped_wall : (struct wall){ read_ms(CLOCK_REALTIME) };
}

void clock_test_set(struct mono mono, struct wall wall)
{
    stopped = true;
    stopped_mono = mono;
    stopped_wall = wall;
}

void clock_test_advance(uint64_t ms)
{
    if (!stopped)
        clock_test_set(clock_mono(), clock_wall());
    stopped_mono.ms += ms;
    stopped_wall.ms += ms;
}

void clock_test_release(void)
{
    stopped = false;
}

/* A moment that the calendar cannot hold is written as its number. */
static const char *format_number(struct wall wall, char *buf, size_t size)
{
    snprintf(buf, size, "%" PRIu64 " ms", wall.ms);
    return buf;
}

const char *clock_wall_format(struct wall wall, char *buf, size_t size)
{
    time_t seconds = (time_t)(wall.ms / 1000);
    struct tm tm;
    if (!localtime_r(&seconds, &tm) ||
        !strftime(buf, size, "%Y-%m-%d %H:%M:%S", &tm))
        return format_number(wall, buf, size);
    return buf;
}

const char *clock_wall_rfc3339(struct wall wall, char *buf, size_t size)
{
    time_t seconds = (time_t)(wall.ms / 1000);
    struct tm tm;
    size_t len = 0;
    if (gmtime_r(&seconds, &tm))
        len = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!len || size - len < sizeof(".123Z"))
        return format_number(wall, buf, size);
    snprintf(buf + len, size - len, ".%03uZ", (unsigned)(wall.ms % 1000));
    return buf;
}
