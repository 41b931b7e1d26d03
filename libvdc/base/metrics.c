/*
 * Writes families and samples; see metrics.h.
 */
#include "base/metrics.h"

#include <event2/buffer.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/utf8.h"

/* Up to here each whole number has its own double. */
#define WHOLE_MAX 9007199254740992.0

static uint64_t read_us(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t metrics_now_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

uint64_t metrics_cpu_us(void)
{
    return read_us(CLOCK_THREAD_CPUTIME_ID);
}

void metrics_timing_add(struct metrics_timing *timing, uint64_t begun_us)
{
    uint64_t now_us = metrics_now_us();

    timing->n++;
    timing->us += now_us > begun_us ? now_us - begun_us : 0;
}

static const char *type_word(enum metrics_type type)
{
    switch (type) {
    case METRICS_COUNTER:
        return "counter";
    case METRICS_GAUGE:
        return "gauge";
    case METRICS_SUMMARY:
        return "summary";
    }
    return "untyped";
}

void metrics_family(struct evbuffer *out, const char *name,
                    enum metrics_type type, const char *help)
{
    evbuffer_add_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
                        type_word(type));
}

/* A line on its way into the buffer, which takes longer for each piece than
 * the piece is worth. */
struct line {
    struct evbuffer *out;
    size_t size;
    char text[512];
};

static void add(struct line *line, const char *text, size_t size)
{
    if (line->size + size > sizeof(line->text)) {
        evbuffer_add(line->out, line->text, line->size);
        line->size = 0;
    }
    if (size > sizeof(line->text)) {
        evbuffer_add(line->out, text, size);
        return;
    }
    memcpy(line->text + line->size, text, size);
    line->size += size;
}

static void add_text(struct line *line, const char *text)
{
    add(line, text, strlen(text));
}

static void add_escaped(struct line *line, const char *text)
{
    const char *p = text, *end = text + strlen(text);

    while (p < end) {
        size_t size = utf8_size((const unsigned char *)p, (size_t)(end - p));
        if (size == 0)
            add_text(line, "?");
        else if (*p == '\n')
            add_text(line, "\\n");
        else if (*p == '\\' || *p == '"')
            add_text(line, *p == '"' ? "\\\"" : "\\\\");
        else
            add(line, p, size);
        p += size ? size : 1;
    }
}

static void add_number(struct line *line, double value)
{
    char text[40];

    if (value > -WHOLE_MAX && value < WHOLE_MAX &&
        value == (double)(int64_t)value)
        snprintf(text, sizeof(text), " %lld\n", (long long)value);
    else
        snprintf(text, sizeof(text), " %.9g\n", value);
    add_text(line, text);
}

static void add_sample(struct evbuffer *out, const char *name,
                       const char *suffix, double value, va_list labels)
{
    struct line line = { .out = out };
    bool some = false;
    const char *label;

    add_text(&line, name);
    add_text(&line, suffix);
    while ((label = va_arg(labels, const char *))) {
        add_text(&line, some ? "," : "{");
        add_text(&line, label);
        add_text(&line, "=\"");
        add_escaped(&line, va_arg(labels, const char *));
        add_text(&line, "\"");
        some = true;
    }
    if (some)
        add_text(&line, "}");
    add_number(&line, value);
    evbuffer_add(out, line.text, line.size);
}

void metrics_value(struct evbuffer *out, const char *name, double value, ...)
{
    va_list labels;

    va_start(labels, value);
    add_sample(out, name, "", value, labels);
    va_end(labels);
}

void metrics_timing(struct evbuffer *out, const char *name,
                    const struct metrics_timing *timing, ...)
{
    va_list labels;

    va_start(labels, timing);
    add_sample(out, name, "_sum", (double)timing->us / 1e6, labels);
    va_end(labels);
    va_start(labels, timing);
    add_sample(out, name, "_count", (double)timing->n, labels);
    va_end(labels);
}

void metrics_one(struct evbuffer *out, const char *name,
                 enum metrics_type type, const char *help, double value)
{
    metrics_family(out, name, type, help);
    metrics_value(out, name, value, NULL);
}
