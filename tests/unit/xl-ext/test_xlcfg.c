/*
 * The reader of xl.cfg files: every key of the table with right and wrong
 * values, defaults, and what is reported.
 */
#include "../unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/xl-ext/try.h"

/* ---- from the table: by type ---- */

static void expect_key_bad(const struct xlcfg_key *key, const char *value)
{
    char line[8192], quoted[128];
    snprintf(line, sizeof(line), "%s=%s", key->name, value);
    snprintf(quoted, sizeof(quoted), "'%s'", key->name);
    expect_bad(line, quoted);
}

static void expect_key_ok(const struct xlcfg_key *key, const char *value)
{
    char line[8192];
    bool shim = !strncmp(key->name, "pvshim", 6) ||
        !strcmp(key->name, "nestedhvm");
    bool least = !strcmp(key->name, "maxmem");
    snprintf(line, sizeof(line), "%s%s%s=%s", shim ? "type=pvh\n" : "",
             least ? "memory=1\n" : "", key->name, value);
    expect_ok(line);
}

static void check_number(const struct xlcfg_key *key)
{
    char value[64];
    snprintf(value, sizeof(value), "\"%lld\"", key->min);
    expect_key_ok(key, value);
    snprintf(value, sizeof(value), "%lld", key->max);
    expect_key_ok(key, value);
    snprintf(value, sizeof(value), "\"%lld\"", key->min - 1);
    expect_key_bad(key, value);
    snprintf(value, sizeof(value), "%lld", key->max + 1);
    expect_key_bad(key, value);
    expect_key_bad(key, "\"two\"");
    expect_key_bad(key, "\"\"");
    expect_key_bad(key, "\"1x\"");
    expect_key_bad(key, "\"99999999999999999999\"");
    expect_key_bad(key, "[ \"1\" ]");
}

static void check_bool(const struct xlcfg_key *key)
{
    expect_key_ok(key, "0");
    expect_key_ok(key, "1");
    expect_key_ok(key, "\"1\"");
    expect_key_bad(key, "\"yes\"");
    expect_key_bad(key, "[ \"1\" ]");
}

static void check_text(const struct xlcfg_key *key)
{
    char value[6000];
    expect_key_ok(key, "\"/a/b\"");
    expect_key_bad(key, "[ \"x\" ]");
    size_t len = (size_t)key->max + 1;
    value[0] = '"';
    memset(value + 1, 'x', len);
    strcpy(value + 1 + len, "\"");
    expect_key_bad(key, value);
}

static void check_action(const struct xlcfg_key *key)
{
    static const char *const good[] = { "destroy", "restart", "preserve",
                                        "coredump-destroy",
                                        "coredump-restart" };
    for (size_t i = 0; i < 5; i++) {
        expect_key_ok(key, good[i]);
        CU_ASSERT_STRING_EQUAL(
            wire_enum_word(&wire_enum_action,
                           *(int *)(void *)((char *)&def + key->offset)),
            good[i]);
    }
    expect_key_bad(key, "rename-restart");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "restart"));
    expect_key_bad(key, "soft-reset");
    expect_key_bad(key, "Destroy");
    expect_key_bad(key, "\"\"");
    expect_key_bad(key, "[ \"destroy\" ]");
}

static void check_only(const struct xlcfg_key *key)
{
    char value[64];
    const char *at = key->allowed;
    for (;;) {
        size_t len = strcspn(at, "|");
        snprintf(value, sizeof(value), "%.*s", (int)len, at);
        expect_key_ok(key, value);
        if (!at[len])
            break;
        at += len + 1;
    }
    expect_key_bad(key, "7");
    expect_key_bad(key, "\"other\"");
    expect_key_bad(key, "[ \"x\" ]");
    CU_ASSERT_STRING_EQUAL(err.hint, key->text);
}

static void check_refused(const struct xlcfg_key *key)
{
    expect_key_bad(key, "1");
    expect_key_bad(key, "\"x\"");
    expect_key_bad(key, "[ \"x\" ]");
    CU_ASSERT_STRING_EQUAL(err.hint, key->text);
    /* the line in the file is named as well */
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "not"));
}

