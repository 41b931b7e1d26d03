/* Tests of files/files.c. */
#include "files/files.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/savefile.h"
#include "tests/unit/unit.h"

static char top[PATH_MAX];
static char own[PATH_MAX + 8], shared[PATH_MAX + 8];
static const char *items[2];
static const struct setting_list paths = { 2, items };

static void make(const char *name, off_t size)
{
    char path[PATH_MAX + 32];
    snprintf(path, sizeof(path), "%s/%s", top, name);
    int fd = open(path, O_CREAT | O_WRONLY, 0644);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(ftruncate(fd, size), 0);
    close(fd);
}

static void folder(const char *name)
{
    char path[PATH_MAX + 32];
    snprintf(path, sizeof(path), "%s/%s", top, name);
    CU_ASSERT_EQUAL(mkdir(path, 0755), 0);
}

static void link_to(const char *name, const char *target)
{
    char path[PATH_MAX + 32], to[PATH_MAX + 32];
    snprintf(path, sizeof(path), "%s/%s", top, name);
    snprintf(to, sizeof(to), "%s/%s", top, target);
    CU_ASSERT_EQUAL(symlink(to, path), 0);
}

static void set_up(void)
{
    char template[] = "/tmp/xen-vdc-files-XXXXXX";

    CU_ASSERT_FATAL(mkdtemp(template) && realpath(template, top));
    umask(022);
    folder("own");
    folder("own/acme");
    folder("own/globex");
    folder("own/acme/open");
    folder("own/acme/tmp");
    folder("shared");
    make("own/acme/kernel", 10);
    make("own/acme/disk", 1024 * 1024);
    make("own/acme/loose", 1024);
    make("own/acme/open/kernel", 1);
    make("own/acme/tmp/kernel", 1);
    make("own/globex/kernel", 1);
    make("shared/base", 4096);
    make("secret", 1);
    link_to("own/acme/link", "own/acme/kernel");
    link_to("own/acme/out", "secret");
    char path[PATH_MAX + 32];
    snprintf(path, sizeof(path), "%s/own/acme/open", top);
    CU_ASSERT_EQUAL(chmod(path, 0777), 0);
    snprintf(path, sizeof(path), "%s/own/acme/tmp", top);
    CU_ASSERT_EQUAL(chmod(path, 01777), 0);
    snprintf(path, sizeof(path), "%s/own/acme/loose", top);
    CU_ASSERT_EQUAL(chmod(path, 0664), 0);
    snprintf(own, sizeof(own), "%s/own/%%c", top);
    snprintf(shared, sizeof(shared), "%s/shared", top);
    items[0] = own;
    items[1] = shared;
}

static void tear_down(void)
{
    char command[PATH_MAX + 16];
    snprintf(command, sizeof(command), "rm -rf '%s'", top);
    CU_ASSERT_EQUAL(system(command), 0);
}

static int check(bool restricted, struct wire_definition *d,
                 struct arena *arena, struct vdc_error *err)
{
    const struct files files = { &paths, "acme", restricted, arena };
    struct reasons reasons = { 0 };

    files_check(&files, d, &reasons);
    return reasons_error(&reasons, err);
}

static int check_kernel(const char *name, bool restricted, char *ret,
                        struct vdc_error *err)
{
    struct arena *arena = arena_new();
    struct wire_definition d;

    wire_init(&wire_struct_definition, &d);
    d.kernel = arena_printf(arena, "%s/%s", top, name);
    int rc = check(restricted, &d, arena, err);
    if (ret)
        strcpy(ret, d.kernel + strlen(top) + 1);
    arena_free(arena);
    return rc;
}

/* The text of an error without the path it is about. */
static void words(const struct vdc_error *err, char *ret)
{
    const char *quote = strchr(err->text, '\'');

    sprintf(ret, "%.*s|%s", (int)(quote - err->text), err->text, err->hint);
}

