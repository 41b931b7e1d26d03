/* resourced on a simulated host: a damaged database, and a new one in its
 * place, while guests run. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/sim/rd_host.h"
#include "tests/unit/unit.h"

#define RUNNING 20
#define STOPPED 5

static struct wire_definition *definition_of(struct rd *rd, const char *name,
                                             unsigned number)
{
    struct wire_definition *d = ARENA_NEW(rd->arena, struct wire_definition);
    struct wire_disk *disk = ARENA_NEW(rd->arena, struct wire_disk);
    struct wire_nic *nic = ARENA_NEW(rd->arena, struct wire_nic);

    rd_definition(d, name, arena_printf(rd->arena, "root=/dev/xvda id=%s",
                                        name));
    wire_init(&wire_struct_disk, disk);
    disk->target = "/bin/true";
    disk->readonly = true; /* all have it */
    disk->format = "raw";
    disk->vdev = "xvda";
    wire_init(&wire_struct_nic, nic);
    nic->mac = arena_printf(rd->arena, "00:16:3e:00:01:%02x", number);
    nic->bridge = "xenbr0";
    d->disks = disk;
    d->nics = nic;
    d->n_disks = d->n_nics = 1;
    d->vcpus = 1;
    d->max_vcpus = 2;
    return d;
}

static const char *name_of(struct rd *rd, unsigned i)
{
    return arena_printf(rd->arena, i < RUNNING ? "run-%02u" : "off-%02u", i);
}

static void stop(struct rd *rd)
{
    rd_signal(rd, SIGTERM);
    CU_ASSERT_EQUAL(rd_wait(rd), 0);
}

/* 20 guests that run and 5 that do not; the daemon has stopped. */
static struct rd *filled(void)
{
    struct rd *rd = rd_new("create_ms=1,destroy_ms=1");

    CU_ASSERT_FATAL(rd_start(rd));
    for (unsigned i = 0; i < RUNNING + STOPPED; i++)
        CU_ASSERT_EQUAL_FATAL(
            rd_create(rd, definition_of(rd, name_of(rd, i), i), i < RUNNING,
                      NULL),
            0);
    stop(rd);
    return rd;
}

/* ---- damage ---- */

static off_t size_of(const char *path)
{
    struct stat st;

    CU_ASSERT_EQUAL_FATAL(stat(path, &st), 0);
    return st.st_size;
}

static void flip_in(struct rd *rd, const char *name, off_t at)
{
    int fd = open(rd_path(rd, name), O_RDWR);
    unsigned char byte = 0;

    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(pread(fd, &byte, 1, at), 1);
    byte ^= 0xff;
    CU_ASSERT_EQUAL(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void flip(struct rd *rd, off_t at)
{
    flip_in(rd, "db", at);
}

/* Where the text is in the file; -1 for nowhere. */
static off_t find_text(struct rd *rd, const char *text)
{
    const char *path = rd_path(rd, "db");
    size_t size = (size_t)size_of(path);
    char *data = xzalloc(size);
    int fd = open(path, O_RDONLY);

    CU_ASSERT_EQUAL(read(fd, data, size), (ssize_t)size);
    close(fd);
    char *found = memmem(data, size, text, strlen(text));
    off_t at = found ? found - data : -1;
    free(data);
    return at;
}

/* ---- what is expected ---- */

/* It says what is wrong, and to everything else the same. */
static void check_degraded(struct rd *rd)
{
    const struct wire_host_list *hosts;
    struct wire_verify verify;
    struct wire_empty nothing;
    struct vdc_error err;
    const void *body;

    CU_ASSERT_EQUAL(rd_create_simple(rd, "x", ""), VDC_E_STORE_CORRUPT);
    CU_ASSERT_PTR_NULL(rd_list(rd, true));
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_start, "off-20", &err),
                    VDC_E_STORE_CORRUPT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "--rebuild"));
    wire_init(&wire_struct_verify, &verify);
    verify.repair = true;
    CU_ASSERT_EQUAL(rd_call(rd, WIRE_MSG_host_verify, &verify, NULL, &err),
                    VDC_E_STORE_CORRUPT);
    wire_init(&wire_struct_empty, &nothing);
    CU_ASSERT_EQUAL_FATAL(
        rd_call(rd, WIRE_MSG_host_show, &nothing, &body, NULL), 0);
    hosts = body;
    CU_ASSERT_EQUAL_FATAL(hosts->n_hosts, 1);
    CU_ASSERT_STRING_EQUAL(hosts->hosts[0].state, "database damaged");
}

