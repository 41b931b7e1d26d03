/*
 * The log of a daemon or command.  Library code (libvdc) does not log:
 * it returns an error, which is logged once, by the program.  The exception
 * is log lines at VDC_LOG_DEBUG.
 *
 * To stderr: with the "<N>" priority prefix of systemd's journal when stderr
 * is the journal ($JOURNAL_STREAM names it), otherwise as
 * "HH:MM:SS.mmm program[pid] level: text".
 */
#ifndef VDC_BASE_LOG_H
#define VDC_BASE_LOG_H

#include <stdbool.h>

enum log_level {
    VDC_LOG_ERROR,
    VDC_LOG_WARNING,
    VDC_LOG_INFO,
    VDC_LOG_DEBUG
};

/* `program` must stay valid.  Before this call: level INFO, no name. */
void log_init(const char *program, enum log_level level);
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);
/* "error", "warning", "info", "debug" -> level; false when none of these. */
bool log_level_parse(const char *name, enum log_level *ret);

/* One line; control characters in the text (it may hold a guest's or a
 * user's words) are written as \xNN.  errno is preserved. */
void log_write(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * A line "who: text" that somebody outside can cause as often as he likes: a
 * guest, or who connects.  Of each `who` LOG_LIMIT_LINES a minute are written,
 * the last of which says that it is; the next after that minute says how many
 * were left out.  A few of many may fall together and share their lines.  Of
 * one thread.
 */
#define LOG_LIMIT_LINES 10
void log_limited(enum log_level level, const char *who, const char *format,
                 ...) __attribute__((format(printf, 3, 4)));

#define log_error(...) log_write(VDC_LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(VDC_LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_write(VDC_LOG_INFO, __VA_ARGS__)
#define log_debug(...)                                                        \
    do {                                                                      \
        if (log_enabled(VDC_LOG_DEBUG))                                       \
            log_write(VDC_LOG_DEBUG, __VA_ARGS__);                            \
    } while (0)

#endif
