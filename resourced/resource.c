/* The rows of resources in memory: by holder, which is a partition or a
 * lease. */
#include "resourced/resource.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "resourced/host.h"
#include "resourced/resource_rows.h"

#define BUCKETS 1024

/* In one piece of memory: the struct, its rows, their strings. */
struct holder {
    LIST_ENTRY(holder) link;
    struct vdc_uuid uuid;
    size_t n_rows;
    struct resource_row rows[]; /* ordered by resource_row_compare */
};

LIST_HEAD(holder_list, holder);

struct resource_table {
    struct host *host;
    struct arena *arena; /* of the pools */
    struct resource_pool *pools;
    size_t n_pools;
    struct holder_list buckets[BUCKETS];
};

/* ---- holders ---- */

static struct holder_list *bucket_of(const struct resource_table *table,
                                     const struct vdc_uuid *uuid)
{
    size_t hash = (size_t)uuid->bytes[14] << 8 | uuid->bytes[15];

    return (struct holder_list *)&table->buckets[hash % BUCKETS];
}

static struct holder *find(const struct resource_table *table,
                           const struct vdc_uuid *uuid)
{
    struct holder *holder;

    LIST_FOREACH (holder, bucket_of(table, uuid), link)
        if (uuid_equal(&holder->uuid, uuid))
            return holder;
    return NULL;
}

static void holder_free(struct holder *holder)
{
    LIST_REMOVE(holder, link);
    free(holder);
}

static size_t text_size(const struct resource_row *row, bool owner)
{
    return strlen(row->name) + strlen(row->backend) + strlen(row->detail) +
           3 + (owner ? strlen(row->owner) + 1 : 0);
}

static const char *copy_text(char **at, const char *text)
{
    char *copy = *at;

    *at = stpcpy(copy, text) + 1;
    return copy;
}

/* Rows of one holder, which belong to one owner; copied. */
static void holder_add(struct resource_table *table,
                       const struct resource_row *rows, size_t n)
{
    size_t size = sizeof(struct holder) + n * sizeof(*rows);

    for (size_t i = 0; i < n; i++)
        size += text_size(&rows[i], i == 0);
    struct holder *holder = xzalloc(size);
    char *at = (char *)&holder->rows[n];
    holder->uuid = rows[0].uuid;
    holder->n_rows = n;
    const char *owner = copy_text(&at, rows[0].owner);
    for (size_t i = 0; i < n; i++) {
        struct resource_row *row = &holder->rows[i];
        *row = rows[i];
        row->owner = owner;
        row->name = copy_text(&at, rows[i].name);
        row->backend = copy_text(&at, rows[i].backend);
        row->detail = copy_text(&at, rows[i].detail);
    }
    qsort(holder->rows, n, sizeof(*rows), resource_row_compare);
    LIST_INSERT_HEAD(bucket_of(table, &holder->uuid), holder, link);
}

/* ---- opening ---- */

static int compare_uuid(const void *a, const void *b)
{
    const struct resource_row *p = a, *q = b;

    return memcmp(&p->uuid, &q->uuid, sizeof(p->uuid));
}

static int load(struct resource_table *table, struct vdc_error *err)
{
    struct arena *arena = arena_new();
    struct resource_row *rows = NULL;
    size_t n_rows = 0, from = 0;
    int rc = store_resources(table->host->store, arena, &rows, &n_rows, err);

    if (!rc && n_rows)
        qsort(rows, n_rows, sizeof(*rows), compare_uuid);
    for (size_t i = 1; !rc && i <= n_rows; i++) {
        if (i < n_rows && compare_uuid(&rows[from], &rows[i]) == 0)
            continue;
        holder_add(table, &rows[from], i - from);
        from = i;
    }
    arena_free(arena);
    return rc;
}

int resources_open(struct host *host, struct resource_table **ret,
                   struct vdc_error *err)
{
    struct resource_table *table = XNEW(struct resource_table);