static const struct wire_verify_reply *rebuild(struct rd *rd)
{
    struct wire_verify verify;
    struct vdc_error err;
    const void *body;

    wire_init(&wire_struct_verify, &verify);
    verify.rebuild = true;
    if (rd_call(rd, WIRE_MSG_host_verify, &verify, &body, &err)) {
        printf("\n  %s\n", err.text);
        CU_FAIL_FATAL("no rebuild");
    }
    return body;
}

struct running {
    uint32_t domids[RUNNING];
    const char *store;
    unsigned n_domains;
};

static void note_running(struct rd *rd, struct running *ret)
{
    struct hv *hv = rd_host(rd);
    struct hv_domain_info *domains;
    size_t n;

    CU_ASSERT_EQUAL(hv->domain->list(hv, rd->arena, &domains, &n, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(n, RUNNING + 1);
    for (size_t i = 0; i < RUNNING; i++)
        ret->domids[i] = domains[i + 1].domid;
    ret->n_domains = rd_domains(rd);
    ret->store = rd_store_dump(rd);
}

/* Every guest that runs has its domain, and all of its definition. */
static void check_running(struct rd *rd, const struct running *before,
                          bool whole)
{
    CU_ASSERT_EQUAL(rd_domains(rd), before->n_domains);
    for (unsigned i = 0; i < RUNNING; i++) {
        struct wire_partition_ref ref;
        const struct wire_partition_reply *reply;
        const void *body;
        wire_init(&wire_struct_partition_ref, &ref);
        ref.customer = "acme";
        ref.name = name_of(rd, i);
        CU_ASSERT_EQUAL_FATAL(
            rd_call(rd, WIRE_MSG_partition_show, &ref, &body, NULL), 0);
        reply = body;
        CU_ASSERT_EQUAL(reply->partition.state, WIRE_RUNNING);
        CU_ASSERT_EQUAL(reply->partition.domid, before->domids[i]);
        if (!whole)
            continue;
        CU_ASSERT_STRING_EQUAL(reply->definition.kernel, "/bin/sh");
        CU_ASSERT_EQUAL(reply->definition.n_disks, 1);
        CU_ASSERT_EQUAL(reply->definition.n_nics, 1);
        CU_ASSERT_EQUAL(reply->definition.max_vcpus, 2);
        CU_ASSERT(reply->partition.created_ms > 0);
    }
}

static void check_works(struct rd *rd)
{
    const struct wire_verify_reply *reply = rd_verify(rd, false);

    CU_ASSERT_FATAL(reply != NULL);
    for (uint32_t i = 0; i < reply->n_differences; i++)
        printf("\n  %s %s: %s\n", reply->differences[i].name,
               reply->differences[i].kind, reply->differences[i].text);
    CU_ASSERT_EQUAL(reply->n_differences, 0);
    CU_ASSERT_EQUAL(rd_create_simple(rd, "fresh", ""), 0);
    CU_ASSERT_EQUAL(rd_destroy(rd, "fresh", false), 0);
    CU_ASSERT_EQUAL(rd_destroy(rd, "run-00", true), 0);
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_start, "run-00", NULL), 0);
    /* And after a restart. */
    stop(rd);
    CU_ASSERT_FATAL(rd_start(rd));
    reply = rd_verify(rd, false);
    CU_ASSERT_FATAL(reply != NULL);
    CU_ASSERT_EQUAL(reply->n_differences, 0);
    CU_ASSERT_EQUAL(rd_show(rd, "run-00")->state, WIRE_RUNNING);
}

static unsigned n_stopped(struct rd *rd)
{
    unsigned n = 0;

    for (unsigned i = RUNNING; i < RUNNING + STOPPED; i++) {
        const struct wire_partition *p = rd_show(rd, name_of(rd, i));
        n += p != NULL;
        if (p)
            CU_ASSERT_EQUAL(p->state, WIRE_STOPPED);
    }
    return n;
}

