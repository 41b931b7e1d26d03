/* Rows of the resource database as structs: all of a table for the start,
 * events and answers when they are asked for. */
#include <string.h>

#include "resourced/store_impl.h"

/* The values of a row, in the order of its table's columns, as a struct. */
typedef int read_fn(const struct store *store, const struct store_row *row,
                    struct arena *arena, void *ret_item,
                    struct vdc_error *err);

/* An array in the arena that grows. */
struct items {
    struct arena *arena;
    char *at;
    size_t n, room, size; /* of an item */
};

static void *items_add(struct items *items)
{
    if (items->n == items->room) {
        items->room = items->room ? items->room * 2 : 16;
        char *more = arena_array(items->arena, items->room, items->size);
        if (items->n)
            memcpy(more, items->at, items->n * items->size);
        items->at = more;
    }
    return items->at + items->n++ * items->size;
}

static int read_all(struct store *store, enum store_statement which,
                    enum store_table table, read_fn *read, size_t item_size,
                    struct arena *arena, void **ret, size_t *ret_n,
                    struct vdc_error *err)
{
    struct items items = { .arena = arena, .size = item_size };
    struct store_row_taken taken;
    int rc = 0, r;

    store_lock(store);
    sqlite3_stmt *stmt = store_statement(store, which);
    while ((r = sqlite3_step(stmt)) == SQLITE_ROW) {
        rc = store_row_take(store, stmt, table, &taken, err);
        if (!rc)
            rc = read(store, &taken.row, arena, items_add(&items), err);
        if (rc)
            break;
    }
    if (!rc && r != SQLITE_DONE)
        rc = store_fail(store, r, "reading", err);
    sqlite3_reset(stmt);
    store_unlock(store);
    if (rc)
        return rc;
    *ret = items.at;
    *ret_n = items.n;
    return 0;
}

int store_read_partition(const struct store *store,
                         const struct store_row *row, struct arena *arena,
                         struct partition_row *ret, struct vdc_error *err)
{
    int rc = store_row_get_uuid(store, row, 1, &ret->uuid, err);

    if (!rc)
        rc = store_row_get_body(store, row, 5, &wire_struct_definition, arena,
                                &ret->definition, err);
    if (!rc)
        rc = store_row_get_body(store, row, 6, &wire_struct_definition, arena,
                                &ret->live, err);
    if (rc)
        return rc;
    ret->index = (uint32_t)store_row_get(row, 0);
    ret->owner = store_row_get_text(row, 2, arena);
    ret->name = store_row_get_text(row, 3, arena);
    ret->xen_name = store_row_get_text(row, 4, arena);
    ret->paused = store_row_get(row, 7) != 0;
    ret->generation = store_row_get(row, 8);
    ret->wanted_running = store_row_get(row, 9) != 0;
    ret->preserved = store_row_get(row, 10) != 0;
    ret->domid = HV_DOMID_NONE;
    if (row->values[11].type != SQLITE_NULL)
        ret->domid = (uint32_t)store_row_get(row, 11);
    ret->boot_id = store_row_get(row, 12);
    ret->created_ms = store_row_get(row, 13);
    ret->started_ms = store_row_get(row, 14);
    ret->stopped_ms = store_row_get(row, 15);
    ret->last_stop = store_row_get_text(row, 16, arena);
    ret->restarts = (uint32_t)store_row_get(row, 17);
    ret->host_reserve = MEM_KIB(store_row_get(row, 18));
    ret->dom0_keep = MEM_KIB(store_row_get(row, 19));
    return 0;
}

static int read_partition(const struct store *store,
                          const struct store_row *row, struct arena *arena,
                          void *ret_item, struct vdc_error *err)
{
    return store_read_partition(store, row, arena, ret_item, err);
}

static int read_journal(const struct store *store, const struct store_row *row,
                        struct arena *arena, void *ret_item,
                        struct vdc_error *err)
{
    struct journal_entry *entry = ret_item;