static void test_every_key(void)
{
    size_t n, n_own = 0;
    const struct xlcfg_key *keys = xlcfg_keys(&n);
    for (size_t i = 0; i < n; i++) {
        const struct xlcfg_key *key = &keys[i];
        switch (key->kind) {
        case XLCFG_STR:
        case XLCFG_PATH:
            check_text(key);
            break;
        case XLCFG_MEM:
        case XLCFG_U32:
        case XLCFG_I64:
            check_number(key);
            break;
        case XLCFG_BOOL:
        case XLCFG_TRISTATE:
            check_bool(key);
            break;
        case XLCFG_ACTION:
            check_action(key);
            break;
        case XLCFG_OWN:
            n_own++; /* in the tests below */
            break;
        case XLCFG_ONLY:
            check_only(key);
            break;
        case XLCFG_HVM:
        case XLCFG_NOT_YET:
        case XLCFG_NEVER:
            check_refused(key);
            break;
        }
    }
    printf("    %zu keys, %zu of them by hand\n", n, n_own);
    CU_ASSERT(n > 150);
}

static void test_table(void)
{
    size_t n;
    const struct xlcfg_key *keys = xlcfg_keys(&n);
    for (size_t i = 0; i < n; i++) {
        CU_ASSERT(keys[i].text && strlen(keys[i].text) > 5);
        /* honoured ones are sentences, refused ones the end of one */
        bool stop = keys[i].text[strlen(keys[i].text) - 1] == '.';
        if (stop != xlcfg_key_is_honoured(&keys[i]))
            printf("    %s: %s\n", keys[i].name, keys[i].text);
        CU_ASSERT_EQUAL(stop, xlcfg_key_is_honoured(&keys[i]));
        for (size_t k = 0; k < i; k++)
            CU_ASSERT_STRING_NOT_EQUAL(keys[i].name, keys[k].name);
    }
}

/* ---- the keys with functions ---- */

static void test_defaults(void)
{
    expect_ok("vcpus=3");
    CU_ASSERT_EQUAL(def.type, WIRE_PV);
    CU_ASSERT_EQUAL(def.memory.kib, 64 * 1024);
    CU_ASSERT_EQUAL(def.max_memory.kib, 64 * 1024);
    CU_ASSERT_EQUAL(def.vcpus, 3);
    CU_ASSERT_EQUAL(def.max_vcpus, 3);
    CU_ASSERT_EQUAL(def.on_poweroff, WIRE_DESTROY);
    CU_ASSERT_EQUAL(def.on_reboot, WIRE_RESTART);
    CU_ASSERT_EQUAL(def.on_crash, WIRE_DESTROY);
    CU_ASSERT_EQUAL(def.on_watchdog, WIRE_DESTROY);
    CU_ASSERT_EQUAL(def.on_boot, WIRE_BOOT_LAST);
    CU_ASSERT_EQUAL(def.max_grant_frames, -1);
    CU_ASSERT_EQUAL(def.nestedhvm, WIRE_DEFAULT);
    CU_ASSERT(uuid_is_zero(&def.uuid));
    CU_ASSERT_STRING_EQUAL(def.cmdline, "");
    expect_ok("maxvcpus=4");
    CU_ASSERT_EQUAL(def.vcpus, 1);
    CU_ASSERT_EQUAL(def.max_vcpus, 4);
    expect_ok("memory=96\nmaxmem=128");
    CU_ASSERT_EQUAL(def.memory.kib, 96 * 1024);
    CU_ASSERT_EQUAL(def.max_memory.kib, 128 * 1024);
}

