/*
 * The files of definitions; see files.h.
 */
#include "policyd/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

struct check {
    const struct setting_list *paths;
    const char *customer;
    bool restricted;
    struct arena *arena;
};

struct found {
    const char *path; /* canonical */
    bool shared;      /* in a directory of all customers */
    struct stat st;
};

/* "/a/%c" -> "/a/acme" */
static const char *expand(const struct check *check, const char *pattern,
                          bool *ret_shared)
{
    const char *mark = strstr(pattern, "%c");

    *ret_shared = !mark;
    if (!mark)
        return pattern;
    return arena_printf(check->arena, "%.*s%s%s", (int)(mark - pattern),
                        pattern, check->customer, mark + 2);
}

static bool is_under(const char *path, const char *dir)
{
    size_t len = strlen(dir);

    return strncmp(path, dir, len) == 0 && path[len] == '/';
}

/*
 * Finds the allowed directory that holds the canonical path.  The directory
 * itself may be reached through links: the operator chose it.
 */
static bool find_allowed(const struct check *check, const char *path,
                         char *ret_dir, bool *ret_shared)
{
    for (size_t i = 0; i < check->paths->n_items; i++) {
        const char *dir = expand(check, check->paths->items[i], ret_shared);
        if (realpath(dir, ret_dir) && is_under(path, ret_dir))
            return true;
    }
    return false;
}

/* Whether somebody else could put another file in its place after we looked:
 * every directory from the allowed one down must be root's, and root's only.
 * A sticky bit does not help: who owns a file there can exchange it. */
static int check_directories(const char *path, const char *top,
                             struct vdc_error *err)
{
    char dir[PATH_MAX];
    struct stat st;

    strcpy(dir, path);
    do {
        *strrchr(dir, '/') = '\0';
        if (lstat(dir, &st) != 0 || !S_ISDIR(st.st_mode) ||
            (st.st_uid != 0 && st.st_uid != geteuid()) ||
            st.st_mode & (S_IWGRP | S_IWOTH)) {
            vdc_error_set(err, VDC_E_DENIED,
                          "files in directory '%s' are not used: others than "
                          "root can exchange them",
                          dir);
            vdc_error_hint(err, "the directory must belong to root and be "
                                "writable by root only; disks in it may "
                                "belong to the customer");
            return VDC_E_DENIED;
        }
    } while (strlen(dir) > strlen(top));
    return 0;
}

static int no_such_file(const struct check *check, const char *what,
                        const char *path, struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_NO_FILE, "%s: no such file: '%s'", what, path);
    if (check->restricted) {
        char list[256] = "";
        for (size_t i = 0; i < check->paths->n_items; i++) {
            bool shared;
            const char *dir = expand(check, check->paths->items[i], &shared);
            if (strlen(list) + strlen(dir) + 5 > sizeof(list))
                break;
            strcat(strcat(list, *list ? " or " : ""), dir);
        }
        vdc_error_hint(err, "files of customer %s are under %s",
                       check->customer, list);
    }
    return VDC_E_NO_FILE;
}

static int find(const struct check *check, const char *what, const char *path,
                struct found *ret, struct vdc_error *err)
{
    char canonical[PATH_MAX], dir[PATH_MAX];

    if (path[0] != '/')
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "%s: '%s' is not an absolute path", what, path);
    ret->shared = false;
    if (!realpath(path, canonical)) {
        if (check->restricted || errno == ENOENT || errno == ENOTDIR)
            return no_such_file(check, what, path, err);
        return vdc_error_errno(err, VDC_E_NO_FILE, errno, "%s: '%s'", what,
                               path);
    }
    if (check->restricted) {
        if (!find_allowed(check, canonical, dir, &ret->shared))
            return no_such_file(check, what, path, err);
        int rc = check_directories(canonical, dir, err);
        if (rc) {
            vdc_error_prefix(err, "%s", what);
            return rc;
        }
    }
    if (stat(canonical, &ret->st) != 0)
        return no_such_file(check, what, path, err);
    ret->path = arena_strdup(check->arena, canonical);
    return 0;
}