    entry->id = store_row_get(row, 0);
    entry->passed = store_row_get(row, 1) == 1;
    entry->prepared = store_row_get(row, 1) == STORE_PREPARED;
    entry->begun_ms = store_row_get(row, 3);
    return store_row_get_body(store, row, 2, &wire_struct_transaction, arena,
                              &entry->request, err);
}

static int read_resource(const struct store *store,
                         const struct store_row *row, struct arena *arena,
                         void *ret_item, struct vdc_error *err)
{
    struct resource_row *resource = ret_item;

    resource->index = store_row_get(row, 0);
    resource->kind = (enum wire_resource_kind)store_row_get(row, 1);
    resource->name = store_row_get_text(row, 2, arena);
    resource->owner = store_row_get_text(row, 4, arena);
    resource->leased = store_row_get(row, 5) != 0;
    resource->amount = store_row_get(row, 6);
    resource->backend = store_row_get_text(row, 7, arena);
    resource->detail = store_row_get_text(row, 8, arena);
    resource->generation = store_row_get(row, 9);
    resource->since_ms = store_row_get(row, 10);
    return store_row_get_uuid(store, row, 3, &resource->uuid, err);
}

static int read_epoch(const struct store *store, const struct store_row *row,
                      struct arena *arena, void *ret_item,
                      struct vdc_error *err)
{
    struct stored_epoch *epoch = ret_item;

    epoch->epoch = store_row_get(row, 1);
    epoch->gone = store_row_get(row, 2) != 0;
    return store_row_get_uuid(store, row, 0, &epoch->uuid, err);
}

static int read_lease(const struct store *store, const struct store_row *row,
                      struct arena *arena, void *ret_item,
                      struct vdc_error *err)
{
    return store_row_get_body(store, row, 1, &wire_struct_lease, arena,
                              ret_item, err);
}

static int read_event(const struct store *store, const struct store_row *row,
                      struct arena *arena, struct wire_event *event,
                      struct vdc_error *err)
{
    wire_init(&wire_struct_event, event);
    event->number = store_row_get(row, 0);
    event->time_ms = store_row_get(row, 1);
    event->kind = (enum wire_event_kind)store_row_get(row, 2);
    event->customer = store_row_get_text(row, 4, arena);
    event->name = store_row_get_text(row, 5, arena);
    event->host = store_row_get_text(row, 6, arena);
    event->domid = (uint32_t)store_row_get(row, 7);
    event->text = store_row_get_text(row, 8, arena);
    return store_row_get_uuid(store, row, 3, &event->uuid, err);
}

static int read_answer(const struct store *store, const struct store_row *row,
                       struct arena *arena, struct stored_answer *answer,
                       struct vdc_error *err)
{
    answer->owner = store_row_get_text(row, 0, arena);
    answer->key = store_row_get_text(row, 1, arena);
    answer->digest = store_row_get(row, 2);
    answer->time_ms = store_row_get(row, 3);
    answer->code = (int)(int64_t)store_row_get(row, 4);
    answer->text = store_row_get_text(row, 5, arena);
    answer->hint = store_row_get_text(row, 6, arena);
    return store_row_get_body(store, row, 7, &wire_struct_transaction_reply,
                              arena, &answer->reply, err);
}

/* ---- for the start ---- */

int store_partitions(struct store *store, struct arena *arena,
                     struct partition_row **ret, size_t *ret_n,
                     struct vdc_error *err)
{
    void *items;
    int rc = read_all(store, STORE_PARTITION_ALL, STORE_TABLE_PARTITION,
                      read_partition, sizeof(**ret), arena, &items, ret_n,
                      err);

    if (!rc)
        *ret = items;
    return rc;
}

int store_journal(struct store *store, struct arena *arena,
                  struct journal_entry **ret, size_t *ret_n,
                  struct vdc_error *err)
{
    void *items;
    int rc = read_all(store, STORE_JOURNAL_ALL, STORE_TABLE_JOURNAL,
                      read_journal, sizeof(**ret), arena, &items, ret_n, err);

    if (!rc)
        *ret = items;
    return rc;
}

