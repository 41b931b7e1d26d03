/*
 * Log lines to stderr, for the journal of systemd or for a terminal.  A line
 * is one write(2), so lines of several processes do not mix.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define LINE_SIZE 4096

#define MINUTE_MS 60000
#define N_ACCOUNTS 256

static const char *program_name = "";
static enum log_level limit = VDC_LOG_INFO;

static const struct {
    const char *name;
    int priority; /* of syslog(3), as the journal reads it */
} levels[] = {
    [VDC_LOG_ERROR] = { "error", 3 },
    [VDC_LOG_WARNING] = { "warning", 4 },
    [VDC_LOG_INFO] = { "info", 6 },
    [VDC_LOG_DEBUG] = { "debug", 7 },
};

/* Lines of whoever falls into this place. */
static struct account {
    struct mono begun; /* the minute */
    unsigned n_lines, n_left_out;
} accounts[N_ACCOUNTS];

#define N_LEVELS (sizeof(levels) / sizeof(levels[0]))

void log_init(const char *program, enum log_level level)
{
    program_name = program;
    limit = level;
}

void log_set_level(enum log_level level)
{
    limit = level;
}

bool log_enabled(enum log_level level)
{
    return level <= limit;
}

bool log_level_parse(const char *name, enum log_level *ret)
{
    for (size_t i = 0; i < N_LEVELS; i++) {
        if (strcmp(name, levels[i].name) == 0) {
            *ret = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* Whether stderr is the journal.  The variable alone does not say so: what
 * is started from a service inherits it, whatever its stderr is. */
static bool is_journal(void)
{
    const char *text = getenv("JOURNAL_STREAM");
    unsigned long long dev, ino;
    struct stat st;
    return text && sscanf(text, "%llu:%llu", &dev, &ino) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev &&
           st.st_ino == ino;
}

static size_t put_start(char *line, size_t size, enum log_level level)
{
    int len;
    if (is_journal()) {
        len = snprintf(line, size, "<%d>", levels[level].priority);
    } else {
        struct wall now = clock_wall();
        time_t seconds = (time_t)(now.ms / 1000);
        struct tm tm;
        localtime_r(&seconds, &tm);
        len = snprintf(line, size,
                       "%02d:%02d:%02d.%03d %.64s[%d] %s: ", tm.tm_hour,
                       tm.tm_min, tm.tm_sec, (int)(now.ms % 1000),
                       program_name, (int)getpid(), levels[level].name);
    }
    return len < 0 ? 0 : (size_t)len;
}

/* How many bytes at `p` make a control character: 1 for those of ASCII, 2
 * for those of Latin-1 in UTF-8, which some terminals obey; 0 for none. */
static int control_size(const unsigned char *p)
{
    if (p[0] < 0x20 || p[0] == 0x7f)
        return 1;
    return p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f ? 2 : 0;
}

static size_t put_text(char *line, size_t size, const char *text)
{
    size_t len = 0;
    const unsigned char *p = (const unsigned char *)text;
    while (*p && len + 8 < size) {
        int n = control_size(p);
        if (!n)
            line[len++] = (char)*p++;
        for (; n > 0; n--)
            len += (size_t)snprintf(line + len, 5, "\\x%02x", *p++);
    }
    return len;
}

void log_write(enum log_level level, const char *format, ...)
{
    if (!log_enabled(level))
        return;
    int saved_errno = errno;
    char text[LINE_SIZE], line[LINE_SIZE + 128];
    va_list ap;
    va_start(ap, format);
    int r = vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    if (r < 0)
        snprintf(text, sizeof(text), "(a line could not be formatted)");
    size_t len = put_start(line, sizeof(line), level);
    len += put_text(line + len, sizeof(line) - len - 1, text);
    line[len++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written; /* there is nobody left to tell */
    errno = saved_errno;
}

static struct account *account_of(const char *who)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    while (*who)
        hash = (hash ^ (unsigned char)*who++) * 16777619u;
    return &accounts[(hash ^ hash >> 16) % N_ACCOUNTS];
}

void log_limited(enum log_level level, const char *who, const char *format,
                 ...)
{
    if (!log_enabled(level))
        return;
    struct account *account = account_of(who);
    struct mono now = clock_mono();
    if (!account->n_lines || now.ms - account->begun.ms >= MINUTE_MS) {
        if (account->n_left_out)
            log_write(level, "%s: %u lines were left out", who,
                      account->n_left_out);
        *account = (struct account){ .begun = now };
    }
    if (account->n_lines == LOG_LIMIT_LINES) {
        account->n_left_out++;
        return;
    }
    int saved_errno = errno;
    char text[LINE_SIZE];
    va_list ap;
    va_start(ap, format);
    int r = vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    bool last = ++account->n_lines == LOG_LIMIT_LINES;
    log_write(level, "%s: %s%s", who, r < 0 ? "?" : text,
              last ? " (and no more for a minute)" : "");
    errno = saved_errno;
}
