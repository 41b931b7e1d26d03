/*
 * Ctrl-C while something is under way: the whole program against a policyd
 * that answers when the test says so.
 */
#include "../unit.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/xl-ext/fake_policyd.h"

/* Ends it and compares; what was printed is shown when it is another. */
static void ends(int status, const char *out, const char *err)
{
    struct fake_result r = fake_end();
    bool ok = r.status == status && strstr(r.out, out) && strstr(r.err, err);
    if (!ok)
        printf("    status %d\n    out: %s\n    err: %s\n", r.status, r.out,
               r.err);
    CU_ASSERT_EQUAL(r.status, status);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.out, out));
    CU_ASSERT_PTR_NOT_NULL(strstr(r.err, err));
}

/* The request is under way; interrupts it, and receives the cancel. */
static uint32_t interrupt(int number)
{
    uint32_t request = fake_id();
    fake_signal(number);
    const struct wire_cancel *cancel = fake_receive(WIRE_MSG_cancel);
    CU_ASSERT_EQUAL(cancel->request, request);
    CU_ASSERT_NOT_EQUAL(fake_id(), request);
    return request;
}

static void answer_cancelled(uint32_t request)
{
    struct vdc_error err;
    struct wire_error body;
    vdc_error_set(&err, VDC_E_CANCELLED, "cancelled, all is as it was");
    wire_init(&wire_struct_error, &body);
    wire_error_fill(&body, &err);
    fake_answer_to(request, WIRE_MSG_error, &body);
}

static void test_cancelled(void)
{
    static const struct {
        const char *line;
        enum wire_message_number number;
    } lines[] = {
        { "mem-set web 512", WIRE_MSG_transaction },
        { "create name=web kernel=/k memory=64", WIRE_MSG_partition_create },
        { "start web", WIRE_MSG_partition_start },
        { "start --deadline 5m web", WIRE_MSG_transaction },
        { "shutdown -w web", WIRE_MSG_partition_shutdown },
        { "transaction 'pause web' 'pause db'", WIRE_MSG_transaction },
        { "host-verify --repair", WIRE_MSG_host_verify },
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        fake_run(lines[i].line);
        fake_receive(lines[i].number);
        answer_cancelled(interrupt(i % 2 ? SIGTERM : SIGINT));
        CU_ASSERT(fake_wait_for("cancelling ..."));
        ends(12, "", "xl-vdc: cancelled, all is as it was");
    }
}

static void test_too_late(void)
{
    struct wire_partition_reply reply;
    wire_init(&wire_struct_partition_reply, &reply);
    reply.partition = fake_partition("web");
    fake_run("start web");
    fake_receive(WIRE_MSG_partition_start);
    uint32_t request = interrupt(SIGINT);
    fake_answer_to(request, WIRE_MSG_partition_reply, &reply);
    ends(0, "web: running as domain 3 on host alpha\n", "too late");
}

/* Of a plan only the rest is cancelled: it is neither done nor undone. */
static void test_plan(void)
{
    struct wire_moves_report report;
    wire_init(&wire_struct_moves_report, &report);
    report.run = 1;
    report.n_done = 2;
    report.n_waiting = 1;
    fake_run("moves --follow");
    fake_receive(WIRE_MSG_moves_follow);
    uint32_t request = interrupt(SIGINT);
    fake_answer_to(request, WIRE_MSG_moves_reply, &report);
    struct fake_result r = fake_end();
    CU_ASSERT_EQUAL(r.status, 12);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.err, "stopped: 1 move was not begun"));
    CU_ASSERT_PTR_NULL(strstr(r.err, "too late"));
}

static void test_twice(void)
{
    fake_run("mem-set web 512");
    fake_receive(WIRE_MSG_transaction);
    interrupt(SIGINT);
    fake_signal(SIGINT);
    CU_ASSERT(fake_is_closed());
    ends(130, "", "what came of it is not known\n  'xl-vdc list'");

    fake_run("mem-set web 512");
    fake_receive(WIRE_MSG_transaction);
    interrupt(SIGINT);
    fake_signal(SIGTERM);
    CU_ASSERT(fake_is_closed());
    ends(143, "", "what came of it is not known");
}

