/*
 * The files of definitions; see files.h.
 */
#include "files/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/image_ref.h"
#include "base/savefile.h"

/* The first of a definition's files that may be images instead. */
#define N_IMAGES 2
/* Directories within directories that are looked through. */
#define DEPTH_MAX 8

struct found {
    const char *path; /* canonical */
    bool shared;      /* in a directory of all customers */
    struct stat st;
};

/* "/a/%c" -> "/a/acme" */
static const char *expand(const struct files *files, const char *pattern,
                          bool *ret_shared)
{
    const char *mark = strstr(pattern, "%c");

    *ret_shared = !mark;
    if (!mark)
        return pattern;
    return arena_printf(files->arena, "%.*s%s%s", (int)(mark - pattern),
                        pattern, files->customer, mark + 2);
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
static bool find_allowed(const struct files *files, const char *path,
                         char *ret_dir, bool *ret_shared)
{
    for (size_t i = 0; i < files->paths->n_items; i++) {
        const char *dir = expand(files, files->paths->items[i], ret_shared);
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

static int no_such_file(const struct files *files, const char *what,
                        const char *path, struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_NO_FILE, "%s: no such file: '%s'", what, path);
    if (files->restricted) {
        char list[256] = "";
        for (size_t i = 0; i < files->paths->n_items; i++) {
            bool shared;
            const char *dir = expand(files, files->paths->items[i], &shared);
            if (strlen(list) + strlen(dir) + 5 > sizeof(list))
                break;
            strcat(strcat(list, *list ? " or " : ""), dir);
        }
        vdc_error_hint(err, "files of customer %s are under %s",
                       files->customer, list);
    }
    return VDC_E_NO_FILE;
}

static int find(const struct files *files, const char *what, const char *path,
                struct found *ret, struct vdc_error *err)
{
    char canonical[PATH_MAX], dir[PATH_MAX];

    if (path[0] != '/')
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "%s: '%s' is not an absolute path", what, path);
    ret->shared = false;
    if (!realpath(path, canonical)) {
        if (files->restricted || errno == ENOENT || errno == ENOTDIR)
            return no_such_file(files, what, path, err);
        return vdc_error_errno(err, VDC_E_NO_FILE, errno, "%s: '%s'", what,
                               path);
    }
    if (files->restricted) {
        if (!find_allowed(files, canonical, dir, &ret->shared))
            return no_such_file(files, what, path, err);
        int rc = check_directories(canonical, dir, err);
        if (rc) {
            vdc_error_prefix(err, "%s", what);
            return rc;
        }
    }
    if (stat(canonical, &ret->st) != 0)
        return no_such_file(files, what, path, err);
    ret->path = arena_strdup(files->arena, canonical);
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
    vdc_error_hint(err, "kernels, ramdisks and saved guests must belong to "
                        "root and be writable by root only; disks may belong "
                        "to the customer");
    return VDC_E_DENIED;
}

/* A kernel, ramdisk or the like. */
static int check_file(const struct files *files, const char *what,
                      const char **path, struct vdc_error *err)
{
    struct found found;
    int rc = find(files, what, *path, &found, err);
    if (rc)
        return rc;
    if (!S_ISREG(found.st.st_mode))
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "%s: '%s' is not a regular file", what, *path);
    if (files->restricted)
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

static struct mem whole_kib(uint64_t bytes)
{
    return MEM_KIB(bytes / 1024 + (bytes % 1024 != 0));
}

/* Not: an empty drive; a file of another domain; or, with a script, whatever
 * the script understands. */
static bool is_file(const struct wire_disk *disk)
{
    return *disk->target && !*disk->backend &&
           (!*disk->script || disk->target[0] == '/');
}

static int check_disk(const struct files *files, struct wire_disk *disk,
                      struct vdc_error *err)
{
    const char *what = arena_printf(files->arena, "disk %s", disk->vdev);
    struct found found;
    uint64_t bytes;

    disk->size = MEM_KIB(0);
    if (!is_file(disk))
        return 0;
    int rc = find(files, what, disk->target, &found, err);
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
    if (files->restricted && found.shared && !disk->readonly) {
        vdc_error_set(err, VDC_E_DENIED,
                      "%s: '%s' is shared by customers and can only be "
                      "attached read-only",
                      what, disk->target);
        vdc_error_hint(err, "end the disk's specification with ',ro', or use "
                            "a copy of it");
        return VDC_E_DENIED;
    }
    disk->target = found.path;
    disk->size = whole_kib(bytes);
    return 0;
}

void files_check_disk(const struct files *files, struct wire_disk *disk,
                      struct reasons *reasons)
{
    struct vdc_error err = { 0 };

    if (check_disk(files, disk, &err))
        reasons_add(reasons, &err);
}

void files_check(const struct files *files, struct wire_definition *d,
                 struct reasons *reasons)
{
    const struct {
        const char *what;
        const char **path;
    } named[] = {
        { "kernel", &d->kernel },
        { "ramdisk", &d->ramdisk },
        { "pvshim_path", &d->pvshim_path },
        { "bootloader", &d->bootloader },
    };

    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
        struct vdc_error err = { 0 };
        const char *path = *named[i].path;
        /* a bare name (pygrub) is looked up by libxl among its own programs */
        if (i < N_IMAGES && image_ref_is(path))
            continue; /* policyd knows whose it is */
        if (!*path || (named[i].path == &d->bootloader && !strchr(path, '/')))
            continue;
        if (check_file(files, named[i].what, named[i].path, &err))
            reasons_add(reasons, &err);
    }
    for (uint32_t i = 0; i < d->n_disks; i++)
        files_check_disk(files, &d->disks[i], reasons);
}

