/*
 * From command lines to operations of a transaction, for each command that
 * can be one, and what wrong ones get.
 */
#include "../unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/savefile.h"
#include "xl-ext/families.h"
#include "xl-ext/operation.h"
#include "base/words.h"

static struct arena *arena;
static struct command_args args;
static struct operations ops;
static struct vdc_error err;
static const struct wire_operation *op; /* the first */

/* A whole command line, as the shell would split it. */
static int build(const char *line)
{
    char **words;
    size_t n;
    arena_free(arena);
    arena = arena_new();
    memset(&err, 0, sizeof(err));
    memset(&ops, 0, sizeof(ops));
    op = &ops.operations[0];
    int rc = words_split(line, arena, &words, &n, &err);
    if (rc == 0)
        rc = command_parse((int)n, words, arena, &args, &err);
    if (rc == 0 && !operation_is_possible(args.command))
        return VDC_E_INTERNAL;
    return rc ? rc : operation_build(&args, &ops, &err);
}

/* Builds one operation of that kind, for a guest of that name. */
static void good(const char *line, enum wire_operation_kind kind,
                 const char *name)
{
    int rc = build(line);
    bool ok = rc == 0 && ops.n == 1 && op->kind == kind &&
        !strcmp(op->name, name);
    if (!ok)
        printf("    %s\n    %d %s\n", line, rc, err.text);
    CU_ASSERT_FATAL(ok);
    CU_ASSERT_EQUAL(op->if_generation, 0);
    CU_ASSERT_EQUAL(op->live_only, strstr(line, "--live") != NULL);
}

/* Is refused with that code and words in text or hint. */
static void bad(const char *line, int code, const char *words)
{
    int rc = build(line);
    bool found = strstr(err.text, words) || strstr(err.hint, words);
    if (rc != code || !found)
        printf("    %s\n    wanted: %s\n    got:    %s (%s)\n", line, words,
               rc ? err.text : "no error", err.hint);
    CU_ASSERT_EQUAL(rc, code);
    CU_ASSERT(found);
    CU_ASSERT_EQUAL(ops.n, 0);
}

/* ---- amounts ---- */

static void test_memory(void)
{
    static const struct {
        const char *text;
        uint64_t kib;
    } amounts[] = {
        { "512", 512 * 1024 },      { "512m", 512 * 1024 },
        { "512M", 512 * 1024 },     { "2g", 2 * 1024 * 1024 },
        { "1t", 1024 * 1024 * 1024 }, { "65536k", 65536 },
        { "1048576b", 1024 },       { "1.5g", 1536 * 1024 },
    };
    for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
        char line[64];
        snprintf(line, sizeof(line), "mem-set web %s", amounts[i].text);
        good(line, WIRE_OP_MEMORY_SET, "web");
        CU_ASSERT_EQUAL(op->memory.kib, amounts[i].kib);
        CU_ASSERT(op->partial);
        snprintf(line, sizeof(line), "mem-max web %s", amounts[i].text);
        good(line, WIRE_OP_MEMORY_MAX, "web");
        CU_ASSERT_EQUAL(op->memory.kib, amounts[i].kib);
        CU_ASSERT(!op->partial);
    }
    bad("mem-set web lots", VDC_E_BAD_VALUE, "MiB");
    bad("mem-set web 512x", VDC_E_BAD_VALUE, "'512x'");
    bad("mem-set web -- -512", VDC_E_BAD_VALUE, "'-512'");
    bad("mem-set web 0", VDC_E_BAD_VALUE, "'0'");
    bad("mem-set web 1023b", VDC_E_BAD_VALUE, "no memory");
    bad("mem-set web 99999999t", VDC_E_BAD_VALUE, "16384T");
    bad("mem-set web 99999999999999999999b", VDC_E_BAD_VALUE, "amount");
    bad("mem-max web ''", VDC_E_BAD_VALUE, "amount");
    bad("mem-set web", VDC_E_USAGE, "GUEST MEM");
    bad("mem-set web 1 2", VDC_E_USAGE, "'2'");
}