/* Damaged as it is now: rebuilt, with at least so many of the 5. */
static void check_rebuild(struct rd *rd, unsigned least_stopped)
{
    struct running before;

    note_running(rd, &before);
    CU_ASSERT_FATAL(rd_start(rd));
    check_degraded(rd);
    CU_ASSERT_STRING_EQUAL(rd_store_dump(rd), before.store);
    const struct wire_verify_reply *reply = rebuild(rd);
    CU_ASSERT(strstr(reply->kept, ".damaged-") != NULL);
    CU_ASSERT_EQUAL(access(reply->kept, R_OK), 0);
    const struct wire_difference *lost = rd_difference(reply, "lost");
    CU_ASSERT_FATAL(lost != NULL);
    if (reply->partitions == RUNNING) {
        CU_ASSERT_PTR_NOT_NULL(strstr(lost->text, "nothing can be read"));
        CU_ASSERT_PTR_NOT_NULL(strstr(lost->text, reply->kept));
        CU_ASSERT_PTR_NOT_NULL(strstr(lost->hint, "xl-vdc list"));
    }
    CU_ASSERT_EQUAL(rd_differences(reply, "from-xenstore") +
                        rd_differences(reply, "from-database"),
                    reply->partitions);
    CU_ASSERT(rd_differences(reply, "from-xenstore") >= RUNNING);
    check_running(rd, &before, true);
    CU_ASSERT(n_stopped(rd) >= least_stopped);
    CU_ASSERT_EQUAL(n_stopped(rd), reply->partitions - RUNNING);
    check_works(rd);
}

static void test_nothing_damaged(void)
{
    struct rd *rd = filled();
    struct wire_verify verify;

    CU_ASSERT_FATAL(rd_start(rd));
    wire_init(&wire_struct_verify, &verify);
    verify.rebuild = true;
    CU_ASSERT_EQUAL(rd_call(rd, WIRE_MSG_host_verify, &verify, NULL, NULL),
                    VDC_E_WRONG_STATE);
    check_works(rd);
    rd_free(rd);
}

/* One byte in the row of a stopped guest: that alone is lost. */
static void test_flipped_in_row(void)
{
    struct rd *rd = filled();
    off_t at = find_text(rd, "id=off-22");

    CU_ASSERT_FATAL(at > 0);
    flip(rd, at + 7);
    check_rebuild(rd, STOPPED - 1);
    CU_ASSERT_PTR_NULL(rd_show(rd, "off-22"));
    rd_free(rd);
}

/* In the row of one that runs: xenstore has it. */
static void test_flipped_in_running(void)
{
    struct rd *rd = filled();
    off_t at = find_text(rd, "id=run-07");

    CU_ASSERT_FATAL(at > 0);
    flip(rd, at + 7);
    check_rebuild(rd, STOPPED);
    rd_free(rd);
}

/* The head of the file; it is put right, and all else is whole. */
static void test_flipped_in_head(void)
{
    struct rd *rd = filled();

    flip(rd, 3);
    check_rebuild(rd, STOPPED);
    rd_free(rd);
}

/* The head of the log: nobody knows what was in it, and that is said. */
static void test_flipped_in_log(void)
{
    struct rd *rd = filled();
    struct running before;

    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_create(rd, definition_of(rd, "late", 99), false, NULL),
                    0);
    rd_signal(rd, SIGKILL);
    rd_wait(rd);
    note_running(rd, &before);
    flip_in(rd, "db-wal", 1);
    CU_ASSERT_FATAL(rd_start(rd));
    check_degraded(rd);
    const struct wire_verify_reply *reply = rebuild(rd);
    const struct wire_difference *lost = rd_difference(reply, "lost");
    CU_ASSERT_FATAL(lost != NULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(lost->text, "what was written last"));
    CU_ASSERT_PTR_NOT_NULL(strstr(lost->hint, "xl-vdc list"));
    check_running(rd, &before, true);
    CU_ASSERT_EQUAL(n_stopped(rd), STOPPED);
    CU_ASSERT_PTR_NULL(rd_show(rd, "late"));
    rd_free(rd);
}