int store_resources(struct store *store, struct arena *arena,
                    struct resource_row **ret, size_t *ret_n,
                    struct vdc_error *err)
{
    void *items;
    int rc = read_all(store, STORE_RESOURCE_ALL, STORE_TABLE_RESOURCE,
                      read_resource, sizeof(**ret), arena, &items, ret_n, err);

    if (!rc)
        *ret = items;
    return rc;
}

int store_epochs(struct store *store, struct arena *arena,
                 struct stored_epoch **ret, size_t *ret_n,
                 struct vdc_error *err)
{
    void *items;
    int rc = read_all(store, STORE_EPOCH_ALL, STORE_TABLE_EPOCH, read_epoch,
                      sizeof(**ret), arena, &items, ret_n, err);

    if (!rc)
        *ret = items;
    return rc;
}

int store_leases(struct store *store, struct arena *arena,
                 struct wire_lease **ret, size_t *ret_n, struct vdc_error *err)
{
    void *items;
    int rc = read_all(store, STORE_LEASE_ALL, STORE_TABLE_LEASE, read_lease,
                      sizeof(**ret), arena, &items, ret_n, err);

    if (!rc)
        *ret = items;
    return rc;
}

/* ---- what is asked of the thread ---- */

static int find_answer(struct store *store, struct store_item *item,
                       struct vdc_error *err)
{
    sqlite3_stmt *stmt = store_statement(store, STORE_ANSWER_ONE);
    struct store_row_taken taken;

    sqlite3_bind_text(stmt, 1, item->owner, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, item->key, -1, SQLITE_STATIC);
    int r = sqlite3_step(stmt);
    int rc = 0;
    if (r == SQLITE_ROW) {
        item->answer = ARENA_NEW(item->arena, struct stored_answer);
        rc = store_row_take(store, stmt, STORE_TABLE_ANSWER, &taken, err);
        if (!rc)
            rc = read_answer(store, &taken.row, item->arena, item->answer,
                             err);
    } else if (r != SQLITE_DONE) {
        rc = store_fail(store, r, "reading", err);
    }
    sqlite3_reset(stmt);
    return rc;
}

/* Rows of other owners are read too: that they are whole is known only
 * then. */
static int find_events(struct store *store, struct store_item *item,
                       struct vdc_error *err)
{
    sqlite3_stmt *stmt = store_statement(store, STORE_EVENT_SINCE);
    struct items items = { .arena = item->arena,
                           .size = sizeof(struct wire_event) };
    struct wire_event event;
    struct store_row_taken taken;
    int rc = 0, r = SQLITE_DONE;

    sqlite3_bind_int64(stmt, 1, item->since > INT64_MAX
                                    ? INT64_MAX
                                    : (int64_t)item->since);
    sqlite3_bind_int64(stmt, 2, -1);
    while (items.n < item->most && (r = sqlite3_step(stmt)) == SQLITE_ROW) {
        rc = store_row_take(store, stmt, STORE_TABLE_EVENT, &taken, err);
        if (rc)
            break;
        const struct store_value *owner = &taken.values[4];
        if (item->owner[0] && (strlen(item->owner) != owner->size ||
                               memcmp(item->owner, owner->data, owner->size)))
            continue;
        rc = read_event(store, &taken.row, item->arena, &event, err);
        if (rc)
            break;
        memcpy(items_add(&items), &event, sizeof(event));
    }
    if (!rc && r != SQLITE_DONE && r != SQLITE_ROW)
        rc = store_fail(store, r, "reading", err);
    sqlite3_reset(stmt);
    item->events = (struct wire_event *)items.at;
    item->n_found = items.n;
    item->first = store->first_event;
    item->last = store->numbers.last_event;
    return rc;
}

void store_find(struct store *store, struct store_item *item)
{
    struct vdc_error err = { 0 };

    switch (item->kind) {
    case STORE_ITEM_CHANGE:
        return;
    case STORE_ITEM_ANSWER:
        item->rc = find_answer(store, item, &err);
        break;
    case STORE_ITEM_EVENTS:
        item->rc = find_events(store, item, &err);
        break;
    }
    if (item->rc)
        item->err = arena_memdup(item->arena, &err, sizeof(err));
}
