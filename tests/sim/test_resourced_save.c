/* resourced on a simulated host: guests saved to files, and started from
 * them. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/savefile.h"
#include "tests/sim/rd_change.h"
#include "tests/sim/rd_state.h"
#include "tests/unit/unit.h"

static int save(struct rd_change *c, struct rd *rd, const char *name)
{
    rd_change(c, rd, WIRE_OP_SAVE)->file = rd_path(rd, name);
    return rd_change_do(c);
}

static int start_from(struct rd_change *c, struct rd *rd, const char *name)
{
    rd_change(c, rd, WIRE_OP_START)->file = rd_path(rd, name);
    return rd_change_do(c);
}

static bool is_there(struct rd *rd, const char *name)
{
    return access(rd_path(rd, name), F_OK) == 0;
}

/* Neither the file nor what becomes it, and the guest runs. */
static bool is_as_before(struct rd *rd)
{
    struct hv_domain_info info = rd_xen(rd, "web");

    return !is_there(rd, "file") && !is_there(rd, "file.partial") &&
           info.domid && !info.shutdown && !info.paused &&
           rd_show(rd, "web")->state == WIRE_RUNNING &&
           rd_see(rd, "web")->partition.generation == 1;
}

static struct rd *with_web(const char *options, const char *fault,
                           const char *cmdline)
{
    struct rd *rd = rd_started(options, NULL, fault);

    rd_create_web(rd, cmdline, true);
    return rd;
}