    table->host = host;
    table->arena = arena_new();
    int rc = resource_pools_parse(&host->settings->pools, table->arena,
                                  &table->pools, &table->n_pools, err);
    if (!rc)
        rc = load(table, err);
    if (rc) {
        resources_close(table);
        return rc;
    }
    *ret = table;
    return 0;
}

void resources_close(struct resource_table *table)
{
    struct holder *holder;

    if (!table)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        while ((holder = LIST_FIRST(&table->buckets[i])))
            holder_free(holder);
    arena_free(table->arena);
    free(table);
}

/* ---- changes ---- */

/* Makes room for `more` of both. */
static void reserve(struct resource_change *change, size_t n_put,
                    size_t n_remove, struct arena *arena)
{
    struct resource_row *put =
        ARENA_ARRAY(arena, change->n_put + n_put, struct resource_row);
    uint64_t *remove =
        ARENA_ARRAY(arena, change->n_remove + n_remove, uint64_t);
    struct vdc_uuid *from =
        ARENA_ARRAY(arena, change->n_remove + n_remove, struct vdc_uuid);

    if (change->n_put)
        memcpy(put, change->put, change->n_put * sizeof(*put));
    if (change->n_remove) {
        memcpy(remove, change->remove, change->n_remove * sizeof(*remove));
        memcpy(from, change->remove_from, change->n_remove * sizeof(*from));
    }
    change->put = put;
    change->remove = remove;
    change->remove_from = from;
}

static void plan_put(struct resource_table *table,
                     const struct resource_row *old,
                     const struct resource_row *row,
                     struct resource_change *change)
{
    struct resource_row *put = &change->put[change->n_put];

    if (old && resource_row_same(old, row))
        return;
    *put = *row;
    put->index = old ? old->index : store_next_resource(table->host->store);
    put->generation = old ? old->generation + 1 : 1;
    put->since_ms = clock_wall().ms;
    change->n_put++;
}

static void plan_remove(const struct resource_row *old,
                        struct resource_change *change)
{
    change->remove[change->n_remove] = old->index;
    change->remove_from[change->n_remove++] = old->uuid;
}

/* Both lists are in the same order. */
static void plan(struct resource_table *table, const struct vdc_uuid *uuid,
                 const struct resource_row *rows, size_t n_rows,
                 struct arena *arena, struct resource_change *change)
{
    const struct holder *holder = find(table, uuid);
    size_t n_old = holder ? holder->n_rows : 0, at = 0;

    reserve(change, n_rows, n_old, arena);
    for (size_t i = 0; i < n_rows; i++) {
        const struct resource_row *old = NULL;
        while (at < n_old &&
               resource_row_compare(&holder->rows[at], &rows[i]) < 0)
            plan_remove(&holder->rows[at++], change);
        if (at < n_old &&
            resource_row_compare(&holder->rows[at], &rows[i]) == 0)
            old = &holder->rows[at++];
        plan_put(table, old, &rows[i], change);
    }
    while (at < n_old)
        plan_remove(&holder->rows[at++], change);
}

void resources_plan(struct resource_table *table, const struct vdc_uuid *uuid,
                    const struct partition_row *row, struct arena *arena,
                    struct resource_change *change)
{
    struct resource_row *rows = NULL;
    size_t n_rows = 0;

    if (row)
        resource_rows_of(row, arena, &rows, &n_rows);
    plan(table, uuid, rows, n_rows, arena, change);
}

void resources_plan_lease(struct resource_table *table,
                          const struct vdc_uuid *id,
                          const struct wire_lease *lease, struct arena *arena,
                          struct resource_change *change)
{
    struct resource_row *rows = NULL;
    size_t n_rows = 0;

    if (lease)
        resource_rows_of_lease(lease, arena, &rows, &n_rows);
    plan(table, id, rows, n_rows, arena, change);
}