static void test_vcpus(void)
{
    good("vcpu-set web 2", WIRE_OP_VCPUS, "web");
    CU_ASSERT_EQUAL(op->vcpus, 2);
    bad("vcpu-set web 0", VDC_E_BAD_VALUE, "from 1 to 512");
    bad("vcpu-set web 513", VDC_E_BAD_VALUE, "513");
    bad("vcpu-set web two", VDC_E_BAD_VALUE, "'two'");
    bad("vcpu-set web 99999999999999999999999", VDC_E_BAD_VALUE, "512");

    good("vcpu-pin web 3 3,4", WIRE_OP_PIN, "web");
    CU_ASSERT_EQUAL(op->vcpu, 3);
    CU_ASSERT_STRING_EQUAL(op->cpus, "3,4");
    CU_ASSERT_STRING_EQUAL(op->cpus_soft, "");
    good("vcpu-pin web 3 3,4 -", WIRE_OP_PIN, "web");
    CU_ASSERT_STRING_EQUAL(op->cpus, "3,4");
    CU_ASSERT_STRING_EQUAL(op->cpus_soft, "");
    good("vcpu-pin web 0 - 6-9", WIRE_OP_PIN, "web");
    CU_ASSERT_STRING_EQUAL(op->cpus, "");
    CU_ASSERT_STRING_EQUAL(op->cpus_soft, "6-9");
    good("vcpu-pin web all nodes:0-1,^node:0 all", WIRE_OP_PIN, "web");
    CU_ASSERT_EQUAL(op->vcpu, -1);
    CU_ASSERT_STRING_EQUAL(op->cpus, "nodes:0-1,^node:0");
    CU_ASSERT_STRING_EQUAL(op->cpus_soft, "all");
    bad("vcpu-pin web 0 -", VDC_E_BAD_VALUE, "as it is");
    bad("vcpu-pin web 0 - -", VDC_E_BAD_VALUE, "as it is");
    bad("vcpu-pin web one 0", VDC_E_BAD_VALUE, "'all'");
    bad("vcpu-pin web 512 0", VDC_E_BAD_VALUE, "511");
    bad("vcpu-pin web 0 3-1", VDC_E_BAD_VALUE, "'3-1'");
    bad("vcpu-pin web 0 ^all", VDC_E_BAD_VALUE, "'^all'");
    bad("vcpu-pin web 0 0 x", VDC_E_BAD_VALUE, "'x'");
    bad("vcpu-pin web 0", VDC_E_USAGE, "CPUS-HARD");
}

static void test_sched(void)
{
    good("sched-credit2 -d web -w 512", WIRE_OP_SCHED, "web");
    CU_ASSERT_EQUAL(op->weight, 512);
    CU_ASSERT_EQUAL(op->cap, -1);
    good("sched-credit2 --domain=web --cap=0", WIRE_OP_SCHED, "web");
    CU_ASSERT_EQUAL(op->weight, -1);
    CU_ASSERT_EQUAL(op->cap, 0);
    good("sched-credit2 -d web -w 1 -c 150", WIRE_OP_SCHED, "web");
    CU_ASSERT_EQUAL(op->weight, 1);
    CU_ASSERT_EQUAL(op->cap, 150);
    bad("sched-credit2 -w 512", VDC_E_USAGE, "--domain GUEST");
    bad("sched-credit2 -d web", VDC_E_USAGE, "--weight");
    bad("sched-credit2 -d web -w 0", VDC_E_BAD_VALUE, "from 1 to 65535");
    bad("sched-credit2 -d web -w 65536", VDC_E_BAD_VALUE, "65536");
    bad("sched-credit2 -d web -c -1", VDC_E_BAD_VALUE, "'-1'");
    bad("sched-credit2 -d web -w 1 -p Pool-1", VDC_E_USAGE, "--cpupool");
}

static void test_pools(void)
{
    good("pool-set web ssd 100", WIRE_OP_POOL_SET, "web");
    CU_ASSERT_STRING_EQUAL(op->pool, "ssd");
    CU_ASSERT_EQUAL(op->amount, 100);
    good("pool-set web ssd 0", WIRE_OP_POOL_SET, "web");
    CU_ASSERT_EQUAL(op->amount, 0);
    bad("pool-set web '' 1", VDC_E_BAD_VALUE, "name of a pool");
    bad("pool-set web ssd 1.5", VDC_E_BAD_VALUE, "'1.5'");
}

/* ---- devices ---- */