static void write_head(struct rd *rd, const char *name,
                       const struct savefile_head *head)
{
    int fd = open(rd_path(rd, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(savefile_write(fd, head, NULL), 0);
    close(fd);
}

/* 0: there is no such save. */
static uint64_t saved_ms(struct rd *rd, const char *name)
{
    struct savefile_head head = { .saved_ms = 0 };
    int fd = open(rd_path(rd, name), O_RDONLY);

    if (fd < 0)
        return 0;
    int rc = savefile_read(fd, &head, NULL);
    close(fd);
    return rc ? 0 : head.saved_ms;
}

static void save_over(struct rd_change *c, struct rd *rd, const char *name,
                      bool resume)
{
    rd_change(c, rd, WIRE_OP_SAVE)->file = rd_path(rd, name);
    c->op->replace = true;
    c->op->resume = resume;
}

static void test_save(void)
{
    struct rd *rd = with_web("", NULL, "");
    uint64_t free_kib = rd_free_kib(rd);
    struct rd_change c;
    struct stat st;

    rd_change(&c, rd, WIRE_OP_SAVE)->file = rd_path(rd, "file");
    CU_ASSERT_EQUAL(rd_change_plan(&c, "have web suspend and write"), 0);
    CU_ASSERT(is_as_before(rd));
    uint64_t cpu_ns = rd_xen(rd, "web").cpu_time_ns;
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(c.result->partition.state, WIRE_STOPPED);
    CU_ASSERT_EQUAL(strncmp(rd_show(rd, "web")->last_stop, "saved to /", 10),
                    0);
    CU_ASSERT_EQUAL(rd_domains(rd), 0);
    CU_ASSERT(rd_free_kib(rd) > free_kib);
    CU_ASSERT(is_there(rd, "file"));
    CU_ASSERT_FALSE(is_there(rd, "file.partial"));
    CU_ASSERT_EQUAL(stat(rd_path(rd, "file"), &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 0600);
    CU_ASSERT_EQUAL(rd_events(rd, WIRE_EVENT_STOPPED, "web", "saved to"), 1);
    CU_ASSERT_EQUAL(save(&c, rd, "file2"), VDC_E_WRONG_STATE);

    CU_ASSERT_EQUAL(start_from(&c, rd, "file"), 0);
    CU_ASSERT_EQUAL(c.result->partition.state, WIRE_RUNNING);
    CU_ASSERT(rd_xen(rd, "web").cpu_time_ns >= cpu_ns);
    CU_ASSERT_FALSE(rd_xen(rd, "web").paused);
    CU_ASSERT(is_there(rd, "file"));
    rd_end(rd);
}

/* Less memory than is in the file: not the guest's to have, refused; only set
 * lower, given back when it runs again. */
static void test_less_memory(void)
{
    struct rd *rd = with_web("", NULL, "");
    struct rd_change c;

    CU_ASSERT_EQUAL(save(&c, rd, "file"), 0);
    rd_change(&c, rd, WIRE_OP_MEMORY_SET)->memory = MEM_MIB(128);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(start_from(&c, rd, "file"), 0);
    for (int i = 0; i < 200; i++) {
        if (rd_xen(rd, "web").current_memory.kib == 128 * 1024)
            break;
        rd_sleep(20);
    }
    CU_ASSERT_EQUAL(rd_xen(rd, "web").current_memory.kib, 128 * 1024);
    rd_change(&c, rd, WIRE_OP_MEMORY_SET)->memory = MEM_MIB(256);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(save(&c, rd, "file2"), 0);
    rd_change(&c, rd, WIRE_OP_MEMORY_SET)->memory = MEM_MIB(128);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    rd_change(&c, rd, WIRE_OP_MEMORY_MAX)->memory = MEM_MIB(128);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(start_from(&c, rd, "file2"), VDC_E_WRONG_STATE);
    CU_ASSERT(rd_change_says(&c, "web was saved with 256 MiB of memory, and "
                                 "may have 128 MiB now"));
    CU_ASSERT_PTR_NOT_NULL(strstr(c.err.hint, "mem-max web 256M"));
    CU_ASSERT_EQUAL(rd_domains(rd), 0);
    rd_change(&c, rd, WIRE_OP_MEMORY_MAX)->memory = MEM_MIB(256);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(start_from(&c, rd, "file2"), 0);
    rd_end(rd);
}

/* An older state of the same guest goes when asked, at the end; nothing else
 * does. */
static void test_replace(void)
{
    struct rd *rd = with_web("", NULL, "");
    struct savefile_head head = { .saved_ms = RD_OLD_SAVE_MS };
    struct rd_change c;

    head.uuid = rd_show(rd, "web")->uuid;
    write_head(rd, "file", &head);
    CU_ASSERT_EQUAL(save(&c, rd, "file"), VDC_E_EXISTS);
    save_over(&c, rd, "file", true);
    CU_ASSERT_EQUAL(rd_change_plan(&c, "replace the older state of web"), 0);
    CU_ASSERT_EQUAL(saved_ms(rd, "file"), RD_OLD_SAVE_MS);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT(saved_ms(rd, "file") > RD_OLD_SAVE_MS);
    CU_ASSERT_FALSE(is_there(rd, "file.partial"));
    /* no older one */
    save_over(&c, rd, "other", true);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT(is_there(rd, "other"));
    /* of another guest, and no save at all */
    head.uuid.bytes[0] ^= 1;
    write_head(rd, "file", &head);
    save_over(&c, rd, "file", true);
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_EXISTS);
    CU_ASSERT(rd_change_says(&c, "not an older state of web"));
    CU_ASSERT_EQUAL(saved_ms(rd, "file"), RD_OLD_SAVE_MS);
    rd_file(rd, "text");
    save_over(&c, rd, "text", false);
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_EXISTS);
    CU_ASSERT_FALSE(is_there(rd, "file.partial"));
    CU_ASSERT_EQUAL(rd_show(rd, "web")->state, WIRE_RUNNING);
    rd_end(rd);
}

/* A guest that does not suspend: the older state is still there. */
static void test_replace_fails(void)
{
    struct rd *rd = with_web("suspend_ms=200", NULL, "sim.suspend=ignore");
    struct savefile_head head = { .saved_ms = RD_OLD_SAVE_MS };
    struct rd_change c;

    head.uuid = rd_show(rd, "web")->uuid;
    write_head(rd, "file", &head);
    save_over(&c, rd, "file", false);
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_TIMEOUT);
    CU_ASSERT_EQUAL(saved_ms(rd, "file"), RD_OLD_SAVE_MS);
    CU_ASSERT_FALSE(is_there(rd, "file.partial"));
    CU_ASSERT_EQUAL(rd_show(rd, "web")->state, WIRE_RUNNING);
    rd_end(rd);
}

