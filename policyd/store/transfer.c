/* Whole stores; see transfer.h. */
#include "policyd/store/transfer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "policyd/store/book.h"
#include "policyd/store/transfer_text.h"

/* So many records are queued before their writing is waited for. */
#define QUEUED_MAX 5000

/* ---- reading a store ---- */

static int add(void *arg, enum store_record record, const char *id,
               const uint8_t *value, size_t size, struct vdc_error *err)
{
    transfer_add(arg, record, id, value, size, 0);
    return 0;
}

static int read_store(struct event_base *base,
                      const struct store_settings *from, struct transfer *t,
                      struct vdc_error *err)
{
    struct store *store;
    int rc = store_open_existing(base, from, &store, err);

    if (rc)
        return rc;
    rc = store_read_all(store, add, t, err);
    if (!rc)
        log_info("%s: %zu records", store_name(store), t->n);
    store_close(store);
    return rc;
}

/* ---- does it fit together? ---- */

static int compare_keys(const void *a, const void *b)
{
    const struct transfer_record *const *x = a, *const *y = b;

    if ((*x)->record != (*y)->record)
        return (int)(*x)->record - (int)(*y)->record;
    return strcmp((*x)->id, (*y)->id);
}

static int try_one(struct book *book, const struct transfer_record *r,
                   struct vdc_error *err)
{
    const struct wire_struct *s = store_kinds[r->record].body;
    struct arena *arena = arena_new();
    void *body = arena_alloc(arena, s->size);
    int rc = wire_struct_decode(s, r->value, r->size, arena, body, err);

    if (!rc)
        rc = book_try(book, r->record, r->id, body, err);
    arena_free(arena);
    return rc;
}

/* In the order in which policyd would load it. */
static int check(const struct transfer *t, const char *name,
                 struct vdc_error *err)
{
    const struct transfer_record **sorted =
        ARENA_ARRAY(t->arena, t->n + 1, const struct transfer_record *);
    const struct transfer_record *r;
    struct book *book = book_new_trial();
    size_t n = 0, i;
    int rc = 0;

    STAILQ_FOREACH(r, &t->records, link)
    sorted[n++] = r;
    qsort(sorted, n, sizeof(sorted[0]), compare_keys);
    for (i = 0; !rc && i < n; i++) {
        r = sorted[i];
        if (i && compare_keys(&sorted[i - 1], &sorted[i]) == 0)
            rc = vdc_error_set(err, VDC_E_BAD_VALUE, "%s '%s' is there twice",
                               store_kinds[r->record].prefix, r->id);
        else
            rc = try_one(book, r, err);
    }
    if (rc && r->line)
        vdc_error_prefix(err, "%s:%u", name, r->line);
    if (rc && err)
        err->code = VDC_E_BAD_VALUE;
    book_close(book);
    return rc ? VDC_E_BAD_VALUE : 0;
}

/* ---- writing a store ---- */

static int put(struct store *store, const struct transfer_record *r,
               struct vdc_error *err)
{
    const struct wire_struct *s = store_kinds[r->record].body;
    struct arena *arena = arena_new();
    void *body = arena_alloc(arena, s->size);
    const struct store_change change = { STORE_PUT, r->record, r->id, body };
    int rc = wire_struct_decode(s, r->value, r->size, arena, body, err);

    if (!rc)
        rc = store_commit(store, &change, 1, NULL, err);
    arena_free(arena);
    return rc;
}

static int write_store(struct event_base *base,
                       const struct store_settings *to,
                       const struct transfer *t, bool replace,
                       struct vdc_error *err)
{
    const struct transfer_record *r;
    struct store *store;
    size_t n = 0;
    int rc = store_open(base, to, &store, err);

    if (rc)
        return rc;
    rc = store_begin_import(store, replace, err);
    STAILQ_FOREACH(r, &t->records, link)
    {
        if (!rc)
            rc = put(store, r, err);
        if (!rc && ++n % QUEUED_MAX == 0)
            rc = store_settle(store, err);
    }
    if (!rc)
        rc = store_end_import(store, err);
    if (!rc)
        log_info("%s: %zu records written", store_name(store), t->n);
    store_close(store);
    return rc;
}

/* ---- files ---- */

static int write_file(const struct transfer *t, const char *file,
                      struct vdc_error *err)
{
    char *temporary = xasprintf("%s.new", file);
    mode_t mask = umask(0077);
    FILE *f = fopen(temporary, "we");
    int rc = 0;

    umask(mask);
    if (!f) {
        rc = vdc_error_errno(err, VDC_E_IO, errno, "%s", temporary);
        free(temporary);
        return rc;
    }
    rc = transfer_write_text(t, f, err);
    errno = 0;
    bool ok = fflush(f) == 0 && fsync(fileno(f)) == 0 && !ferror(f);
    int errnum = errno;
    fclose(f);
    if (!rc && !ok)
        rc = vdc_error_errno(err, VDC_E_IO, errnum, "%s", temporary);
    if (!rc && rename(temporary, file))
        rc = vdc_error_errno(err, VDC_E_IO, errno, "%s", file);
    if (rc)
        unlink(temporary);
    free(temporary);
    return rc;
}

int transfer_export(struct event_base *base, const struct store_settings *from,
                    const char *file, struct vdc_error *err)
{
    struct transfer t;

    transfer_init(&t);
    int rc = read_store(base, from, &t, err);
    if (!rc && strcmp(file, "-") != 0) {
        rc = write_file(&t, file, err);
    } else if (!rc) {
        rc = transfer_write_text(&t, stdout, err);
        if (!rc && (fflush(stdout) || ferror(stdout)))
            rc = vdc_error_errno(err, VDC_E_IO, errno, "standard output");
    }
    transfer_fini(&t);
    return rc;
}

int transfer_import(struct event_base *base, const struct store_settings *to,
                    const char *file, bool replace, struct vdc_error *err)
{
    FILE *f = fopen(file, "re");
    struct transfer t;

    if (!f)
        return vdc_error_errno(err, VDC_E_NO_FILE, errno, "%s", file);
    transfer_init(&t);
    int rc = transfer_read_text(&t, f, file, err);
    fclose(f);
    if (!rc)
        rc = check(&t, file, err);
    if (!rc)
        rc = write_store(base, to, &t, replace, err);
    transfer_fini(&t);
    return rc;
}

int transfer_migrate(struct event_base *base,
                     const struct store_settings *from,
                     const struct store_settings *to, struct vdc_error *err)
{
    struct transfer t;

    transfer_init(&t);
    int rc = read_store(base, from, &t, err);
    if (!rc)
        rc = check(&t, from->address, err);
    if (!rc)
        rc = write_store(base, to, &t, false, err);
    if (!rc)
        log_info("set store = \"%s\" now; what policyd changes before it is "
                 "started with that is not there",
                 to->address);
    transfer_fini(&t);
    return rc;
}