static void test_disks(void)
{
    good("block-attach web phy:/dev/vg/x,xvdb,w", WIRE_OP_DISK_ATTACH,
         "web");
    CU_ASSERT_STRING_EQUAL(op->disk.target, "/dev/vg/x");
    CU_ASSERT_STRING_EQUAL(op->disk.vdev, "xvdb");
    CU_ASSERT_STRING_EQUAL(op->disk.format, "raw");
    CU_ASSERT(!op->disk.readonly);
    good("block-attach web /srv/a.qcow2 qcow2 xvdc r", WIRE_OP_DISK_ATTACH,
         "web");
    CU_ASSERT_STRING_EQUAL(op->disk.target, "/srv/a.qcow2");
    CU_ASSERT_STRING_EQUAL(op->disk.format, "qcow2");
    CU_ASSERT_STRING_EQUAL(op->disk.vdev, "xvdc");
    CU_ASSERT(op->disk.readonly);
    /* each argument ends by itself: target= takes the rest of its own */
    good("block-attach web target=/srv/a,b=c vdev=xvdd access=ro",
         WIRE_OP_DISK_ATTACH, "web");
    CU_ASSERT_STRING_EQUAL(op->disk.target, "/srv/a,b=c");
    CU_ASSERT_STRING_EQUAL(op->disk.vdev, "xvdd");
    CU_ASSERT(op->disk.readonly);
    /* relative to where xl-vdc runs */
    good("block-attach web a.img,raw,xvdb", WIRE_OP_DISK_ATTACH, "web");
    CU_ASSERT_EQUAL(op->disk.target[0], '/');
    bad("block-attach web /dev/x,raw", VDC_E_BAD_VALUE, "");
    bad("block-attach web /dev/x,rwa,xvdb", VDC_E_BAD_VALUE,
        "xl-disk-configuration(5)");
    bad("block-attach web target=/a vdev=xvda,target=/b", VDC_E_BAD_VALUE,
        "twice");
    bad("block-attach web", VDC_E_USAGE, "DISK-SPEC");

    good("block-detach web xvdb", WIRE_OP_DISK_DETACH, "web");
    CU_ASSERT_STRING_EQUAL(op->device, "xvdb");
    CU_ASSERT(!op->force);
    good("block-detach --force web 51728", WIRE_OP_DISK_DETACH, "web");
    CU_ASSERT_STRING_EQUAL(op->device, "51728");
    CU_ASSERT(op->force);
    bad("block-detach web ''", VDC_E_BAD_VALUE, "block-list");
    bad("block-detach web /dev/xvdb", VDC_E_BAD_VALUE, "/dev/xvdb");
}

static void test_interfaces(void)
{
    good("network-attach web", WIRE_OP_NIC_ATTACH, "web");
    CU_ASSERT_STRING_EQUAL(op->nic.bridge, "");
    good("network-attach web bridge=xenbr1 mac=00-16-3E-00-00-07 "
         "rate=10Mb/s@20ms mtu=9000", WIRE_OP_NIC_ATTACH, "web");
    CU_ASSERT_STRING_EQUAL(op->nic.bridge, "xenbr1");
    CU_ASSERT_STRING_EQUAL(op->nic.mac, "00:16:3e:00:00:07");
    CU_ASSERT_EQUAL(op->nic.rate_bytes, 1250000);
    CU_ASSERT_EQUAL(op->nic.rate_interval_us, 20000);
    CU_ASSERT_EQUAL(op->nic.mtu, 9000);
    /* as in a domain file */
    good("network-attach web bridge=a,script=vif-x", WIRE_OP_NIC_ATTACH,
         "web");
    CU_ASSERT_STRING_EQUAL(op->nic.script, "vif-x");
    bad("network-attach web brigde=x", VDC_E_BAD_VALUE, "'bridge'");
    CU_ASSERT_STRING_EQUAL(err.text, "unknown keyword 'brigde'");
    bad("network-attach web mac=1 mtu=1", VDC_E_BAD_VALUE, "2 reasons: ");
    bad("network-attach web xenbr0", VDC_E_BAD_VALUE, "'xenbr0'");

    good("network-detach web 1", WIRE_OP_NIC_DETACH, "web");
    CU_ASSERT_STRING_EQUAL(op->device, "1");
    good("network-detach -f web 00:16:3E:00:00:07", WIRE_OP_NIC_DETACH,
         "web");
    CU_ASSERT_STRING_EQUAL(op->device, "00:16:3e:00:00:07");
    CU_ASSERT(op->force);
    bad("network-detach web eth0", VDC_E_BAD_VALUE, "network-list");
    bad("network-detach web 00:16:3e:00:00:0g", VDC_E_BAD_VALUE, "0g");
    bad("network-detach web 70000", VDC_E_BAD_VALUE, "70000");
}