static void test_identity(void)
{
    expect_ok("name=web-2_a.B");
    CU_ASSERT_STRING_EQUAL(def.name, "web-2_a.B");
    expect_bad("name=a/b", "'name'");
    expect_bad("name=\"a b\"", "'name'");
    expect_bad("name=a+b", "'name'");
    expect_bad("name=_b", "'name'");
    expect_bad("name=.b", "'name'");
    expect_bad("name=\"\"", "'name'");
    expect_bad("name=[ \"x\" ]", "'name'");
    expect_ok("uuid=4a1ba2fe-6b2b-4c3e-9f77-0d3f1e6a2b11");
    CU_ASSERT(!uuid_is_zero(&def.uuid));
    expect_bad("uuid=4a1ba2fe", "'uuid'");
    expect_bad("uuid=00000000-0000-0000-0000-000000000000", "'uuid'");
    expect_ok("type=pvh");
    CU_ASSERT_EQUAL(def.type, WIRE_PVH);
    expect_ok("type=\"pv\"");
    expect_bad("type=hvm", "HVM");
    expect_bad("type=p", "'type'");
    expect_bad("type=[ \"pv\" ]", "'type'");
    expect_ok("builder=generic");
    CU_ASSERT_EQUAL(def.type, WIRE_PV);
    expect_ok("builder=linux\ntype=pv");
    expect_bad("builder=hvm", "HVM");
    expect_bad("builder=generic\ntype=pvh", "contradicts");
    expect_bad("builder=other", "'builder'");
}

static void test_boot(void)
{
    expect_ok("cmdline=\"a b\"");
    CU_ASSERT_STRING_EQUAL(def.cmdline, "a b");
    expect_ok("root=/dev/xvda\nextra=\"ro quiet\"");
    CU_ASSERT_STRING_EQUAL(def.cmdline, "root=/dev/xvda ro quiet");
    expect_ok("extra=quiet\nroot=/dev/xvda");
    CU_ASSERT_STRING_EQUAL(def.cmdline, "root=/dev/xvda quiet");
    expect_ok("root=/dev/xvda");
    CU_ASSERT_STRING_EQUAL(def.cmdline, "root=/dev/xvda");
    expect_ok("extra=\"console=hvc0\"");
    CU_ASSERT_STRING_EQUAL(def.cmdline, "console=hvc0");
    expect_ok("cmdline=one\nroot=/dev/xvda\nextra=two");
    CU_ASSERT_STRING_EQUAL(def.cmdline, "one");
    CU_ASSERT_EQUAL(n_notes, 2);
    expect_bad("extra=[ \"x\" ]", "'extra'");
    expect_bad("kernel=\"\"", "'kernel'");
    expect_ok("bootloader=pygrub\nbootloader_args=[ \"-q\", \"--x\" ]");
    CU_ASSERT_STRING_EQUAL(def.bootloader, "pygrub");
    CU_ASSERT_EQUAL(def.n_bootloader_args, 2);
    expect_ok("bootloader=pygrub\nbootloader_args=\"-q  --x\"");
    CU_ASSERT_EQUAL(def.n_bootloader_args, 2);
    CU_ASSERT_STRING_EQUAL(def.bootloader_args[1], "--x");
    expect_ok("vdc_on_boot=start");
    CU_ASSERT_EQUAL(def.on_boot, WIRE_BOOT_START);
    expect_ok("vdc_on_boot=\"off\"");
    CU_ASSERT_EQUAL(def.on_boot, WIRE_BOOT_OFF);
    expect_bad("vdc_on_boot=never", "'vdc_on_boot'");
    expect_bad("vdc_on_boot=[ \"off\" ]", "'vdc_on_boot'");
}

static void test_relative_paths(void)
{
    char cwd[4096], want[8192];
    CU_ASSERT_PTR_NOT_NULL_FATAL(getcwd(cwd, sizeof(cwd)));
    expect_ok("kernel=vmlinuz\nramdisk=./a/initrd\n"
              "disk=[ \"d/x.img,raw,xvda,w\" ]");
    snprintf(want, sizeof(want), "%s/vmlinuz", cwd);
    CU_ASSERT_STRING_EQUAL(def.kernel, want);
    snprintf(want, sizeof(want), "%s/a/initrd", cwd);
    CU_ASSERT_STRING_EQUAL(def.ramdisk, want);
    snprintf(want, sizeof(want), "%s/d/x.img", cwd);
    CU_ASSERT_STRING_EQUAL(def.disks[0].target, want);
    expect_ok("bootloader=boot/find");
    snprintf(want, sizeof(want), "%s/boot/find", cwd);
    CU_ASSERT_STRING_EQUAL(def.bootloader, want);
    expect_ok("kernel=/abs/../vmlinuz");
    CU_ASSERT_STRING_EQUAL(def.kernel, "/abs/../vmlinuz");
}