static void test_truncated(void)
{
    struct rd *rd = filled();

    CU_ASSERT_EQUAL(truncate(rd_path(rd, "db"),
                             size_of(rd_path(rd, "db")) / 2),
                    0);
    check_rebuild(rd, 0);
    rd_free(rd);
}

static void test_zero_size(void)
{
    struct rd *rd = filled();

    CU_ASSERT_EQUAL(truncate(rd_path(rd, "db"), 0), 0);
    check_rebuild(rd, 0);
    rd_free(rd);
}

/* The file and its log are gone while guests run: no new host. */
static void test_gone(void)
{
    struct rd *rd = filled();
    struct running before;

    note_running(rd, &before);
    CU_ASSERT_EQUAL(unlink(rd_path(rd, "db")), 0);
    unlink(rd_path(rd, "db-wal"));
    CU_ASSERT_FATAL(rd_start(rd));
    check_degraded(rd);
    CU_ASSERT_NOT_EQUAL(access(rd_path(rd, "db"), F_OK), 0);
    const struct wire_verify_reply *reply = rebuild(rd);
    CU_ASSERT_STRING_EQUAL(reply->kept, "");
    CU_ASSERT_EQUAL(rd_differences(reply, "from-xenstore"), RUNNING);
    CU_ASSERT_EQUAL(reply->partitions, RUNNING);
    check_running(rd, &before, true);
    check_works(rd);
    rd_free(rd);
}

/* Its log alone is no part of the new one. */
static void test_gone_but_log(void)
{
    struct rd *rd = filled();
    struct running before;

    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_destroy(rd, "run-03", true), 0);
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_start, "run-03", NULL), 0);
    rd_signal(rd, SIGKILL);
    rd_wait(rd);
    note_running(rd, &before);
    CU_ASSERT_EQUAL(unlink(rd_path(rd, "db")), 0);
    CU_ASSERT_EQUAL_FATAL(access(rd_path(rd, "db-wal"), F_OK), 0);
    CU_ASSERT_FATAL(rd_start(rd));
    check_degraded(rd);
    const struct wire_verify_reply *reply = rebuild(rd);
    CU_ASSERT_EQUAL(access(reply->kept, R_OK), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(reply->kept, "-wal"));
    CU_ASSERT_EQUAL(reply->partitions, RUNNING);
    CU_ASSERT_EQUAL(rd_list(rd, false)->n_partitions, RUNNING);
    CU_ASSERT_EQUAL(rd_domains(rd), before.n_domains);
    rd_free(rd);
}

/* What the message offers: a new start, on purpose. */
static void test_gone_on_purpose(void)
{
    struct rd *rd = filled();

    CU_ASSERT_EQUAL(unlink(rd_path(rd, "db")), 0);
    unlink(rd_path(rd, "db-wal"));
    CU_ASSERT_EQUAL(unlink(rd_path(rd, "sequence")), 0);
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_list(rd, false)->n_partitions, 0);
    rd_free(rd);
}

static void test_rubbish(void)
{
    struct rd *rd = filled();
    FILE *f = fopen(rd_path(rd, "db"), "w");

    for (int i = 0; i < 5000; i++)
        fprintf(f, "rubbish %d\n", i);
    fclose(f);
    check_rebuild(rd, 0);
    rd_free(rd);
}

/* Xenstore has not the record of a guest, or not even its name. */
static void test_without_xenstore(void)
{
    struct rd *rd = filled();
    struct hv *hv = rd_host(rd);
    struct running before;

    note_running(rd, &before);
    CU_ASSERT_EQUAL(
        hv->store->remove(hv,
                          arena_printf(rd->arena,
                                       "/tool/xen-vdc/partition/%u/record",
                                       before.domids[0]),
                          NULL),
        0);
    CU_ASSERT_EQUAL(
        hv->store->remove(hv,
                          arena_printf(rd->arena,
                                       "/tool/xen-vdc/partition/%u",
                                       before.domids[1]),
                          NULL),
        0);
    CU_ASSERT_EQUAL(truncate(rd_path(rd, "db"), 0), 0);
    CU_ASSERT_FATAL(rd_start(rd));
    const struct wire_verify_reply *reply = rebuild(rd);
    CU_ASSERT_EQUAL(rd_differences(reply, "from-xenstore"), RUNNING - 2);
    CU_ASSERT_EQUAL(rd_differences(reply, "from-xen"), 1);
    CU_ASSERT_EQUAL(reply->partitions, RUNNING - 1);
    const struct wire_partition *p = rd_show(rd, "run-00");
    CU_ASSERT_FATAL(p != NULL);
    CU_ASSERT_EQUAL(p->domid, before.domids[0]);
    CU_ASSERT_EQUAL(p->memory.kib, 64 * 1024);
    CU_ASSERT_PTR_NULL(rd_show(rd, "run-01"));
    CU_ASSERT_EQUAL(rd_domains(rd), RUNNING);
    rd_free(rd);
}

