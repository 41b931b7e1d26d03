/* State machines: moves in the table, and a move that is not. */
#include "base/machine.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

enum { OPEN, SHUT, LOCKED };

static const char *const names[] = { "open", "shut", "locked" };
static const struct machine_move moves[] = {
    { OPEN, SHUT, "pushed" },
    { SHUT, OPEN, "pulled" },
    { SHUT, LOCKED, "key" },
};
static const struct machine door = { "door", names, 3, moves, 3 };

static void test_moves(void)
{
    int state = OPEN;
    machine_move(&door, &state, SHUT, "front");
    CU_ASSERT_EQUAL(state, SHUT);
    machine_move(&door, &state, LOCKED, "front");
    CU_ASSERT_EQUAL(state, LOCKED);
    CU_ASSERT_TRUE(machine_allows(&door, OPEN, SHUT));
    CU_ASSERT_FALSE(machine_allows(&door, OPEN, LOCKED));
    CU_ASSERT_FALSE(machine_allows(&door, OPEN, OPEN));
    CU_ASSERT_FALSE(machine_allows(&door, -1, 99));
}

static void test_names(void)
{
    CU_ASSERT_STRING_EQUAL(machine_state_name(&door, LOCKED), "locked");
    CU_ASSERT_STRING_EQUAL(machine_state_name(&door, 3), "(no such state)");
    CU_ASSERT_STRING_EQUAL(machine_state_name(&door, -1), "(no such state)");
}

static void test_wrong_move(void)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        int state = OPEN;
        machine_move(&door, &state, LOCKED, "front");
        _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static const struct unit_test tests[] = {
    { "moves of the table", test_moves },
    { "names of states", test_names },
    { "a move that is not in it", test_wrong_move },
};
UNIT_MAIN("base/machine", tests)