static void test_cpus(void)
{
    static const char *const good[] = { "all", "0", "0-3,5,^1", "all,^7",
                                        "nodes:0-3,^node:2", "node:1,^6" };
    static const char *const bad[] = { "", "x", "3-1", "0-", "^all", "1;2",
                                       "node:", "-1", "0,,x" };
    char line[128];
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        snprintf(line, sizeof(line), "cpus=\"%s\"\nvcpus=2", good[i]);
        expect_ok(line);
        CU_ASSERT_EQUAL(def.n_cpus, 2);
        CU_ASSERT_STRING_EQUAL(def.cpus[1], good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(line, sizeof(line), "cpus=\"%s\"", bad[i]);
        expect_bad(line, "'cpus'");
    }
    expect_ok("vcpus=2\ncpus=[ \"2\", \"3-8,^5\" ]\ncpus_soft=\"all\"");
    CU_ASSERT_EQUAL(def.n_cpus, 2);
    CU_ASSERT_STRING_EQUAL(def.cpus[1], "3-8,^5");
    CU_ASSERT_EQUAL(def.n_cpus_soft, 2);
    expect_ok("cpus=3");
    CU_ASSERT_STRING_EQUAL(def.cpus[0], "3");
    expect_bad("cpus_soft=[ \"1\", \"x\" ]", "'cpus_soft'");
    expect_bad("vcpus=4\nmaxvcpus=2", "'maxvcpus' (2) is less");
    expect_bad("memory=128\nmaxmem=64", "'maxmem' (64) is less");
}

static void test_cpuid(void)
{
#define BITS "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx0"
    expect_ok("cpuid=[ \"1:ecx=" BITS ",edx=" BITS "\", "
              "\"0x80000001:ecx=" BITS "\", \"7,0:ebx=" BITS "\" ]");
    CU_ASSERT_EQUAL(def.n_cpuid, 3);
    expect_bad("cpuid=\"host,tm=0\"", "'cpuid'");
    expect_bad("cpuid=[ \"1\" ]", "colon");
    expect_bad("cpuid=[ \"q:ecx=" BITS "\" ]", "leaf");
    expect_bad("cpuid=[ \"1:efx=" BITS "\" ]", "register");
    expect_bad("cpuid=[ \"1:ecx=x" BITS "\" ]", "32");
    expect_bad("cpuid=[ \"1:ecx=01\" ]", "32");
    expect_ok("tsc_mode=native");
    CU_ASSERT_STRING_EQUAL(def.tsc_mode, "native");
    expect_ok("tsc_mode=1");
    CU_ASSERT_STRING_EQUAL(def.tsc_mode, "always_emulate");
    expect_bad("tsc_mode=native_paravirt", "'tsc_mode'");
    expect_bad("tsc_mode=9", "'tsc_mode'");
    expect_bad("tsc_mode=[ \"native\" ]", "'tsc_mode'");
    expect_bad("pvshim=1", "'pvshim'");
    expect_ok("pvshim=0");
    expect_bad("nestedhvm=1", "'nestedhvm'");
}