static void test_pci(void)
{
    good("pci-attach web 0000:03:00.0", WIRE_OP_PCI_ATTACH, "web");
    CU_ASSERT_STRING_EQUAL(op->device, "0000:03:00.0");
    good("pci-attach web 3:1F.7", WIRE_OP_PCI_ATTACH, "web");
    CU_ASSERT_STRING_EQUAL(op->device, "0000:03:1f.7");
    good("pci-detach -f web bdf=ABCD:ff:00.1", WIRE_OP_PCI_DETACH, "web");
    CU_ASSERT_STRING_EQUAL(op->device, "abcd:ff:00.1");
    CU_ASSERT(op->force);
    static const char *const wrong[] = {
        "3", "03:00", "03:20.0", "100:00.0", "03:00.8", "03:00.*",
        "10000:03:00.0", "03:00.0,seize=1", "03:00.0@5", "x:00.0", "03:.0",
        ":03:00.0", "03:00.", "03:00.00", "1:2:3:4.0", "''",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char line[64];
        snprintf(line, sizeof(line), "pci-attach web %s", wrong[i]);
        bad(line, VDC_E_BAD_VALUE, "no PCI device");
    }
}

/* ---- states ---- */

static void test_states(void)
{
    good("pause web", WIRE_OP_PAUSE, "web");
    good("unpause web", WIRE_OP_UNPAUSE, "web");
    good("start -p web", WIRE_OP_START, "web");
    CU_ASSERT(op->paused);
    good("shutdown web", WIRE_OP_SHUTDOWN, "web");
    good("reboot web", WIRE_OP_REBOOT, "web");
    good("destroy --keep web", WIRE_OP_DESTROY, "web");
    CU_ASSERT(op->keep);
    good("rename web www", WIRE_OP_RENAME, "web");
    CU_ASSERT_STRING_EQUAL(op->new_name, "www");
    bad("shutdown -w web", VDC_E_USAGE, "--wait");
    bad("rename web ''", VDC_E_BAD_VALUE, "1 to 63");

    /* an operation for each guest */
    CU_ASSERT_EQUAL(build("pause -C acme web db"), 0);
    CU_ASSERT_EQUAL_FATAL(ops.n, 2);
    CU_ASSERT_STRING_EQUAL(ops.operations[0].name, "web");
    CU_ASSERT_STRING_EQUAL(ops.operations[1].name, "db");
    CU_ASSERT_STRING_EQUAL(ops.operations[1].customer, "acme");
    CU_ASSERT_STRING_EQUAL(ops.names[1], "db");
    bad("pause a b c d e f g h i j k l m n o p q", VDC_E_BAD_VALUE, "16");
}

static void test_common(void)
{
    CU_ASSERT_EQUAL(build("mem-set --live-only --if-generation 7 -C acme "
                          "4a1ba2fe-6b2b-4c3e-9f77-0d3f1e6a2b11 64"), 0);
    CU_ASSERT_EQUAL_FATAL(ops.n, 1);
    CU_ASSERT(op->live_only);
    CU_ASSERT_EQUAL(op->if_generation, 7);
    CU_ASSERT_STRING_EQUAL(op->customer, "acme");
    CU_ASSERT_STRING_EQUAL(op->name, "");
    CU_ASSERT(!uuid_is_zero(&op->uuid));
    /* virsh's spelling is the beginning of ours */
    good("vcpu-set --live web 2", WIRE_OP_VCPUS, "web");
    CU_ASSERT(op->live_only);
    bad("mem-set --if-generation 0 web 64", VDC_E_BAD_VALUE,
        "--if-generation");
    bad("mem-set --if-generation x web 64", VDC_E_BAD_VALUE, "'x'");
    bad("mem-set '' 64", VDC_E_BAD_VALUE, "name of a guest");
    CU_ASSERT_EQUAL(build("list"), VDC_E_INTERNAL);
}

static void test_create(void)
{
    CU_ASSERT_EQUAL(build("create -p -q name=web kernel=/k memory=64"), 0);
    CU_ASSERT_EQUAL_FATAL(ops.n, 1);
    CU_ASSERT_EQUAL(op->kind, WIRE_OP_CREATE);
    CU_ASSERT(op->start);
    CU_ASSERT(op->paused);
    CU_ASSERT_STRING_EQUAL(op->definition.name, "web");
    CU_ASSERT_STRING_EQUAL(ops.names[0], "web");
    CU_ASSERT_EQUAL(build("create --no-start name=web kernel=/k memory=64"),
                    0);
    CU_ASSERT(!op->start);
    bad("create name=web kernel=/k memroy=64", VDC_E_BAD_CONFIG, "memroy");
    bad("create /no/such.cfg", VDC_E_NO_FILE, "/no/such.cfg");
    bad("create -c name=web kernel=/k memory=64", VDC_E_USAGE, "console");
    bad("create --no-start -p name=web kernel=/k memory=64", VDC_E_USAGE,
        "--no-start");
}

/* ---- files of save ---- */