/* A policyd that does not know the message says so with the cancel's id. */
static void test_refused(void)
{
    struct wire_partition_reply reply;
    wire_init(&wire_struct_partition_reply, &reply);
    reply.partition = fake_partition("web");
    fake_run("start web");
    fake_receive(WIRE_MSG_partition_start);
    uint32_t request = interrupt(SIGINT);
    fake_fail(VDC_E_UNSUPPORTED, "'cancel' is not served", "");
    CU_ASSERT(fake_wait_for("cannot be cancelled"));
    fake_answer_to(request, WIRE_MSG_partition_reply, &reply);
    ends(0, "web: running", "cancelling");
}

/* Progress before and after the interruption. */
static void test_progress(void)
{
    struct wire_progress progress;
    wire_init(&wire_struct_progress, &progress);
    progress.step = 1;
    progress.n_steps = 2;
    progress.text = "building";
    fake_run("start web");
    fake_receive(WIRE_MSG_partition_start);
    for (int i = 0; i < 100; i++)
        fake_answer(WIRE_MSG_progress, &progress);
    uint32_t request = interrupt(SIGINT);
    progress.text = "undoing";
    fake_answer_to(request, WIRE_MSG_progress, &progress);
    answer_cancelled(request);
    ends(12, "", "cancelled, all is as it was");
}

/* What had not begun is not begun any more. */
static void test_several(void)
{
    fake_run("pause web db");
    const struct wire_transaction *t = fake_receive(WIRE_MSG_transaction);
    CU_ASSERT_STRING_EQUAL(t->operations[0].name, "web");
    answer_cancelled(interrupt(SIGINT));
    CU_ASSERT(fake_is_closed());
    ends(12, "", "db: not begun");

    fake_run("start web db");
    fake_receive(WIRE_MSG_partition_start);
    answer_cancelled(interrupt(SIGINT));
    CU_ASSERT(fake_is_closed());
    ends(12, "", "db: not begun");
}

/* Looking has nothing to undo, and is ended as any program. */
static void test_looking(void)
{
    fake_run("list");
    fake_receive(WIRE_MSG_partition_list);
    fake_signal(SIGINT);
    CU_ASSERT(fake_is_closed());
    ends(1000 + SIGINT, "", "");

    fake_run("start --dry-run web");
    fake_receive(WIRE_MSG_partition_start);
    fake_signal(SIGTERM);
    CU_ASSERT(fake_is_closed());
    ends(1000 + SIGTERM, "", "");

    fake_run("sched-credit2 -d web");
    fake_receive(WIRE_MSG_device_list);
    fake_signal(SIGINT);
    CU_ASSERT(fake_is_closed());
    ends(1000 + SIGINT, "", "");
}

/* What was ignored when it was started, is. */
static void test_deaf(void)
{
    fake_run_deaf("start web");
    fake_receive(WIRE_MSG_partition_start);
    fake_signal(SIGINT);
    fake_signal(SIGINT);
    answer_cancelled(interrupt(SIGTERM));
    ends(12, "", "cancelled, all is as it was");
}

/* Nothing but the error is on stderr then. */
static void test_json(void)
{
    fake_run("-o json mem-set web 512");
    fake_receive(WIRE_MSG_transaction);
    answer_cancelled(interrupt(SIGINT));
    struct fake_result r = fake_end();
    CU_ASSERT_EQUAL(r.status, 12);
    CU_ASSERT_EQUAL(strncmp(r.err, "{\"error\":", 9), 0);
    CU_ASSERT_STRING_EQUAL(r.out, "");
}

/* The connection ends while it waits. */
static void test_closed(void)
{
    fake_run("mem-set web 512");
    fake_receive(WIRE_MSG_transaction);
    ends(7, "", "policyd closed the connection");
    fake_run("mem-set web 512");
    fake_receive(WIRE_MSG_transaction);
    interrupt(SIGINT);
    ends(7, "", "policyd closed the connection");
}

static const struct unit_test tests[] = {
    { "Ctrl-C cancels, and waits for what comes of it", test_cancelled },
    { "Ctrl-C that comes too late", test_too_late },
    { "Ctrl-C ends a plan", test_plan },
    { "Ctrl-C twice ends at once", test_twice },
    { "a policyd that cannot cancel", test_refused },
    { "progress before and after it", test_progress },
    { "several guests: the others are not begun", test_several },
    { "Ctrl-C while looking", test_looking },
    { "Ctrl-C that is ignored", test_deaf },
    { "Ctrl-C with -o json", test_json },
    { "policyd goes away", test_closed },
};

UNIT_MAIN("xl-ext/client", tests)