static void test_disks(void)
{
    expect_ok("disk=[ \"/a,raw,xvda,w\", "
              "\"format=raw,vdev=xvdb,access=ro,target=/b\" ]");
    CU_ASSERT_EQUAL(def.n_disks, 2);
    CU_ASSERT_STRING_EQUAL(def.disks[0].vdev, "xvda");
    CU_ASSERT(!def.disks[0].readonly);
    CU_ASSERT_STRING_EQUAL(def.disks[1].target, "/b");
    CU_ASSERT(def.disks[1].readonly);
    expect_ok("disk=[]");
    CU_ASSERT_EQUAL(def.n_disks, 0);
    expect_bad("disk=\"/a,raw,xvda,w\"", "'disk'");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "["));
    expect_bad("disk=[ \"/a,raw,xvda,q\" ]", "'disk'");
    expect_bad("disk=[ \"/a,raw,xvda,w\", \"/b,raw,xvda,w\" ]", "xvda");
}

static void test_ignored(void)
{
    expect_ok("vncviewer=1\ndevice_model=\"/usr/lib/qemu-dm\"");
    CU_ASSERT_EQUAL(n_notes, 2);
}

/* ---- files and settings ---- */

static char file_path[] = "/tmp/test_xlcfg.XXXXXX";

static int try_file(const char *text, const char *const *settings, size_t n)
{
    FILE *f = fopen(file_path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(text, f);
    fclose(f);
    arena_free(arena);
    arena = arena_new();
    memset(&err, 0, sizeof(err));
    return xlcfg_read(file_path, settings, n, arena, &def, &notes, &n_notes,
                      &err);
}

static void test_problems_of_a_file(void)
{
    int fd = mkstemp(file_path);
    CU_ASSERT_FATAL(fd >= 0);
    close(fd);
    CU_ASSERT_EQUAL(try_file("name = \"web\"\nmemroy = 64\nkernel = \"/k\"\n",
                             NULL, 0), VDC_E_BAD_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, ":2: unknown key 'memroy'"));
    CU_ASSERT_STRING_EQUAL(err.hint, "did you mean 'memory'?");
    CU_ASSERT_EQUAL(strncmp(err.text, file_path, strlen(file_path)), 0);
    CU_ASSERT_PTR_NULL(strchr(err.text, '\n'));

    /* all at once, in the order of the lines, hints beside them */
    CU_ASSERT_EQUAL(try_file("vcpus = \"two\"\n\nmemroy = 64\n"
                             "pci = [ \"01.0\" ]\ntype = \"hvm\"\n",
                             NULL, 0), VDC_E_BAD_CONFIG);
    const char *two = strstr(err.text, ":1: 'vcpus' wants a number from 1 to "
                                       "512, got \"two\"");
    const char *key = strstr(err.text, ":3: unknown key 'memroy' (did you");
    const char *pci = strstr(err.text, ":4: 'pci'");
    const char *hvm = strstr(err.text, ":5: HVM");
    const char *name = strstr(err.text, ": 'name' is missing");
    CU_ASSERT(two && key && pci && hvm && name);
    CU_ASSERT(two < key && key < pci && pci < hvm && hvm < name);
    CU_ASSERT_STRING_EQUAL(err.hint, "");

    /* more than can be shown are counted */
    char many[4096] = "";
    for (int i = 0; i < 100; i++)
        snprintf(many + strlen(many), sizeof(many) - strlen(many),
                 "unknown_%d = 1\n", i);
    CU_ASSERT_EQUAL(try_file(many, NULL, 0), VDC_E_BAD_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "more"));

    CU_ASSERT_EQUAL(try_file("name = \n", NULL, 0), VDC_E_BAD_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, file_path));
    unlink(file_path);
    CU_ASSERT_EQUAL(xlcfg_read("/nonexistent/x.cfg", NULL, 0, arena, &def,
                               NULL, NULL, &err), VDC_E_NO_FILE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/nonexistent/x.cfg"));
}