void files_check_operation(const struct files *files,
                           struct wire_operation *op, struct reasons *reasons)
{
    if (op->kind == WIRE_OP_CREATE)
        files_check(files, &op->definition, reasons);
    else if (op->kind == WIRE_OP_DISK_ATTACH)
        files_check_disk(files, &op->disk, reasons);
    else if (op->kind == WIRE_OP_SAVE)
        files_check_save(files, &op->uuid, &op->file, reasons);
    else if (op->kind == WIRE_OP_START && *op->file)
        files_check_restore(files, &op->uuid, &op->file, reasons);
}

bool files_measure(struct wire_definition *d)
{
    bool grown = false;

    for (uint32_t i = 0; i < d->n_disks; i++) {
        struct wire_disk *disk = &d->disks[i];
        struct stat st;
        uint64_t bytes = 0;
        if (!is_file(disk) || stat(disk->target, &st) != 0)
            continue;
        if (S_ISREG(st.st_mode))
            bytes = (uint64_t)st.st_size;
        else if (!S_ISBLK(st.st_mode) ||
                 device_size(disk->target, &bytes) != 0)
            continue;
        struct mem now = whole_kib(bytes);
        grown |= !disk->readonly && now.kib > disk->size.kib;
        disk->size = now;
    }
    return grown;
}

/* ---- saved guests ---- */

/* Whether the file says that it is of this guest. */
static int check_head(const char *what, const char *path,
                      const struct vdc_uuid *uuid, struct vdc_error *err)
{
    struct savefile_head head;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return vdc_error_errno(err, VDC_E_NO_FILE, errno, "%s: '%s'", what,
                               path);
    int rc = savefile_read(fd, &head, err);
    close(fd);
    if (rc)
        vdc_error_prefix(err, "%s: '%s'", what, path);
    else if (!uuid_equal(&head.uuid, uuid))
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "%s: '%s' was saved of another guest", what, path);
    return rc;
}

void files_check_restore(const struct files *files,
                         const struct vdc_uuid *uuid, const char **path,
                         struct reasons *reasons)
{
    struct vdc_error err = { 0 };
    int rc = check_file(files, "restore", path, &err);

    if (!rc)
        rc = check_head("restore", *path, uuid, &err);
    if (rc)
        reasons_add(reasons, &err);
}

static bool is_saved(int dir, const char *name)
{
    struct savefile_head head;
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return false;
    int rc = savefile_read(fd, &head, NULL);
    close(fd);
    return rc == 0;
}

static uint64_t saved_below(int parent, const char *name, int flags,
                            unsigned depth)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    struct stat st;
    uint64_t sum = 0;

    if (!dir) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    while ((entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 ||
            strcmp(entry->d_name, "..") == 0 ||
            fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
            sum += saved_below(fd, entry->d_name, O_NOFOLLOW, depth + 1);
        else if (S_ISREG(st.st_mode) && is_saved(fd, entry->d_name))
            sum += whole_kib((uint64_t)st.st_size).kib;
    }
    closedir(dir);
    return sum;
}

struct mem files_measure_saved(const struct files *files)
{
    uint64_t sum = 0;
    bool shared;

    for (size_t i = 0; i < files->paths->n_items; i++) {
        const char *dir = expand(files, files->paths->items[i], &shared);
        if (!shared)
            sum += saved_below(AT_FDCWD, dir, 0, 0);
    }
    return MEM_KIB(sum);
}

/* Splits a path into its directory, canonical, and the last name. */
static int find_directory(const struct files *files, const char *path,
                          const char **ret_canonical, struct vdc_error *err)
{
    char dir[PATH_MAX], canonical[PATH_MAX], top[PATH_MAX];
    const char *name = strrchr(path, '/');
    bool shared = false;

    if (path[0] != '/' || strlen(path) >= sizeof(dir))
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "save: '%s' is not an absolute path", path);
    if (!name[1] || strcmp(name, "/.") == 0 || strcmp(name, "/..") == 0)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "save: '%s' is not the name of a file", path);
    snprintf(dir, sizeof(dir), "%.*s/", (int)(name - path), path);
    if (!realpath(dir, canonical)) {
        if (files->restricted)
            return no_such_file(files, "save", path, err);
        return vdc_error_errno(err, VDC_E_NO_FILE, errno, "save: '%s'", dir);
    }
    const char *full =
        arena_printf(files->arena, "%s%s",
                     strcmp(canonical, "/") == 0 ? "" : canonical, name);
    if (files->restricted) {
        if (!find_allowed(files, full, top, &shared) || shared)
            return no_such_file(files, "save", path, err);
        int rc = check_directories(full, top, err);
        if (rc) {
            vdc_error_prefix(err, "save");
            return rc;
        }
    }
    *ret_canonical = full;
    return 0;
}

void files_check_save(const struct files *files, const struct vdc_uuid *uuid,
                      const char **path, struct reasons *reasons)
{
    struct vdc_error err = { 0 };
    struct stat st;
    const char *full = NULL;
    int rc = find_directory(files, *path, &full, &err);

    /* a link would lead elsewhere, and is no file of ours in any case */
    if (!rc && lstat(full, &st) == 0) {
        rc = S_ISREG(st.st_mode) ? check_head("save", full, uuid, &err)
                                 : VDC_E_EXISTS;
        if (rc) {
            vdc_error_set(&err, VDC_E_EXISTS,
                          "save: '%s' is there already, and is not an older "
                          "state of this guest",
                          full);
            vdc_error_hint(&err, "choose another name, or remove it first");
        }
    }
    if (rc)
        reasons_add(reasons, &err);
    else
        *path = full;
}