static void test_resume(void)
{
    struct rd *rd = with_web("", NULL, "");
    struct rd_change c;

    uint32_t domid = rd_show(rd, "web")->domid;
    rd_change(&c, rd, WIRE_OP_SAVE)->file = rd_path(rd, "file");
    c.op->resume = true;
    CU_ASSERT_EQUAL(rd_change_plan(&c, "then let it run on"), 0);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT(is_there(rd, "file"));
    CU_ASSERT_EQUAL(rd_show(rd, "web")->domid, domid);
    CU_ASSERT_FALSE(rd_xen(rd, "web").shutdown);
    rd_sleep(100);
    CU_ASSERT_EQUAL(rd_show(rd, "web")->state, WIRE_RUNNING);
    /* Its domain is still watched. */
    CU_ASSERT_EQUAL(hv_sim_guest_stop(rd_host(rd), domid,
                                      HV_SHUTDOWN_POWEROFF, NULL), 0);
    CU_ASSERT(rd_wait_state(rd, "web", WIRE_STOPPED, 3000));
    CU_ASSERT_EQUAL(start_from(&c, rd, "file"), 0);
    rd_end(rd);
}

static void test_refused(void)
{
    struct rd *rd = with_web("", NULL, "");
    struct rd_change c;

    rd_file(rd, "file");
    CU_ASSERT_EQUAL(save(&c, rd, "file"), VDC_E_EXISTS);
    CU_ASSERT(rd_change_says(&c, "file is there already"));
    CU_ASSERT_EQUAL(save(&c, rd, "none/file"), VDC_E_NO_FILE);
    CU_ASSERT_EQUAL(save(&c, rd, "file/x"), VDC_E_NO_FILE);
    CU_ASSERT(rd_change_says(&c, "Not a directory"));
    rd_file(rd, "other.partial");
    CU_ASSERT_EQUAL(save(&c, rd, "other"), VDC_E_EXISTS);
    rd_change(&c, rd, WIRE_OP_SAVE)->file = "file";
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_BAD_VALUE);
    CU_ASSERT(rd_change_says(&c, "a path from the root"));
    /* All reasons at once. */
    rd_change(&c, rd, WIRE_OP_PAUSE);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    rd_change(&c, rd, WIRE_OP_NIC_ATTACH)->live_only = true;
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(save(&c, rd, "file"), VDC_E_WRONG_STATE);
    CU_ASSERT(rd_change_says(&c, "3 reasons"));
    CU_ASSERT(rd_change_says(&c, "web is paused"));
    rd_change(&c, rd, WIRE_OP_SAVE)->file = "file";
    CU_ASSERT_NOT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT(rd_change_says(&c, "a path from the root"));
    CU_ASSERT(rd_change_says(&c, "has devices for the time only"));
    CU_ASSERT_EQUAL(save(&c, rd, "file"), VDC_E_WRONG_STATE);
    CU_ASSERT(rd_change_says(&c, "devices for the time only"));
    /* Two to one file. */
    CU_ASSERT_EQUAL(rd_create_simple(rd, "db", ""), 0);
    rd_begin(&c.t);
    rd_add(&c.t, WIRE_OP_SAVE, "db")->file = rd_path(rd, "one");
    rd_add(&c.t, WIRE_OP_UNPAUSE, "web");
    struct wire_operation *op = rd_add(&c.t, WIRE_OP_SAVE, "web");
    op->file = rd_path(rd, "one");
    op->resume = true;
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_EXISTS);
    CU_ASSERT(rd_change_says(&c, "db and web cannot be saved to the same"));
    op->file = rd_path(rd, "two");
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT(is_there(rd, "one") && is_there(rd, "two"));
    CU_ASSERT_EQUAL(rd_domains(rd), 1);
    rd_end(rd);
}

