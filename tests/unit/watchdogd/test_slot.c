/* Tests of watchdogd/slot.c and of the simulated watchdog. */
#include "watchdogd/slot.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/textfile.h"
#include "hv/sim/sim.h"
#include "hv/watchdog.h"
#include "tests/unit/unit.h"

static char folder[64], *path, *spec;
static struct event_base *base;
static struct hv_watchdog *hv;

static void begin(void)
{
    strcpy(folder, "/tmp/xen-vdc-slot-XXXXXX");
    if (!mkdtemp(folder))
        abort();
    path = xasprintf("%s/slot", folder);
    spec = xasprintf("sim:state=%s/sim,clock=stopped", folder);
    base = event_base_new();
    CU_ASSERT_EQUAL_FATAL(hv_watchdog_open(spec, base, &hv, NULL), 0);
}

static void end(void)
{
    char *command = xasprintf("rm -rf %s", folder);

    hv_watchdog_close(hv);
    event_base_free(base);
    if (system(command))
        abort();
    free(command);
    free(path);
    free(spec);
}

static void put_file(const char *format, unsigned mask)
{
    char text[100];

    if (mask)
        snprintf(text, sizeof(text), format, mask,
                 (unsigned long long)hv->boot_id);
    else
        snprintf(text, sizeof(text), format, (unsigned long long)hv->boot_id);
    textfile_write(path, 0600, text, NULL);
}

static void slots(void)
{
    uint32_t one = 0, two = 0, three = 0, n;

    begin();
    CU_ASSERT_EQUAL(hv_watchdog_set(hv, &one, 0, NULL), VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(hv_watchdog_set(hv, &one, 10, NULL), 0);
    CU_ASSERT_EQUAL(hv_watchdog_set(hv, &two, 10, NULL), 0);
    CU_ASSERT(one == 1 && two == 2);
    CU_ASSERT_EQUAL(hv_watchdog_set(hv, &three, 10, NULL),
                    VDC_E_NO_RESOURCE);
    CU_ASSERT_EQUAL(hv_watchdog_set(hv, &one, 0, NULL), 0);
    CU_ASSERT_EQUAL(hv_watchdog_set(hv, &one, 10, NULL), VDC_E_NOT_FOUND);
    CU_ASSERT_EQUAL(hv_watchdog_guests(hv, &n, NULL), 0);
    CU_ASSERT_EQUAL(n, 0);
    end();
}

static void kept(void)
{
    struct slot slot, next;

    begin();
    slot_init(&slot, hv, path);
    CU_ASSERT_EQUAL(slot_number(&slot), 0);
    CU_ASSERT_EQUAL(slot_arm(&slot, 10, NULL), 0);
    CU_ASSERT_TRUE(slot.runs);
    slot_init(&next, hv, path);
    CU_ASSERT_EQUAL(slot_number(&next), 1);
    CU_ASSERT_FALSE(next.runs); /* not known yet */
    CU_ASSERT_EQUAL(slot_pet(&next, 10, NULL), 0);
    CU_ASSERT_TRUE(next.runs);
    CU_ASSERT_EQUAL(slot_disarm(&next, NULL), 0);
    CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
    CU_ASSERT_EQUAL(slot_pet(&slot, 10, NULL), VDC_E_NOT_FOUND);
    CU_ASSERT_FALSE(slot.runs);
    end();
}

/* Killed after Xen was asked: the slot that it took is found, and one that is
 * another's besides. */
static void arming(void)
{
    uint32_t number = 0;
    struct slot slot;

    begin();
    put_file("arming %llx\n", 0);
    slot_init(&slot, hv, path);
    CU_ASSERT_EQUAL(slot_pet(&slot, 10, NULL), VDC_E_NOT_FOUND);
    CU_ASSERT_EQUAL(slot_number(&slot), 0);
    CU_ASSERT_EQUAL(hv_watchdog_set(hv, &number, 5, NULL), 0);
    put_file("arming %llx\n", 0);
    slot_init(&slot, hv, path);
    CU_ASSERT_EQUAL(slot_pet(&slot, 10, NULL), 0);
    CU_ASSERT_EQUAL(slot.mask, 1);
    number = 0;
    CU_ASSERT_EQUAL(hv_watchdog_set(hv, &number, 5, NULL), 0);
    put_file("arming %llx\n", 0);
    slot_init(&slot, hv, path);
    CU_ASSERT_EQUAL(slot_pet(&slot, 10, NULL), 0);
    CU_ASSERT_EQUAL(slot.mask, 3);
    slot_init(&slot, hv, path); /* and it is written so */
    CU_ASSERT_EQUAL(slot.mask, 3);
    end();
}

static void other_boot(void)
{
    struct slot slot;

    begin();
    textfile_write(path, 0600, "armed 1 1\n", NULL);
    slot_init(&slot, hv, path);
    CU_ASSERT_EQUAL(slot_number(&slot), 0);
    put_file("armed %u %llx\n", 2);
    slot_init(&slot, hv, path);
    CU_ASSERT_EQUAL(slot_number(&slot), 2);
    textfile_write(path, 0600, "nonsense", NULL);
    slot_init(&slot, hv, path);
    CU_ASSERT_EQUAL(slot_number(&slot), 0);
    end();
}

/* A process that has the host open is killed when the watchdog runs out, and
 * one that opens it then finds it booted. */
static void runs_out(void)
{
    uint32_t number = 0;
    int status = 0;

    begin();
    pid_t pid = fork();
    if (pid == 0) {
        struct hv_watchdog *own;
        struct event_base *loop = event_base_new();
        if (hv_watchdog_open(spec, loop, &own, NULL))
            _exit(1);
        event_base_dispatch(loop);
        _exit(2);
    }
    struct hv *tool;
    uint32_t domid, n;
    CU_ASSERT_EQUAL(hv_sim_open(spec + 4, NULL, &tool, NULL), 0);
    hv_sim_foreign_create(tool, "guest", MEM_KIB(65536), "", &domid, NULL);
    CU_ASSERT_EQUAL(hv_watchdog_set(hv, &number, 10, NULL), 0);
    hv_sim_advance(tool, 9999);
    CU_ASSERT_EQUAL(hv_watchdog_guests(hv, &n, NULL), 0);
    CU_ASSERT_EQUAL(n, 1);
    uint64_t boot = hv->boot_id;
    hv_watchdog_close(hv); /* or this process would be killed, too */
    hv_sim_advance(tool, 1);
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    hv_close(tool);
    CU_ASSERT_EQUAL(hv_watchdog_open(spec, base, &hv, NULL), 0);
    CU_ASSERT_NOT_EQUAL(hv->boot_id, boot);
    CU_ASSERT_EQUAL(hv_watchdog_guests(hv, &n, NULL), 0);
    CU_ASSERT_EQUAL(n, 0);
    CU_ASSERT_EQUAL(hv_watchdog_set(hv, &number, 10, NULL), VDC_E_NOT_FOUND);
    end();
}

static const struct unit_test tests[] = {
    { "two slots", slots },
    { "it is kept for who comes next", kept },
    { "killed while it was armed", arming },
    { "a file of another boot", other_boot },
    { "a watchdog that runs out", runs_out },
};

UNIT_MAIN("watchdogd/slot", tests)
