/* Log lines, seen through a pipe in the place of stderr. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/unit.h"

static char output[16384];
static int saved_stderr, pipe_read;

/* From here to capture_end stderr is a pipe; with `journal` the environment
 * says that it is the journal's. */
static void capture_begin(bool journal)
{
    int fds[2];
    fflush(stderr);
    if (pipe2(fds, O_NONBLOCK) < 0)
        abort();
    saved_stderr = dup(STDERR_FILENO);
    dup2(fds[1], STDERR_FILENO);
    close(fds[1]);
    pipe_read = fds[0];
    struct stat st;
    char stream[64];
    fstat(STDERR_FILENO, &st);
    snprintf(stream, sizeof(stream), "%llu:%llu",
             (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    setenv("JOURNAL_STREAM", journal ? stream : "1:1", 1);
}

static const char *capture_end(void)
{
    ssize_t r = read(pipe_read, output, sizeof(output) - 1);
    output[r > 0 ? r : 0] = 0;
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    close(pipe_read);
    unsetenv("JOURNAL_STREAM");
    return output;
}

static void test_journal(void)
{
    log_init("prog", VDC_LOG_INFO);
    capture_begin(true);
    log_error("one %d", 1);
    log_warning("two");
    log_info("three");
    log_debug("four");
    CU_ASSERT_STRING_EQUAL(capture_end(), "<3>one 1\n<4>two\n<6>three\n");
    log_set_level(VDC_LOG_DEBUG);
    capture_begin(true);
    log_debug("four");
    CU_ASSERT_STRING_EQUAL(capture_end(), "<7>four\n");
}

static void test_terminal(void)
{
    setenv("TZ", "UTC", 1);
    clock_test_set((struct mono){ 0 }, (struct wall){ 3661042 });
    log_init("prog", VDC_LOG_INFO);
    capture_begin(false);
    log_info("text");
    capture_end();
    clock_test_release();
    char expected[100];
    snprintf(expected, sizeof(expected), "01:01:01.042 prog[%d] info: text\n",
             (int)getpid());
    CU_ASSERT_STRING_EQUAL(output, expected);
}

static void test_control_characters(void)
{
    log_init("prog", VDC_LOG_INFO);
    capture_begin(true);
    log_info("%s", "a\nb\x1b[2J\x7f\xc2\x9b\xc3\xa4\xe2\x82\xac\xc2");
    CU_ASSERT_STRING_EQUAL(
        capture_end(),
        "<6>a\\x0ab\\x1b[2J\\x7f\\xc2\\x9b\xc3\xa4\xe2\x82\xac\xc2\n");
}

static void test_long_line(void)
{
    static char text[10000];
    memset(text, '\x01', sizeof(text) - 1);
    log_init("prog", VDC_LOG_INFO);
    capture_begin(true);
    log_info("%s", text);
    capture_end();
    size_t len = strlen(output);
    CU_ASSERT_TRUE(len > 1000 && len <= 4096 + 128);
    CU_ASSERT_PTR_EQUAL(strchr(output, '\n'), output + len - 1);
}

static void test_errno_is_kept(void)
{
    capture_begin(true);
    errno = EXDEV;
    log_info("text");
    int errnum = errno;
    capture_end();
    CU_ASSERT_EQUAL(errnum, EXDEV);
}

static void test_levels(void)
{
    enum log_level level = VDC_LOG_INFO;
    CU_ASSERT_TRUE(log_level_parse("debug", &level));
    CU_ASSERT_EQUAL(level, VDC_LOG_DEBUG);
    CU_ASSERT_TRUE(log_level_parse("error", &level));
    CU_ASSERT_EQUAL(level, VDC_LOG_ERROR);
    CU_ASSERT_TRUE(log_level_parse("warning", &level));
    CU_ASSERT_EQUAL(level, VDC_LOG_WARNING);
    CU_ASSERT_FALSE(log_level_parse("Error", &level));
    CU_ASSERT_FALSE(log_level_parse("", &level));
    CU_ASSERT_EQUAL(level, VDC_LOG_WARNING);
    log_set_level(VDC_LOG_ERROR);
    CU_ASSERT_TRUE(log_enabled(VDC_LOG_ERROR));
    CU_ASSERT_FALSE(log_enabled(VDC_LOG_WARNING));
    capture_begin(true);
    log_warning("not to be seen");
    CU_ASSERT_STRING_EQUAL(capture_end(), "");
}

static unsigned count_lines(const char *text, const char *words)
{
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, words)); at++)
        n++;
    return n;
}

/* Who is loud is left out, who is not is heard; and it is told. */
static void test_limited(void)
{
    log_init("prog", VDC_LOG_INFO);
    clock_test_set((struct mono){ 5000 }, (struct wall){ 0 });
    capture_begin(true);
    for (int i = 0; i < 1000; i++)
        log_limited(VDC_LOG_INFO, "guest 7", "line %d", i);
    log_limited(VDC_LOG_WARNING, "guest 8", "another");
    log_limited(VDC_LOG_DEBUG, "guest 8", "not at this level");
    const char *text = capture_end();
    CU_ASSERT_EQUAL(count_lines(text, "guest 7: line "), LOG_LIMIT_LINES);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(text, "<6>guest 7: line 9 (and no more for a minute)\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "<4>guest 8: another\n"));
    CU_ASSERT_EQUAL(count_lines(text, "\n"), LOG_LIMIT_LINES + 1);
    capture_begin(true);
    clock_test_advance(59999);
    log_limited(VDC_LOG_INFO, "guest 7", "still too early");
    CU_ASSERT_STRING_EQUAL(capture_end(), "");
    capture_begin(true);
    clock_test_advance(1);
    log_limited(VDC_LOG_INFO, "guest 7", "a minute later");
    CU_ASSERT_STRING_EQUAL(capture_end(),
                           "<6>guest 7: 991 lines were left out\n"
                           "<6>guest 7: a minute later\n");
    clock_test_release();
}

static const struct unit_test tests[] = {
    { "the journal's form", test_journal },
    { "the terminal's form", test_terminal },
    { "control characters", test_control_characters },
    { "a long line", test_long_line },
    { "errno is kept", test_errno_is_kept },
    { "levels", test_levels },
    { "lines that others cause are limited", test_limited },
};
UNIT_MAIN("base/log", tests)