/* More memory than the file system has room. */
static void test_no_room(void)
{
    struct rd *rd = rd_started("memory=16T", NULL, NULL);
    struct wire_definition definition;
    struct rd_change c;
    struct statvfs fs;

    CU_ASSERT_EQUAL(statvfs(rd->dir, &fs), 0);
    uint64_t room_kib = (uint64_t)fs.f_bavail * fs.f_frsize / 1024;
    rd_definition(&definition, "web", "");
    definition.memory = MEM_KIB(room_kib);
    definition.max_memory = MEM_KIB(room_kib);
    CU_ASSERT_EQUAL_FATAL(rd_create(rd, &definition, true, NULL), 0);
    CU_ASSERT_EQUAL(save(&c, rd, "file"), VDC_E_DISK_FULL);
    CU_ASSERT(rd_change_says(&c, "saving web needs up to"));
    CU_ASSERT(rd_change_says(&c, "free"));
    CU_ASSERT(is_as_before(rd));
    rd_end(rd);
}

static void test_does_not_suspend(void)
{
    struct rd *rd = with_web("suspend_ms=200", NULL, "sim.suspend=ignore");
    struct rd_change c;

    CU_ASSERT_EQUAL(save(&c, rd, "file"), VDC_E_TIMEOUT);
    CU_ASSERT(rd_change_says(&c, "web does not suspend"));
    CU_ASSERT(is_as_before(rd));
    rd_behave(rd, "web", "sim.suspend=willing");
    CU_ASSERT_EQUAL(save(&c, rd, "file"), 0);
    rd_end(rd);
}

/* Written, and what comes after it fails, is cancelled, or is killed. */
static void test_undone(void)
{
    static const char *const faults[] = {
        "fail:save:1", "refuse:save:1", "fail:destroy:1", "refuse:destroy:1",
    };
    struct rd_change c;

    for (unsigned i = 0; i < 4; i++) {
        struct rd *rd = with_web("", faults[i], "");
        CU_ASSERT_EQUAL(save(&c, rd, "file"), VDC_E_HYPERVISOR);
        CU_ASSERT(is_as_before(rd));
        CU_ASSERT_EQUAL(save(&c, rd, "file"), 0);
        CU_ASSERT(is_there(rd, "file"));
        rd_end(rd);
    }
    struct rd *rd = with_web("", "fail:resume:1", "");
    rd_change(&c, rd, WIRE_OP_SAVE)->file = rd_path(rd, "file");
    c.op->resume = true;
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_HYPERVISOR);
    CU_ASSERT(is_as_before(rd));
    rd_end(rd);
}

static void test_cancelled(void)
{
    struct rd *rd = with_web("suspend_ms=400", NULL, "sim.suspend=ignore");
    struct rd_change c;

    rd_change(&c, rd, WIRE_OP_SAVE)->file = rd_path(rd, "file");
    uint32_t id = rd_send_transaction(rd, &c.t);
    rd_sleep(100);
    rd_cancel(rd, id);
    CU_ASSERT_EQUAL(rd_answer(rd, id, NULL, NULL), VDC_E_CANCELLED);
    CU_ASSERT(is_as_before(rd));
    rd_end(rd);
}