void resources_into(const struct resource_change *change,
                    struct store_change *ret)
{
    ret->resources_put = change->put;
    ret->n_resources_put = change->n_put;
    ret->resources_remove = change->remove;
    ret->n_resources_remove = change->n_remove;
}

static bool is_gone(const struct resource_change *change,
                    const struct resource_row *row)
{
    for (size_t i = 0; i < change->n_remove; i++)
        if (change->remove[i] == row->index)
            return true;
    for (size_t i = 0; i < change->n_put; i++)
        if (change->put[i].index == row->index)
            return true;
    return false;
}

/* The holder's rows as they are after the change. */
static void take_for(struct resource_table *table,
                     const struct vdc_uuid *uuid,
                     const struct resource_change *change)
{
    struct holder *old = find(table, uuid);
    struct arena *arena = arena_new();
    size_t n = 0;
    struct resource_row *rows =
        ARENA_ARRAY(arena, (old ? old->n_rows : 0) + change->n_put,
                    struct resource_row);

    for (size_t i = 0; old && i < old->n_rows; i++)
        if (!is_gone(change, &old->rows[i]))
            rows[n++] = old->rows[i];
    for (size_t i = 0; i < change->n_put; i++)
        if (uuid_equal(&change->put[i].uuid, uuid))
            rows[n++] = change->put[i];
    if (n)
        holder_add(table, rows, n);
    if (old)
        holder_free(old);
    arena_free(arena);
}

void resources_take(struct resource_table *table,
                    const struct resource_change *change)
{
    /* A holder that is met again is made again, to the same. */
    for (size_t i = 0; i < change->n_put; i++)
        if (i == 0 ||
            !uuid_equal(&change->put[i].uuid, &change->put[i - 1].uuid))
            take_for(table, &change->put[i].uuid, change);
    for (size_t i = 0; i < change->n_remove; i++)
        if (i == 0 || !uuid_equal(&change->remove_from[i],
                                  &change->remove_from[i - 1]))
            take_for(table, &change->remove_from[i], change);
}

/* ---- looking ---- */

void resources_each(const struct resource_table *table, resource_row_fn *fn,
                    void *arg)
{
    const struct holder *holder;

    for (size_t i = 0; i < BUCKETS; i++)
        LIST_FOREACH (holder, &table->buckets[i], link)
            for (size_t j = 0; j < holder->n_rows; j++)
                fn(arg, &holder->rows[j]);
}

struct looking {
    enum wire_resource_kind kind;
    const char *name;
    bool leased;
    uint64_t sum;
    const struct resource_row *found;
};

static bool matches(const struct looking *looking,
                    const struct resource_row *row)
{
    return row->kind == looking->kind &&
           (!looking->name || strcmp(row->name, looking->name) == 0);
}

static void add_up(void *arg, const struct resource_row *row)
{
    struct looking *looking = arg;

    if (matches(looking, row) && row->leased == looking->leased)
        looking->sum += row->amount;
}

static void note_found(void *arg, const struct resource_row *row)
{
    struct looking *looking = arg;

    if (!looking->found && matches(looking, row))
        looking->found = row;
}

uint64_t resources_sum(const struct resource_table *table,
                       enum wire_resource_kind kind, const char *name,
                       bool leased)
{
    struct looking looking = { .kind = kind, .name = name, .leased = leased };

    resources_each(table, add_up, &looking);
    return looking.sum;
}

const struct resource_row *
resources_find(const struct resource_table *table,
               enum wire_resource_kind kind, const char *name)
{
    struct looking looking = { .kind = kind, .name = name };

    resources_each(table, note_found, &looking);
    return looking.found;
}

const struct resource_pool *
resources_pools(const struct resource_table *table, size_t *ret_n)
{
    *ret_n = table->n_pools;
    return table->pools;
}

const struct resource_pool *
resources_pool(const struct resource_table *table, const char *name)
{
    for (size_t i = 0; i < table->n_pools; i++)
        if (strcmp(table->pools[i].name, name) == 0)
            return &table->pools[i];
    return NULL;
}
