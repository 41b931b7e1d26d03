/*
 * Tests of automation/job.c and run.c, with a script in xl-vdc's place that
 * says what it was given, and does what its first word says.
 */
#include "automation/job.h"

#include <event2/event.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/unit.h"

static const char script[] =
    "#!/bin/sh\n"
    "cd \"$(dirname \"$0\")\" || exit 1\n"
    "case $1 in\n"
    "show) echo \"$* guest=$XEN_VDC_GUEST\"; cat ;;\n"
    /* not reached so often as this file says */
    "start) echo \"$*\" >>said; n=$(cat tries); echo $((n - 1)) >tries\n"
    "    [ \"$n\" -le 0 ] || { echo lost >&2; exit 7; }\n"
    "    echo started ;;\n"
    "migrate) echo x >>moved; exit 7 ;;\n"
    "save) echo 'copied 40 of 100 MiB in 1 s' >&2; sleep 1\n"
    "    for i in $(seq 50); do echo 'copied 100 of 100 MiB, once more' >&2\n"
    "    done; sleep 1; echo 'no room' >&2; exit 9 ;;\n"
    "list) seq 1 20000 ;;\n"
    "place) trap 'echo undone >undone; exit 12' TERM; touch runs\n"
    "    sleep 30 & wait ;;\n"
    "esac\n";

static char dir[64], program[80];
static struct event_base *base;
static struct setup setup;

struct seen {
    unsigned n_started, n_ended, n_trouble, percent_first, percent_last,
        n_percents;
    int status;
    bool cut;
    char out[256], errors[64];
};

static void on_start(void *arg)
{
    ((struct seen *)arg)->n_started++;
}

static void on_percent(void *arg, unsigned percent)
{
    struct seen *seen = arg;

    if (!seen->n_percents++)
        seen->percent_first = percent;
    seen->percent_last = percent;
}

static void on_trouble(void *arg, const char *text)
{
    ((struct seen *)arg)->n_trouble++;
}

static void on_end(void *arg, const struct run_result *result)
{
    struct seen *seen = arg;

    seen->n_ended++;
    seen->status = result->status;
    seen->cut = result->cut;
    snprintf(seen->out, sizeof(seen->out), "%s", result->out);
    snprintf(seen->errors, sizeof(seen->errors), "%s", result->errors);
}

static const struct job_ops ops = { on_start, on_percent, on_trouble, on_end };

static const char *path(const char *name)
{
    static char text[2][128];
    static unsigned i;

    i = (i + 1) % 2;
    snprintf(text[i], sizeof(text[i]), "%s/%s", dir, name);
    return text[i];
}

static void put(const char *name, const char *text)
{
    FILE *f = fopen(path(name), "w");

    fputs(text, f);
    fclose(f);
}

/* The file, or "". */
static const char *get(const char *name)
{
    static char text[512];
    FILE *f = fopen(path(name), "r");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

    text[n] = '\0';
    if (f)
        fclose(f);
    return text;
}

static struct job *begin(struct jobs *jobs, const char *text, const char *key,
                         const char *input, const char *guest,
                         struct seen *seen)
{
    struct arena *arena = arena_new();
    struct command_line line;

    memset(seen, 0, sizeof(*seen));
    CU_ASSERT_EQUAL_FATAL(command_line_parse(text, false, arena, &line, NULL),
                          0);
    const struct job_order order = { &line, key, input, guest };
    struct job *job = job_new(jobs, &order, &ops, seen);
    arena_free(arena);
    return job;
}

static void turn(void)
{
    const struct timeval most = { 0, 50000 };

    event_base_loopexit(base, &most);
    event_base_dispatch(base);
}

static void wait_for_end(const struct seen *seen)
{
    uint64_t until = clock_mono().ms + 20000 * unit_time_factor();

    while (!seen->n_ended && clock_mono().ms < until)
        turn();
}

static void words_and_input(void)
{
    struct jobs *jobs = jobs_new(base, &setup);
    struct seen seen;

    begin(jobs, "show 'a b'", "k", "text\n", "GUEST", &seen);
    CU_ASSERT_EQUAL(seen.n_started, 0); /* from the loop */
    wait_for_end(&seen);
    CU_ASSERT_EQUAL(seen.n_ended, 1);
    CU_ASSERT_EQUAL(seen.status, 0);
    /* what changes nothing has no key */
    CU_ASSERT_STRING_EQUAL(seen.out, "show a b guest=GUEST\ntext\n");
    setenv("XEN_VDC_GUEST", "another", 1);
    begin(jobs, "show", "k", NULL, NULL, &seen);
    wait_for_end(&seen);
    CU_ASSERT_STRING_EQUAL(seen.out, "show guest=\n");
    unsetenv("XEN_VDC_GUEST");
    jobs_free(jobs);
}

static void asked_again(void)
{
    struct jobs *jobs = jobs_new(base, &setup);
    struct seen seen;

    put("tries", "2");
    begin(jobs, "start web", "k-1", NULL, NULL, &seen);
    wait_for_end(&seen);
    CU_ASSERT_EQUAL(seen.status, 0);
    CU_ASSERT_EQUAL(seen.n_started, 3);
    CU_ASSERT_EQUAL(seen.n_trouble, 2);
    CU_ASSERT_STRING_EQUAL(get("said"), "start --key k-1 web\n"
                                        "start --key k-1 web\n"
                                        "start --key k-1 web\n");
    /* what has no key is not */
    begin(jobs, "migrate web beta", "k-2", NULL, NULL, &seen);
    wait_for_end(&seen);
    CU_ASSERT_EQUAL(seen.status, 7);
    CU_ASSERT_EQUAL(seen.n_started, 1);
    CU_ASSERT_STRING_EQUAL(get("moved"), "x\n");
    jobs_free(jobs);
}