static char dir[] = "/tmp/test_operation.XXXXXX";

static const char *write_save(const char *name, const struct vdc_uuid *uuid)
{
    const char *path = arena_printf(arena, "%s/%s", dir, name);
    struct savefile_head head = { .uuid = *uuid, .saved_ms = 1 };
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(savefile_write(fd, &head, NULL), 0);
    close(fd);
    return path;
}

static void test_saves(void)
{
    struct vdc_uuid uuid;
    char line[256], text[UUID_TEXT_SIZE];
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    good("save web /x/web.save", WIRE_OP_SAVE, "web");
    CU_ASSERT_STRING_EQUAL(op->file, "/x/web.save");
    CU_ASSERT(!op->resume);
    good("save -c web web.save", WIRE_OP_SAVE, "web");
    CU_ASSERT(op->resume);
    CU_ASSERT_EQUAL(op->file[0], '/');
    bad("save web ''", VDC_E_BAD_VALUE, "path");
    bad("save web a b", VDC_E_USAGE, "'b'");

    uuid_random(&uuid);
    write_save("one", &uuid);
    snprintf(line, sizeof(line), "restore -p %s/one", dir);
    good(line, WIRE_OP_START, "");
    CU_ASSERT(op->paused);
    CU_ASSERT(uuid_equal(&op->uuid, &uuid));
    CU_ASSERT_STRING_EQUAL(ops.names[0], op->file);
    snprintf(line, sizeof(line), "restore web %s/one", dir);
    good(line, WIRE_OP_START, "web");
    CU_ASSERT(uuid_is_zero(&op->uuid));
    CU_ASSERT_STRING_EQUAL(ops.names[0], "web");
    snprintf(line, sizeof(line), "restore %s %s/one",
             uuid_format(&uuid, text), dir);
    good(line, WIRE_OP_START, "");
    uuid.bytes[0] ^= 1;
    snprintf(line, sizeof(line), "restore %s %s/one",
             uuid_format(&uuid, text), dir);
    bad(line, VDC_E_BAD_VALUE, "another guest");
    bad("restore /no/such.save", VDC_E_NO_FILE, "/no/such.save");
    snprintf(line, sizeof(line), "restore %s", dir);
    bad(line, VDC_E_IO, dir);
    bad("restore /dev/null", VDC_E_BAD_VALUE, "/dev/null");
    snprintf(line, sizeof(line), "%s/one", dir);
    unlink(line);
    rmdir(dir);
}

/* ---- words ---- */

static void split(const char *text, size_t n, const char *joined)
{
    char **words;
    size_t got = 0;
    char line[128] = "";
    CU_ASSERT_EQUAL_FATAL(words_split(text, arena, &words, &got, &err), 0);
    for (size_t i = 0; i < got; i++) {
        strcat(line, words[i]);
        strcat(line, "|");
    }
    CU_ASSERT_EQUAL(got, n);
    CU_ASSERT_STRING_EQUAL(line, joined);
    CU_ASSERT_PTR_NULL(words[got]);
}

static void test_words(void)
{
    char **words;
    size_t n;
    split("", 0, "");
    split(" \t\n", 0, "");
    split("mem-set web 512", 3, "mem-set|web|512|");
    split("  a  b  ", 2, "a|b|");
    split("a 'b c' \"d 'e'\"", 3, "a|b c|d 'e'|");
    split("'' \"\"", 2, "||");
    split("a\\ b 'c\\d' \"e\\\"f\"", 3, "a b|c\\d|e\"f|");
    split("x'y z'w $HOME *", 3, "xy zw|$HOME|*|");
    split("a\\", 1, "a\\|");
    CU_ASSERT_EQUAL(words_split("a 'b", arena, &words, &n, &err),
                    VDC_E_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "a 'b"));
    CU_ASSERT_EQUAL(words_split("\"", arena, &words, &n, &err), VDC_E_USAGE);
    arena_free(arena);
    arena = NULL;
}

static const struct unit_test tests[] = {
    { "mem-set, mem-max: xl's units", test_memory },
    { "vcpu-set, vcpu-pin", test_vcpus },
    { "sched-credit2", test_sched },
    { "pool-set", test_pools },
    { "block-attach, block-detach", test_disks },
    { "network-attach, network-detach", test_interfaces },
    { "pci-attach, pci-detach", test_pci },
    { "start, stop, pause, rename", test_states },
    { "options that all have", test_common },
    { "create", test_create },
    { "save, restore", test_saves },
    { "words of a step", test_words },
};

UNIT_MAIN("xl-ext/operation", tests)