static void test_settings(void)
{
    static const char file[] = "name = \"web\"\nkernel = \"/k\"\n"
                               "memory = 64\nvif = [ \"bridge=a\" ]\n"
                               "memroy_ok = 1\n";
    static const char *const settings[] = {
        "name=web2", "memory=256", "vif=[\"bridge=b\"]",
        "cpus=\"0-3\"; vcpus=2", "extra=root=/dev/xvda quiet",
        "kernel=/boot/vmlinuz-6.1",
    };
    /* the unknown key of the file counts still */
    CU_ASSERT_EQUAL(try_file(file, settings, 6), VDC_E_BAD_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, ":5: unknown key"));
    char *sound = arena_strdup(arena, file);
    *strstr(sound, "memroy_ok") = '#';
    CU_ASSERT_EQUAL(try_file(sound, settings, 6), 0);
    CU_ASSERT_STRING_EQUAL(def.name, "web2");
    CU_ASSERT_EQUAL(def.memory.kib, 256 * 1024);
    CU_ASSERT_EQUAL(def.n_nics, 1);
    CU_ASSERT_STRING_EQUAL(def.nics[0].bridge, "b");
    CU_ASSERT_EQUAL(def.vcpus, 2);
    CU_ASSERT_STRING_EQUAL(def.cmdline, "root=/dev/xvda quiet");
    CU_ASSERT_STRING_EQUAL(def.kernel, "/boot/vmlinuz-6.1");
    unlink(file_path);

    expect_ok("extra=a\\b");
    CU_ASSERT_STRING_EQUAL(def.cmdline, "a\\b");
    expect_ok("extra=one\nextra=two"); /* the last one counts */
    CU_ASSERT_STRING_EQUAL(def.cmdline, "two");
    expect_bad("memroy=1", "command line: unknown key 'memroy'");
    expect_bad("extra+=x", "+=");
    CU_ASSERT_EQUAL(try("memory=["), VDC_E_BAD_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "'memory=['"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "command line"));
    expect_bad("memory=256M", "256M");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "MiB"));
}

/* What cannot be sent is told with its line, not when it is sent. */
static void test_text(void)
{
    expect_ok("extra=\"ein \xC3\xBC\"");
    expect_bad("extra=\"a\x8E" "b\"",
               "the value of 'extra' is not UTF-8 text");
    expect_bad("extra=\"a\x01\"",
               "the value of 'extra' has a control character");
    expect_bad("vif=[ \"bridge=xenbr0\", \"bridge=\xFF\" ]",
               "the value of 'vif' is not UTF-8 text");
    expect_bad("disk=[ \"/d,raw,xvd0123456789012345678901234567890,w\" ]",
               "vdev of disk: too long");
    try_end();
}

static void test_missing(void)
{
    static const char *const no_kernel[] = { "name=x", "memory=64" };
    static const char *const little[] = { "name=x", "kernel=/k" };
    arena_free(arena);
    arena = arena_new();
    CU_ASSERT_EQUAL(xlcfg_read(NULL, no_kernel, 2, arena, &def, NULL, NULL,
                               &err), VDC_E_BAD_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "'kernel'"));
    CU_ASSERT_EQUAL(xlcfg_read(NULL, no_kernel + 1, 1, arena, &def, NULL,
                               NULL, &err), VDC_E_BAD_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "'name' is missing"));
    CU_ASSERT_EQUAL(xlcfg_read(NULL, little, 2, arena, &def, &notes, &n_notes,
                               &err), 0);
    CU_ASSERT_EQUAL(def.memory.kib, 32 * 1024); /* as xl */
    CU_ASSERT_EQUAL(n_notes, 1);
    try_end();
}

static const struct unit_test tests[] = {
    { "the table of keys is whole", test_table },
    { "every key by its type, right and wrong", test_every_key },
    { "defaults as xl's", test_defaults },
    { "name, uuid, type, builder", test_identity },
    { "kernel command line, boot loader, vdc_on_boot", test_boot },
    { "relative paths", test_relative_paths },
    { "cpus, and what must not be less", test_cpus },
    { "cpuid, tsc_mode, keys for PVH", test_cpuid },
    { "disk", test_disks },
    { "what xl reads past", test_ignored },
    { "problems of a file", test_problems_of_a_file },
    { "settings of the command line", test_settings },
    { "text that no message can carry", test_text },
    { "what must be there", test_missing },
};

UNIT_MAIN("xl-ext/xlcfg", tests)