/*
 * Whether somebody else could write to it.  libxl maps kernels and ramdisks
 * into resourced, shared, and takes them apart there: a file that is made
 * shorter meanwhile ends resourced (SIGBUS), one that changes is parsed in
 * parts that were not checked together.
 */
static int check_writers(const char *what, const char *path,
                         const struct stat *st, struct vdc_error *err)
{
    if ((st->st_uid == 0 || st->st_uid == geteuid()) &&
        !(st->st_mode & (S_IWGRP | S_IWOTH)))
        return 0;
    vdc_error_set(err, VDC_E_DENIED,
                  "%s: '%s' is not used: others than root can write to it",
                  what, path);
    vdc_error_hint(err, "kernels and ramdisks must belong to root and be "
                        "writable by root only; disks may belong to the "
                        "customer");
    return VDC_E_DENIED;
}

/* A kernel, ramdisk or the like; "" is none. */
static int check_file(const struct check *check, const char *what,
                      const char **path, struct vdc_error *err)
{
    struct found found;

    if (!**path)
        return 0;
    int rc = find(check, what, *path, &found, err);
    if (rc)
        return rc;
    if (!S_ISREG(found.st.st_mode))
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "%s: '%s' is not a regular file", what, *path);
    if (check->restricted)
        rc = check_writers(what, *path, &found.st, err);
    if (!rc)
        *path = found.path;
    return rc;
}

static int device_size(const char *path, uint64_t *ret_bytes)
{
    /* O_NONBLOCK: opening must not wait for a medium */
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return -1;
    int r = ioctl(fd, BLKGETSIZE64, ret_bytes);
    close(fd);
    return r;
}

static int check_disk(const struct check *check, struct wire_disk *disk,
                      struct vdc_error *err)
{
    const char *what = arena_printf(check->arena, "disk %s", disk->vdev);
    struct found found;
    uint64_t bytes;

    disk->size = MEM_KIB(0);
    /* an empty drive; or a file of another domain, which we cannot see */
    if (!*disk->target || *disk->backend)
        return 0;
    /* with a script, the target is whatever the script understands */
    if (*disk->script && disk->target[0] != '/')
        return 0;
    int rc = find(check, what, disk->target, &found, err);
    if (rc)
        return rc;
    if (S_ISREG(found.st.st_mode))
        bytes = (uint64_t)found.st.st_size;
    else if (!S_ISBLK(found.st.st_mode))
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "%s: '%s' is neither a file nor a block device",
                             what, disk->target);
    else if (device_size(found.path, &bytes) != 0)
        return vdc_error_errno(err, VDC_E_NO_FILE, errno, "%s: '%s'", what,
                               disk->target);
    if (check->restricted && found.shared && !disk->readonly) {
        vdc_error_set(err, VDC_E_DENIED,
                      "%s: '%s' is shared by customers and can only be "
                      "attached read-only",
                      what, disk->target);
        vdc_error_hint(err, "end the disk's specification with ',ro', or use "
                            "a copy of it");
        return VDC_E_DENIED;
    }
    disk->target = found.path;
    disk->size = MEM_KIB((bytes + 1023) / 1024);
    return 0;
}

int files_check(const struct setting_list *paths, const char *customer,
                bool restricted, struct wire_definition *definition,
                struct arena *arena, struct vdc_error *err)
{
    const struct check check = { .paths = paths,
                                 .customer = customer,
                                 .restricted = restricted,
                                 .arena = arena };
    int rc = check_file(&check, "kernel", &definition->kernel, err);
    if (!rc)
        rc = check_file(&check, "ramdisk", &definition->ramdisk, err);
    if (!rc)
        rc = check_file(&check, "pvshim_path", &definition->pvshim_path, err);
    /* a bare name (pygrub) is looked up by libxl among its own programs */
    if (!rc && strchr(definition->bootloader, '/'))
        rc = check_file(&check, "bootloader", &definition->bootloader, err);
    for (uint32_t i = 0; !rc && i < definition->n_disks; i++)
        rc = check_disk(&check, &definition->disks[i], err);
    return rc;
}