/* Guests that ended while nobody could note it are found so. */
static void test_ended_meanwhile(void)
{
    struct rd *rd = filled();
    struct running before;

    note_running(rd, &before);
    flip(rd, 3);
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(
        hv_sim_foreign_destroy(rd_host(rd), before.domids[4], NULL), 0);
    const struct wire_verify_reply *reply = rebuild(rd);
    CU_ASSERT_EQUAL(reply->partitions, RUNNING + STOPPED);
    CU_ASSERT_EQUAL(rd_show(rd, "run-04")->state, WIRE_STOPPED);
    CU_ASSERT_EQUAL(rd_show(rd, "run-05")->state, WIRE_RUNNING);
    CU_ASSERT_EQUAL(rd_verify(rd, false)->n_differences, 0);
    rd_free(rd);
}

/* Killed in the middle: the next start has the damaged database, or the new
 * one; never an empty one. */
static void test_killed_in_rebuild(void)
{
    struct rd *rd = filled();

    CU_ASSERT_EQUAL(truncate(rd_path(rd, "db"), 0), 0);
    CU_ASSERT_FATAL(rd_start(rd));
    rebuild(rd);
    stop(rd);
    /* As it was between the two renames. */
    char *command = xasprintf("mv %s/db %s/db.new", rd->dir, rd->dir);
    CU_ASSERT_EQUAL(system(command), 0);
    free(command);
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_list(rd, false)->n_partitions, RUNNING);
    CU_ASSERT_EQUAL(access(rd_path(rd, "db"), R_OK), 0);
    CU_ASSERT_NOT_EQUAL(access(rd_path(rd, "db.new"), R_OK), 0);
    check_works(rd);
    rd_free(rd);
}

/* No room for the new one: the damaged one is where it was. */
static void test_no_room(void)
{
    struct rd *rd = filled();
    struct wire_verify verify;
    struct vdc_error err;

    flip(rd, 3);
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(mkdir(rd_path(rd, "db.new"), 0700), 0);
    wire_init(&wire_struct_verify, &verify);
    verify.rebuild = true;
    CU_ASSERT_NOT_EQUAL(
        rd_call(rd, WIRE_MSG_host_verify, &verify, NULL, &err), 0);
    check_degraded(rd);
    CU_ASSERT_EQUAL(access(rd_path(rd, "db"), R_OK), 0);
    CU_ASSERT_EQUAL(rmdir(rd_path(rd, "db.new")), 0);
    rebuild(rd);
    CU_ASSERT_EQUAL(rd_list(rd, false)->n_partitions, RUNNING + STOPPED);
    rd_free(rd);
}

static const struct unit_test tests[] = {
    { "nothing is damaged", test_nothing_damaged },
    { "a byte in a row", test_flipped_in_row },
    { "a byte in the row of one that runs", test_flipped_in_running },
    { "a byte in the head", test_flipped_in_head },
    { "a byte in the head of the log", test_flipped_in_log },
    { "truncated", test_truncated },
    { "of size zero", test_zero_size },
    { "gone", test_gone },
    { "gone, but its log", test_gone_but_log },
    { "gone on purpose", test_gone_on_purpose },
    { "rubbish", test_rubbish },
    { "nor in xenstore", test_without_xenstore },
    { "ended meanwhile", test_ended_meanwhile },
    { "killed in the middle", test_killed_in_rebuild },
    { "no room", test_no_room },
};

UNIT_MAIN("resourced: rebuild", tests)