static void not_for_ever(void)
{
    struct setup hasty = setup;
    hasty.retry_ms = 500;
    struct jobs *jobs = jobs_new(base, &hasty);
    struct seen seen;

    put("tries", "99");
    begin(jobs, "start web", "k-3", NULL, NULL, &seen);
    wait_for_end(&seen);
    CU_ASSERT_EQUAL(seen.status, 7);
    CU_ASSERT_EQUAL(seen.n_started, 2);
    CU_ASSERT_STRING_EQUAL(seen.errors, "lost\n");
    jobs_free(jobs);
}

static void progress(void)
{
    struct jobs *jobs = jobs_new(base, &setup);
    struct seen seen;

    begin(jobs, "save web f", "k", NULL, NULL, &seen);
    wait_for_end(&seen);
    CU_ASSERT_FATAL(seen.n_percents >= 2);
    CU_ASSERT_EQUAL(seen.percent_first, 40);
    CU_ASSERT_EQUAL(seen.percent_last, 99);
    /* what is wrong is not lost behind it */
    CU_ASSERT_EQUAL(seen.status, 9);
    CU_ASSERT_STRING_EQUAL(seen.errors, "no room\n");
    begin(jobs, "list", "k", NULL, NULL, &seen);
    wait_for_end(&seen);
    CU_ASSERT_TRUE(seen.cut);
    CU_ASSERT_EQUAL(strncmp(seen.out, "1\n2\n3\n", 6), 0);
    jobs_free(jobs);
}

static void in_their_turn(void)
{
    struct jobs *jobs = jobs_new(base, &setup);
    struct seen first, second, third;

    struct job *one = begin(jobs, "place a", "k", NULL, NULL, &first);
    begin(jobs, "place b", "k", NULL, NULL, &second);
    struct job *three = begin(jobs, "show c", "k", NULL, NULL, &third);
    turn();
    CU_ASSERT_EQUAL(first.n_started, 1);
    CU_ASSERT_EQUAL(second.n_started, 1);
    CU_ASSERT_EQUAL(third.n_started, 0); /* two at a time */
    job_cancel(three);
    uint64_t until = clock_mono().ms + 20000 * unit_time_factor();
    while (access(path("runs"), F_OK) && clock_mono().ms < until)
        turn();
    turn();
    /* it is told to undo, and nobody is told of its end */
    job_cancel(one);
    while (access(path("undone"), F_OK) && clock_mono().ms < until)
        turn();
    CU_ASSERT_STRING_EQUAL(get("undone"), "undone\n");
    CU_ASSERT_EQUAL(first.n_ended, 0);
    CU_ASSERT_EQUAL(third.n_started, 0);
    begin(jobs, "show d", "k", NULL, NULL, &third);
    wait_for_end(&third);
    CU_ASSERT_EQUAL(third.status, 0);
    jobs_free(jobs);
}

static void deadline(void)
{
    struct setup hasty = setup;
    hasty.deadline_ms = 1500 * unit_time_factor();
    struct jobs *jobs = jobs_new(base, &hasty);
    struct seen seen;

    begin(jobs, "place a", "k", NULL, NULL, &seen);
    wait_for_end(&seen);
    CU_ASSERT_EQUAL(seen.n_ended, 1);
    CU_ASSERT_EQUAL(seen.status, 12);
    jobs_free(jobs);
}

static void no_program(void)
{
    struct setup wrong = setup;
    wrong.xl_vdc = "/nonexistent/xl-vdc";
    struct jobs *jobs = jobs_new(base, &wrong);
    struct seen seen;

    begin(jobs, "show", "k", NULL, NULL, &seen);
    wait_for_end(&seen);
    CU_ASSERT_EQUAL(seen.n_ended, 1);
    CU_ASSERT_NOT_EQUAL(seen.status, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(seen.errors, "cannot be run"));
    jobs_free(jobs);
}

static const struct unit_test tests[] = {
    { "words, input, and as whom", words_and_input },
    { "asked again with its key", asked_again },
    { "not for ever", not_for_ever },
    { "progress, and too much", progress },
    { "in their turn, and taken back", in_their_turn },
    { "a deadline", deadline },
    { "no program", no_program },
};

int main(void)
{
    strcpy(dir, "/tmp/test_job.XXXXXX");
    if (!mkdtemp(dir))
        return 1;
    snprintf(program, sizeof(program), "%s/xl-vdc", dir);
    put("xl-vdc", script);
    chmod(program, 0700);
    setup = (struct setup){ .xl_vdc = program, .policyd_socket = "",
                            .parallel = 2, .retry_ms = 60000,
                            .deadline_ms = 60000 };
    base = event_base_new();
    int status = unit_main("automation/job", tests,
                           sizeof(tests) / sizeof(tests[0]));
    event_base_free(base);
    char command[96];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command) ? 1 : status;
}