static void customers_files(void)
{
    char found[PATH_MAX], none[2048], other[2048];
    struct vdc_error err = { 0 };

    set_up();
    CU_ASSERT_EQUAL(check_kernel("own/acme/kernel", true, found, NULL), 0);
    CU_ASSERT_EQUAL(check_kernel("own/acme/link", true, found, NULL), 0);
    CU_ASSERT_STRING_EQUAL(found, "own/acme/kernel");
    CU_ASSERT_EQUAL(
        check_kernel("own/acme/../acme//kernel", true, found, NULL), 0);
    CU_ASSERT_STRING_EQUAL(found, "own/acme/kernel");
    CU_ASSERT_EQUAL(check_kernel("shared/base", true, NULL, NULL), 0);

    CU_ASSERT_EQUAL(check_kernel("own/acme/none", true, NULL, &err),
                    VDC_E_NO_FILE);
    words(&err, none);
    static const char *const outside[] = {
        "secret",
        "own/acme/out",
        "own/acme/../globex/kernel",
        "own/globex/kernel",
        "own/globex/none",
        "none",
        "own/acme",
    };
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        CU_ASSERT_EQUAL(check_kernel(outside[i], true, NULL, &err),
                        VDC_E_NO_FILE);
        words(&err, other);
        CU_ASSERT_STRING_EQUAL(none, other);
    }
    /* in its place, but others could exchange it */
    CU_ASSERT_EQUAL(check_kernel("own/acme/open/kernel", true, NULL, &err),
                    VDC_E_DENIED);
    CU_ASSERT_EQUAL(check_kernel("own/acme/tmp/kernel", true, NULL, &err),
                    VDC_E_DENIED);
    /* others could write to it while it is mapped */
    CU_ASSERT_EQUAL(check_kernel("own/acme/loose", true, NULL, &err),
                    VDC_E_DENIED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "write"));
    if (geteuid() == 0) {
        char path[PATH_MAX + 32];
        snprintf(path, sizeof(path), "%s/own/acme/kernel", top);
        CU_ASSERT_EQUAL(chown(path, 54001, 54001), 0);
        CU_ASSERT_EQUAL(check_kernel("own/acme/kernel", true, NULL, &err),
                        VDC_E_DENIED);
    }
    tear_down();
}

static void operators_files(void)
{
    struct vdc_error err = { 0 };

    set_up();
    CU_ASSERT_EQUAL(check_kernel("secret", false, NULL, NULL), 0);
    CU_ASSERT_EQUAL(check_kernel("own/acme/open/kernel", false, NULL, NULL),
                    0);
    CU_ASSERT_EQUAL(check_kernel("own/acme/loose", false, NULL, NULL), 0);
    CU_ASSERT_EQUAL(check_kernel("none", false, NULL, &err), VDC_E_NO_FILE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "kernel"));
    CU_ASSERT_EQUAL(check_kernel("own", false, NULL, &err), VDC_E_BAD_VALUE);
    tear_down();
}

static int check_disk(const char *name, bool readonly, uint64_t *ret_kib,
                      struct vdc_error *err)
{
    struct arena *arena = arena_new();
    struct wire_definition d;
    struct wire_disk disk;

    wire_init(&wire_struct_definition, &d);
    wire_init(&wire_struct_disk, &disk);
    disk.target = arena_printf(arena, "%s/%s", top, name);
    disk.vdev = "xvda";
    disk.readonly = readonly;
    d.disks = &disk;
    d.n_disks = 1;
    int rc = check(true, &d, arena, err);
    if (ret_kib)
        *ret_kib = disk.size.kib;
    arena_free(arena);
    return rc;
}

static void disks(void)
{
    struct vdc_error err = { 0 };
    uint64_t kib = 0;

    set_up();
    CU_ASSERT_EQUAL(check_disk("own/acme/disk", false, &kib, NULL), 0);
    CU_ASSERT_EQUAL(kib, 1024);
    CU_ASSERT_EQUAL(check_disk("own/acme/loose", false, &kib, NULL), 0);
    CU_ASSERT_EQUAL(kib, 1);
    CU_ASSERT_EQUAL(check_disk("shared/base", true, &kib, NULL), 0);
    CU_ASSERT_EQUAL(kib, 4);
    CU_ASSERT_EQUAL(check_disk("shared/base", false, NULL, &err),
                    VDC_E_DENIED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "read-only"));
    CU_ASSERT_EQUAL(check_disk("own/acme/none", false, NULL, &err),
                    VDC_E_NO_FILE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "disk xvda"));
    tear_down();
}

static void measures(void)
{
    struct wire_definition d;
    struct wire_disk disk[2];
    char path[PATH_MAX + 32];

    set_up();
    wire_init(&wire_struct_definition, &d);
    wire_init(&wire_struct_disk, &disk[0]);
    wire_init(&wire_struct_disk, &disk[1]);
    snprintf(path, sizeof(path), "%s/own/acme/disk", top);
    disk[0].target = path;
    disk[0].size = MEM_KIB(1024);
    disk[1].target = "/none/there";
    disk[1].size = MEM_KIB(7);
    d.disks = disk;
    d.n_disks = 2;
    CU_ASSERT_FALSE(files_measure(&d));
    make("own/acme/disk", 2048 * 1024 + 1);
    CU_ASSERT(files_measure(&d));
    CU_ASSERT_EQUAL(disk[0].size.kib, 2049);
    CU_ASSERT_EQUAL(disk[1].size.kib, 7);
    disk[0].readonly = true;
    disk[0].size = MEM_KIB(1);
    CU_ASSERT_FALSE(files_measure(&d)); /* it counts for nobody */
    tear_down();
}

static const struct vdc_uuid one = { { 1 } }, two = { { 2 } };

static void make_saved(const char *name, const struct vdc_uuid *uuid)
{
    const struct savefile_head head = { *uuid, 1 };
    char path[PATH_MAX + 32];

    snprintf(path, sizeof(path), "%s/%s", top, name);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(savefile_write(fd, &head, NULL), 0);
    close(fd);
}

