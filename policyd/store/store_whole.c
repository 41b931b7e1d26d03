/* Whole stores: all records of one moment, and filling one anew. */
#include <stdlib.h>
#include <string.h>

#include "policyd/store/store_impl.h"

struct whole {
    struct store *store;
    store_value_fn *fn;
    store_wait_fn *done; /* store_read_all_later */
    void *arg;
    size_t n;
    struct vdc_error err; /* the first */
    bool ended;
};

static void ended(void *arg, uint64_t revision, const struct vdc_error *err)
{
    struct whole *w = arg;

    if (err->code && !w->err.code)
        w->err = *err;
    w->ended = true;
}

static int wait_for(struct whole *w, struct vdc_error *err)
{
    int rc = store_run(w->store, &w->ended, err);

    if (rc)
        return rc;
    w->ended = false;
    if (w->err.code && err)
        *err = w->err;
    return w->err.code;
}

static bool is_own(const char *key)
{
    return strcmp(key, STORE_WRITER) == 0 ||
           strcmp(key, STORE_IMPORTING) == 0 || strcmp(key, STORE_LEADER) == 0;
}

static void found(void *arg, const struct kv_pair *pair)
{
    struct whole *w = arg;
    struct arena *arena = arena_new();
    enum store_record record;
    const char *id;

    if (w->err.code || is_own(pair->key)) {
        arena_free(arena);
        return;
    }
    w->n++;
    /* what is not known would be lost */
    if (!store_key_parse(pair->key, arena, &record, &id))
        vdc_error_set(&w->err, VDC_E_STORE_CORRUPT,
                      "%s: there is a key that this policyd does not know: "
                      "%.60s",
                      store_name(w->store), pair->key);
    else if (w->fn)
        w->fn(w->arg, record, id, pair->value, pair->size, &w->err);
    arena_free(arena);
}

int store_read_all(struct store *store, store_value_fn *fn, void *arg,
                   struct vdc_error *err)
{
    struct whole w = { .store = store, .fn = fn, .arg = arg };

    kv_read(store_kv(store), "", found, ended, &w);
    return wait_for(&w, err);
}

static void ended_later(void *arg, uint64_t revision,
                        const struct vdc_error *err)
{
    struct whole *w = arg;

    w->done(w->arg, w->err.code ? &w->err : err);
    free(w);
}

void store_read_all_later(struct store *store, store_value_fn *fn,
                          store_wait_fn *done, void *arg)
{
    struct whole *w = XNEW(struct whole);

    w->store = store;
    w->fn = fn;
    w->done = done;
    w->arg = arg;
    kv_read(store_kv(store), "", found, ended_later, w);
}

static void counted(void *arg, const struct kv_pair *pair)
{
    struct whole *w = arg;

    w->n += !is_own(pair->key);
    if (strcmp(pair->key, STORE_LEADER) == 0)
        vdc_error_set(&w->err, VDC_E_BUSY, "%s: policyd of %.*s works on it",
                      store_name(w->store), (int)pair->size,
                      (const char *)pair->value);
}

static int set_mark(struct store *store, bool importing, struct vdc_error *err)
{
    const struct kv_change change = {
        .kind = importing ? KV_PUT : KV_DELETE,
        .key = STORE_IMPORTING,
        .value = (const uint8_t *)"",
    };
    struct whole w = { .store = store };

    kv_commit(store_kv(store), NULL, 0, &change, 1, ended, &w);
    return wait_for(&w, err);
}

static int remove_all(struct store *store, struct vdc_error *err)
{
    struct store_change changes[STORE_N_RECORDS];

    for (int i = 0; i < STORE_N_RECORDS; i++)
        changes[i] = (struct store_change){ .kind = STORE_REMOVE_ALL,
                                            .record = (enum store_record)i,
                                            .id = "" };
    int rc = store_commit(store, changes, STORE_N_RECORDS, NULL, err);
    return rc ? rc : store_settle(store, err);
}

int store_begin_import(struct store *store, bool replace,
                       struct vdc_error *err)
{
    struct whole w = { .store = store };
    bool importing;
    int rc;

    kv_read(store_kv(store), "", counted, ended, &w);
    rc = wait_for(&w, err);
    if (!rc)
        rc = store_take_over(store, &importing, err);
    if (!rc && w.n && !replace) {
        vdc_error_set(err, VDC_E_EXISTS, "%s is not empty: it has %zu records",
                      store_name(store), w.n);
        vdc_error_hint(err, "take another, or have them replaced with "
                            "--replace-store=FILE");
        return VDC_E_EXISTS;
    }
    if (!rc)
        rc = set_mark(store, true, err);
    return rc || !w.n ? rc : remove_all(store, err);
}

int store_end_import(struct store *store, struct vdc_error *err)
{
    int rc = store_settle(store, err);

    return rc ? rc : set_mark(store, false, err);
}