/* After kill -9 it is saved and stopped, or not saved and runs. */
static void test_killed(void)
{
    static const char *const faults[] = {
        "crash-before:save:1", "crash-after:save:1", "crash-before:save:2",
        "crash-after:save:2", "crash-before:destroy:1",
        "crash-after:destroy:1", "crash-after:destroy:2",
    };
    unsigned n_undone = 0, n_done = 0;
    struct rd_change c;

    for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        struct rd *rd = with_web("save_ms=1", faults[i], "");
        int rc = save(&c, rd, "file");
        CU_ASSERT(rc == VDC_E_CLOSED || rc == 0);
        rd_kill(rd);
        CU_ASSERT_FATAL(rd_start(rd));
        if (rd_show(rd, "web")->state == WIRE_RUNNING) {
            n_undone++;
            CU_ASSERT(is_as_before(rd));
        } else {
            n_done++;
            CU_ASSERT_EQUAL(rd_domains(rd), 0);
            CU_ASSERT_FALSE(is_there(rd, "file.partial"));
            CU_ASSERT_EQUAL(start_from(&c, rd, "file"), 0);
        }
        rd_end(rd);
    }
    CU_ASSERT(n_undone >= 3);
    CU_ASSERT(n_done >= 2);
}

/* What is not this operation's file is left alone. */
static void test_others_files(void)
{
    struct rd *rd = with_web("", "crash-before:save:1", "");
    struct rd_change c;
    char text[32] = "";

    CU_ASSERT_EQUAL(save(&c, rd, "file"), VDC_E_CLOSED);
    rd_wait(rd);
    FILE *f = fopen(rd_path(rd, "file"), "w");
    fputs("somebody's", f);
    fclose(f);
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_FALSE(is_there(rd, "file.partial"));
    f = fopen(rd_path(rd, "file"), "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_PTR_NOT_NULL(fgets(text, sizeof(text), f));
    fclose(f);
    CU_ASSERT_STRING_EQUAL(text, "somebody's");
    rd_end(rd);
}

/* ---- the start ---- */

static void test_wrong_files(void)
{
    struct rd *rd = with_web("", NULL, "");
    struct rd_change c;

    CU_ASSERT_EQUAL(rd_create_simple(rd, "db", ""), 0);
    CU_ASSERT_EQUAL(save(&c, rd, "file"), 0);
    CU_ASSERT_EQUAL(start_from(&c, rd, "none"), VDC_E_NO_FILE);
    rd_file(rd, "empty");
    CU_ASSERT_EQUAL(start_from(&c, rd, "empty"), VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(start_from(&c, rd, ""), VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(rd_destroy(rd, "db", true), 0);
    rd_change(&c, rd, WIRE_OP_START)->file = rd_path(rd, "file");
    c.op->name = "db";
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_BAD_VALUE);
    CU_ASSERT(rd_change_says(&c, "another guest was saved to it"));
    /* Its head is right, and what follows is cut off. */
    int fd = open(rd_path(rd, "file"), O_WRONLY);
    CU_ASSERT_EQUAL(ftruncate(fd, SAVEFILE_HEAD_SIZE + 10), 0);
    close(fd);
    CU_ASSERT_EQUAL(start_from(&c, rd, "file"), VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(rd_show(rd, "web")->state, WIRE_STOPPED);
    CU_ASSERT_EQUAL(rd_domains(rd), 0);
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_start, "web", NULL), 0);
    rd_end(rd);
}

static void test_start(void)
{
    static const char *const faults[] = { "fail:restore:1", "refuse:restore:1",
                                          "crash-after:restore:1",
                                          "crash-after:restore:3" };
    struct rd_change c;

    for (unsigned i = 0; i < 4; i++) {
        struct rd *rd = with_web("", faults[i], "");
        CU_ASSERT_EQUAL(save(&c, rd, "file"), 0);
        rd_change(&c, rd, WIRE_OP_START)->file = rd_path(rd, "file");
        CU_ASSERT_EQUAL(rd_change_plan(&c, "restore the pv domain"), 0);
        int rc = rd_change_do(&c);
        CU_ASSERT_EQUAL(rc, i < 2 ? VDC_E_HYPERVISOR : VDC_E_CLOSED);
        if (rc == VDC_E_CLOSED) {
            rd_wait(rd);
            CU_ASSERT_FATAL(rd_start(rd));
        }
        CU_ASSERT_EQUAL(rd_domains(rd), 0);
        CU_ASSERT_EQUAL(rd_show(rd, "web")->state, WIRE_STOPPED);
        c.op->paused = true;
        CU_ASSERT_EQUAL(rd_change_do(&c), 0);
        CU_ASSERT(rd_xen(rd, "web").paused);
        CU_ASSERT_EQUAL(rd_xen(rd, "web").vcpus_online, 2);
        rd_end(rd);
    }
}

/* What others could have put in the file's place, and where it could not be
 * started from again. */
static void test_writable(void)
{
    struct rd *rd = with_web("", NULL, "");
    struct rd_change c;

    CU_ASSERT_EQUAL(mkdir(rd_path(rd, "folder"), 0700), 0);
    CU_ASSERT_EQUAL(chmod(rd_path(rd, "folder"), 01777), 0);
    CU_ASSERT_EQUAL(save(&c, rd, "folder/file"), VDC_E_DENIED);
    CU_ASSERT(rd_change_says(&c, "folder are not used: others than root can "
                                 "exchange them"));
    CU_ASSERT_EQUAL(rd_show(rd, "web")->state, WIRE_RUNNING);
    CU_ASSERT_EQUAL(chmod(rd_path(rd, "folder"), 0755), 0);
    CU_ASSERT_EQUAL(save(&c, rd, "folder/file"), 0);

    CU_ASSERT_EQUAL(chmod(rd_path(rd, "folder"), 0775), 0);
    CU_ASSERT_EQUAL(start_from(&c, rd, "folder/file"), VDC_E_DENIED);
    CU_ASSERT(rd_change_says(&c, "exchange them"));
    CU_ASSERT_EQUAL(chmod(rd_path(rd, "folder"), 0755), 0);
    CU_ASSERT_EQUAL(chmod(rd_path(rd, "folder/file"), 0622), 0);
    CU_ASSERT_EQUAL(start_from(&c, rd, "folder/file"), VDC_E_DENIED);
    CU_ASSERT(rd_change_says(&c, "others than root can write to it"));
    CU_ASSERT_EQUAL(chmod(rd_path(rd, "folder/file"), 0600), 0);
    CU_ASSERT_EQUAL(symlink("folder/file", rd_path(rd, "link")), 0);
    CU_ASSERT_EQUAL(start_from(&c, rd, "link"), VDC_E_BAD_VALUE);
    CU_ASSERT(rd_change_says(&c, "link is a link"));
    if (geteuid() == 0) {
        CU_ASSERT_EQUAL(chown(rd_path(rd, "folder/file"), 12345, 0), 0);
        CU_ASSERT_EQUAL(start_from(&c, rd, "folder/file"), VDC_E_DENIED);
        CU_ASSERT(rd_change_says(&c, "belongs to uid 12345"));
        CU_ASSERT_EQUAL(chown(rd_path(rd, "folder/file"), 0, 0), 0);
        CU_ASSERT_EQUAL(chown(rd_path(rd, "folder"), 12345, 0), 0);
        CU_ASSERT_EQUAL(start_from(&c, rd, "folder/file"), VDC_E_DENIED);
        CU_ASSERT_EQUAL(chown(rd_path(rd, "folder"), 0, 0), 0);
    }
    CU_ASSERT_EQUAL(rd_domains(rd), 0);
    CU_ASSERT_EQUAL(start_from(&c, rd, "folder/file"), 0);
    rd_end(rd);
}

static const struct unit_test tests[] = {
    { "save and start", test_save },
    { "save and run on", test_resume },
    { "less memory than was saved", test_less_memory },
    { "over an older state", test_replace },
    { "an older state and a guest that does not suspend",
      test_replace_fails },
    { "refused", test_refused },
    { "no room", test_no_room },
    { "a guest that does not suspend", test_does_not_suspend },
    { "undone", test_undone },
    { "cancelled", test_cancelled },
    { "killed", test_killed },
    { "files of others", test_others_files },
    { "wrong files", test_wrong_files },
    { "files that others can write", test_writable },
    { "starts that fail", test_start },
};

UNIT_MAIN("resourced: saved guests", tests)
