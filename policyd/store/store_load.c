/* Taking the store over, and loading it. */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/store/store_impl.h"

/* What the record of a partition takes, with room to spare. */
#define LOADED_SIZE 1000

struct loading {
    struct store *store;
    store_load_fn *load;
    void *arg;
    enum store_record record; /* at the moment */
    uint64_t writer;          /* its key's revision */
    bool importing;           /* its key is there */
    struct vdc_error err;     /* the first */
    bool ended;
};

static void ended(void *arg, uint64_t revision, const struct vdc_error *err)
{
    struct loading *l = arg;

    if (err->code && !l->err.code)
        l->err = *err;
    l->ended = true;
}

int store_run(const struct store *store, const bool *ended,
              struct vdc_error *err)
{
    struct event_base *base = store_base(store);

    while (!*ended) {
        if (event_base_loop(base, EVLOOP_ONCE) < 0 ||
            event_base_got_exit(base))
            return vdc_error_set(err, VDC_E_CLOSED,
                                 "stopped while the store was waited for");
    }
    return 0;
}

static int wait_for(struct loading *l, struct vdc_error *err)
{
    int rc = store_run(l->store, &l->ended, err);

    if (rc)
        return rc;
    l->ended = false;
    if (l->err.code && err)
        *err = l->err;
    return l->err.code;
}

/* ---- taking over ---- */

static void writer_found(void *arg, const struct kv_pair *pair)
{
    struct loading *l = arg;

    if (strcmp(pair->key, STORE_WRITER) == 0)
        l->writer = pair->modified;
    if (strcmp(pair->key, STORE_IMPORTING) == 0)
        l->importing = true;
}

int store_take_over(struct store *store, bool *ret_importing,
                    struct vdc_error *err)
{
    struct loading l = { .store = store };
    struct kv *kv = store_kv(store);
    char ours[64];
    int rc;

    store_format_writer(store, 0, ours, sizeof(ours));
    kv_read(kv, STORE_WRITER, writer_found, ended, &l);
    rc = wait_for(&l, err);
    if (rc)
        return rc;
    const struct kv_compare same = { .kind = KV_MODIFIED_IS,
                                     .key = STORE_WRITER,
                                     .revision = l.writer };
    const struct kv_change change = { .kind = KV_PUT,
                                      .key = STORE_WRITER,
                                      .value = (const uint8_t *)ours,
                                      .size = strlen(ours) };
    kv_commit(kv, &same, 1, &change, 1, ended, &l);
    rc = wait_for(&l, err);
    if (rc == VDC_E_CONFLICT)
        rc = vdc_error_set(err, VDC_E_STORE,
                           "%s: another policyd is changing it", kv_name(kv));
    if (rc)
        return rc;
    kv_read(kv, STORE_IMPORTING, writer_found, ended, &l);
    rc = wait_for(&l, err);
    *ret_importing = l.importing;
    return rc;
}

/* ---- loading ---- */

static void found(void *arg, const struct kv_pair *pair)
{
    struct loading *l = arg;
    const struct store_kind *kind = &store_kinds[l->record];
    /* most are small, and there are many */
    struct arena *arena = arena_new_sized(LOADED_SIZE);
    void *body = arena_alloc(arena, kind->body->size);
    enum store_record record;
    struct vdc_error err = { 0 };
    const char *id = "";
    int rc = 0;

    if (l->err.code)
        goto out;
    if (!store_key_parse(pair->key, arena, &record, &id))
        rc = vdc_error_set(&err, VDC_E_PROTOCOL, "no such key");
    if (!rc)
        rc = wire_struct_decode(kind->body, pair->value, pair->size, arena,
                                body, &err);
    if (rc)
        vdc_error_set(&l->err, VDC_E_STORE_CORRUPT,
                      "%s: the database is damaged: %s: %s",
                      store_name(l->store), pair->key, err.text);
    else
        l->load(l->arg, l->record, id, body, &l->err);
out:
    arena_free(arena);
}

int store_load(struct store *store, store_load_fn *load, void *arg,
               struct vdc_error *err)
{
    struct loading l = { .store = store, .load = load, .arg = arg };
    bool importing = false;
    int rc = store_take_over(store, &importing, err);

    if (!rc && importing) {
        rc = vdc_error_set(err, VDC_E_STORE,
                           "%s: an import has not come to its end",
                           store_name(store));
        vdc_error_hint(err, "bring it to its end with policyd "
                            "--replace-store=FILE");
    }
    for (int i = 0; !rc && i < STORE_N_RECORDS; i++) {
        struct arena *arena = arena_new();
        l.record = (enum store_record)i;
        if (store_kinds[i].loaded) {
            kv_read(store_kv(store), store_key(l.record, "", arena), found,
                    ended, &l);
            rc = wait_for(&l, err);
        }
        arena_free(arena);
    }
    return rc;
}

static void settled(void *arg, const struct vdc_error *why)
{
    ended(arg, 0, why);
}

int store_settle(struct store *store, struct vdc_error *err)
{
    struct loading l = { .store = store };

    return store_wait(store, settled, &l) ? wait_for(&l, err) : 0;
}

/* ---- what is not in memory ---- */

struct reading {
    struct store *store;
    enum store_record record;
    store_read_fn *fn;
    store_wait_fn *done;
    void *arg;
    struct vdc_error err; /* the first */
};

static void read_one(void *arg, const struct kv_pair *pair)
{
    struct reading *r = arg;
    const struct store_kind *kind = &store_kinds[r->record];
    struct arena *arena = arena_new();
    void *body = arena_alloc(arena, kind->body->size);
    enum store_record record;
    struct vdc_error err = { 0 };
    const char *id;

    if (r->err.code)
        ; /* it has failed */
    else if (!store_key_parse(pair->key, arena, &record, &id) ||
             wire_struct_decode(kind->body, pair->value, pair->size, arena,
                                body, &err))
        vdc_error_set(&r->err, VDC_E_STORE_CORRUPT,
                      "%s: the database is damaged: %s: %s",
                      store_name(r->store), pair->key, err.text);
    else
        r->fn(r->arg, id, body);
    arena_free(arena);
}

static void read_all(void *arg, uint64_t revision, const struct vdc_error *err)
{
    struct reading *r = arg;

    r->done(r->arg, r->err.code ? &r->err : err);
    free(r);
}

void store_read(struct store *store, enum store_record record,
                const char *prefix, store_read_fn *fn, store_wait_fn *done,
                void *arg)
{
    struct reading *r = XNEW(struct reading);
    struct arena *arena = arena_new();

    *r = (struct reading){ store, record, fn, done, arg, { 0 } };
    kv_read(store_kv(store), store_key(record, prefix, arena), read_one,
            read_all, r);
    arena_free(arena);
}

struct reading_now {
    struct loading loading; /* first: settled takes it */
    store_read_fn *fn;
    void *arg;
};

static void read_now(void *arg, const char *id, const void *body)
{
    const struct reading_now *r = arg;

    r->fn(r->arg, id, body);
}

int store_read_now(struct store *store, enum store_record record,
                   const char *prefix, store_read_fn *fn, void *arg,
                   struct vdc_error *err)
{
    struct reading_now r = { .loading = { .store = store },
                             .fn = fn,
                             .arg = arg };

    store_read(store, record, prefix, read_now, settled, &r);
    return wait_for(&r.loading, err);
}