typedef void check_saved_fn(const struct files *files,
                            const struct vdc_uuid *uuid, const char **path,
                            struct reasons *reasons);

static int check_saved(check_saved_fn *fn, const char *name, bool restricted,
                       const struct vdc_uuid *uuid, struct vdc_error *err)
{
    struct arena *arena = arena_new();
    const struct files files = { &paths, "acme", restricted, arena };
    const char *path = arena_printf(arena, "%s/%s", top, name);
    struct reasons reasons = { 0 };

    fn(&files, uuid, &path, &reasons);
    int rc = reasons_error(&reasons, err);
    if (!rc) /* canonical: no link, no dots */
        CU_ASSERT_PTR_NULL(strstr(path, ".."));
    arena_free(arena);
    return rc;
}

static void saving(void)
{
    struct vdc_error err = { 0 };
    char none[2048], other[2048];
#define SAVE(name, restricted) \
    check_saved(files_check_save, name, restricted, &one, &err)

    set_up();
    make_saved("own/acme/mine", &one);
    make_saved("own/acme/hers", &two);
    CU_ASSERT_EQUAL(SAVE("own/acme/new", true), 0);
    CU_ASSERT_EQUAL(SAVE("own/acme/../acme/new", true), 0);
    CU_ASSERT_EQUAL(SAVE("own/acme/mine", true), 0);
    static const char *const there[] = { "own/acme/hers", "own/acme/disk",
                                         "own/acme/link", "own/acme/out" };
    for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++) {
        CU_ASSERT_EQUAL(SAVE(there[i], true), VDC_E_EXISTS);
        CU_ASSERT_EQUAL(SAVE(there[i], false), VDC_E_EXISTS);
    }
    CU_ASSERT_EQUAL(SAVE("own/acme/none/new", true), VDC_E_NO_FILE);
    words(&err, none);
    static const char *const outside[] = { "new", "own/globex/new",
                                           "own/acme/../new", "shared/new",
                                           "secret" };
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        CU_ASSERT_EQUAL(SAVE(outside[i], true), VDC_E_NO_FILE);
        words(&err, other);
        CU_ASSERT_STRING_EQUAL(none, other);
    }
    CU_ASSERT_EQUAL(SAVE("own/acme/open/new", true), VDC_E_DENIED);
    CU_ASSERT_EQUAL(SAVE("own/acme/..", true), VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(SAVE("own/acme/", true), VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(SAVE("new", false), 0);
    tear_down();
}

/* Its own, also in folders within; 64 bytes each are a KiB.  Neither what
 * links lead to, nor other files, nor another's. */
static void saved(void)
{
    struct arena *arena = arena_new();
    const struct files files = { &paths, "acme", true, arena };

    set_up();
    CU_ASSERT_EQUAL(files_measure_saved(&files).kib, 0);
    make_saved("own/acme/mine", &one);
    make_saved("own/acme/open/hers", &two);
    make_saved("own/globex/theirs", &one);
    make_saved("shared/all", &one);
    char link[PATH_MAX + 32];
    snprintf(link, sizeof(link), "%s/own/acme/again", top);
    CU_ASSERT_EQUAL(symlink("mine", link), 0);
    CU_ASSERT_EQUAL(files_measure_saved(&files).kib, 2);
    arena_free(arena);
    tear_down();
}

static void restoring(void)
{
    struct vdc_error err = { 0 };
    char path[PATH_MAX + 32];
#define RESTORE(name, restricted) \
    check_saved(files_check_restore, name, restricted, &one, &err)

    set_up();
    make_saved("own/acme/mine", &one);
    make_saved("own/acme/hers", &two);
    make_saved("own/globex/mine", &one);
    CU_ASSERT_EQUAL(RESTORE("own/acme/mine", true), 0);
    CU_ASSERT_EQUAL(RESTORE("own/acme/hers", true), VDC_E_BAD_VALUE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "another guest"));
    CU_ASSERT_EQUAL(RESTORE("own/acme/disk", true), VDC_E_BAD_VALUE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "not a file that"));
    CU_ASSERT_EQUAL(RESTORE("own/globex/mine", true), VDC_E_NO_FILE);
    CU_ASSERT_EQUAL(RESTORE("own/globex/mine", false), 0);
    snprintf(path, sizeof(path), "%s/own/acme/mine", top);
    CU_ASSERT_EQUAL(chmod(path, 0666), 0);
    CU_ASSERT_EQUAL(RESTORE("own/acme/mine", true), VDC_E_DENIED);
    tear_down();
}

static const struct unit_test tests[] = {
    { "files of customers", customers_files },
    { "files of operators", operators_files },
    { "disks", disks },
    { "disks that grew", measures },
    { "files to save to", saving },
    { "files of saved guests", saved },
    { "files to restore from", restoring },
};

UNIT_MAIN("policyd/files", tests)
