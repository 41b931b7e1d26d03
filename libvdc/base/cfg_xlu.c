/*
 * xl.cfg syntax by libxlutil, xl's own library, where Xen is there.
 *
 * libxlutil has no way to ask which names a text has, nor whether a value had
 * quotes.  So our own reader goes first and tells names, order, lines and
 * kinds; libxlutil then has the last word on whether the text is valid (xl
 * must be able to read what we accept) and gives the values.  That order also
 * keeps invalid texts away from it, on some of which it loses memory.
 *
 * Besides hv/xen the only file that includes a Xen header.
 */
#include <errno.h>
#include <libxl.h>
#include <libxl_utils.h>
#include <libxlutil.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cfg_impl.h"

/* A Config of libxlutil and what it says, caught. */
struct xlu {
    XLU_Config *config;
    FILE *report;
    char *words;
    size_t size;
};

static void xlu_init(struct xlu *xlu, const char *path)
{
    *xlu = (struct xlu){ 0 };
    xlu->report = open_memstream(&xlu->words, &xlu->size);
    xlu->config = xlu->report ? xlu_cfg_init(xlu->report, path) : NULL;
    if (!xlu->config)
        abort(); /* no memory */
}

static void xlu_fini(struct xlu *xlu)
{
    xlu_cfg_destroy(xlu->config);
    fclose(xlu->report);
    free(xlu->words);
}

/* The first line that libxlutil wrote. */
static const char *first_line(struct xlu *xlu, struct arena *arena)
{
    fflush(xlu->report);
    if (!xlu->size)
        return "libxlutil gives no reason";
    return arena_strndup(arena, xlu->words, strcspn(xlu->words, "\n"));
}

static int xlu_read(struct xlu *xlu, const char *text, size_t len,
                    struct arena *arena, struct vdc_error *err)
{
    int errnum = xlu_cfg_readdata(xlu->config, text, (int)len);
    if (errnum == ENOMEM)
        return vdc_error_set(err, VDC_E_NOMEM, "no memory to read a file");
    if (errnum)
        return vdc_error_set(err, VDC_E_BAD_CONFIG, "%s",
                             first_line(xlu, arena));
    return 0;
}

/* ---- files ---- */

static int take_list(const struct xlu *xlu, struct arena *arena,
                     struct cfg_entry *entry)
{
    XLU_ConfigList *list;
    int n;
    if (xlu_cfg_get_list(xlu->config, entry->name, &list, &n, 1) ||
        (size_t)n != entry->n_items)
        return VDC_E_INTERNAL;
    entry->items = ARENA_ARRAY(arena, n, const char *);
    for (int i = 0; i < n; i++) {
        const char *item = xlu_cfg_get_listitem(list, i);
        if (!item)
            return VDC_E_INTERNAL;
        entry->items[i] = arena_strdup(arena, item);
    }
    return 0;
}

static int take_value(const struct xlu *xlu, struct arena *arena,
                      struct cfg_entry *entry)
{
    const char *text;
    long number;
    if (entry->type == CFG_LIST)
        return take_list(xlu, arena, entry);
    if (xlu_cfg_get_string(xlu->config, entry->name, &text, 1))
        return VDC_E_INTERNAL;
    entry->text = arena_strdup(arena, text);
    if (entry->type == CFG_NUMBER) {
        if (xlu_cfg_get_long(xlu->config, entry->name, &number, 1))
            return VDC_E_INTERNAL;
        entry->number = number;
    }
    return 0;
}

/* Replaces our reader's values by libxlutil's. */
static int take_values(const struct xlu *xlu, struct arena *arena,
                       struct cfg_file *file, struct vdc_error *err)
{
    size_t size = file->n_entries * sizeof(file->entries[0]);
    struct cfg_entry *entries = arena_memdup(arena, file->entries, size);
    for (size_t i = 0; i < file->n_entries; i++) {
        int rc = take_value(xlu, arena, &entries[i]);
        if (rc)
            return vdc_error_set(err, rc,
                                 "%s:%u: libxlutil and our reader disagree on "
                                 "'%s'",
                                 file->path, entries[i].line, entries[i].name);
    }
    file->entries = entries;
    return 0;
}

int cfg_xlu_parse(const char *path, const char *text, size_t len,
                  const char *extra, struct arena *arena, struct cfg_file *ret,
                  struct vdc_error *err)
{
    struct cfg_file file;
    int rc = cfg_plain_parse(path, text, len, extra, arena, &file, err);
    if (rc)
        return rc;
    /* To libxlutil a later value replaces an earlier one, so `extra` is just
     * more text; it also wants a newline after a last comment. */
    char *whole = xasprintf("%.*s\n%s\n", (int)len, text, extra ? extra : "");
    struct xlu xlu;
    xlu_init(&xlu, path);
    rc = xlu_read(&xlu, whole, strlen(whole), arena, err);
    if (!rc)
        rc = take_values(&xlu, arena, &file, err);
    xlu_fini(&xlu);
    free(whole);
    if (!rc)
        *ret = file;
    return rc;
}

int cfg_xlu_verdict(const char *path, const char *text, size_t len,
                    struct arena *arena, struct vdc_error *err)
{
    char *whole = xasprintf("%.*s\n", (int)len, text);
    struct xlu xlu;
    xlu_init(&xlu, path);
    int rc = xlu_read(&xlu, whole, strlen(whole), arena, err);
    xlu_fini(&xlu);
    free(whole);
    return rc;
}

/* ---- disks ---- */

static int unsupported(const libxl_device_disk *disk)
{
    return disk->backend == LIBXL_DISK_BACKEND_STANDALONE ||
           (disk->specification != LIBXL_DISK_SPECIFICATION_UNKNOWN &&
            disk->specification != LIBXL_DISK_SPECIFICATION_XEN) ||
           !libxl_defbool_is_default(disk->trusted) ||
           !libxl_defbool_is_default(disk->colo_enable) || disk->colo_host ||
           disk->colo_port || disk->colo_export || disk->active_disk ||
           disk->hidden_disk;
}

static void take_disk(const libxl_device_disk *disk, struct arena *arena,
                      struct cfg_disk *ret)
{
    *ret = (struct cfg_disk){
        .target = arena_strdup(arena, disk->pdev_path),
        .format = libxl_disk_format_to_string(disk->format),
        .vdev = arena_strdup(arena, disk->vdev),
        .backend = arena_strdup(arena, disk->backend_domname),
        .backendtype = disk->backend == LIBXL_DISK_BACKEND_UNKNOWN
                           ? ""
                           : libxl_disk_backend_to_string(disk->backend),
        .script = arena_strdup(arena, disk->script),
        .readonly = !disk->readwrite,
        .cdrom = disk->is_cdrom,
        .direct_io_safe = disk->direct_io_safe,
        .discard = libxl_defbool_is_default(disk->discard_enable)
                       ? disk->readwrite
                       : libxl_defbool_val(disk->discard_enable),
    };
}

/* "xl: config parsing error in disk specification: WHAT in `SPEC'" -> WHAT */
static const char *disk_problem(struct xlu *xlu, const char *spec,
                                struct arena *arena)
{
    const char *line = first_line(xlu, arena);
    const char *start = strstr(line, "specification: ");
    start = start ? start + strlen("specification: ") : line;
    char *what = arena_strdup(arena, start);
    char *rest = strstr(what, arena_printf(arena, " in `%s'", spec));
    if (rest)
        *rest = 0;
    return what;
}

int cfg_xlu_disk(const char *spec, struct arena *arena, struct cfg_disk *ret,
                 struct vdc_error *err)
{
    struct xlu xlu;
    libxl_device_disk disk;
    int rc = 0;
    /* A stray '=' at the very end is lost on libxlutil's lexer. */
    size_t len = strlen(spec);
    if (len && spec[len - 1] == '=')
        rc = cfg_plain_disk(spec, arena, ret, err);
    if (rc)
        return rc;
    xlu_init(&xlu, "disk");
    libxl_device_disk_init(&disk);
    if (xlu_disk_parse(xlu.config, 1, &spec, &disk))
        rc = vdc_error_set(err, VDC_E_BAD_VALUE, "the disk '%.200s': %s", spec,
                           disk_problem(&xlu, spec, arena));
    else if (unsupported(&disk))
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "the disk '%.200s': uses what is not supported "
                           "here (COLO, virtio, trusted, standalone)",
                           spec);
    else
        take_disk(&disk, arena, ret);
    libxl_device_disk_dispose(&disk);
    xlu_fini(&xlu);
    return rc;
}
